"""New files, written all or none: what commands that make files have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable


def writeAll(files: Iterable[tuple[str, bytes, int]]) -> None:
    """Create every file (path, content, mode), or none; one that exists is never touched."""
    created = []
    try:
        for path, content, mode in files:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            created.append(path)
            with open(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)  # the umask may have taken some of it away
                file.write(content)
    except BaseException:
        for path in created:
            os.unlink(path)
        raise
