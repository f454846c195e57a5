"""What a process is and becomes: its user, its group, its root, its pid file."""

from __future__ import annotations

import grp
import os
import pwd
import resource
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import frozen


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


def keepOpen(path: str) -> Callable[[], None]:
    """Hold the file at C{path} open; what is returned empties it, whoever we are by then.

    Raises C{OSError}.
    """
    handle = os.open(path, os.O_WRONLY)

    def empty() -> None:
        with suppress(OSError):
            os.ftruncate(handle, 0)
        os.close(handle)

    return empty


def renumber(path: str) -> None:
    """Write the number of this process to the file at C{path} if it has another, and may be."""
    with suppress(OSError), open(path, "r+", encoding="ascii") as file:
        number = str(os.getpid())
        if file.read().strip() != number:
            file.seek(0)
            file.truncate()
            file.write(number)


def groupsOf(user: int, group: int | None) -> tuple[int, tuple[int, ...]]:
    """The group that C{user} comes with, unless it is C{group}, and all groups that it is in.

    To be asked before the root changes, where nobody may be known. Raises L{ProcessError}.
    """
    try:
        known = pwd.getpwuid(user)
    except KeyError:
        if group is None:
            found = f"setuid: no user has the number {user}, and so its group is not known"
            raise ProcessError(f"{found}; write setgid as well") from None
        return group, (group,)
    group = known.pw_gid if group is None else group
    return group, tuple(os.getgrouplist(known.pw_name, group))


def become(user: int | None, group: int | None, groups: Sequence[int] | None = None) -> None:
    """Be C{user} and C{group} for good, and of C{groups} or no other. Raises L{ProcessError}."""
    if groups is None:
        groups = (os.getgid() if group is None else group,)
    try:
        if os.geteuid() == 0 and (user is not None or group is not None):
            os.setgroups(groups)
        if group is not None:
            os.setgid(group)
        if user is not None:
            os.setuid(user)
    except OSError as error:
        what = "setgid" if group is not None and os.getgid() != group else "setuid"
        raise ProcessError(f"{what}: {said(error)}") from None


def leaveNoDump() -> None:
    """Let this process and its children write no core dump, which would have the keys in it.

    The hard limit stays, so that whoever looks for a defect can raise it: prlimit(1).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def maskAtLeast(mask: int) -> None:
    """Let files that are made give to others nothing that C{mask} has."""
    os.umask(os.umask(0o777) | mask)


def changeRoot(path: str) -> None:
    """Lock the process into the directory C{path}. Raises L{ProcessError}."""
    try:
        os.chroot(path)
        os.chdir("/")
    except OSError as error:
        raise ProcessError(f"chroot: {said(error)}") from None


def said(error: OSError) -> str:
    """What the system says, with the number: C{No such file or directory (2)}."""
    number = error.errno or 0
    return f"{os.strerror(number)} ({number})"


@frozen
class PidFile:
    """The file at C{path} that has the number of this process in it."""

    path: str

    def write(self) -> None:
        """Make it anew, readable by all. Raises C{OSError}."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.fchmod(handle, 0o644)
            os.write(handle, b"%d\n" % os.getpid())
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Remove it, if that is still allowed."""
        with suppress(OSError):
            os.unlink(self.path)
