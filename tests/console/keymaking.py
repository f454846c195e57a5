"""Keys of people and of the appliance, made for a test and gone with it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from appliance.console.ssh.keys import makeHostKey


def private(kind: str = "ed25519", number: int = 0) -> bytes:
    """A private key in OpenSSH's form; other numbers are other keys."""
    return _made(kind, number)


@cache
def _made(kind: str, number: int) -> bytes:
    key = {
        "ed25519": Ed25519PrivateKey.generate,
        "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "short": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # that is what it is for
    }[kind]()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def public(kind: str = "ed25519", number: int = 0) -> bytes:
    """The public key that belongs to it: kind and key, without a comment."""
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    key = load_ssh_private_key(private(kind, number), None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def encrypted() -> bytes:
    """A private key that needs a passphrase."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"x"))


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """Write C{data} with that C{mode}, whatever the umask is."""
    path.write_bytes(data)
    os.chmod(path, mode)
    return path


def hostKey(directory: Path) -> Path:
    """The key of an appliance."""
    return write(directory / "hostkey", makeHostKey())


def people(directory: Path, **kinds: str) -> Path:
    """A file with a key for each of the people, by their login names."""
    lines = [public(kind) + f" {name}@pc\n".encode() for name, kind in kinds.items()]
    return write(directory / "keys", b"# those who may\n\n" + b"".join(lines))
