"""Configuration text to headers and settings, each with the place it was read from.

Reads included directories in place. Knows the layout of the file and the one-line paste, but
neither what options mean nor which of them there are.
"""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Iterable
from typing import Final

from attrs import Factory, define, evolve, field, frozen

from appliance.config import paste
from appliance.config.files import Disk as Disk
from appliance.config.files import Files as Files
from appliance.config.model import Problem, Where
from appliance.config.stunnelwords import NO_EQUALS, NOT_HERE
from appliance.config.wording import Place, quoted

BOM: Final = b"\xef\xbb\xbf"
COMMENT: Final = (";", "#")


@frozen
class Header:
    """A C{[name]} line."""

    where: Where
    name: str


@frozen
class Setting:
    """A C{name = value} line, spelled as it is written; C{line} is all of it.

    C{base} is the directory from which files in it are looked up.
    """

    where: Where
    name: str
    value: str
    line: str = field(default="", eq=False)
    base: str = field(default="", eq=False)


Item = Header | Setting


@frozen
class Source:
    """All that was read: items in their order, what is wrong, and the files it came from."""

    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]


Parts = list[tuple[Header | None, list[Setting]]]
"""Settings under their headers; the first ones stand under none."""


def inParts(items: Iterable[Item]) -> Parts:
    """C{items} as the part before the first section, and one for each section."""
    parts: Parts = [(None, [])]
    for item in items:
        if isinstance(item, Header):
            parts.append((item, []))
        else:
            parts[-1][1].append(item)
    return parts


def readSource(path: str, files: Files, base: str | None = None) -> Source:
    """Read the configuration file at the absolute C{path} and all that it includes.

    What it names is looked up from the directory C{base}, or else from its own.
    """
    reading = _Reading(os.path.dirname(path) if base is None else base, files)
    reading.file(path, Place(Where(path)))
    return Source(tuple(reading.items), tuple(reading.problems), tuple(reading.paths))


@define
class _Reading:
    """One pass over a configuration; C{directories} are those whose files are being read now."""

    base: str
    files: Files
    items: list[Item] = Factory(list)
    problems: list[Problem] = Factory(list)
    paths: list[str] = Factory(list)
    directories: list[str] = Factory(list)

    def file(self, path: str, origin: Place) -> None:
        """Read one file; C{origin} is what asked for it."""
        try:
            data = self.files.read(path)
        except OSError as error:
            found = f"cannot read {path}: {error.strerror or error}"
            advice = "check the name, and that the user who starts this may read it"
            self.problems.append(origin.error(found, "a readable configuration file", advice))
            return
        self.paths.append(path)
        before, zero, _ = data.partition(b"\0")
        if zero or data.startswith((b"\xff\xfe", b"\xfe\xff")):
            place = Place(Where(path, before.count(b"\n") + 1))
            self.problems.append(place.error(*_NOT_TEXT))
            return
        unixLines = data.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        for number, line in enumerate(unixLines.split(b"\n"), 1):
            whole = line.decode("utf-8", "replace")
            self.line(Place(Where(path, number), line=whole), line)

    def line(self, place: Place, data: bytes) -> None:
        """Read one line."""
        text = place.line.strip()
        layout = paste.layOut(text)
        if layout:
            self.problems.append(paste.explain(place, text, layout))
        elif not text or text.startswith(COMMENT):
            pass
        elif not _isUTF8(data):
            self.problems.append(place.error(f"{quoted(text)} is not valid UTF-8", *_UTF8))
        elif text.startswith("["):
            self.header(place, text)
        else:
            self.setting(place, text)

    def header(self, place: Place, text: str) -> None:
        """Read a section header; a bad one still parts what follows from what went before."""
        name, bracket, rest = text[1:].rpartition("]")
        if not bracket or rest or not name:
            self.problems.append(
                place.error(
                    f"{quoted(text)} is not a section header",
                    "a [name] with nothing after it",
                    "put comments on lines of their own",
                    says="" if bracket and not rest else NO_EQUALS,
                )
            )
        self.items.append(Header(place.where, name or text.strip("[]")))

    def setting(self, place: Place, text: str) -> None:
        """Read a setting, and what it includes if it is one that does."""
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals:
            self.problems.append(
                place.error(
                    f"{quoted(text)} is neither a setting nor a section header",
                    'a line like "option = value" or "[section]"',
                    'put a ";" before it if it is a comment',
                    says=NOT_HERE if equals else NO_EQUALS,
                )
            )
        elif name.lower() == "include":
            self.include(evolve(place, option="include"), value)
        else:
            self.items.append(Setting(place.where, name, value, place.line, self.base))

    def include(self, place: Place, value: str) -> None:
        """Read every regular file of a directory, by the bytes of their names."""
        if not value:
            self.lacking(place, "no directory is named", "the name of a directory", "write one")
            return
        directory = self.directory(place, value)
        if directory in self.directories:
            self.lacking(
                place,
                f"{directory} includes itself",
                "a directory whose files do not include it again",
                "remove this line",
            )
            return
        try:
            names = sorted(self.files.names(directory), key=os.fsencode)
        except OSError as error:
            self.lacking(
                place,
                f"cannot read the directory {directory}: {error.strerror or error}",
                "a readable directory of configuration files",
                "make it or correct the name",
            )
            return
        self.directories.append(directory)
        for path in (os.path.join(directory, name) for name in names):
            if self.files.isFile(path):
                self.file(path, place)
        self.directories.pop()

    def directory(self, place: Place, value: str) -> str:
        """The directory to include; one on Windows is that of the same name beside the file."""
        directory = os.path.join(self.base, value)
        moved = beside(self.base, value)
        if moved is None or self.files.exists(directory) or not self.files.exists(moved):
            return directory
        found = f"{value} is a path on Windows"
        advice = f"{moved} is used; write that name to be sure"
        self.problems.append(place.warning(found, advice=advice))
        return moved

    def lacking(self, place: Place, found: str, expected: str, advice: str) -> None:
        """Note the error about a directory that cannot be included."""
        says = "Failed to include directory"
        self.problems.append(place.error(found, expected, advice, says=says))


def beside(base: str, name: str) -> str | None:
    """Where a file goes by the last part of its path on Windows; C{None} for other names."""
    if "\\" not in name and not re.match("[A-Za-z]:/", name):
        return None
    return os.path.join(base, ntpath.basename(name.rstrip("\\/")))


_NOT_TEXT: Final = (
    "this is not a plain text file, or one in UTF-16",
    "text in UTF-8",
    'save it again with the encoding "UTF-8"',
)
_UTF8: Final = ("text in UTF-8", 'save the file again with the encoding "UTF-8"')


def _isUTF8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
