"""Whom a section lets in, and of whom it has had enough: its limits at work.

It is asked about each connection before anything is done for it, in the process that accepts, so
that the limits hold over all workers. It counts by what it is told of begins and hears of ends. It
closes nothing, and tells nobody but by what it gives back: its section does that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from attrs import define, frozen

from appliance.config.model import Dicom, SectionConfig
from appliance.events import (
    AssociationAccepted,
    AssociationEnded,
    AssociationRefused,
    Banned,
    Closed,
    ConnectionEvent,
    Dialled,
    Events,
    HandshakeFailed,
    Handshaken,
    LimitKind,
    NotAdmitted,
    Reason,
    Unbanned,
)
from appliance.limits.bans import Ban, BanBook
from appliance.limits.bucket import Bucket
from appliance.limits.fairness import FairRate
from appliance.limits.networks import Networks, clientOf, clientText, packed
from appliance.tls.kinds import RefusalKind

ANSWERS: Final = 16
"""Clients at the same time that are told in DICOM that there is no place for them."""

ANSWER_RATE: Final = (20.0, 40.0)
"""How many a second are told so, and how many at once: each costs us a handshake."""

HOSTILE: Final = frozenset(
    kind.value
    for kind in (
        RefusalKind.HTTP,
        RefusalKind.NOT_TLS,
        RefusalKind.NO_CERTIFICATE,
        RefusalKind.CERTIFICATE_UNTRUSTED,
        RefusalKind.CERTIFICATE_INVALID,
    )
)
"""Failed handshakes that count towards a ban.

Not those that a modality has which is set up badly or old: they are told apart in the log, and a
ban would only hide them.
"""


@frozen
class Refusal:
    """Somebody is not let in; C{why} and C{advice} are words for a person.

    C{answered}: there is a place to be told so in DICOM, which is taken by L{Limits.enter}.
    """

    limit: LimitKind
    why: str
    advice: str
    answered: bool = False


@define(eq=False)
class Guest:
    """An open connection from C{address}; C{answered}: it is only told that it cannot stay."""

    address: bytes | None
    answered: bool
    healthy: bool = False
    struck: bool = False

    @property
    def client(self) -> bytes | None:
        """Whom it is counted as."""
        return None if self.address is None else clientOf(self.address)


class Limits:
    """The limits of a section under C{config}; C{full} tells when the process can take no more.

    C{clock} gives seconds, C{events} hears of bans.
    """

    def __init__(
        self, clock: Any, config: SectionConfig, events: Events, full: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._events = events
        self._full = full
        self._guests: dict[str, Guest] = {}
        self._served: Counter[bytes] = Counter()
        self._healthy: Counter[bytes] = Counter()
        self._answered = 0
        self._answers = Bucket(*ANSWER_RATE)
        self._book: BanBook | None = None
        self._rate: FairRate | None = None
        self._config = config
        self._use(config)

    def use(self, config: SectionConfig) -> None:
        """Let the limits of C{config} hold for those to come."""
        before, self._config = self._config.limits, config
        after = config.limits
        if (before.ban, before.banFor) != (after.ban, after.banFor):
            self.unban()
            self._book = None
        if before.rate != after.rate:
            self._rate = None
        self._use(config)

    def _use(self, config: SectionConfig) -> None:
        limits = config.limits
        self._allowed, self._denied = Networks(limits.allow), Networks(limits.deny)
        self._spared = Networks((*limits.allow, *limits.neverBan))
        if self._rate is None and limits.rate is not None:
            self._rate = FairRate(limits.rate.rate, limits.rate.burst)
        if self._book is None and limits.ban is not None:
            self._book = BanBook(limits.ban.strikes, limits.ban.within, limits.banFor)
        self._speaks = config.exec is None and config.dicom.mode is not Dicom.NO
        # By what a connection shows that its client is what it should be.
        self._sound: type[ConnectionEvent] = AssociationAccepted
        if not self._speaks:
            self._sound = Dialled if config.exec is None else Handshaken

    # --- who comes -------------------------------------------------------------------------

    def admit(self, host: str | None) -> Refusal | None:
        """Why a connection from C{host} is not let in, if so.

        C{None} is a client whose address is told later, see L{recognise}.
        """
        now = self._clock.seconds()
        address = None if host is None else packed(host)
        refusal = None if address is None else self._unwanted(address, now)
        if refusal is None and self._rate is not None:
            client = b"" if address is None else clientOf(address)
            if not self._rate.take(client, now):
                refusal = _tooFast(self._config)
        if refusal is None and self._full():
            refusal = OUT_OF_DESCRIPTORS
        return refusal or self._sectionFull(now) or self._clientFull(address, now)

    def recognise(self, connection: str, host: str) -> Refusal | None:
        """Why C{connection} is not to stay, now that its client is known to be C{host}, if so."""
        guest = self._guests[connection]
        self._leave(guest)
        guest.address, now = packed(host), self._clock.seconds()
        refusal = None if guest.address is None else self._unwanted(guest.address, now)
        if refusal is None and not guest.answered:
            refusal = self._clientFull(guest.address, now)
            guest.answered = refusal is not None and refusal.answered
        self._join(guest)
        return refusal

    def _unwanted(self, address: bytes, now: float) -> Refusal | None:
        """Why nobody is to call from C{address}, if so."""
        if self._denied and address in self._denied:
            return DENIED
        if self._allowed and address not in self._allowed:
            return NOT_ALLOWED
        ban = None if self._book is None else self._book.banned(clientOf(address), now)
        # Whom a reload has put on a list meanwhile is free at once.
        return None if ban is None or address in self._spared else _banned(ban)

    def _sectionFull(self, now: float) -> Refusal | None:
        most = self._config.limits.connections
        if most is None or len(self._guests) - self._answered < most:
            return None
        return Refusal(*_noPlace(most), self._mayAnswer(now))

    def _clientFull(self, address: bytes | None, now: float) -> Refusal | None:
        most = self._config.limits.perClient
        if most is None or address is None or self._served[clientOf(address)] < most:
            return None
        return Refusal(*_noPlaceFor(most), self._mayAnswer(now))

    def _mayAnswer(self, now: float) -> bool:
        return self._speaks and self._answered < ANSWERS and self._answers.take(now)

    # --- who is there ----------------------------------------------------------------------

    def enter(self, connection: str, host: str | None, answered: bool = False) -> None:
        """C{connection} is open now, be it only to be C{answered} that it cannot stay."""
        guest = self._guests[connection] = Guest(None if host is None else packed(host), answered)
        self._join(guest)

    def answers(self, connection: str) -> bool:
        """True where C{connection} is open only to be told that it cannot stay."""
        guest = self._guests.get(connection)
        return guest is not None and guest.answered

    def left(self, connection: str) -> None:
        """C{connection} is no more."""
        guest = self._guests.pop(connection, None)
        if guest is not None:
            self._leave(guest)

    def _join(self, guest: Guest) -> None:
        client = guest.client
        if guest.answered:
            self._answered += 1
        elif client is not None:
            self._served[client] += 1

    def _leave(self, guest: Guest) -> None:
        self._setHealthy(guest, False)
        client = guest.client
        if guest.answered:
            self._answered -= 1
        elif client is not None:
            _less(self._served, client)

    # --- what they do ----------------------------------------------------------------------

    def hear(self, event: ConnectionEvent) -> None:
        """Learn from C{event}, which is about a connection that was let in here."""
        kind = type(event)
        guest = self._guests.get(event.connection)
        if guest is None:
            return
        if kind is self._sound:
            self._setHealthy(guest, True)
        elif kind in _JUDGED:
            _JUDGED[kind](self, guest, event)

    def _notAdmitted(self, guest: Guest, event: NotAdmitted) -> None:
        self._strike(guest, event.why)

    def _associationEnded(self, guest: Guest, _: AssociationEnded) -> None:
        self._setHealthy(guest, False)

    def _closed(self, guest: Guest, event: Closed) -> None:
        if event.reason is Reason.NOT_DICOM:
            self._strike(guest, "it does not ask for an association")
        self.left(event.connection)

    def _handshakeFailed(self, guest: Guest, event: HandshakeFailed) -> None:
        if not event.dialled and hostile(event):
            self._strike(guest, f"it {event.found}")

    def _associationRefused(self, guest: Guest, event: AssociationRefused) -> None:
        if event.enforced:
            self._strike(guest, event.why)

    def _setHealthy(self, guest: Guest, healthy: bool) -> None:
        client = guest.client
        if client is not None and guest.healthy is not healthy:
            guest.healthy = healthy
            if healthy:
                self._healthy[client] += 1
            else:
                _less(self._healthy, client)

    def _strike(self, guest: Guest, why: str) -> None:
        """C{guest} was bad, which counts once for each connection."""
        client = guest.client
        if self._book is None or guest.address is None or client is None:
            return
        if guest.struck or guest.answered or self._healthy[client] or guest.address in self._spared:
            return
        guest.struck = True
        ban = self._book.strike(client, why, self._clock.seconds())
        if ban is not None:
            seconds = float(self._config.limits.banFor)
            self._events.publish(Banned(self._config.name, clientText(client), why, seconds))

    def unban(self, client: bytes | None = None) -> int:
        """End the ban of C{client}, or all bans; gives how many there were."""
        if self._book is None:
            return 0
        known = [ban.client for ban in self._book.all(self._clock.seconds())]
        ended = [each for each in known if client in (None, each)]
        for each in ended:
            self._book.end(each)
            self._events.publish(Unbanned(self._config.name, clientText(each)))
        return len(ended)


_JUDGED: Final[dict[type[ConnectionEvent], Callable[[Limits, Guest, Any], None]]] = {
    HandshakeFailed: Limits._handshakeFailed,
    NotAdmitted: Limits._notAdmitted,
    AssociationRefused: Limits._associationRefused,
    AssociationEnded: Limits._associationEnded,
    Closed: Limits._closed,
}

_SOUND: Final = (AssociationAccepted, Dialled, Handshaken)
"""By what a connection shows that its client is what it should be: one of them in each section."""

HEARD: Final = (*_JUDGED, *_SOUND)
"""The events by which limits judge those who are in."""


# --- the words ------------------------------------------------------------------------------

DENIED: Final = Refusal(
    LimitKind.ADDRESS, "its address is in denyFrom", "take it out there if it may connect"
)
NOT_ALLOWED: Final = Refusal(
    LimitKind.ADDRESS, "its address is not in allowFrom", "add it there if it may connect"
)
OUT_OF_DESCRIPTORS: Final = Refusal(
    LimitKind.DESCRIPTORS,
    "all the connections are open that the file descriptors of the process allow",
    "let it have more (LimitNOFILE of systemd, ulimit -n), and see which clients have so many",
)


def hostile(event: HandshakeFailed) -> bool:
    """True when a failed handshake counts towards a ban."""
    if event.kind == RefusalKind.OTHER.value:
        # Who breaks off by an alert of its own may well be a modality that cannot do better.
        return "alert" not in event.error.lower()
    return event.kind in HOSTILE


def _banned(ban: Ban) -> Refusal:
    return Refusal(
        LimitKind.BAN,
        f"it is banned: {ban.why}",
        f"mend that, then 'butterfly-tls ask unban {clientText(ban.client)}'",
    )


def _tooFast(config: SectionConfig) -> Refusal:
    rate = 0 if config.limits.rate is None else config.limits.rate.rate
    return Refusal(
        LimitKind.RATE,
        f"more than {rate} connections a second come (handshakeRate)",
        "see who it is that connects so often, or raise handshakeRate",
    )


def _noPlace(most: int) -> tuple[LimitKind, str, str]:
    return (
        LimitKind.CONNECTIONS,
        f"{most} connection(s) are open, as many as maxConnections allows",
        "see which clients have so many, or raise maxConnections",
    )


def _noPlaceFor(most: int) -> tuple[LimitKind, str, str]:
    return (
        LimitKind.CLIENT,
        f"it has {most} connection(s) open, as many as maxConnectionsPerClient allows",
        "see what it does with so many, or raise maxConnectionsPerClient",
    )


def _less(counts: Counter[bytes], key: bytes) -> None:
    """One less, and no entry for none."""
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
