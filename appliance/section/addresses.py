"""Where the sections of a configuration listen: sockets kept, opened and closed by diff.

A socket belongs to its address, not to a section: one that another section listens at from now on
stays open. Nothing is accepted here.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from appliance.config.model import (
    InetAddress,
    Problem,
    SectionConfig,
    Severity,
    SocketOption,
    SocketRole,
)
from appliance.config.stunnelwords import bindingSaid
from appliance.events import BindFailed, Events
from appliance.system.heritage import NOTHING
from appliance.system.sockets import Listener, ListenError, listen, places, retune

Place = tuple[socket.AddressFamily, Any]
"""Where a socket listens: the family and what C{bind} takes."""

Found = dict[Place, Listener]
"""The sockets of one section."""

_NO_IPV6: Final = (errno.EADDRINUSE, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""Why "::" may be missing where a bare port was asked for: IPv4 alone will do then."""


class Addresses:
    """The listening sockets of all sections; C{events} hears of those that cannot be had.

    Where not C{needsAll}, one address is enough for a section. What is in the C{heritage} is taken
    up rather than opened.
    """

    def __init__(self, events: Events) -> None:
        self.needsAll = True
        self.heritage = NOTHING
        self._events = events
        self._found: dict[str, Found] = {}
        self._options: dict[str, tuple[SocketOption, ...]] = {}
        self._opened: list[Listener] = []

    def open(self, sections: Iterable[SectionConfig], problems: list[Problem]) -> tuple[Found, ...]:
        """For each section the sockets that there are already, and new ones.

        What cannot be had goes to C{problems}. Either L{giveBack} or L{settle} comes next.
        """
        self._opened = []
        return tuple(self._of(section, problems) for section in sections)

    def _of(self, config: SectionConfig, problems: list[Problem]) -> Found:
        have = {place: x for of in self._found.values() for place, x in of.items()}
        found: Found = {}
        failures: list[tuple[str, ListenError]] = []
        for address in config.accept:
            try:
                wanted = places(address)
            except ListenError as error:
                failures.append((str(address), error))
                continue
            for place in wanted:
                try:
                    found[place] = have[place] if place in have else self._open(config, place)
                except ListenError as error:
                    self._events.publish(BindFailed(config.name, _text(place), str(error)))
                    bare = isinstance(address, InetAddress) and not address.host
                    spare = bare and place[0] is socket.AF_INET6
                    if not (spare and error.code in _NO_IPV6):
                        failures.append((_text(place), error))
        if self.needsAll or not found:
            problems += [_problem(config, text, failure) for text, failure in failures]
        return found

    def _open(self, config: SectionConfig, place: Place) -> Listener:
        owner = (config.setuid, config.setgid)
        listener = listen(*place, _options(config), owner, self.heritage)
        self._opened.append(listener)
        return listener

    def giveBack(self) -> None:
        """Undo L{open}; what has been settled stays."""
        for listener in self._opened:
            listener.giveBack()
        self._opened = []

    def retune(self, sections: Sequence[SectionConfig], found: Sequence[Found]) -> Iterator[str]:
        """Let the sockets that stay have the options that their sections have now.

        Gives a sentence for each that cannot follow.
        """
        before = {place: self._options[name] for name, of in self._found.items() for place in of}
        for config, of in zip(sections, found, strict=True):
            for place in of.keys() & before.keys():
                for text in retune(of[place], before[place], _options(config)):
                    yield f"[{config.name}] {text}"

    def settle(self, sections: Sequence[SectionConfig], found: Sequence[Found]) -> None:
        """These are the sockets from now on: all others are closed."""
        kept = [listener for of in found for listener in of.values()]
        for of in self._found.values():
            for listener in of.values():
                if listener not in kept:
                    listener.close()
        self._found = {config.name: of for config, of in zip(sections, found, strict=True)}
        self._options = {config.name: _options(config) for config in sections}
        self._opened = []


def _options(config: SectionConfig) -> tuple[SocketOption, ...]:
    """The options of the sockets that a section listens at."""
    return tuple(o for o in config.socketOptions if o.role is SocketRole.ACCEPT)


def _text(place: Place) -> str:
    where = place[1]
    return where if isinstance(where, str) else f"{where[0]}:{where[1]}"


def _problem(config: SectionConfig, text: str, error: ListenError) -> Problem:
    advice = {
        13: "ports below 1024 need root or CAP_NET_BIND_SERVICE (setcap, or systemd's "
        "AmbientCapabilities); or use a port above 1023",
        98: f"see who has it: ss -ltnp 'sport = :{text.rpartition(':')[2]}'",
        99: "this machine has no such address: see 'ip address'",
    }.get(error.code, "")
    return Problem(
        Severity.ERROR,
        config.where,
        f"cannot listen at {text}: {error}",
        advice=advice,
        section=config.name,
        option="accept",
        said=bindingSaid(config.name),
    )
