"""Which files a section's TLS settings are made from, and what shows that they have changed.

Nothing is read here: what counts is what the system says of a file, and links are followed, so
that it does not matter whether a file is written over, renamed into place, or behind a link that
now leads elsewhere (as Kubernetes and certbot have it).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from attrs import frozen

from appliance.config.model import TLSConfig, Where


@frozen
class Named:
    """A file that C{option} names at C{where}, or a directory."""

    option: str
    path: str
    where: Where
    directory: bool = False


def named(tls: TLSConfig) -> Iterator[Named]:
    """All that is read from the disk for C{tls}."""
    certWhere, keyWhere = tls.certWhere, tls.keyWhere if tls.keyWhere.path else tls.certWhere
    caWhere = tls.caWhere if tls.caWhere.path else certWhere
    shared = certWhere if certWhere.path else caWhere
    files = (
        ("cert", tls.cert, certWhere),
        ("key", tls.key, keyWhere),
        ("keyPassphrase", tls.keyPassphrase, keyWhere),
        ("CAfile", tls.caFile, caWhere),
        ("CRLfile", tls.crlFile, caWhere),
        ("PSKsecrets", tls.pskSecrets, shared),
    )
    for option, path, where in files:
        if path is not None:
            yield Named(option, path, where)
    for option, path in (("CApath", tls.caPath), ("CRLpath", tls.crlPath)):
        if path is not None:
            yield Named(option, path, caWhere, directory=True)


@frozen
class Mark:
    """What changes with a file: when it was written (nanoseconds), its size, its inode."""

    mtime: int
    size: int
    inode: int


@frozen
class Footprint:
    """How the files of a section were found, by path; C{None} for one that was not there.

    A directory stands for all that is in it: it changes when a name in it comes, goes or is
    replaced, and not when a file in it is written over.
    """

    marks: tuple[tuple[str, Mark | None], ...] = ()

    @classmethod
    def of(cls, tls: TLSConfig) -> Footprint:
        """The files of C{tls} as they are now."""
        paths = dict.fromkeys(each.path for each in named(tls))
        return cls(tuple((path, _mark(path, None, missed=True)) for path in paths))

    def again(self, *, missed: bool = True) -> Footprint:
        """The same files as they are now; one that cannot be looked at counts as it was.

        That goes for one that is not there too where it would not be C{missed}.
        """
        return Footprint(tuple((path, _mark(path, mark, missed)) for path, mark in self.marks))

    def changed(self, before: Footprint) -> tuple[str, ...]:
        """The paths that are not as they were C{before}."""
        known = dict(before.marks)
        return tuple(path for path, mark in self.marks if known.get(path) != mark)


def _mark(path: str, before: Mark | None, missed: bool) -> Mark | None:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None if missed else before
    except OSError:
        # A disk that does not answer, or a directory that we may not enter, tells nothing.
        return before
    return Mark(found.st_mtime_ns, found.st_size, found.st_ino)
