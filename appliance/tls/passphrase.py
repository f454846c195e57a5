"""Where the passphrases of encrypted keys come from: a file, or a person at a terminal.

What was typed is kept for the process's life, so that a reload can read the same key again; it
is never written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from appliance.tls.pem import FileError, readFile

T = TypeVar("T")

TRIES = 3
"""How often a person may mistype."""


class Passphrases:
    """Opens what is encrypted. C{ask} puts a question to a person; C{None}: nobody is there."""

    def __init__(self, ask: Callable[[str], str] | None = None) -> None:
        self._ask = ask
        self._typed: dict[str, bytes] = {}

    @property
    def typed(self) -> dict[str, bytes]:
        """What a person has typed for which file, to tell another process of ours."""
        return dict(self._typed)

    def learn(self, typed: Mapping[str, bytes]) -> None:
        """Know what was typed elsewhere."""
        self._typed.update(typed)

    def ask(self, ask: Callable[[str], str]) -> None:
        """Put questions to a person from now on."""
        self._ask = ask

    def silence(self) -> None:
        """Ask nobody from now on."""
        self._ask = None

    def unlock(
        self, path: str, attempt: Callable[[bytes], T], refusal: FileError, file: str | None = None
    ) -> T:
        """What C{attempt} makes of the passphrase for C{path}; it raises C{ValueError} if wrong.

        The passphrase is the first line of C{file}, or else one that a person knows. Raises
        L{FileError}, which is C{refusal} where there is neither.
        """
        if file is not None:
            lines = readFile(file).splitlines() or [b""]
            try:
                return attempt(lines[0])
            except ValueError as error:
                raise FileError(
                    f"the passphrase in {file} does not open {path}",
                    "the passphrase alone, in the first line",
                ) from error
        known = self._typed.get(path)
        if known is not None:
            try:
                return attempt(known)
            except ValueError:
                # It may still open what will be put back in the place of this.
                if self._ask is None:
                    raise _outdated(path) from None
                del self._typed[path]
        if self._ask is None:
            raise refusal
        return self._askFor(path, attempt, self._ask)

    def _askFor(self, path: str, attempt: Callable[[bytes], T], ask: Callable[[str], str]) -> T:
        for _ in range(TRIES):
            try:
                typed = ask(f"Enter pass phrase for {path}: ").encode()
            except (EOFError, KeyboardInterrupt):
                break
            try:
                opened = attempt(typed)
            except ValueError:
                continue
            self._typed[path] = typed
            return opened
        # As stunnel says it.
        raise FileError(f"Wrong password or PIN: giving up on {path}")


def _outdated(path: str) -> FileError:
    return FileError(
        f"the passphrase that was typed at the start does not open {path}",
        "a key with the same passphrase, or its passphrase in the file that keyPassphrase names",
        "or start again, where somebody can type it",
    )
