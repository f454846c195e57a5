"""Certificate revocation lists (RFC 5280 5): read from files, and when the next one is due."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from attrs import frozen
from cryptography import x509

from appliance.tls.certificate import subjectText
from appliance.tls.hashed import crlFiles
from appliance.tls.pem import FileError, readFile

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


@frozen
class RevocationList:
    """One CRL, and the file it stands in."""

    path: str
    crl: x509.CertificateRevocationList

    @property
    def issuer(self) -> str:
        """The authority that issued it."""
        return subjectText(self.crl.issuer)

    @property
    def nextUpdate(self) -> datetime | None:
        """When the next one is due, in UTC; OpenSSL takes this one no longer then."""
        return self.crl.next_update_utc


@frozen
class Revocations:
    """What a section knows of revoked certificates: the CRLs of CRLfile, and those in CRLpath.

    The latter are for telling people; OpenSSL looks into the directory itself, at each handshake.
    """

    lists: tuple[RevocationList, ...] = ()
    inDirectory: tuple[RevocationList, ...] = ()

    def daysLeft(self, now: datetime) -> int | None:
        """Whole days until the first list is overdue, negative once one is; C{None} without any."""
        dates = [each.nextUpdate for each in (*self.lists, *self.inDirectory)]
        return min(((date - now).days for date in dates if date is not None), default=None)


def loadLists(path: str) -> tuple[RevocationList, ...]:
    """The CRLs in a PEM file, one or more, or the one in a DER file; raises L{FileError}."""
    data = readFile(path)
    blocks = _BLOCK.findall(data)
    try:
        if blocks:
            found = [x509.load_pem_x509_crl(block) for block in blocks]
        elif b"-----BEGIN " in data:
            raise FileError(f"no CRL in {path}", "a '-----BEGIN X509 CRL-----'")
        else:
            found = [x509.load_der_x509_crl(data)]
    except ValueError as error:
        raise FileError(
            f"Failed to load {path} revocation lookup file: it holds no CRL, or a damaged one",
            "a '-----BEGIN X509 CRL-----'",
            "fetch it again from the authority that issues it",
        ) from error
    return tuple(RevocationList(path, crl) for crl in found)


def loadDirectory(path: str) -> tuple[tuple[RevocationList, ...], tuple[FileError, ...]]:
    """The CRLs in a hashed directory, and what is wrong there; raises L{FileError}."""
    try:
        files = crlFiles(path)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    found: list[RevocationList] = []
    wrong: list[FileError] = []
    for file in files:
        try:
            found += loadLists(file)
        except FileError as error:
            wrong.append(error)
    if not files:
        wrong.append(
            FileError(
                f"no CRL in {path} is named by its hash, so no certificate will be accepted",
                advice=f"name them: openssl rehash {path}",
            )
        )
    return tuple(found), tuple(wrong)


def embedded(paths: Iterable[str | None]) -> tuple[RevocationList, ...]:
    """The CRLs that stand among the certificates of CA files, as OpenSSL would find them there."""
    return tuple(
        RevocationList(path, x509.load_pem_x509_crl(block))
        for path in paths
        if path is not None
        for block in _BLOCK.findall(readFile(path))
    )
