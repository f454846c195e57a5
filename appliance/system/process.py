"""Facts about users, groups and files that a process needs before it changes itself."""

from __future__ import annotations

import grp
import os
import pwd


class ProcessError(Exception):
    """The process cannot be set up as asked; C{str} says why and what to do."""


def userNumber(name: str) -> int:
    """The number of the user C{name} (or of a number). Raises L{ProcessError}."""
    try:
        number = int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ProcessError(f"setuid: there is no user {name!r}; see 'getent passwd'") from None
    if os.geteuid() not in (0, number):
        raise ProcessError(f"setuid: only root can become {name!r}; start as root, or drop setuid")
    return number


def groupNumber(name: str) -> int:
    """The number of the group C{name} (or of a number). Raises L{ProcessError}."""
    try:
        number = int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ProcessError(f"setgid: there is no group {name!r}; see 'getent group'") from None
    if os.geteuid() != 0 and os.getegid() != number:
        raise ProcessError(f"setgid: only root can become {name!r}; start as root, or drop setgid")
    return number


def checkPidFile(path: str) -> None:
    """Raise L{ProcessError} when no pid file can be written at C{path}."""
    directory = os.path.dirname(path) or "."
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ProcessError(f"pid: cannot write {path}: {directory} is missing or not writable")
