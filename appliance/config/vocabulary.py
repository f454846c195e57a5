"""What an entry of the option table is made of.

The entries are in C{processoptions}, C{relayoptions}, C{tlsoptions}, C{ignoredoptions} and
C{refusedoptions}; C{options} puts them together. Nothing here knows any one option.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


class Scope(Enum):
    """Where an option may stand, in words."""

    GLOBAL = "before the first [section]"
    SERVICE = "in a [section], or before the first one as the default for all"
    BOTH = "before the first [section] for the process, or in a [section] for that one"


class Repeat(Enum):
    """What it means to write an option more than once, in words."""

    LAST = "the last one counts"
    LIST = "each adds to the list"
    FLAGS = "each adds to the set"


class Status(Enum):
    """What this version does about an option."""

    SUPPORTED = "supported"
    IGNORED = "ignored"
    REFUSED = "refused"


class PathKind(Enum):
    """What a file name in the value must be the name of."""

    FILE = "file"
    DIRECTORY = "directory"
    CREATED = "file that may have to be created"
    PROGRAM = "program, by its path or by a name to look for on PATH"


@frozen
class Option(Generic[T]):
    """One option: what people are told about it, and what is done with its value.

    C{syntax} shows the value as people write it and C{default} says in words what holds without
    the option. C{parse} turns the text of the value into what it means and raises C{ValueError},
    whose text completes "expected …"; C{parseInSection} is the stricter one of an option that may
    say less in a [section].

    C{reason} says why an option is ignored or refused; a value that is C{harmless} (lower case)
    asks for nothing but what is done anyway, and passes in silence. An option that C{standsFor}
    others is as good as writing its value for each of them.

    A value that is C{secret} is never repeated. One before the first [section] that is not
    C{inherited} is no default for sections. C{complaint} is what stunnel says of a bad value, and
    C{absent} what it says, when it makes a TLS context, of a file that is not there (C{{}}).
    """

    name: str
    scope: Scope
    syntax: str
    default: str
    doc: str
    parse: Callable[[str], T]
    repeat: Repeat = Repeat.LAST
    status: Status = Status.SUPPORTED
    reason: str = ""
    harmless: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    path: PathKind | None = None
    parseInSection: Callable[[str], T] | None = None
    standsFor: tuple[Option[T], ...] = ()
    secret: bool = False
    inherited: bool = True
    complaint: str = ""
    absent: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All the names that this option goes by, its own first."""
        return (self.name, *self.aliases)


def ignored(
    name: str,
    scope: Scope,
    syntax: str,
    doc: str,
    reason: str,
    *,
    default: str = "none",
    harmless: tuple[str, ...] = (),
    parse: Callable[[str], Any] = str,
    complaint: str = "",
    secret: bool = False,
) -> Option[Any]:
    """An option of stunnel's that can be left out without harm, once C{parse} takes its value."""
    return Option(
        name,
        scope,
        syntax,
        default,
        doc,
        parse,
        status=Status.IGNORED,
        reason=reason,
        harmless=harmless,
        complaint=complaint,
        secret=secret,
    )


def refused(
    name: str,
    scope: Scope,
    syntax: str,
    doc: str,
    reason: str,
    *,
    default: str = "none",
    harmless: tuple[str, ...] = (),
    complaint: str = "",
) -> Option[str]:
    """An option of stunnel's that this version has not, and that must not be passed over."""
    return Option(
        name,
        scope,
        syntax,
        default,
        doc,
        parse=str,
        status=Status.REFUSED,
        reason=reason,
        harmless=harmless,
        complaint=complaint,
    )
