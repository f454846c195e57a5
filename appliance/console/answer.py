"""What a command of the console gives back, and how it says that it cannot."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

FAILED: Final = 1
MISUSED: Final = 2
"""Exit statuses, as those of the C{butterfly-tls} command."""


@frozen
class Answer:
    """C{data} is for programs (what JSON has), C{text} says the same to people.

    C{code} is the exit status: 0 when all is well.
    """

    data: Any
    text: str
    code: int = 0

    @property
    def ok(self) -> bool:
        """True when all is well."""
        return self.code == 0


class CommandError(Exception):
    """A command cannot be done: what is wrong, what is expected, what to do next."""

    def __init__(
        self, found: str, expected: str = "", advice: str = "", code: int = FAILED
    ) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.advice = advice
        self.code = code

    @property
    def answer(self) -> Answer:
        """The same as an answer."""
        parts = [self.found, self.expected and f"expected {self.expected}", self.advice]
        data = {"error": self.found, "expected": self.expected, "advice": self.advice}
        return Answer(data, f"error: {'; '.join(filter(None, parts))}", self.code)
