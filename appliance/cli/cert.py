"""Makes a private key and a self-signed certificate, as the vendor cloud's 'Generate' does.

Writes Butterfly_SCP_key.pem and Butterfly_SCP_Cert.pem (with _ECDSA in the names for that kind
of key), never overwrites a file, and prints the section to paste into the configuration.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import textwrap
from datetime import UTC, datetime

from attrs import frozen

from appliance.cli.writing import writeAll
from appliance.tls.certificate import KeyPair
from appliance.tls.issue import (
    DAYS,
    RSA_BITS,
    KeyType,
    alternativeName,
    certificatePEM,
    keyPEM,
    newKey,
    selfSigned,
)

SUMMARY = "make a private key and a self-signed certificate"

_LONGEST_NAME = 64  # ub-common-name, RFC 5280 appendix A.1
_MOST_DAYS = 36500

_REPORT = """\
{certPath}
    certificate  {subject}
    names        {names}
    expires      {expiry}, in {days} days
    SHA-256      {fingerprint}
{keyPath}
    private key  {key}; only its owner can read it (chgrp and chmod g+r for a daemon's group)
"""

_SECTION = """\
Give the certificate to senders that check whom they talk to, and the key to nobody. Put this
into the configuration, with the address of the PACS:

[DICOM STORE]
accept = 2761
connect = 192.168.1.100:104
"""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be chosen."""
    parser.add_argument(
        "--out", metavar="DIR", default=".", help="the directory to write to (default: this one)"
    )
    parser.add_argument(
        "--type",
        choices=[*(kind.value for kind in KeyType), "both"],
        default=KeyType.RSA.value,
        help="the kind of key (default: rsa, which every DICOM peer knows)",
    )
    parser.add_argument(
        "--bits",
        type=int,
        choices=(2048, 3072, 4096),
        default=RSA_BITS,
        help=f"the size of an RSA key (default: {RSA_BITS})",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        action="append",
        type=_name,
        help="a DNS name or IP address that senders use; may be repeated (default: this host's)",
    )
    parser.add_argument(
        "--cn", metavar="NAME", type=_commonName, help="the common name (default: the first name)"
    )
    parser.add_argument(
        "--days",
        metavar="N",
        type=_days,
        default=DAYS,
        help=f"how long the certificate is valid (default: {DAYS}; Apple's systems take no longer)",
    )


def _name(text: str) -> str:
    try:
        alternativeName(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _commonName(text: str) -> str:
    if not 1 <= len(text) <= _LONGEST_NAME:
        raise argparse.ArgumentTypeError(f"a common name has 1 to {_LONGEST_NAME} characters")
    return text


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"give a number from 1 to {_MOST_DAYS}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Make what was asked for, or nothing at all."""
    names = arguments.name or [socket.gethostname()]
    commonName = arguments.cn or names[0][:_LONGEST_NAME]
    kinds = list(KeyType) if arguments.type == "both" else [KeyType(arguments.type)]
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        pairs = [
            selfSigned(
                newKey(kind, arguments.bits), commonName, names, now=now, days=arguments.days
            )
            for kind in kinds
        ]
    except ValueError as error:
        return _failed(f"{error}; say with --name how senders call this host")
    made = [_Made.of(arguments.out, kind, pair) for kind, pair in zip(kinds, pairs, strict=True)]
    try:
        writeAll(file for each in made for file in each.files)
    except FileExistsError as error:
        return _failed(f"{error.filename} exists already; move it away, or give another --out")
    except OSError as error:
        return _failed(f"cannot write {error.filename or arguments.out}: {error.strerror}")
    print("\n".join(each.report(now) for each in made))
    print(_SECTION + "".join(each.lines for each in made[:1]), end="")
    for other in made[1:]:
        print(f"; or, for senders that want {other.pair.certificate.keyType} keys,")
        print(textwrap.indent(other.lines, "; "), end="")
    return 0


def _failed(why: str) -> int:
    print(f"butterfly-tls cert: {why}; nothing was made", file=sys.stderr)
    return 1


@frozen
class _Made:
    """One pair, and the names of its files."""

    pair: KeyPair
    certPath: str
    keyPath: str

    @classmethod
    def of(cls, directory: str, kind: KeyType, pair: KeyPair) -> _Made:
        suffix = "" if kind is KeyType.RSA else f"_{kind.name}"
        stem = os.path.join(os.path.abspath(directory), "Butterfly_SCP")
        return cls(pair, f"{stem}_Cert{suffix}.pem", f"{stem}_key{suffix}.pem")

    @property
    def files(self) -> tuple[tuple[str, bytes, int], ...]:
        return (
            (self.keyPath, keyPEM(self.pair.key), 0o600),
            (self.certPath, certificatePEM(self.pair.certificate), 0o644),
        )

    @property
    def lines(self) -> str:
        return f"cert = {self.certPath}\nkey = {self.keyPath}\n"

    def report(self, now: datetime) -> str:
        certificate = self.pair.certificate
        return _REPORT.format(
            certPath=self.certPath,
            keyPath=self.keyPath,
            key=certificate.keyText,
            subject=certificate.subject,
            names=", ".join(certificate.names),
            expiry=f"{certificate.notAfter:%Y-%m-%d}",
            days=certificate.daysLeft(now),
            fingerprint=certificate.fingerprint,
        )
