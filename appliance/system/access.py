"""Whether a user may read a file, found out from modes, owners and groups.

It is asked before a process becomes that user, so it cannot be tried. What an access control list
grants (acl(5)) is not judged: where there is one, it is taken to be meant.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator

from attrs import frozen

LINKS = 40
"""How many symbolic links lead on, as in Linux (path_resolution(7))."""

_LIST = "system.posix_acl_access"


@frozen
class Identity:
    """A user by C{name}, and the groups that a process of it has; user 0 may do everything."""

    name: str
    uid: int
    groups: frozenset[int]

    @classmethod
    def of(cls, user: str | None, group: str | None, *, member: bool = True) -> Identity | None:
        """Whom a process becomes that is told to be C{user} and C{group}, by name or number.

        Without a C{user} it stays who it is. Another has all its groups where it is made a
        C{member} of them, else the one alone. C{None} where there is no such user or group.
        """
        try:
            if user is None:
                entry = pwd.getpwuid(os.geteuid())
            else:
                entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
            if group is not None:
                number = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
            else:
                number = entry.pw_gid if member and user is not None else os.getgid()
        except KeyError:
            return None
        if user is None:
            groups = [*os.getgroups(), number]
        else:
            groups = os.getgrouplist(entry.pw_name, number) if member else [number]
        return cls(entry.pw_name, entry.pw_uid, frozenset(groups))

    def may(self, found: os.stat_result, wanted: int) -> bool:
        """True when the mode of what was C{found} grants C{wanted}, C{stat.S_IROTH} and the like.

        The first class that fits decides, be it by a no (path_resolution(7)).
        """
        if self.uid == 0:
            return True
        if found.st_uid == self.uid:
            wanted <<= 6
        elif found.st_gid in self.groups:
            wanted <<= 3
        return found.st_mode & wanted == wanted


def obstacle(path: str, who: Identity, root: str = "/") -> str | None:
    """What keeps C{who} from reading C{path}, a file or a directory, in words; C{None}: nothing.

    C{root} is the directory that will be the root by then.
    """
    try:
        *above, (place, found) = _way(path, root)
    except PermissionError:
        return None  # whoever asks may not look that far
    except OSError as error:
        return f"{error.filename}: {os.strerror(error.errno or 0)}"
    for each, directory in above:
        if not _grants(each, directory, who, stat.S_IXOTH):
            return f"{each} may not be entered ({_facts(directory)})"
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else 0)
    if not _grants(place, found, who, wanted):
        return f"{place} may not be read ({_facts(found)})"
    return None


def _way(path: str, root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Each directory on the way to C{path}, links followed, and then what is there.

    Raises C{OSError} where the way ends before.
    """
    here, links = root, 0
    pending = path.split("/")[::-1]
    yield here, os.stat(here)
    while pending:
        name = pending.pop()
        if name in ("", "."):
            continue
        if name == "..":
            here = here if here == root else os.path.dirname(here)
            continue
        there = os.path.join(here, name)
        found = os.lstat(there)
        if not stat.S_ISLNK(found.st_mode):
            here = there
            yield here, found
            continue
        links += 1
        if links > LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(there)
        here = root if target.startswith("/") else here
        pending += target.split("/")[::-1]


def _grants(path: str, found: os.stat_result, who: Identity, wanted: int) -> bool:
    return who.may(found, wanted) or _listed(path)


def _listed(path: str) -> bool:
    """True for a file with an access control list."""
    try:
        return _LIST in os.listxattr(path)
    except OSError:
        return False


def _facts(found: os.stat_result) -> str:
    """Whose it is, and its mode."""
    try:
        user = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        user = str(found.st_uid)
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return f"{user}:{group}, mode {stat.S_IMODE(found.st_mode):04o}"
