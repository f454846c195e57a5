"""The appliance as a whole: what all its sections may have together, and who is let in again."""

from __future__ import annotations

import resource
from typing import Any
from unittest.mock import patch

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import BanRule, Config, GlobalConfig, LimitsConfig
from appliance.section import Section
from appliance.service import Appliance
from tests.section.test_limits import closed, failed
from tests.test_service import section


class ReaderClock(Clock):
    """A clock that takes listening sockets, of which nothing comes."""

    def addReader(self, _: Any) -> None:
        pass

    removeReader = addReader


class ApplianceTests(SynchronousTestCase):
    """Limits of all sections."""

    descriptors = 200

    def setUp(self) -> None:
        patcher = patch.object(resource, "getrlimit", lambda _: (self.descriptors,) * 2)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.heard: list[e.Event] = []
        self.events = e.Events(onError=lambda error: self.fail(repr(error)))
        self.events.subscribe(self.heard.append)

    def appliance(self, limits: LimitsConfig, listens: bool = True) -> Appliance:
        """An appliance with two sections that have such limits."""
        made = Appliance(ReaderClock(), self.events, listens=listens)
        made.apply(self.config(limits))
        self.addCleanup(lambda: [each.stopListening() for each in made.sections])
        return made

    def config(self, limits: LimitsConfig) -> Config:
        """Two sections with C{limits}."""
        sections = tuple(evolve(section(name), limits=limits) for name in "AB")
        return Config("/etc/x.conf", GlobalConfig(), sections)

    def sections(self, appliance: Appliance) -> list[Section]:
        """The two."""
        return list(appliance.sections)

    def come(self, appliance: Appliance, where: Section, number: int) -> e.LimitKind | None:
        """A client is let in by a section under a number, or is kept out."""
        refusal = where.limits.admit("192.0.2.1")
        if refusal is not None:
            return refusal.limit
        appliance.census.enter(str(number), where.limits)
        where.limits.enter(str(number), "192.0.2.1")
        return None

    def warnings(self) -> list[str]:
        """What somebody should know of the configuration."""
        return [event.text for event in self.heard if isinstance(event, e.Warned)]

    def test_together(self) -> None:
        """All sections share what the descriptors allow, and an end makes room in any."""
        appliance = self.appliance(LimitsConfig())
        first, second = self.sections(appliance)
        # 200 less 50 to spare, two for each listening socket's families, one for each backend.
        most = (200 - 50 - 6) // 2
        for number in range(most):
            self.assertIsNone(self.come(appliance, first, number))
        self.assertEqual(self.come(appliance, second, most), e.LimitKind.DESCRIPTORS)
        self.events.publish(closed("0"))
        self.assertIsNone(self.come(appliance, second, most))

    def test_sectionGone(self) -> None:
        """Connections of a section that was removed count until they end."""
        appliance = self.appliance(LimitsConfig())
        first, _ = self.sections(appliance)
        self.come(appliance, first, 0)
        config = self.config(LimitsConfig())
        appliance.apply(evolve(config, sections=config.sections[1:]))
        self.assertEqual(len(appliance.census), 1)
        self.events.publish(closed("0"))
        self.assertEqual(len(appliance.census), 0)

    def test_tooFew(self) -> None:
        """Limits beyond what the descriptors allow are told of, with what would be enough."""
        self.appliance(LimitsConfig(connections=1000))
        (warning,) = self.warnings()
        self.assertIn("may have 2000 connections together", warning)
        self.assertIn("enough for 72", warning)
        self.assertIn("let each process have 4106 (LimitNOFILE", warning)

    def test_enough(self) -> None:
        """Others are not, nor is it a worker's business."""
        self.descriptors = 4106
        self.appliance(LimitsConfig(connections=1000))
        self.descriptors = 200
        self.appliance(LimitsConfig(connections=1000), listens=False)
        self.assertEqual(self.warnings(), [])

    def test_workers(self) -> None:
        """Workers have descriptors each; those that are not there count for nothing."""

        class Crew:
            count, size = 4, 3

            def configure(self, *_: Any) -> None:
                pass

            stand = configure

        made = Appliance(ReaderClock(), self.events, crew=Crew())  # type: ignore[arg-type]
        made.apply(self.config(LimitsConfig(connections=150)))
        self.addCleanup(lambda: [each.stopListening() for each in made.sections])
        self.assertIn("enough for 288", self.warnings()[0])
        self.assertEqual(made._capacity(), 3 * 72)

    def test_unban(self) -> None:
        """A client is let in again by all sections that have banned it."""
        appliance = self.appliance(LimitsConfig(ban=BanRule(1, 60)))
        for number, each in enumerate(self.sections(appliance)):
            self.come(appliance, each, number)
            self.events.publish(failed(str(number)))
            self.assertEqual(self.come(appliance, each, 9), e.LimitKind.BAN)
        self.assertEqual(appliance.unban("192.0.2.9"), 0)
        self.assertEqual(appliance.unban("pacs.example"), 0)
        self.assertEqual(appliance.unban("192.0.2.1"), 2)
        self.assertEqual(appliance.unban(), 0)

    def test_stray(self) -> None:
        """A worker that is given a connection for a section that it has not tells of an end."""
        import socket

        appliance = self.appliance(LimitsConfig(), listens=False)
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        appliance.take(ours, "gone", "7", "192.0.2.1:1")
        (event,) = [event for event in self.heard if isinstance(event, e.Closed)]
        self.assertEqual((event.section, event.connection), ("gone", "7"))
        self.assertEqual(ours.fileno(), -1)
