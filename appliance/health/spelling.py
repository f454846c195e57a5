"""How the settings of a probe are spelt where a person can change them.

A command has arguments, a section has options: advice names those that the person has at hand.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Spelling:
    """The names of settings, and what to do when one side speaks TLS and the other does not."""

    calling: str
    called: str
    cert: str
    key: str
    authority: str
    name: str
    tryPlain: str
    tryTLS: str


ARGUMENTS: Final = Spelling(
    calling="--calling",
    called="--called",
    cert="--cert",
    key="--key",
    authority="--ca",
    name="--name",
    tryPlain="connect without TLS (--plain), or to the peer's TLS port",
    tryTLS="connect with TLS (--tls), or to the peer's plain port",
)
"""Those of C{butterfly-tls echo}."""

OPTIONS: Final = Spelling(
    calling="callingAET",
    called="calledAET",
    cert="cert",
    key="key",
    authority="CAfile",
    name="checkHost, sni",
    tryPlain="let connect name the peer's TLS port, or drop client = yes",
    tryTLS="let connect name the peer's plain port",
)
"""Those of a section."""
