"""What the values of options mean: one function from text to value per kind of value.

Each raises C{ValueError} with a phrase that completes "expected …", and knows nothing of files,
sections or other options.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import frozen

from appliance.config.model import About, Address, InetAddress, TLSVersion, UnixAddress
from appliance.config.sslops import SSL_OPS
from appliance.config.wording import anyOf, nearest

T = TypeVar("T")

LONGEST_UNIX_PATH = 107
"""Bytes in the path of a unix socket: C{sun_path} of unix(7) without its closing zero."""

LONGEST_AE_TITLE = 16
"""Characters in an application entity title (PS3.5 section 6.2, value representation AE)."""

LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""Names of syslog's levels, each at its number."""

FACILITIES = (
    *("auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog"),
    *("user", "uucp"),
    *(f"local{number}" for number in range(8)),
)
"""Names of syslog's facilities."""


class UnfitError(ValueError):
    """A value that will not do, of which stunnel says something else than of the option's others.

    C{says} is its message, empty where it would take the value, and C{about} what it is about.
    """

    def __init__(self, expected: str, says: str = "", about: About = About.LINE) -> None:
        super().__init__(expected)
        self.says = says
        self.about = about


@frozen
class Debug:
    """A value of C{debug}: the highest level to log, and the facility where one is named."""

    level: int
    facility: str | None = None


@frozen
class Flag:
    """One value of C{options}: the name of a flag in L{SSL_OPS}, and whether to set it."""

    name: str
    on: bool


def text(what: str) -> Callable[[str], str]:
    """A parser for any text but an empty one; C{what} says what it should be."""

    def parse(value: str) -> str:
        if not value:
            raise ValueError(what)
        return value

    return parse


def word(what: str) -> Callable[[str], str]:
    """A parser for text without blanks; C{what} says what it should be."""

    def parse(value: str) -> str:
        if len(value.split()) != 1:
            raise ValueError(f"{what}, without blanks")
        return value

    return parse


def orNothing(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A parser for what C{parse} takes, or for an empty value, which means C{None}."""
    return lambda value: parse(value) if value else None


def choice(meanings: Mapping[str, T], what: str = "") -> Callable[[str], T]:
    """A parser for one of a few words, in any case; C{what} says it shorter than all of them."""
    folded = {name.lower(): meaning for name, meaning in meanings.items()}
    expected = what or anyOf(meanings)

    def parse(value: str) -> T:
        try:
            return folded[value.lower()]
        except KeyError:
            raise ValueError(expected) from None

    return parse


def number(lowest: int, highest: int, unit: str = "") -> Callable[[str], int]:
    """A parser for whole numbers from C{lowest} to C{highest}, in decimal digits."""
    expected = f"a whole number{unit and f' of {unit}'} from {lowest} to {highest}"

    def parse(value: str) -> int:
        if not re.fullmatch("[0-9]{1,10}", value) or not lowest <= int(value) <= highest:
            raise ValueError(expected)
        return int(value)

    return parse


def workers(value: str) -> int:
    """How many worker processes: 0 for one a processor."""
    if value.lower() == "auto":
        return 0
    try:
        return number(1, 64)(value)
    except ValueError as error:
        raise ValueError(f"auto, or {error}") from None


yesNo = choice({"yes": True, "no": False})
seconds = number(0, 2_000_000_000, "seconds")
milliseconds = number(0, 2_000_000_000, "milliseconds")
level = choice(
    {name: number for number, name in enumerate(LEVELS)}
    | {str(number): number for number in range(len(LEVELS))},
    what=f"a level ({', '.join(LEVELS)} or a number from 0 to 7)",
)
facility = choice({name: name for name in FACILITIES}, what="a facility of syslog, such as daemon")
securityLevel = number(0, 5)
verifyLevel = number(0, 4)


def port(value: str) -> int:
    """The number of a TCP port, from its digits or from the name of its service."""
    expected = "a port from 1 to 65535 or the name of a service"
    if value.isdecimal():
        try:
            return number(1, 65535)(value)
        except ValueError:
            raise ValueError(expected) from None
    try:
        return socket.getservbyname(value, "tcp")
    except (OSError, ValueError):
        raise ValueError(expected) from None


def address(value: str) -> Address:
    """An address; what stands after the last colon is the port, so IPv6 needs no brackets."""
    if value.startswith("/"):
        if len(value.encode()) > LONGEST_UNIX_PATH:
            raise ValueError(f"a path of at most {LONGEST_UNIX_PATH} bytes for a unix socket")
        return UnixAddress(value)
    host, _, portText = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    address = InetAddress(host, port(portText))
    if re.search(r"[\s/\[\]]", host):
        raise ValueError("a host name or an IP address before the last colon")
    return address


def debug(value: str) -> Debug:
    """C{[facility.]level} of the global part."""
    name, dot, rest = value.rpartition(".")
    try:
        named = facility(name) if dot else None
    except ValueError as error:
        raise UnfitError(str(error), "Illegal syslog facility") from None
    return Debug(level(rest), named)


def debugInSection(value: str) -> Debug:
    """The level of one section, which has no facility of its own."""
    try:
        return Debug(level(value))
    except ValueError as error:
        raise ValueError(f"{error}; [FACILITY.]LEVEL is for the process only") from None


def retry(value: str) -> float | None:
    """Seconds to wait, from C{yes}, C{no} or a number of milliseconds."""
    try:
        return milliseconds(value) / 1000
    except ValueError:
        pass
    try:
        return 1.0 if yesNo(value) else None
    except ValueError:
        raise ValueError("yes, no or a whole number of milliseconds") from None


def version(all_: TLSVersion) -> Callable[[str], TLSVersion]:
    """A parser for TLS versions, where C{all} means C{all_}."""
    offered = [version for version in TLSVersion if version is not TLSVersion.SSLv3]
    known = choice({"all": all_} | {version.text: version for version in offered})

    def parse(value: str) -> TLSVersion:
        try:
            return known(value)
        except ValueError as error:
            gone = ", since OpenSSL no longer has SSL" if value[:3].lower() == "ssl" else ""
            raise ValueError(f"{error}{gone}") from None

    return parse


def flag(value: str) -> Flag:
    """One of OpenSSL's flags to set, or to clear after a C{-}; old files write dots for C{_}."""
    name = value.removeprefix("-").strip()
    folded = {known.lower(): known for known in SSL_OPS}
    known = folded.get(name.replace(".", "_").lower())
    if known is None:
        near = nearest(name, SSL_OPS, 3) or ["NO_TLSv1_3", "CIPHER_SERVER_PREFERENCE"]
        raise ValueError(f"an SSL_OP_ flag of OpenSSL without that prefix, such as {anyOf(near)}")
    return Flag(known, on=not value.startswith("-"))


def fileName(value: str) -> str:
    """The name of a file; a PKCS#11 address names an object in a token, which is none."""
    if not value or value.lower().startswith("pkcs11:"):
        raise ValueError("the name of a file")
    return value


def aeTitle(value: str) -> str:
    """An application entity title (PS3.5 section 6.2)."""
    printable = value.isascii() and value.isprintable() and "\\" not in value
    if not value or len(value) > LONGEST_AE_TITLE or not printable:
        raise ValueError(
            f"an AE title of 1 to {LONGEST_AE_TITLE} printable ASCII characters without backslash"
        )
    return value
