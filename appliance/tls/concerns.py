"""What is wrong with a certificate or a secret file that could be read: its age, strength, access.

The words are for people; whether a problem stops the start is for its severity to say.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from appliance.config.model import KeyPermissions, Problem, Severity, TLSConfig, Where
from appliance.tls.certificate import Certificate, PrivateKey, keyKind

EXPIRES_SOON = 30
"""From so many days before a certificate expires people are told."""

# The smallest keys, in bits, at OpenSSL's security levels 0 to 5; SSL_CTX_set_security_level(3).
_SMALLEST = {
    "RSA": (0, 1024, 2048, 3072, 7680, 15360),
    "ECDSA": (0, 160, 224, 256, 384, 512),
}


def permissions(
    path: str, policy: KeyPermissions, where: Where, what: str = "private key", option: str = "key"
) -> Problem | None:
    """What is wrong with who may read or write the secret file at C{path}, if anything is."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None  # whoever reads the file says so
    strict = policy is KeyPermissions.STRICT
    if mode & (stat.S_IRWXG | stat.S_IRWXO if strict else stat.S_IRWXO) == 0:
        return None
    may = "written" if mode & stat.S_IWOTH else "read"
    who = "everybody" if mode & stat.S_IRWXO else "its group"
    return Problem(
        Severity.ERROR if strict or mode & stat.S_IWOTH else Severity.WARNING,
        where,
        f"the {what} {path} can be {may} by {who} (mode {mode:04o})",
        advice=f"chmod {'go' if strict else 'o'}-rwx {shlex.quote(path)}",
        option=option,
    )


def securityLevel(tls: TLSConfig) -> int:
    """OpenSSL's security level in force: C{securityLevel}, else that in C{ciphers}, else 2."""
    if tls.securityLevel is not None:
        return tls.securityLevel
    written = re.findall(r"@SECLEVEL=([0-5])", tls.ciphers or "")
    return int(written[-1]) if written else 2


def mismatch(
    certificate: Certificate, key: PrivateKey, certPath: str, keyPath: str, where: Where
) -> Problem:
    """What is wrong with a key that does not belong to its certificate."""
    keyType, keyBits = keyKind(key)
    return Problem(
        Severity.ERROR,
        where,
        f"the private key in {keyPath} ({keyType} {keyBits} bits) does not belong to the first "
        f"certificate in {certPath} ({certificate.keyText}, {certificate.subject})",
        advice="use the key that was made with it, and put the own certificate first in its file",
        option="key",
    )


def concerns(certificate: Certificate, tls: TLSConfig, now: datetime) -> Iterator[Problem]:
    """What is wrong with a certificate that could be read."""
    problem = partial(Problem, where=tls.certWhere, option="cert")
    renew = "renew it, or make a new pair with 'butterfly-tls cert'"
    begins, ends = (
        f"{date:%Y-%m-%d %H:%M} UTC" for date in (certificate.notBefore, certificate.notAfter)
    )
    days = certificate.daysLeft(now)
    if now > certificate.notAfter:
        yield problem(Severity.ERROR, found=f"{tls.cert} expired on {ends}", advice=renew)
    elif days < EXPIRES_SOON:
        found = f"{tls.cert} expires in {days} days, on {ends}"
        yield problem(Severity.WARNING, found=found, advice=renew)
    if now < certificate.notBefore:
        yield problem(
            Severity.WARNING,
            found=f"{tls.cert} is not valid before {begins}",
            advice=f"check this machine's clock, which says {now:%Y-%m-%d %H:%M} UTC",
        )
    level = securityLevel(tls)
    smallest = _SMALLEST.get(certificate.keyType, (0,) * 6)[level]
    if certificate.keyBits < smallest:
        yield problem(
            Severity.ERROR,
            found=f"{tls.cert} has a weak key, {certificate.keyText}",
            expected=f"{smallest} bits or more at security level {level}",
            advice=renew,
        )
    if certificate.signatureHash in ("md5", "sha1"):
        yield problem(
            Severity.WARNING,
            found=f"{tls.cert} is signed with {certificate.signatureHash.upper()}",
            expected="SHA-256, since others may refuse it",
            advice=renew,
        )
