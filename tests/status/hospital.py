"""A hospital that is made up: events as its appliance would announce them, and what is told then.

All names are invented.
"""

from __future__ import annotations

from itertools import count

from twisted.internet.task import Clock

from appliance import events as e
from appliance.status.ledger import Ledger

STORE, WORKLIST = "DICOM STORE", "DICOM DMWL"
PACS, SPARE, RIS = "192.168.1.100:104", "192.168.1.101:104", "192.168.1.100:105"

NOW = 1_795_500_000.0
DAY = 86_400

TLS13 = e.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "X25519")
TLS12 = e.Peer("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", 256, "P-256", resumed=True)

_numbers = count()


class Hospital:
    """Announces what happens to a L{Ledger} (and to C{others}), by a clock of its own."""

    def __init__(self, *others: e.Subscriber, at: float = NOW) -> None:
        self.clock = Clock()
        self.clock.advance(at)
        self.ledger = Ledger(self.clock)
        self.hearers = [*others, self.ledger]

    def tell(self, *events: e.Event) -> None:
        """Announce C{events}."""
        for event in events:
            for hear in self.hearers:
                hear(event)

    def begin(self, notAfter: float = NOW + 212 * DAY) -> None:
        """Two sections serve."""
        subject = "CN=dicom.hospital.example"
        self.tell(
            e.Starting("0.2.0", "linux", "OpenSSL 3.5.1 1 Jul 2026"),
            e.Configured(),
            e.Ready(STORE, "0.0.0.0:2761", PACS, subject, 9, notAfter, (PACS, SPARE)),
            e.Ready(WORKLIST, "0.0.0.0:2762", RIS, subject, 9, notAfter, (RIS,)),
            e.Accepting(),
        )

    def open(self, section: str = STORE, peer: e.Peer = TLS13, client: str = "") -> str:
        """A client comes, and its handshake ends well; the connection's id."""
        connection = str(next(_numbers))
        self.tell(
            e.Opened(section, connection, client or f"203.0.113.7:{50000 + int(connection)}"),
            e.Handshaken(section, connection, peer, False),
        )
        return connection

    def close(
        self,
        connection: str,
        section: str = STORE,
        size: int = 0,
        reason: e.Reason = e.Reason.COMPLETED,
        seconds: float = 2.0,
    ) -> None:
        """A connection ends, after C{size} bytes to the backend."""
        self.tell(e.Closed(section, connection, "203.0.113.7:1", reason, 400, size, seconds, False))

    def ask(
        self, section: str = STORE, calling: str = "SONO_1", called: str = "PACS", to: str = PACS
    ) -> str:
        """A client comes, asks for an association and gets it; the connection's id."""
        connection = self.open(section)
        who = (section, connection, to, calling, called, e.Application())
        self.tell(e.AssociationRequested(*who, ()), e.AssociationAccepted(*who, ()))
        return connection

    def end(
        self,
        connection: str,
        section: str = STORE,
        statuses: tuple[tuple[int, int], ...] = ((0, 12),),
        outcome: e.Outcome = e.Outcome.RELEASED,
        size: int = 48_000_000,
        operation: str = "C-STORE",
        requests: int = 0,
    ) -> None:
        """Its association ends, and the connection."""
        number = requests or sum(times for _, times in statuses)
        tally = e.Tally(operation, "1.2.840.10008.5.1.4.1.1.3.1", number, statuses, size, 1.0)
        told = e.Association(
            "SONO_1", "PACS", tallies=(tally,) if number else (), seconds=2.5, outcome=outcome
        )
        self.tell(e.AssociationEnded(section, connection, PACS, told))
        self.close(connection, section, size)

    def check(self, backend: str = PACS, section: str = STORE, alive: bool = True) -> None:
        """A backend is checked, and lives or does not."""
        steps = (
            e.CheckStep("TCP", 0.0004, True, ""),
            e.CheckStep("association", 0.0021, True, ""),
            e.CheckStep("C-ECHO", 0.0007, True, ""),
            e.CheckStep("release", 0.0003, True, ""),
        )
        if not alive:
            steps = (e.CheckStep("TCP", 0.0012, False, "connection refused"),)
        found = "answered the echo" if alive else "connection refused"
        seconds = sum(step.seconds for step in steps)
        self.tell(e.Checked(section, backend, "echo", alive, alive, found, "", seconds, steps))

    def become(
        self,
        health: e.Health,
        backend: str = PACS,
        section: str = STORE,
        why: str = "",
        do: str = "",
    ) -> None:
        """A backend's state changes."""
        self.tell(e.BackendChanged(section, backend, e.Health.UNKNOWN, health, why, do, 60.0))


def usualDay() -> Hospital:
    """An hour in which all goes well, most of the time."""
    hospital = Hospital(at=NOW - 9000)
    hospital.begin()
    for backend, section in ((PACS, STORE), (SPARE, STORE), (RIS, WORKLIST)):
        hospital.check(backend, section)
        hospital.become(e.Health.UP, backend, section, "answers")
    hospital.clock.advance(9000 - 3540)
    for minute in range(60):
        for turn in range((minute * 7 + minute // 9) % 6):
            hospital.end(hospital.ask(), size=3_000_000 * (turn + 1))
        if minute % 4 == 0:
            worklist = hospital.ask(WORKLIST, to=RIS)
            found = ((0, 1),)
            hospital.end(worklist, WORKLIST, found, size=9_000, operation="C-FIND")
        if minute % 10 == 5:
            hospital.close(hospital.open(peer=TLS12), size=900)
        hospital.clock.advance(59 if minute < 59 else 0)
    hospital.end(hospital.ask(), statuses=((0, 7), (0xB000, 1), (0xA700, 1)))
    hospital.end(hospital.ask(), statuses=(), outcome=e.Outcome.ABORTED_BY_CLIENT, size=0)
    hospital.tell(
        e.HandshakeFailed(
            *(STORE, "900", "198.51.100.23:40000", "wrong version number", "HTTP", "speaks HTTP"),
            "a scanner, or a browser: nothing to do",
            False,
        ),
        e.HandshakeFailed(
            *(STORE, "901", "198.51.100.23:40001", "wrong version number", "HTTP", "speaks HTTP"),
            "a scanner, or a browser: nothing to do",
            False,
        ),
        e.AssociationRefused(
            *(STORE, "902", None, "STRANGER", "PACS", "AE title STRANGER may not call here"),
            "add it to allowCallingAET if it may",
        ),
    )
    hospital.clock.advance(20)
    for backend, section in ((PACS, STORE), (SPARE, STORE), (RIS, WORKLIST)):
        hospital.check(backend, section)
    hospital.ask(calling="SONO_2")
    hospital.ask(calling="SONO_3", called="ARCHIVE")
    hospital.ask(WORKLIST, calling="SONO_1", called="RIS", to=RIS)
    hospital.clock.advance(8)
    return hospital


def badDay() -> Hospital:
    """The same, and then much goes wrong."""
    hospital = usualDay()
    hospital.check(RIS, WORKLIST, alive=False)
    hospital.become(
        e.Health.DOWN, RIS, WORKLIST, "connection refused", "start it, or mend connect in line 14"
    )
    hospital.become(
        e.Health.DEGRADED, PACS, STORE, "it has aborted 2 associations", "see the PACS's own log"
    )
    hospital.tell(e.Refused(("butterfly-tls.conf:14: connect: expected HOST:PORT",), reload=True))
    subject = "CN=dicom.hospital.example"
    left = hospital.clock.seconds() + 12.5 * DAY
    hospital.tell(e.Ready(STORE, "0.0.0.0:2761", PACS, subject, 12, left, (PACS, SPARE)))
    hospital.clock.advance(200)
    return hospital
