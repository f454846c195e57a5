"""Pre-shared keys (RFC 4279, RFC 8446 2.2): the file they stand in.

Keys never appear in a message, a log line or a C{repr}.
"""

from __future__ import annotations

from attrs import field, frozen

from appliance.tls.pem import FileError, readFile

SHORTEST = 16
LONGEST = 256
"""Bytes of a key; OpenSSL takes no longer one."""

LONGEST_IDENTITY = 127
"""Bytes of an identity; TLS 1.2 in old peers knows no longer one (RFC 4279 5.3)."""

_LINE = "IDENTITY:KEY"


@frozen
class Secrets:
    """The identities and keys of a PSKsecrets file; C{first} is the identity of its first line."""

    keys: dict[bytes, bytes] = field(repr=False)
    first: bytes


def loadSecrets(path: str) -> Secrets:
    """The keys in a PSKsecrets file; raises L{FileError}.

    There is one C{IDENTITY:KEY} a line. A key of nothing but hexadecimal digits, colons between
    them or not, is meant as that; any other is taken as it is written.
    """
    keys: dict[bytes, bytes] = {}
    for number, line in enumerate(readFile(path).splitlines(), 1):
        if not line:
            continue
        identity, colon, text = line.partition(b":")
        if not colon:
            raise FileError(f"line {number} of {path} has no colon", _LINE)
        if len(identity) > LONGEST_IDENTITY:
            found = f"the identity in line {number} of {path} has {len(identity)} bytes"
            raise FileError(found, f"{LONGEST_IDENTITY} at most")
        keys.setdefault(identity, _key(text, f"the key in line {number} of {path}"))
    if not keys:
        raise FileError(f"no key in {path}", f"a line {_LINE}")
    return Secrets(keys, next(iter(keys)))


def _key(text: bytes, what: str) -> bytes:
    try:
        key, kind = bytes.fromhex(text.replace(b":", b"").decode("ascii")), "hexadecimal"
    except ValueError:
        key, kind = text, "text"
    if b" " in text or b"\t" in text:
        key, kind = text, "text"  # what Python overlooks between digits counts for OpenSSL
    if len(key) < SHORTEST:
        raise FileError(
            f"{what} is too short, {len(key)} bytes of {kind}",
            f"{SHORTEST} bytes or more, which are {2 * SHORTEST} hexadecimal digits",
            "make one: openssl rand -hex 32",
        )
    if len(key) > LONGEST:
        raise FileError(f"{what} is too long, {len(key)} bytes of {kind}", f"{LONGEST} at most")
    return key
