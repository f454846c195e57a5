"""Reads the lines of a journal: whole files, compressed ones, and one that is still written to.

What is damaged is told apart from what is not, and stops nothing.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import IO, Any, Final, cast

from attrs import frozen

from appliance.audit.record import VERSION
from appliance.dicom.command import isFailure

PAUSE: Final = 0.5
"""Seconds between two looks at a file that is followed."""


class DamagedError(ValueError):
    """A line is none of the journal's, for C{str}."""


@frozen
class Operation:
    """All messages of one kind in an association; C{failures} by their status."""

    name: str
    requests: int
    failures: dict[str, int]
    bytes: int

    @property
    def failed(self) -> int:
        """How many were answered with a failure."""
        return sum(self.failures.values())


@frozen
class Entry:
    """One association; C{line} is what the file has of it."""

    line: str
    begin: datetime
    section: str
    client: str
    calling: str
    called: str
    outcome: str
    why: str
    seconds: float
    operations: tuple[Operation, ...]

    @property
    def good(self) -> bool:
        """True when it was released, and nothing in it failed."""
        return self.outcome == "released" and not any(each.failed for each in self.operations)


def parse(line: str) -> Entry:
    """The association in C{line}. Raises L{DamagedError}."""
    try:
        fields = json.loads(line)
    except ValueError:
        raise DamagedError("it is not JSON") from None
    version = fields.get("v") if isinstance(fields, dict) else None
    if version != VERSION:
        raise DamagedError(f"it is of version {version!r}, expected {VERSION}")
    try:
        return Entry(
            line=line,
            begin=_moment(fields["begin"]),
            section=str(fields["section"]),
            client=str(fields["client"]["address"] or ""),
            calling=str(fields["calling"]),
            called=str(fields["called"]),
            outcome=str(fields["outcome"]),
            why=str(fields["why"]),
            seconds=float(fields["seconds"]),
            operations=tuple(map(_operation, fields["operations"])),
        )
    except KeyError as error:
        raise DamagedError(f"{error.args[0]} is missing") from None
    except (ValueError, TypeError, AttributeError):
        raise DamagedError("a field is not of its kind") from None


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("without an offset")
    return when


def _operation(fields: dict[str, Any]) -> Operation:
    statuses = {str(name): int(count) for name, count in fields["statuses"].items()}
    return Operation(
        str(fields["operation"]),
        int(fields["requests"]),
        {name: n for name, n in statuses.items() if isFailure(int(name.rstrip("H"), 16))},
        int(fields["bytes"]),
    )


@frozen
class Filter:
    """Which associations are wanted; texts may have C{*}, C{None} wants any."""

    section: str | None = None
    calling: str | None = None
    called: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, entry: Entry) -> bool:
        """True when C{entry} is one of them."""
        for name in ("section", "calling", "called", "outcome"):
            pattern = getattr(self, name)
            if pattern is not None and not fnmatchcase(getattr(entry, name), pattern):
                return False
        return not (
            (self.since is not None and entry.begin < self.since)
            or (self.until is not None and entry.begin >= self.until)
        )


# --- files ------------------------------------------------------------------------------------


def lines(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The lines of all files, each with where it stands. Raises C{OSError}."""
    for path in paths:
        with _opened(path) as opened:
            try:
                yield from _numbered(path, opened)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise OSError(0, "it is not compressed, or damaged", path) from None


def _opened(path: str) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.endswith(".gz") else open(path, "rb")


def _numbered(path: str, data: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(data, 1):
        text = line.decode("utf-8", "replace").strip()
        if text:
            yield f"{path}:{number}", text


def follow(path: str, sleep: Callable[[float], None]) -> Iterator[tuple[str, str]]:
    """The same of the one file at C{path} without an end, also when another takes its place.

    C{sleep} waits for so many seconds. Raises C{OSError} where there is no file to begin with.
    """
    file: IO[bytes] = open(path, "rb")
    while True:
        with file:
            yield from _numbered(path, _growing(path, file, sleep))
        file = _next(path, sleep)


def _growing(path: str, file: IO[bytes], sleep: Callable[[float], None]) -> Iterator[bytes]:
    """Whole lines of C{file}, until it is no longer the one at C{path} and has been read."""
    rest = b""
    while True:
        # Asked before reading: what is written until then belongs to it.
        over = _isOver(path, file)
        for line in file:
            rest += line
            if rest.endswith(b"\n"):
                yield rest
                rest = b""
        if over:
            if rest:
                yield rest
            return
        sleep(PAUSE)


def _isOver(path: str, file: IO[bytes]) -> bool:
    ours = os.fstat(file.fileno())
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return True
    return not os.path.samestat(ours, there) or there.st_size < file.tell()


def _next(path: str, sleep: Callable[[float], None]) -> IO[bytes]:
    while True:
        try:
            return open(path, "rb")
        except FileNotFoundError:
            sleep(PAUSE)
