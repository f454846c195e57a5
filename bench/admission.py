"""What limits cost for each connection that comes: those let in, those told, those turned away.

C{python -m bench.admission}: CPU microseconds for the decision alone, then for whole connections
through a section that serves plain clients, from the accepted socket to its end. Best of some
rounds.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock

from appliance.config.model import (
    NOWHERE,
    BanRule,
    InetAddress,
    LimitsConfig,
    RateLimit,
    SectionConfig,
    TLSConfig,
)
from appliance.events import Closed, Events, Reason
from appliance.section.away import TurnedAway
from appliance.section.census import Census
from appliance.section.limits import Limits
from appliance.system.acceptor import dismiss

ROUNDS = 7
SOME = 20_000

NONE = LimitsConfig()
ALL = LimitsConfig(
    connections=100_000,
    perClient=1000,
    rate=RateLimit(100_000, 1_000_000),
    allow=("10.0.0.0/8", "2001:db8::/32"),
    deny=tuple(f"10.9.{n}.0/24" for n in range(100)),
    ban=BanRule(5, 60),
)
DENIED = evolve(NONE, deny=ALL.deny)
SHED = evolve(NONE, rate=RateLimit(1, 2))


class Door:
    """The part of a section that decides."""

    def __init__(self, limits: LimitsConfig) -> None:
        address = InetAddress("", 2762)
        config = SectionConfig("S", NOWHERE, (address,), (address,), TLSConfig(), limits=limits)
        self.events = Events()
        self.census = Census(lambda: 1_000_000)
        clock = Clock()
        self.limits = Limits(clock, config, self.events, self.census.full)
        self.away = TurnedAway(clock, "S", self.events)
        self._numbers = map(str, count())

    def come(self, host: str) -> None:
        """One client comes, and goes."""
        refusal = self.limits.admit(host)
        if refusal is not None and not refusal.answered:
            self.away.add(refusal, host)
            return
        connection = next(self._numbers)
        self.census.enter(connection, self.limits)
        self.limits.enter(connection, host)
        self.census.hear(Closed("S", connection, host, Reason.COMPLETED, 0, 0, 0.0, False))


def hosts(prefix: str) -> Iterator[str]:
    """A thousand clients in turn."""
    return (f"{prefix}.{n // 250 % 4}.{n % 250 + 1}" for n in range(SOME))


def measured(work: Callable[[], Any], number: int) -> float:
    """CPU microseconds of one of C{number}, in the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best / number * 1e6


def decisions() -> Iterator[tuple[str, float]]:
    """The decision alone."""
    for name, limits, prefix in (
        ("let in, no limits", NONE, "10.1"),
        ("let in, all limits", ALL, "10.1"),
        ("turned away by one of 100 networks", DENIED, "10.9"),
        ("turned away by the rate", SHED, "10.1"),
    ):
        door, come = Door(limits), list(hosts(prefix))
        yield name, measured(lambda door=door, come=come: [door.come(h) for h in come], SOME)


def dismissals() -> float:
    """Accept and close one that has greeted."""
    best = float("inf")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        for _ in range(ROUNDS):
            clients = [socket.create_connection(listening.getsockname()) for _ in range(200)]
            for client in clients:
                client.sendall(bytes(500))
            begun = time.process_time()
            for _ in clients:
                dismiss(listening.accept()[0])
            best = min(best, time.process_time() - begun)
            for client in clients:
                client.close()
    return best / 200 * 1e6


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(prog="bench.admission", description=__doc__).parse_args()
    for name, microseconds in decisions():
        print(f"{name:40} {microseconds:6.2f} us a connection")
    print(f"{'accepted and closed with a FIN':40} {dismissals():6.2f} us a connection")


if __name__ == "__main__":
    main()
