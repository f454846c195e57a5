"""The file system as the configuration sees it: the real one, or text that came another way.

Nothing else in this package touches a file.
"""

from __future__ import annotations

import os
from typing import Protocol

from attrs import frozen


class Files(Protocol):
    """The file system as the configuration sees it; every method takes an absolute path."""

    def read(self, path: str) -> bytes:
        """The whole content of a file. Raises C{OSError}."""

    def names(self, directory: str) -> list[str]:
        """The names in a directory, in any order. Raises C{OSError}."""

    def exists(self, path: str) -> bool:
        """True when there is anything at C{path}."""

    def isFile(self, path: str) -> bool:
        """True when there is a regular file at C{path}."""


@frozen
class Disk:
    """The real file system."""

    def read(self, path: str) -> bytes:
        """See L{Files.read}."""
        with open(path, "rb") as file:
            return file.read()

    def names(self, directory: str) -> list[str]:
        """See L{Files.names}."""
        return os.listdir(directory)

    def exists(self, path: str) -> bool:
        """See L{Files.exists}."""
        return os.path.exists(path)

    def isFile(self, path: str) -> bool:
        """See L{Files.isFile}."""
        return os.path.isfile(path)


@frozen
class Given:
    """What is at C{path} is C{data}, wherever that came from; all the rest is in C{files}."""

    path: str
    data: bytes
    files: Files

    def read(self, path: str) -> bytes:
        """See L{Files.read}."""
        return self.data if path == self.path else self.files.read(path)

    def names(self, directory: str) -> list[str]:
        """See L{Files.names}."""
        return self.files.names(directory)

    def exists(self, path: str) -> bool:
        """See L{Files.exists}."""
        return self.files.exists(path)

    def isFile(self, path: str) -> bool:
        """See L{Files.isFile}."""
        return self.files.isFile(path)
