"""Reads certificates and private keys from files: PEM, and where that fails DER and PKCS#12.

What is encrypted is opened by an L{Unlock}; without one it is refused.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import stat
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from appliance.tls.certificate import MALFORMED, Certificate, PrivateKey

T = TypeVar("T")

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


class FileError(Exception):
    """A certificate or key file cannot be used; the fields are those of a L{Problem}."""

    def __init__(self, found: str, expected: str = "", advice: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.advice = advice


class Unlock(Protocol):
    """Finds the passphrase of a file, see L{appliance.tls.passphrase.Passphrases}."""

    def __call__(self, path: str, attempt: Callable[[bytes], T], refusal: FileError) -> T:
        """What C{attempt} makes of the right passphrase; raises C{refusal} if there is none."""


def locked(path: str, attempt: Callable[[bytes], T], refusal: FileError) -> T:  # noqa: ARG001
    """Open nothing."""
    raise refusal


def loadCertificate(path: str, unlock: Unlock = locked) -> Certificate:
    """The certificate in a PEM, DER or PKCS#12 file, with its chain; raises L{FileError}."""
    certificates = _certificates(path, unlock)
    try:
        return Certificate.of(certificates)
    except MALFORMED as error:
        raise _damaged("certificate", path) from error


def _certificates(path: str, unlock: Unlock) -> list[x509.Certificate]:
    data = readFile(path)
    labels = _LABEL.findall(data)
    try:
        if b"CERTIFICATE" in labels:
            return x509.load_pem_x509_certificates(data)
        if not labels:
            return _binaryCertificates(path, data, unlock)
    except ValueError as error:
        raise _damaged("certificate", path) from error
    raise FileError(
        f"no certificate in {path}, only {_listed(labels)}",
        "a '-----BEGIN CERTIFICATE-----'",
    )


def _binaryCertificates(path: str, data: bytes, unlock: Unlock) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        store = _pkcs12(path, data, "CERTIFICATE", unlock)
    if store.cert is None:
        raise FileError(f"no certificate in {path}, a PKCS#12 file")
    return [store.cert.certificate, *(further.certificate for further in store.additional_certs)]


def _pkcs12(path: str, data: bytes, label: str, unlock: Unlock) -> PKCS12KeyAndCertificates:
    for none in (None, b""):
        try:
            return load_pkcs12(data, none)
        except ValueError as error:
            if "password" not in str(error):
                found = f"{path} is not PEM"
                raise FileError(found, f"a '-----BEGIN {label}-----'") from error
    refusal = FileError(
        f"{path} is a PKCS#12 file with a password",
        "one without, or its password in the file that keyPassphrase names",
        f"take it apart: openssl pkcs12 -nodes -in {shlex.quote(path)} -out NEW.pem",
    )
    return unlock(path, lambda passphrase: load_pkcs12(data, passphrase), refusal)


def _damaged(what: str, path: str) -> FileError:
    return FileError(
        f"a {what} in {path} is damaged, or of an unknown kind",
        advice="copy the file again, as it was issued",
    )


def _listed(labels: Sequence[bytes]) -> str:
    return " and ".join(dict.fromkeys(label.decode() for label in labels))


def loadKey(path: str, unlock: Unlock = locked) -> PrivateKey:
    """The private key in a PEM file, which may hold more, a DER or a PKCS#12 one.

    Raises L{FileError}.
    """
    data = readFile(path)
    labels = _LABEL.findall(data)
    block = _KEY.search(data)
    if labels and block is None:
        raise FileError(
            f"no private key in {path}, only {_listed(labels)}",
            "a '-----BEGIN PRIVATE KEY-----'",
        )
    try:
        if block is None:
            key = _binaryKey(path, data, unlock)
        else:
            key = _opened(path, block[0], load_pem_private_key, unlock)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _damaged("private key", path) from error
    if not isinstance(key, PrivateKey):
        raise FileError(f"no private key for TLS in {path}", "an RSA, ECDSA or EdDSA one")
    return key


def _binaryKey(path: str, data: bytes, unlock: Unlock) -> object:
    try:
        return _opened(path, data, load_der_private_key, unlock)
    except ValueError:
        return _pkcs12(path, data, "PRIVATE KEY", unlock).key


def _opened(
    path: str, data: bytes, load: Callable[[bytes, bytes | None], object], unlock: Unlock
) -> object:
    try:
        return load(data, None)
    except TypeError:  # that is how it says "encrypted"
        pass
    refusal = FileError(
        f"the private key in {path} is encrypted",
        "one without a passphrase, or its passphrase in the file that keyPassphrase names",
        f"take it off: openssl pkey -in {shlex.quote(path)} -out NEW.pem",
    )

    def attempt(passphrase: bytes) -> object:
        if not passphrase:
            raise ValueError("nothing is no passphrase")
        return load(data, passphrase)

    return unlock(path, attempt, refusal)


def loadAuthorities(path: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a CAfile, one or more; raises L{FileError}."""
    return tuple(_certificates(path, locked))


def readFile(path: str) -> bytes:
    """All that is in the file at C{path}; raises L{FileError}, which says who may read it."""
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
