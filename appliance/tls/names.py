"""Sections that share a socket: which of them a client means by the server name it asks for.

The name is read off the ClientHello before OpenSSL sees it, and the connection is made from the
chosen section's own context. OpenSSL's own way, to change the context in a callback, comes after
it has resumed a session: with TLS 1.3 a client could take a session from a section that asks for
no certificate into one that does. Here each section has its own sessions, tickets, versions and
keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from appliance.tls.hello import parse

if TYPE_CHECKING:
    from appliance.tls.creator import Creator

LIMIT = 16 * 1024
"""Bytes of a ClientHello that are waited for; a longer one gets the section that listens."""

RECORDS = 16
"""How many records a ClientHello may come in."""


@frozen
class Rule:
    """Those who ask for C{pattern} are served by C{creator}'s section."""

    pattern: str
    creator: Creator

    def fits(self, name: str) -> bool:
        """True when C{name} is the pattern, or ends as it does behind a first C{*}; any case."""
        pattern, name = self.pattern.lower(), name.lower()
        if pattern.startswith("*"):
            return name.endswith(pattern[1:])
        return name == pattern


@frozen
class Names:
    """The sections behind one that listens, in the order of the configuration."""

    rules: tuple[Rule, ...]

    def creator(self, said: bytes, default: Creator) -> Creator | None:
        """Who makes the connection for a client that began with C{said}; C{None}: wait for more.

        The first rule that fits decides. Without a name, and for one that no rule fits, that is
        C{default}; also for what is no ClientHello, which OpenSSL then refuses.
        """
        hello = parse(said)
        if hello is None:
            return None if unfinished(said) else default
        name = hello.serverName
        fitting = (rule.creator for rule in self.rules if name and rule.fits(name))
        return next(fitting, default)


def unfinished(said: bytes) -> bool:
    """True when C{said} may be the begin of a ClientHello (RFC 8446 4.1.2, 5.1)."""
    if len(said) >= LIMIT:
        return False
    message, position = b"", 0
    for _ in range(RECORDS):
        header = said[position : position + 5]
        if header[:1] not in (b"", b"\x16") or header[1:2] not in (b"", b"\x03"):
            return False
        if len(header) < 5:
            return True
        size = int.from_bytes(header[3:], "big")
        record = said[position + 5 : position + 5 + size]
        message += record
        if message[:1] not in (b"", b"\x01"):
            return False
        if len(message) >= 4 + int.from_bytes(message[1:4], "big") and len(message) >= 4:
            return False
        if len(record) < size:
            return True
        position += 5 + size
    return False
