"""Who may log in, and by what the appliance is known: public keys of people, our own host key.

Lines as in OpenSSH's authorized_keys. Nothing of a line is passed over that would restrict a key:
one with options is not taken.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, Key

SIGNATURES: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"ssh-ed25519": (b"ssh-ed25519",),
    b"ecdsa-sha2-nistp256": (b"ecdsa-sha2-nistp256",),
    b"ecdsa-sha2-nistp384": (b"ecdsa-sha2-nistp384",),
    b"ecdsa-sha2-nistp521": (b"ecdsa-sha2-nistp521",),
    b"ssh-rsa": (b"rsa-sha2-512", b"rsa-sha2-256"),
}
"""The kinds of keys that are taken, and how each may sign (RFC 8332, 8709)."""

HOST_KEY: Final = b"ssh-ed25519"

SHORTEST_RSA: Final = 2048
"""Bits."""

LARGEST: Final = 256 * 1024
"""Bytes of a file that are read."""


class KeyFileError(Exception):
    """A file of keys cannot be used: what is wrong, what is expected, what to do next."""

    def __init__(self, found: str, expected: str = "", advice: str = "") -> None:
        parts = (found, expected and f"expected {expected}", advice)
        super().__init__("; ".join(filter(None, parts)))
        self.words = (found, expected, advice)


@frozen
class Authorized:
    """A public key, and the login name of the person who has it."""

    user: str
    blob: bytes
    key: Key


@frozen
class Unusable:
    """A line of the file that lets nobody in, and why."""

    line: int
    why: str


def fingerprint(blob: bytes) -> str:
    """The key as people compare it: C{SHA256:...}, as OpenSSH shows it."""
    return "SHA256:" + b64encode(sha256(blob).digest()).decode("ascii").rstrip("=")


# --- people ------------------------------------------------------------------------------------


def authorized(data: bytes) -> tuple[tuple[Authorized, ...], tuple[Unusable, ...]]:
    """The keys in C{data}, and the lines that are none."""
    found: list[Authorized] = []
    unusable: list[Unusable] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip() and not line.strip().startswith(b"#"):
            try:
                found.append(_authorized(line.split(None, 2)))
            except ValueError as error:
                unusable.append(Unusable(number, str(error)))
    return tuple(found), tuple(unusable)


def _authorized(parts: list[bytes]) -> Authorized:
    if parts[0] not in SIGNATURES:
        raise ValueError(
            "it does not begin with ssh-ed25519, ecdsa-sha2-nistp256 (384, 521) or ssh-rsa: "
            "options and other kinds of keys are not supported"
        )
    user = userOf(parts[2].decode("utf-8", "replace")) if len(parts) == 3 else ""
    if not user:
        raise ValueError("there is no login name: write it behind the key")
    try:
        blob = b64decode(parts[1], validate=True)
        key = Key.fromString(blob, type="blob")
    # What the bytes can make conch and cryptography raise is not documented.
    except Exception:
        raise ValueError("the key is damaged: copy the whole line anew") from None
    if key.sshType() != parts[0] or not key.isPublic():
        raise ValueError(f"it is no {parts[0].decode('ascii')} key")
    if key.type() == "RSA" and key.size() < SHORTEST_RSA:
        raise ValueError(f"an RSA key of {key.size()} bits is too short: make an ed25519 key")
    return Authorized(user, blob, key)


def userOf(comment: str) -> str:
    """The login name in the comment of a key: its first word, up to an @."""
    words = comment.split()
    name = words[0].partition("@")[0] if words else ""
    return name if name.isprintable() else ""


def readAuthorized(path: str) -> tuple[tuple[Authorized, ...], tuple[Unusable, ...]]:
    """The keys in the file at C{path}. Raises L{KeyFileError}."""
    return authorized(_read(path, 0o022, "others could add keys of their own", "go-w"))


# --- the appliance -----------------------------------------------------------------------------


def readHostKey(path: str) -> Key:
    """The private key in the file at C{path}. Raises L{KeyFileError}."""
    data = _read(path, 0o037, "others could pass themselves off as this appliance", "g-w,o-rwx")
    made = f"make one under another name: butterfly-tls hostkey {path}.new"
    try:
        key: Key = Key.fromString(data)
    except EncryptedKeyError:
        raise KeyFileError(f"{path} needs a passphrase", "a key without one", made) from None
    except BadKeyError:
        raise KeyFileError(f"{path} is no private key", "one in OpenSSH's form", made) from None
    # As above.
    except Exception:
        raise KeyFileError(f"{path} is damaged", "one in OpenSSH's form", made) from None
    if key.isPublic() or key.sshType() != HOST_KEY:
        kind = "public" if key.isPublic() else key.type()
        raise KeyFileError(f"the key in {path} is {kind}", "a private ed25519 key", made)
    return key


def makeHostKey() -> bytes:
    """A new private key, in OpenSSH's form."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _read(path: str, forbidden: int, because: str, mode: str) -> bytes:
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise KeyFileError(f"cannot read {path}: {error.strerror}") from None
    if stat.S_IMODE(facts.st_mode) & forbidden:
        found = f"{path} has the mode {stat.S_IMODE(facts.st_mode):04o}: {because}"
        raise KeyFileError(found, advice=f"chmod {mode} {path}")
    if len(data) > LARGEST:
        raise KeyFileError(f"{path} is too large", f"{LARGEST} bytes at most")
    return data
