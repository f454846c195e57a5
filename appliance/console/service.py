"""Puts the console together as the configuration asks: the control socket, and the shell by SSH.

Everything that can fail does so in L{consoleFor}, while the process has all its rights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList

from appliance.config.model import (
    RUNTIME_CONTROL,
    Address,
    Config,
    ConfigError,
    ConsoleConfig,
    Problem,
    Severity,
    UnixAddress,
    Where,
)
from appliance.console.control import FACE, ControlFactory
from appliance.console.desk import Desk
from appliance.events import ConsoleRefused, Warned
from appliance.system.doors import Door, Owner, listenAt
from appliance.system.heritage import NOTHING, Heritage
from appliance.system.sockets import Listener

if TYPE_CHECKING:
    from appliance.console.ssh.factory import ConsoleFactory

LINGER: Final = 5.0
"""Seconds that those who are in may stay after another process has taken over."""

_RUNTIME: Final = "RUNTIME_DIRECTORY"
"""What systemd calls its directory in the environment; several have a colon between them."""

_LONGEST_PATH: Final = 107
"""Bytes of the path of a unix socket (unix(7))."""


@define(eq=False)
class Console(Service):
    """The C{doors} of the console; the C{factories} behind them know who is in."""

    reactor: Any
    doors: tuple[Door, ...]
    factories: tuple[ControlFactory | ConsoleFactory, ...]

    def startService(self) -> None:
        """Let people in."""
        super().startService()
        for door in self.doors:
            door.open(self.reactor)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where people can come in."""
        return tuple(listener for door in self.doors for listener in door.listeners)

    def letGo(self) -> Deferred[Any]:
        """Let another process have those who come; fires when those have left who are in.

        They get L{LINGER} seconds, in which answers reach whoever waits for them.
        """
        for door in self.doors:
            door.letGo()
        self.reactor.callLater(LINGER, self._endAll)
        return DeferredList([factory.guests.whenEmpty() for factory in self.factories])

    def _endAll(self) -> None:
        for factory in self.factories:
            factory.endAll()

    def stopService(self) -> None:
        """Let nobody in any more, and everybody go."""
        super().stopService()
        for door in self.doors:
            door.close()
        self._endAll()


def consoleFor(
    reactor: Any,
    config: Config,
    desk: Desk,
    environment: Mapping[str, str],
    python: Mapping[str, Any],
    heritage: Heritage = NOTHING,
) -> Console:
    """The console that C{config} asks for, its sockets open. Raises L{ConfigError}.

    C{python} are the names that a Python prompt starts with. Sockets may be in the C{heritage}.
    """
    process, wanted = config.process, config.process.console
    owner = (process.setuid, wanted.group or process.setgid)
    building = _Building(reactor, desk, owner, heritage)
    path = controlPath(wanted, environment)
    if path is not None:
        building.control(path, wanted)
    if wanted.manhole is not None:
        building.shell(wanted, python if wanted.python else None)
    if any(problem.fatal for problem in building.problems):
        for door in building.doors:
            door.giveBack()
        raise ConfigError(tuple(building.problems))
    for problem in building.problems:
        desk.events.publish(Warned(str(problem)))
    return Console(reactor, tuple(building.doors), tuple(building.factories))


def controlPath(wanted: ConsoleConfig, environment: Mapping[str, str]) -> str | None:
    """Where the control socket is to be, if anywhere."""
    if wanted.control != RUNTIME_CONTROL:
        return wanted.control
    directory, _, _ = environment.get(_RUNTIME, "").partition(":")
    return f"{directory}/control" if directory else None


class _Building:
    """A console that is being put together; C{problems} is all that is wrong with it."""

    def __init__(self, reactor: Any, desk: Desk, owner: Owner, heritage: Heritage) -> None:
        self.problems: list[Problem] = []
        self.doors: list[Door] = []
        self.factories: list[ControlFactory | ConsoleFactory] = []
        self._reactor = reactor
        self._desk = desk
        self._owner = owner
        self._heritage = heritage

    def control(self, path: str, wanted: ConsoleConfig) -> None:
        """Open the control socket."""
        if len(path.encode()) > _LONGEST_PATH:
            found = f"{path} is too long for a unix socket"
            expected = f"a path of at most {_LONGEST_PATH} bytes"
            where = wanted.controlWhere
            self.problems.append(Problem(Severity.ERROR, where, found, expected, option="control"))
            return
        factory = ControlFactory(self._reactor, self._desk)
        self._door(FACE, UnixAddress(path), factory, wanted.controlWhere, "control")

    def shell(self, wanted: ConsoleConfig, python: Mapping[str, Any] | None) -> None:
        """Open the shell."""
        # Only here: it takes time and memory that others can do without.
        from appliance.console.ssh.factory import ConsoleFactory
        from appliance.console.ssh.keys import readAuthorized, readHostKey

        problems = shellProblems(wanted)
        self.problems += problems
        if any(problem.fatal for problem in problems) or wanted.manhole is None:
            return
        hostKey, keys = readHostKey(str(wanted.hostKey)), str(wanted.keys)
        factory = ConsoleFactory(
            self._reactor, self._desk, hostKey, lambda: readAuthorized(keys)[0], python
        )
        self._door("ssh", wanted.manhole, factory, wanted.manholeWhere, "manhole")

    def _door(
        self,
        face: str,
        address: Address,
        factory: ControlFactory | ConsoleFactory,
        where: Where,
        option: str,
    ) -> None:
        def closed(why: str) -> None:
            self._desk.events.publish(ConsoleRefused(face, "everybody for a while", why))

        listeners, problems = listenAt(address, self._owner, where, option, self._heritage)
        self.problems += problems
        self.doors.append(Door(tuple(listeners), factory, closed))
        self.factories.append(factory)


def shellProblems(wanted: ConsoleConfig) -> list[Problem]:
    """What is wrong with the files that the shell needs, where one is wanted."""
    if wanted.manhole is None:
        return []
    from appliance.console.ssh.keys import KeyFileError, readAuthorized, readHostKey

    path, problems = str(wanted.keys), []

    def tell(
        severity: Severity,
        where: Where,
        option: str,
        found: str,
        expected: str = "",
        advice: str = "",
    ) -> None:
        problems.append(Problem(severity, where, found, expected, advice, option=option))

    try:
        readHostKey(str(wanted.hostKey))
    except KeyFileError as error:
        tell(Severity.ERROR, wanted.hostKeyWhere, "manholeHostKey", *error.words)
    try:
        found, unusable = readAuthorized(path)
    except KeyFileError as error:
        tell(Severity.ERROR, wanted.keysWhere, "manholeKeys", *error.words)
        return problems
    for each in unusable:
        why = f"this line lets nobody in: {each.why}"
        tell(Severity.WARNING, Where(path, each.line), "manholeKeys", why)
    if not found:
        nobody = f"there is no key in {path}: nobody can log in"
        tell(Severity.WARNING, wanted.keysWhere, "manholeKeys", nobody)
    return problems
