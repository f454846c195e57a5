"""Directories in which each certificate or CRL is named by its hash, as C{openssl rehash} does.

A certificate is called C{HASH.N} and a CRL C{HASH.rN}, where the hash is that of the subject or
the issuer in eight digits, and N counts from 0 those that share it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count

from cryptography import x509

_CERTIFICATE = re.compile(r"[0-9a-f]{8}\.\d+")
_CRL = re.compile(r"[0-9a-f]{8}\.r\d+")


def certificatesFor(directory: str | None, nameHash: int) -> Iterator[x509.Certificate]:
    """The certificates in C{directory} whose subject has this hash; what is damaged is left out."""
    for number in count():
        path = os.path.join(directory or "", f"{nameHash:08x}.{number}")
        if directory is None or not os.path.exists(path):
            return
        yield from certificatesIn(path)


def certificatesIn(path: str) -> list[x509.Certificate]:
    """The certificates in one file of such a directory, none where it has none."""
    try:
        with open(path, "rb") as file:
            return x509.load_pem_x509_certificates(file.read())
    except (OSError, ValueError):
        return []


def certificateFiles(directory: str) -> list[str]:
    """The files of all certificates in C{directory}, in order; raises C{OSError}."""
    return _named(directory, _CERTIFICATE)


def crlFiles(directory: str) -> list[str]:
    """The files of all CRLs in C{directory}, in order; raises C{OSError}."""
    return _named(directory, _CRL)


def _named(directory: str, pattern: re.Pattern[str]) -> list[str]:
    names = sorted(name for name in os.listdir(directory) if pattern.fullmatch(name))
    return [os.path.join(directory, name) for name in names]
