"""Listening sockets, opened before the process gives up its rights or leaves the terminal.

One that another process has opened for us is taken up instead.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterable, Iterator
from socket import AddressFamily

from attrs import frozen

from appliance.config.model import Address, SocketOption, UnixAddress
from appliance.system.heritage import NOTHING, Heritage

BACKLOG = 1024

AT_BINDING = ("SO_REUSEADDR", "IP_FREEBIND", "IPV6_V6ONLY")
"""Options that mean something only before a socket is bound."""


class ListenError(Exception):
    """An address cannot be listened at; C{str} says why, C{code} is the errno."""

    def __init__(self, error: OSError) -> None:
        self.code = error.errno or 0
        super().__init__(f"{os.strerror(self.code)} ({self.code})" if self.code else error.strerror)


@frozen
class Listener:
    """An open, listening socket and the address it really has (C{"host:port"} or a path).

    One that is C{inherited} was opened by another process, which may listen too.
    """

    socket: socket.socket
    address: str
    inherited: bool = False

    @property
    def family(self) -> AddressFamily:
        """The socket's address family."""
        return self.socket.family

    def close(self) -> None:
        """Stop listening; a unix socket's file goes with it."""
        if self.family is socket.AF_UNIX:
            with contextlib.suppress(OSError):
                os.unlink(self.address)
        self.letGo()

    def letGo(self) -> None:
        """Stop listening, and leave to another process what is left of it."""
        self.socket.close()

    def giveBack(self) -> None:
        """Undo that it was opened: nothing came of it."""
        if self.inherited:
            self.letGo()
        else:
            self.close()


def places(address: Address) -> tuple[tuple[AddressFamily, str | tuple[str, int]], ...]:
    """Where to listen for one C{accept}: a bare port means every IPv4 and every IPv6 address.

    Raises L{ListenError} when a host name cannot be resolved.
    """
    if isinstance(address, UnixAddress):
        return ((socket.AF_UNIX, address.path),)
    if not address.host:
        return (
            (socket.AF_INET, ("0.0.0.0", address.port)),  # noqa: S104  # what a bare port means
            (socket.AF_INET6, ("::", address.port)),
        )
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise ListenError(
            OSError(0, f"cannot resolve {address.host!r}: {error.strerror}")
        ) from None
    return tuple(
        dict.fromkeys((family, (str(where[0]), int(where[1]))) for family, _, _, _, where in found)
    )


def listen(
    family: AddressFamily,
    where: str | tuple[str, int],
    options: Iterable[SocketOption] = (),
    owner: tuple[str | None, str | None] = (None, None),
    heritage: Heritage = NOTHING,
) -> Listener:
    """Listen at C{where}; a unix socket gets C{owner} (user, group). Raises L{ListenError}.

    A socket of the C{heritage} that listens there is taken up as it is, but for C{options}.
    """
    handle = heritage.claim(family, where)
    if handle is not None:
        return _takenUp(handle, where, options)
    try:
        handle = socket.socket(family, socket.SOCK_STREAM)
        handle.setblocking(False)
        if family is socket.AF_INET6:
            handle.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if family is socket.AF_UNIX:
            _removeStale(str(where))
        else:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in options:
            handle.setsockopt(option.level, option.number, option.value)
        handle.bind(where)
        if family is socket.AF_UNIX:
            _own(str(where), *owner)
        handle.listen(BACKLOG)
    except OSError as error:
        if handle is not None:
            handle.close()
        raise ListenError(error) from None
    return Listener(handle, _text(handle, where))


def _takenUp(
    handle: socket.socket, where: str | tuple[str, int], options: Iterable[SocketOption]
) -> Listener:
    try:
        handle.setblocking(False)
        for option in options:
            if option.name not in AT_BINDING:
                handle.setsockopt(option.level, option.number, option.value)
        handle.listen(BACKLOG)
    except OSError as error:
        handle.close()
        raise ListenError(error) from None
    return Listener(handle, _text(handle, where), inherited=True)


def retune(
    listener: Listener, before: Iterable[SocketOption], after: Iterable[SocketOption]
) -> Iterator[str]:
    """Bring an open C{listener} from the options C{before} to those C{after}.

    Connections that come from then on are as the new ones say. Gives a sentence for each change
    that only a socket opened anew can follow.
    """
    old = {option.name: option for option in before}
    new = {option.name: option for option in after}
    for name in (*new, *(name for name in old if name not in new)):
        option = new.get(name)
        if old.get(name) == option:
            continue
        why = "the line is gone" if option is None else _cannotChange(listener, option)
        if why:
            yield (
                f"socket: a:{name} of {listener.address} stays as it was, since {why}: the change "
                "counts at the next start only"
            )


def _cannotChange(listener: Listener, option: SocketOption) -> str:
    """Set C{option}, or say why that cannot be."""
    if option.name in AT_BINDING:
        return "it means something only before a socket is bound"
    try:
        listener.socket.setsockopt(option.level, option.number, option.value)
    except OSError as error:
        return f"the system says {ListenError(error)}"
    return ""


def refused(options: Iterable[SocketOption]) -> Iterator[tuple[SocketOption, str]]:
    """Those of C{options} that the kernel refuses for a TCP socket, with its words."""
    for option in options:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as scratch:
            try:
                scratch.setsockopt(option.level, option.number, option.value)
            except OSError as error:
                yield option, str(ListenError(error))


def _text(handle: socket.socket, where: str | tuple[str, int]) -> str:
    if isinstance(where, str):
        return where
    host, port = handle.getsockname()[:2]
    return f"{host}:{port}"


def _own(path: str, user: str | None, group: str | None) -> None:
    """Give a socket file to C{user} and C{group}, by name or number. Raises C{OSError}."""
    if user is None and group is None:
        return
    try:
        uid = -1 if user is None else int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        gid = -1 if group is None else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        os.unlink(path)
        raise OSError(0, f"there is no user {user!r} or no group {group!r}") from None
    try:
        os.chown(path, uid, gid)
    except OSError:
        os.unlink(path)
        raise


def _removeStale(path: str) -> None:
    """Remove a socket file that nobody listens at any more, as after a crash."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
