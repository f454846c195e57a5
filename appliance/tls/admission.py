"""Works out what a section would have to say to admit a client that it has refused.

Only suites that authenticate us by our certificate are ever proposed: no anonymous, PSK or SRP
ones, and no DHE, since a section has no Diffie-Hellman parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from OpenSSL import SSL

from appliance.config.model import TLSConfig, TLSVersion
from appliance.tls.concerns import securityLevel
from appliance.tls.hello import ClientHello, suiteName

_LEVEL = re.compile(r":?@SECLEVEL=\d")
# A suite without the name of a key exchange uses RSA's; OpenSSL says ECDHE-ARIA for ECDHE-RSA-ARIA.
_RSA = re.compile(r"ECDHE-RSA-|ECDHE-ARIA|AES|ARIA|CAMELLIA|SEED|IDEA|DES|RC4|NULL")
# RFC 8446 4.2.3: RSA-PSS with either kind of RSA key; ECDSA schemes end in 03.
_RSA_SCHEMES = frozenset((0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B))
_EDWARDS_SCHEMES = frozenset((0x0807, 0x0808))


def version(hello: ClientHello, tls: TLSConfig) -> int:
    """The version both have; where there is none, the offered one that is nearest to ours."""
    common = [offered for offered in hello.versions if tls.minimum <= offered <= tls.maximum]
    if common:
        return max(common)
    return hello.newest if hello.newest < tls.minimum else min(hello.versions)


def keyTypes(hello: ClientHello, tls: TLSConfig) -> frozenset[str]:
    """For which kinds of server certificate, C{RSA} or C{ECDSA}, the client offers something."""
    if version(hello, tls) < TLSVersion.TLSv1_3:
        kinds = (_keyType(suiteName(suite)) for suite in hello.cipherSuites)
        return frozenset(kind for kind in kinds if kind is not None)
    schemes = frozenset(hello.signatureAlgorithms)
    found = set()
    if schemes & _RSA_SCHEMES:
        found.add("RSA")
    if schemes & _EDWARDS_SCHEMES or any(scheme & 0xFF == 3 for scheme in schemes):
        found.add("ECDSA")
    return frozenset(found)


def _keyType(suite: str) -> str | None:
    if suite.startswith("ECDHE-ECDSA-"):
        return "ECDSA"
    return "RSA" if _RSA.match(suite) else None


def _goesWith(suite: str, keyType: str | None) -> bool:
    """True when C{suite} can be used with a certificate of C{keyType}, which may be unknown."""
    kind = _keyType(suite)
    return kind is not None and (keyType is None or (kind == "RSA") == (keyType == "RSA"))


def lines(
    hello: ClientHello, tls: TLSConfig, ciphers: str, keyType: str | None
) -> tuple[str, ...] | None:
    """The lines C{option = value} that admit the client; C{None} when none can.

    C{ciphers} is the list in force, C{keyType} that of the section's certificate where it is
    known. No lines: versions and suites are not what is wrong. One suite is enough to be admitted,
    so only the one that OpenSSL likes best is added, and the level is lowered as little as it can.
    """
    wanted = version(hello, tls)
    if wanted not in list(TLSVersion) or wanted == TLSVersion.SSLv3:
        return None
    found = []
    if wanted < tls.minimum:
        found.append(f"sslVersionMin = {TLSVersion(wanted).text}")
    elif wanted > tls.maximum:
        found.append(f"sslVersionMax = {TLSVersion(wanted).text}")
    if wanted == TLSVersion.TLSv1_3:
        return (*found, *_ciphersuites(hello, tls))
    suites = _fitting(hello, wanted, keyType)
    if not suites:
        return None
    allowed = enabled(ciphers)
    suite = next((suite for suite in suites if suite in allowed), suites[0])
    value = ciphers if suite in allowed else _extended(ciphers, suite)
    level = min(_highestLevel(suite), 5 if wanted == TLSVersion.TLSv1_2 else 0)
    if level < securityLevel(tls):
        if found or tls.securityLevel is not None:
            found.append(f"securityLevel = {level}")
        else:
            value = f"{_LEVEL.sub('', value)}:@SECLEVEL={level}"
    if value != ciphers:
        found.append(f"ciphers = {value}")
    return tuple(found)


def _ciphersuites(hello: ClientHello, tls: TLSConfig) -> Iterable[str]:
    """The line for TLS 1.3, whose suites fit every kind of certificate."""
    default = (name for name in enabled("ALL") if name.startswith("TLS_"))
    allowed = tls.ciphersuites.split(":") if tls.ciphersuites else list(default)
    offered = [name for name in map(suiteName, hello.cipherSuites) if name.startswith("TLS_")]
    if offered and not set(offered) & set(allowed):
        yield f"ciphersuites = {':'.join((*allowed, offered[0]))}"


def _fitting(hello: ClientHello, wanted: int, keyType: str | None) -> list[str]:
    """The offered suites that OpenSSL has and our certificate goes with, best first."""
    offered = frozenset(map(suiteName, hello.cipherSuites))
    return [
        suite
        for suite in enabled("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        if suite in offered
        and _goesWith(suite, keyType)
        and (wanted == TLSVersion.TLSv1_2 or suite.endswith(("-SHA", "-MD5")))
    ]


def _highestLevel(suite: str) -> int:
    """The highest security level that lets C{suite} be used, SSL_CTX_set_security_level(3)."""
    if "NULL" in suite:
        return 0
    if "RC4" in suite or "MD5" in suite:
        return 1
    if not suite.startswith("ECDHE-"):
        return 2  # level 3 demands forward secrecy
    return 5 if suite.endswith(("AES256-GCM-SHA384", "CHACHA20-POLY1305")) else 3


def _extended(ciphers: str, suite: str) -> str:
    """C{ciphers} with C{suite}; spelt out where a C{!} in it would take the suite away again."""
    appended = f"{ciphers}:{suite}"
    if suite in enabled(appended):
        return appended
    spelt = [name for name in enabled(ciphers) if not name.startswith("TLS_")]
    return ":".join((*spelt, suite)) + "".join(_LEVEL.findall(ciphers)[-1:])


@lru_cache(maxsize=64)
def enabled(ciphers: str) -> tuple[str, ...]:
    """The suites that a value of C{ciphers} enables in this OpenSSL, TLS 1.3's own among them."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    try:
        context.set_cipher_list(ciphers.encode("ascii", "replace"))
    except SSL.Error:
        return ()
    return tuple(SSL.Connection(context, None).get_cipher_list())
