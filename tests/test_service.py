"""The appliance as a whole: whose events a section hears."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import (
    Config,
    GlobalConfig,
    InetAddress,
    SectionConfig,
    TLSConfig,
)
from appliance.service import Appliance
from tests import material as m

ONE = "192.0.2.1:105"


def section(name: str) -> SectionConfig:
    """A section that needs no files."""
    accept, connect = InetAddress("127.0.0.1", 0), InetAddress("192.0.2.1", 105)
    tls = TLSConfig(client=True)
    return SectionConfig(name, m.WHERE, (accept,), (connect,), tls, client=True)


CONFIG = Config("/etc/x.conf", GlobalConfig(), (section("A"), section("B")))


class BackendTests(SynchronousTestCase):
    """What sections learn of their backends."""

    def appliance(self, listens: bool) -> tuple[Appliance, e.Events]:
        """An appliance, as a whole or as a worker."""
        events = e.Events(onError=lambda error: self.fail(repr(error)))
        appliance = Appliance(Clock(), events, listens=listens)
        appliance.apply(CONFIG)
        self.addCleanup(self.unbind, appliance)
        return appliance, events

    def unbind(self, appliance: Appliance) -> None:
        """Close what was opened for the sections that there are in the end."""
        for each in appliance.sections:
            each.stopListening()

    def board(self, appliance: Appliance, name: str) -> Any:
        """The board of a section."""
        return next(each.watch.board for each in appliance.sections if each.name == name)

    def fail3(self, events: e.Events, name: str) -> None:
        """Three connections of a section fail."""
        for number in range(3):
            events.publish(e.DialFailed(name, str(number), ONE, None))

    def test_ownEvents(self) -> None:
        """A section hears of its own connections, and not of another's."""
        appliance, events = self.appliance(listens=True)
        self.fail3(events, "A")
        self.fail3(events, "gone")
        self.assertIs(self.board(appliance, "A").standing(ONE).health, e.Health.DOWN)
        self.assertIs(self.board(appliance, "B").standing(ONE).health, e.Health.UNKNOWN)

    def test_reload(self) -> None:
        """What a section knows outlives a reload, and not the section."""
        appliance, events = self.appliance(listens=True)
        self.fail3(events, "A")
        appliance.apply(evolve(CONFIG, sections=(section("A"),)))
        self.assertIs(self.board(appliance, "A").standing(ONE).health, e.Health.DOWN)
        appliance.apply(evolve(CONFIG, sections=(section("B"),)))
        appliance.apply(CONFIG)
        self.assertIs(self.board(appliance, "A").standing(ONE).health, e.Health.UNKNOWN)

    def test_inAWorker(self) -> None:
        """A worker takes up what another process knows, and judges nobody itself."""
        appliance, events = self.appliance(listens=False)
        self.fail3(events, "A")
        self.assertIs(self.board(appliance, "A").standing(ONE).health, e.Health.UNKNOWN)
        appliance.stand("A", ((ONE, e.Health.DOWN, True, False),))
        appliance.stand("gone", ())
        self.assertIs(self.board(appliance, "A").standing(ONE).health, e.Health.DOWN)
        self.assertIs(self.board(appliance, "B").standing(ONE).health, e.Health.UNKNOWN)
        events.publish(e.Dialled("B", "0", ONE, "x"))
        self.assertEqual(self.board(appliance, "B").load(ONE), 1)
