"""All that the status page and C{/status.json} tell, as one frozen value.

Times are seconds since 1970. The descriptions are those of C{docs/reference/status.schema.json}.
There are AE titles and counts in it, and nothing else of DICOM.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final

from attrs import frozen

from appliance.events import Health

VERSION: Final = 1
"""Of the format; it is raised when something is taken away or means something else."""


class State(Enum):
    """What the process is doing."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    """Connections go on; new ones are better sent elsewhere."""
    STOPPING = "stopping"


class Level(Enum):
    """How bad something is."""

    WELL = "well"
    ATTENTION = "attention"
    """It works, and somebody should look after it soon."""
    TROUBLE = "trouble"
    """Something does not work."""


@frozen
class Trouble:
    """Something that is not as it should be."""

    level: Annotated[Level, "How bad it is."]
    what: Annotated[str, "What is wrong, in one line."]
    advice: Annotated[str, "What to do about it, if anything is known."] = ""


@frozen
class Step:
    """One step of a check."""

    name: Annotated[str, "Such as connect or C-ECHO."]
    seconds: Annotated[float, "How long it took."]
    ok: Annotated[bool, "Whether it went well."]


@frozen
class Check:
    """The last check of a backend."""

    kind: Annotated[str, "echo or tcp."]
    at: Annotated[float, "When it ended."]
    alive: Annotated[bool, "Whether the backend answered as it should."]
    found: Annotated[str, "The same in words."]
    seconds: Annotated[float, "How long it took."]
    steps: Annotated[tuple[Step, ...], "Its steps, in order."] = ()


@frozen
class Backend:
    """An address of a PACS."""

    name: Annotated[str, "address:port."]
    health: Annotated[Health, "In which state it is."]
    why: Annotated[str, "Why, in words."] = ""
    advice: Annotated[str, "What to do about it, if anything is known."] = ""
    since: Annotated[float | None, "Since when, if that is known."] = None
    check: Annotated[Check | None, "The last check, if there was one."] = None
    draining: Annotated[bool, "True where no new connection is sent there."] = False

    @property
    def state(self) -> str:
        """Its state in one word, as people are told it."""
        return "draining" if self.draining else self.health.value


@frozen
class Certificate:
    """The certificate that a section shows."""

    subject: Annotated[str, "Whose it is."]
    daysLeft: Annotated[int, "Whole days until it expires; negative once it has."]
    notAfter: Annotated[float | None, "When it expires."] = None


@frozen
class Operation:
    """All messages of one kind, in associations that have ended."""

    name: Annotated[str, "Such as C-STORE."]
    statuses: Annotated[dict[str, int], "Final answers by the class of their status."]
    bytes: Annotated[int, "The sizes of their data sets, both ways."]


@frozen
class Section:
    """One [section] of the configuration. Counts are since the start of the process."""

    name: Annotated[str, "As in the configuration."]
    serving: Annotated[bool, "False for one that was removed while connections go on."]
    draining: Annotated[bool, "True where new connections are better sent elsewhere."]
    addresses: Annotated[str, "Where it listens."]
    targets: Annotated[str, "Where it connects to, as in the configuration."]
    connections: Annotated[int, "Connections that are open now."]
    connectionsTotal: Annotated[int, "Connections since the start, bare connects left out."]
    ended: Annotated[dict[str, int], "Connections that ended, by the reason."]
    bytesToBackend: Annotated[int, "Bytes relayed by connections that have ended."]
    bytesToClient: Annotated[int, "The same the other way."]
    associations: Annotated[int, "Associations that are open now."]
    outcomes: Annotated[dict[str, int], "Associations that ended, by how."]
    operations: Annotated[tuple[Operation, ...], "What was asked for in them."]
    backends: Annotated[tuple[Backend, ...], "Its backends."]
    certificate: Annotated[Certificate | None, "What it shows, if anything."]
    stale: Annotated[str, "Why it goes on with files that have changed since; else empty."] = ""


@frozen
class OpenAssociation:
    """An association that is open now."""

    section: Annotated[str, "In which section."]
    calling: Annotated[str, "The client's AE title."]
    called: Annotated[str, "The AE title that it asked for."]
    client: Annotated[str, "Where the client called from, if that is known."]
    backend: Annotated[str, "The backend, once there is one."]
    accepted: Annotated[bool, "Whether the backend has accepted it."]
    since: Annotated[float, "When it was asked for."]


@frozen
class Handshakes:
    """TLS handshakes that ended well, of one kind."""

    version: Annotated[str, "Such as TLSv1.3."]
    cipher: Annotated[str, "The cipher suite, as OpenSSL calls it."]
    group: Annotated[str, "The group of the key exchange, or unknown."]
    full: Annotated[int, "New sessions."]
    resumed: Annotated[int, "Earlier sessions that were taken up."]


@frozen
class Refusal:
    """Somebody was not let in, or not let through."""

    at: Annotated[float, "When, the last time."]
    section: Annotated[str, "By which section."]
    kind: Annotated[str, "handshake, certificate, admission, rules, backend or limit."]
    who: Annotated[str, "An address, a certificate's subject, or AE titles."]
    why: Annotated[str, "Why, in words."]
    advice: Annotated[str, "What to do about it, if anything is known."]
    count: Annotated[int, "How often in a row."] = 1


@frozen
class Ban:
    """A client that a section does not let in for a while."""

    section: Annotated[str, "By which section."]
    client: Annotated[str, "An address, or a /64 of IPv6."]
    why: Annotated[str, "What it did last."]
    since: Annotated[float, "Since when."]
    until: Annotated[float, "Until when."]


@frozen
class Minute:
    """What happened in one minute."""

    start: Annotated[float, "When it began."]
    connections: Annotated[int, "Connections that were opened."] = 0
    associations: Annotated[int, "Associations that were asked for."] = 0
    bytes: Annotated[int, "Bytes relayed by connections that ended in it."] = 0


@frozen
class Reload:
    """A reload of the configuration."""

    at: Annotated[float, "When."]
    accepted: Annotated[bool, "Whether it was accepted; else the old configuration goes on."]
    problems: Annotated[tuple[str, ...], "The first problems of one that was refused."] = ()


@frozen
class Process:
    """The process itself."""

    version: Annotated[str, "The version of Butterfly-TLS."]
    openssl: Annotated[str, "The OpenSSL that it runs on."]
    started: Annotated[float, "When it started."]
    workers: Annotated[int, "Worker processes that run; 0 where one process does all."]
    workersWanted: Annotated[int, "How many there should be."]
    workersLost: Annotated[int, "How many have died."]
    lag: Annotated[float, "The longest that its loop was late in the last minute, in seconds."]
    stalls: Annotated[int, "How often its loop stood still."]
    defects: Annotated[int, "Internal errors."]
    reloads: Annotated[int, "Reloads that were accepted."]
    reloadsRefused: Annotated[int, "Reloads that were refused."]
    lastReload: Annotated[Reload | None, "The last of them."]
    concerns: Annotated[tuple[str, ...], "What of logs, journal and audit cannot be written."]


@frozen
class Document:
    """The status of Butterfly-TLS."""

    version: Annotated[int, "The version of this format."]
    at: Annotated[float, "When this was true."]
    state: Annotated[State, "What the process is doing."]
    level: Annotated[Level, "The worst of the troubles."]
    troubles: Annotated[tuple[Trouble, ...], "What is not as it should be, the worst first."]
    process: Annotated[Process, "The process itself."]
    sections: Annotated[tuple[Section, ...], "The sections."]
    associations: Annotated[tuple[OpenAssociation, ...], "Those open now; the oldest 200."]
    handshakes: Annotated[tuple[Handshakes, ...], "TLS handshakes since the start."]
    handshakeFailures: Annotated[dict[str, int], "Failed ones, by kind."]
    refusals: Annotated[tuple[Refusal, ...], "The last 20, the latest first."]
    minutes: Annotated[tuple[Minute, ...], "The last 60 minutes, the oldest first."]
    bans: Annotated[tuple[Ban, ...], "Who is banned now, the latest first."] = ()
