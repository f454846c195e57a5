"""Reads certificates and private keys from files: PEM, and where that fails DER and PKCS#12.

Keys with a passphrase are refused: nobody is there to type it when a daemon starts or reloads.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import stat
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from appliance.tls.certificate import MALFORMED, Certificate, PrivateKey

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


class FileError(Exception):
    """A certificate or key file cannot be used; the fields are those of a L{Problem}."""

    def __init__(self, found: str, expected: str = "", advice: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.advice = advice


def loadCertificate(path: str) -> Certificate:
    """The certificate in a PEM, DER or PKCS#12 file, with its chain; raises L{FileError}."""
    certificates = _certificates(path)
    try:
        return Certificate.of(certificates)
    except MALFORMED as error:
        raise _damaged("certificate", path) from error


def _certificates(path: str) -> list[x509.Certificate]:
    data = _read(path)
    labels = _LABEL.findall(data)
    try:
        if b"CERTIFICATE" in labels:
            return x509.load_pem_x509_certificates(data)
        if not labels:
            return _binaryCertificates(path, data)
    except ValueError as error:
        raise _damaged("certificate", path) from error
    raise FileError(
        f"no certificate in {path}, only {_listed(labels)}",
        "a '-----BEGIN CERTIFICATE-----'",
    )


def _binaryCertificates(path: str, data: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        store = _pkcs12(path, data, "CERTIFICATE")
    if store.cert is None:
        raise FileError(f"no certificate in {path}, a PKCS#12 file")
    return [store.cert.certificate, *(further.certificate for further in store.additional_certs)]


def _pkcs12(path: str, data: bytes, label: str) -> PKCS12KeyAndCertificates:
    try:
        return load_pkcs12(data, None)
    except ValueError as error:
        if "password" in str(error):
            raise FileError(
                f"{path} is a PKCS#12 file with a password",
                "one without",
                f"take it apart: openssl pkcs12 -nodes -in {shlex.quote(path)} -out NEW.pem",
            ) from error
        raise FileError(f"{path} is not PEM", f"a '-----BEGIN {label}-----'") from error


def _damaged(what: str, path: str) -> FileError:
    return FileError(
        f"a {what} in {path} is damaged, or of an unknown kind",
        advice="copy the file again, as it was issued",
    )


def _listed(labels: Sequence[bytes]) -> str:
    return " and ".join(dict.fromkeys(label.decode() for label in labels))


def loadKey(path: str) -> PrivateKey:
    """The private key in a PEM file, which may hold more, or a PKCS#12 one; raises L{FileError}."""
    data = _read(path)
    labels = _LABEL.findall(data)
    block = _KEY.search(data)
    if labels and block is None:
        raise FileError(
            f"no private key in {path}, only {_listed(labels)}",
            "a '-----BEGIN PRIVATE KEY-----'",
        )
    try:
        if block is None:
            key = _pkcs12(path, data, "PRIVATE KEY").key
        else:
            key = load_pem_private_key(block[0], None)
    except TypeError as error:
        raise FileError(
            f"the private key in {path} is encrypted",
            "one without a passphrase, since nobody is there to type it",
            f"take it off: openssl pkey -in {shlex.quote(path)} -out NEW.pem",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _damaged("private key", path) from error
    if not isinstance(key, PrivateKey):
        raise FileError(f"no private key for TLS in {path}", "an RSA, ECDSA or EdDSA one")
    return key


def loadAuthorities(path: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a CAfile, one or more; raises L{FileError}."""
    return tuple(_certificates(path))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except PermissionError as error:
        raise FileError(f"may not read {path}", advice=_whoAndMode(path)) from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error


def _whoAndMode(path: str) -> str:
    """Who we run as and what C{path} allows: all that it takes to see why it is not readable."""
    we = f"we run as {_userName(os.geteuid())}"
    try:
        status = os.stat(path)
    except OSError:
        return f"{we}, who may not enter a directory above it"
    owner = f"{_userName(status.st_uid)}:{_groupName(status.st_gid)}"
    return f"{we}, and the file is {owner} with mode {stat.S_IMODE(status.st_mode):04o}"


def _userName(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _groupName(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"group {number}"
