"""The audit trail: what must be told to a collector of audit messages, out of all that happens.

It decides what is worth a message and how often, and hands finished ones on. It sends nothing, and
what goes well on the data path is no business of it: the journal has that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from appliance.audit.atna import (
    Node,
    Reporter,
    applicationActivity,
    configurationAlert,
    nodeAlert,
    userAuthentication,
)
from appliance.audit.connections import Connections
from appliance.audit.journal import now
from appliance.audit.repeats import WINDOW, Repeats
from appliance.audit.syslog import Origin, message
from appliance.events import (
    Accepting,
    AssociationRefused,
    Banned,
    Configured,
    ConnectionEvent,
    ConsoleLogin,
    ConsoleLogout,
    Event,
    FilesChanged,
    FilesRefused,
    HandshakeFailed,
    NotAdmitted,
    Redirected,
    Refused,
    Stopping,
)

MANY: Final = "and more addresses than are told apart"
"""What is said of an alert that stands for many; the address in it is one of them."""


@frozen
class Alert:
    """Something of the C{node} was against the rules of the C{section}: C{what}, in words."""

    section: str
    node: Node
    what: str


class Trail:
    """Listens, and hands audit messages to C{send} as syslog messages; C{by} gives who we are.

    C{uri} is where the configuration comes from, C{now} the time, aware.
    """

    def __init__(
        self,
        clock: Any,
        by: Callable[[], Reporter],
        uri: str,
        send: Callable[[bytes], None],
        now: Callable[[], datetime] = now,
    ) -> None:
        self._by = by
        self._uri = uri
        self._send = send
        self._now = now
        self._connections = Connections()
        self._repeats: Repeats[Alert] = Repeats(clock, self._tellAlert)
        self._failedLogins: Repeats[ConsoleLogin] = Repeats(clock, self._tellLogin)
        self._serves = False

    def __call__(self, event: Event) -> None:
        """Send what there is to say of C{event}."""
        if isinstance(event, ConnectionEvent):
            self._hearConnection(event)
            self._connections.note(event)
        else:
            self._hearProcess(event)

    # --- the process -----------------------------------------------------------------------

    def _hearProcess(self, event: Event) -> None:
        by, when = self._by(), self._now()
        match event:
            case Accepting():
                self._serves = True
                self._tell(applicationActivity(by, when, starts=True))
            case Stopping():
                self._repeats.flush()
                self._failedLogins.flush()
                self._tell(applicationActivity(by, when, starts=False))
            case Configured() if self._serves:
                what = "a changed configuration was applied"
                self._tell(configurationAlert(by, when, self._uri, what, applied=True))
            case Refused(problems=problems) if self._serves:
                what = f"a changed configuration was refused: {'; '.join(problems)}"
                self._tell(configurationAlert(by, when, self._uri, what, applied=False))
            case FilesChanged() if self._serves:
                self._tell(configurationAlert(by, when, self._uri, _taken(event), applied=True))
            case FilesRefused(section=name, problems=problems) if self._serves:
                what = f"changed files of [{name}] were refused: {'; '.join(problems)}"
                self._tell(configurationAlert(by, when, self._uri, what, applied=False))
            case Banned():
                self._alertBan(event)
            case ConsoleLogin(ok=True):
                self._tellLogin(event, 0)
            case ConsoleLogin():
                host = _host(event.address)
                self._failedLogins.saw(host, event, event)
            case ConsoleLogout():
                host = _host(event.address)
                self._tell(userAuthentication(by, when, event.user, host, arrives=False))

    def _tellLogin(self, event: ConsoleLogin, more: int) -> None:
        what = _repeated("not let in", more) if not event.ok else ""
        self._tell(
            userAuthentication(
                self._by(),
                self._now(),
                event.user,
                _host(event.address),
                arrives=True,
                failure=what,
            )
        )

    # --- connections -----------------------------------------------------------------------

    def _hearConnection(self, event: ConnectionEvent) -> None:
        match event:
            case HandshakeFailed():
                way = "as a server" if event.dialled else "as a client"
                self._alert(event, event.kind, f"{way} it {event.found}", remote=event.remote)
            case NotAdmitted():
                self._alert(event, "not admitted", f"it was not admitted: {event.why}")
            case Redirected():
                what = "its certificate is missing or bad, and it was redirected"
                self._alert(event, "redirected", what)
            case AssociationRefused(enforced=True):
                what = f"its association with {event.called} was rejected: {event.why}"
                self._alert(event, "association", what, title=event.calling)

    def _alert(
        self,
        event: ConnectionEvent,
        kind: str,
        what: str,
        remote: str | None = None,
        title: str | None = None,
    ) -> None:
        known = self._connections.of(event)
        subject = None if known.peer is None else known.peer.subject
        if known.rejected is not None:
            subject = known.rejected.subject
            what += f" (certificate at depth {known.rejected.depth}: {known.rejected.error})"
        if remote is None:
            remote = known.backend if known.dialled else known.client
        self._count(event.section, Node(_host(remote), subject, title), kind, what)

    def _alertBan(self, event: Banned) -> None:
        # A node has an address; who is banned may have all of a network's.
        address, slash, _ = event.client.partition("/")
        network = f", all of {event.client}" if slash else ""
        what = f"it was bad too often and is banned for {event.seconds:g} s{network}: {event.why}"
        self._count(event.section, Node(address), "banned", what)

    def _count(self, section: str, node: Node, kind: str, what: str) -> None:
        text = f"[{section}] {what}"
        self._repeats.saw(
            (section, node.address, kind),
            Alert(section, node, text),
            Alert(section, node, f"{text}; {MANY} were not let in"),
        )

    def _tellAlert(self, alert: Alert, more: int) -> None:
        self._tell(nodeAlert(self._by(), self._now(), alert.node, _repeated(alert.what, more)))

    # --- both ------------------------------------------------------------------------------

    def _tell(self, xml: bytes) -> None:
        by = self._by()
        self._send(message(xml, self._now(), Origin(by.host, by.name, by.pid)))


def _taken(event: FilesChanged) -> str:
    """What a section is served with from now on."""
    what = f"changed files of [{event.section}] were applied: {', '.join(event.files) or 'none'}"
    if event.certificate:
        what += f"; its certificate is {event.certificate}, serial number {event.serial}"
    return what


def _repeated(what: str, more: int) -> str:
    return f"{what}; {more} more within {WINDOW:g} s" if more else what


def _host(address: str) -> str:
    """The host in C{"address:port"}."""
    return address.rpartition(":")[0] or address or "unknown"
