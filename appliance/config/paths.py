"""File names in the configuration to absolute paths, with help for the usual slips.

Names that differ from the file's in case alone and paths from Windows are found, with a warning.
Nothing here opens a file.
"""

from __future__ import annotations

import os
import shutil

from attrs import evolve, frozen

from appliance.config.files import Files
from appliance.config.model import Problem
from appliance.config.source import beside
from appliance.config.vocabulary import PathKind
from appliance.config.wording import Place, anyOf, nearest


@frozen
class Found:
    """Where a name led: an absolute path, or C{None}, and what has to be said about it."""

    path: str | None
    problems: tuple[Problem, ...] = ()


@frozen
class Surroundings:
    """Finds what is named in the configuration file that stands in C{directory}."""

    directory: str
    files: Files

    def find(self, name: str, kind: PathKind, place: Place) -> Found:
        """Find C{name}, which is written at C{place} and must be of the C{kind}."""
        path = os.path.join(self.directory, name)
        windows = beside(self.directory, name)
        if kind is PathKind.PROGRAM and windows is None:
            return self._program(name, path, place)
        if windows is None or self.files.exists(path):
            return self._check(path, kind, place)
        found = self._check(windows, kind, place)
        if found.path is None:
            return found
        moved = place.warning(
            f"{name} is a path on Windows",
            advice=f"{found.path} is used; write that name to be sure",
        )
        return evolve(found, problems=(moved,))

    def _program(self, name: str, path: str, place: Place) -> Found:
        if "/" not in name:
            if not self.files.isFile(path) or shutil.which(name) is not None:
                return Found(name)
            advice = f"write ./{name} for the file beside the configuration"
            return Found(name, (place.warning(f"there is no {name} on PATH", advice=advice),))
        if self.files.isFile(path):
            return Found(path)
        # With chroot it need not be there as seen from here.
        advice = "it cannot be started until it is there"
        return Found(path, (place.warning(f"there is no {path}", "a program", advice),))

    def _check(self, path: str, kind: PathKind, place: Place) -> Found:
        if kind is PathKind.CREATED:
            return Found(path)
        if not self.files.exists(path):
            return self._otherCase(path, kind, place)
        if self.files.isFile(path) is not (kind is not PathKind.DIRECTORY):
            return Found(None, (place.error(f"{path} is not a {kind.value}", f"a {kind.value}"),))
        return Found(path)

    def _otherCase(self, path: str, kind: PathKind, place: Place) -> Found:
        directory, name = os.path.split(path)
        try:
            names = sorted(self.files.names(directory))
        except OSError:
            return Found(None, (_missing(path, kind, (), place),))
        alike = [other for other in names if other.casefold() == name.casefold()]
        if not alike:
            return Found(None, (_missing(path, kind, nearest(name, names, 3), place),))
        if len(alike) > 1:
            return Found(None, (_ambiguous(path, alike, place),))
        found = self._check(os.path.join(directory, alike[0]), kind, place)
        case = place.warning(
            f"there is no {path}",
            advice=f"{alike[0]} in the same directory is used; write it like that, case included",
        )
        return evolve(found, problems=(case, *found.problems))


def _missing(path: str, kind: PathKind, near: list[str] | tuple[()], place: Place) -> Problem:
    advice = "put it there, or write where it is"
    if near:
        advice += f"; there is {anyOf(near)} in that directory"
    return place.error(f"there is no {path}", f"a {kind.value}", advice)


def _ambiguous(path: str, alike: list[str], place: Place) -> Problem:
    return place.error(
        f"there is no {path}, but there are {' and '.join(alike)} in the same directory",
        "one name that fits",
        "write the right one, case included",
    )
