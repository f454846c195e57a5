"""What is wrong with a configuration, where, and what to do about it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from appliance.config.model.sections import SectionConfig


@frozen(order=True)
class Where:
    """A place in a configuration file, for people: C{path:line} (line 0: the whole file)."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


NOWHERE = Where("")
"""Where a value comes from that nobody wrote."""


class Severity(Enum):
    """How much a problem matters: an error stops the start, a warning is only told."""

    ERROR = "error"
    WARNING = "warning"


class About(Enum):
    """What stunnel puts around its message about a problem; see C{stunnelwords}."""

    LINE = "line"
    SECTION = "section"
    PROCESS = "process"
    CONTEXT = "context"
    NOTHING = "nothing"


@frozen
class Said:
    """What stunnel itself says of a problem; C{line} is the whole line as it is written."""

    message: str
    about: About = About.SECTION
    line: str = ""


@frozen
class Problem:
    """Something in the configuration that a person must know about.

    C{found} says what is there, C{expected} what should be, C{advice} what to do next; each is a
    phrase without a final full stop. C{section} and C{option} may be empty. C{said} is for those
    who look for stunnel's words, where it has any.
    """

    severity: Severity
    where: Where
    found: str
    expected: str = ""
    advice: str = ""
    section: str = ""
    option: str = ""
    said: Said | None = None

    def __str__(self) -> str:
        scope = f"[{self.section}] " if self.section else ""
        option = f"{self.option}: " if self.option else ""
        parts = [f"{self.where}: {self.severity.value}: {scope}{option}{self.found}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.advice:
            parts.append(self.advice)
        return "; ".join(parts)

    @property
    def fatal(self) -> bool:
        """True when this problem stops the start."""
        return self.severity is Severity.ERROR


class ConfigError(Exception):
    """The configuration cannot be used; C{problems} says all that is wrong with it.

    C{sections} are there as far as they could be understood: OpenSSL may have more to say of them.
    """

    def __init__(
        self, problems: tuple[Problem, ...], sections: tuple[SectionConfig, ...] = ()
    ) -> None:
        super().__init__(problems)
        self.problems = problems
        self.sections = sections

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))
