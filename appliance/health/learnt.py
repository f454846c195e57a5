"""The AE titles of PACS, learnt from associations that they have accepted, from start to start.

A small file of JSON, C{{section: {target: title}}}. What cannot be read or written is told and
done without; nothing waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Final

from appliance.events import Events, Warned

NAME: Final = "titles.json"

MOST: Final = 1000
"""How many titles are kept for a section; a name may lead to ever new addresses."""

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a file that is read."""

LONGEST_TITLE: Final = 16


class Learnt:
    """What is learnt, by section and by target; C{events} is told what is wrong with the file.

    The first title that is learnt of a target stands until it is forgotten: a PACS may go by
    several, and each will do.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._path: str | None = None
        self._titles: dict[str, dict[str, str]] = {}
        self._failed = False

    def keepIn(self, directory: str | None) -> None:
        """Take up what is kept in C{directory}, and keep more there; C{None} keeps nothing."""
        self._path = None if directory is None else os.path.join(directory, NAME)
        if self._path is None:
            return
        try:
            with open(self._path, "rb") as file:
                self._titles = _titles(file.read(LARGEST))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
            text = f"{self._path}: cannot be read, AE titles are learnt anew: {why}"
            self._events.publish(Warned(text))

    def title(self, section: str, target: str) -> str | None:
        """The AE title of C{target}, if it is known."""
        return self._titles.get(section, {}).get(target)

    def learn(self, section: str, target: str, title: str) -> None:
        """C{target} has accepted an association for C{title}."""
        known = self._titles.setdefault(section, {})
        if target not in known and _isTitle(title):
            if len(known) >= MOST:
                del known[next(iter(known))]
            known[target] = title
            self._write()

    def forget(self, section: str, target: str) -> None:
        """C{target} does not go by its title any more."""
        if self._titles.get(section, {}).pop(target, None) is not None:
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        fresh = f"{self._path}.new"
        text = json.dumps(self._titles, indent=1, sort_keys=True)
        try:
            # One that a crash has left may be somebody else's.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text + "\n")
            os.replace(fresh, self._path)
        except OSError as error:
            if not self._failed:
                text = f"{self._path}: cannot be written, AE titles are lost at a restart"
                self._events.publish(Warned(f"{text}: {os.strerror(error.errno or 0)}"))
            self._failed = True
        else:
            self._failed = False


def _titles(data: bytes) -> dict[str, dict[str, str]]:
    """What is in a file. Raises C{ValueError}."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    for targets in found.values():
        if not isinstance(targets, dict) or not all(map(_isTitle, targets.values())):
            raise ValueError("a section has something else than AE titles")
    return found


def _isTitle(value: object) -> bool:
    """True for what may be an AE title in our own request (PS3.5 6.2)."""
    return (
        isinstance(value, str)
        and 0 < len(value.strip()) <= LONGEST_TITLE
        and value.isascii()
        and value.isprintable()
        and "\\" not in value
    )
