"""What the log costs a connection: CPU microseconds, in one process and without a network.

C{python -m bench.loglines [ROUNDS]}: the events of a connection are given to the log as the data
path gives them, and its lines are written to C{/dev/null}. Prints the median of the rounds, by the
level that is shown: of a client that shows a certificate and has one association, and of one that
is refused. C{damped} has the L{Damper} before the log, C{json} is C{logFormat = json}.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

from twisted.internet.task import Clock

from appliance import events as e
from appliance.logs.damper import Damper
from appliance.logs.listener import LogListener
from appliance.logs.shapes import JSON
from appliance.logs.sinks import Stream

CONNECTIONS = 2000

PEER = e.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "X25519", "pacs.example.org", "CN=modality")
TITLES = ("MODALITY", "PACS")
BACKEND = "192.0.2.9:104"

Log = Callable[[e.Event], None]


def good(number: int) -> tuple[e.Event, ...]:
    """All that is announced of a connection that goes well."""
    own, client = ("DICOM STORE", str(number)), f"192.0.2.1:{20000 + number}"
    ended = e.Association(*TITLES, seconds=2.5, outcome=e.Outcome.RELEASED)
    return (
        e.Accepted(*own, client, 9),
        e.Opened(*own, client),
        e.CertificateAccepted(*own, 1, "CN=CA"),
        e.CertificateAccepted(*own, 0, "CN=modality"),
        e.Handshaken(*own, PEER, False),
        e.AssociationRequested(*own, None, *TITLES, e.Application(), ()),
        e.Dialling(*own, BACKEND),
        e.Dialled(*own, BACKEND, "192.0.2.8:40000"),
        e.AssociationAccepted(*own, BACKEND, *TITLES, e.Application(), ()),
        e.AssociationEnded(*own, BACKEND, ended),
        e.Ended(*own, e.Leg.TLS, e.End.CLOSE_NOTIFY),
        e.Ended(*own, e.Leg.SOCKET, e.End.FIN),
        e.Closed(*own, client, e.Reason.COMPLETED, 11, 22, 3.0, False, BACKEND, PEER),
    )


def refused(number: int) -> tuple[e.Event, ...]:
    """The same of one whose handshake fails."""
    own, client = ("DICOM STORE", str(number)), f"192.0.2.66:{20000 + number}"
    words = ("speaks HTTP on a port for DICOM over TLS", "point the web browser elsewhere")
    return (
        e.Accepted(*own, client, 9),
        e.Opened(*own, client),
        e.HandshakeFailed(*own, client, "SSL routines::http request", "http", *words, False),
        e.Closed(*own, client, e.Reason.HANDSHAKE, 0, 0, 0.1, False),
    )


def cost(log: Log, connection: Callable[[int], tuple[e.Event, ...]]) -> float:
    """CPU microseconds that C{log} takes for each connection."""
    happened = [event for number in range(CONNECTIONS) for event in connection(number)]
    begun = time.process_time()
    for event in happened:
        log(event)
    return (time.process_time() - begun) / CONNECTIONS * 1e6


def main() -> None:
    """Measure, in turns, and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with open("/dev/null", "w", encoding="utf-8") as nowhere:
        logs: dict[str, Log] = {}
        for level in (3, 5, 6, 7):
            plain = LogListener((Stream(nowhere),), level)
            object_ = LogListener((Stream(nowhere),), level)
            object_.writeAs(JSON)
            logs[f"level {level}"] = plain
            logs[f"level {level}, damped"] = Damper(Clock(), plain)
            logs[f"level {level}, damped, json"] = Damper(Clock(), object_)
        kinds = (good, refused)
        found: dict[str, list[list[float]]] = {name: [[], []] for name in logs}
        for _ in range(rounds):
            for name, log in logs.items():
                for costs, kind in zip(found[name], kinds, strict=True):
                    costs.append(cost(log, kind))
    print(f"{'us of CPU a connection':24} {'good':>7} {'refused':>8}")
    for name, (well, badly) in found.items():
        print(f"{name:24} {median(well):7.1f} {median(badly):8.1f}")


if __name__ == "__main__":
    main()
