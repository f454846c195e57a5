"""How the process leaves its work."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import GlobalConfig
from appliance.departure import Departure
from appliance.system.heritage import Will
from appliance.system.successor import SuccessionError


class Reactor(Clock):
    """A clock that can be stopped, once."""

    running = True

    def stop(self) -> None:
        """Run no more."""
        assert self.running
        self.running = False


@define
class Leaver:
    """An appliance of which nothing is real; C{done} is what was asked of it."""

    process: GlobalConfig = field(factory=lambda: GlobalConfig(drainDelay=5, drainTimeout=60))
    connections: int = 2
    holders: Sequence[Any] = ()
    done: list[str] = field(factory=list)
    idle: Deferred[None] = field(factory=Deferred)

    def stopAccepting(self) -> Deferred[None]:
        """Accept nobody."""
        self.done.append("stopAccepting")
        return self.idle

    def letGo(self) -> Deferred[None]:
        """Accept nobody."""
        self.done.append("letGo")
        return self.idle

    def will(self) -> Will:
        """What is left."""
        return Will(number=10_000)

    def lend(self) -> Deferred[None]:
        """Leave it."""
        self.done.append("lend")
        return succeed(None)

    def takeBack(self) -> None:
        """Take it."""
        self.done.append("takeBack")


@define
class Successor:
    """Comes when C{coming} fires."""

    coming: Deferred[int] = field(factory=Deferred)
    given: tuple[Any, Will] | None = None

    def start(self, sockets: Any, will: Will) -> Deferred[int]:
        """Be started."""
        self.given = (list(sockets), will)
        return self.coming


class DepartureCase(SynchronousTestCase):
    """A departure, and what is announced of it."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.told: list[e.Event] = []
        events = e.Events(lambda error: self.fail(str(error)))
        events.subscribe(self.told.append)
        self.leaver = Leaver()
        self.departure = Departure(self.reactor, events, self.leaver)


class StopTests(DepartureCase):
    """Signals."""

    def test_inOrder(self) -> None:
        """Told at once, deaf after the delay, stopped when the last connection is gone."""
        self.departure.signal("SIGTERM")
        self.assertTrue(self.departure.begun)
        self.assertEqual(self.told, [e.Stopping("SIGTERM", 2)])
        self.assertEqual(self.leaver.done, [])
        self.reactor.advance(5)
        self.assertEqual(self.leaver.done, ["stopAccepting"])
        self.assertEqual(self.told[1:], [e.Draining(2, 60)])
        self.assertTrue(self.reactor.running)
        self.leaver.idle.callback(None)
        self.assertFalse(self.reactor.running)
        self.assertEqual(self.told[2:], [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_expires(self) -> None:
        """After the time to end it is told how many are left."""
        self.departure.signal("SIGTERM")
        self.reactor.pump((5, 59))
        self.assertTrue(self.reactor.running)
        self.reactor.advance(1)
        self.assertFalse(self.reactor.running)
        self.assertEqual(self.told[2:], [e.DrainExpired(2)])

    def test_twice(self) -> None:
        """A second signal ends the waiting, and is no second stop."""
        self.departure.signal("SIGTERM")
        self.departure.signal("SIGINT")
        self.assertFalse(self.reactor.running)
        self.assertEqual(self.told, [e.Stopping("SIGTERM", 2), e.DrainExpired(2)])


class UpgradeTests(DepartureCase):
    """Another process takes over."""

    def upgrading(self) -> Deferred[int]:
        """An upgrade under way, with a successor."""
        self.successor = Successor()
        self.departure.successor = self.successor  # type: ignore[assignment]
        return Deferred.fromCoroutine(self.departure.upgrade())

    def test_takesOver(self) -> None:
        """The sockets and the will go to the other; once it serves we only wait for the last."""
        listener = SimpleNamespace(socket="a socket")
        self.leaver.holders = (SimpleNamespace(listeners=(listener,)),)
        upgrading = self.upgrading()
        self.assertEqual(self.successor.given, (["a socket"], Will(number=10_000)))
        self.assertEqual(self.leaver.done, ["lend"])
        self.assertNoResult(upgrading)
        self.assertTrue(self.departure.begun)
        self.successor.coming.callback(4711)
        self.assertEqual(self.successResultOf(upgrading), 4711)
        self.assertEqual(self.leaver.done, ["lend", "letGo"])
        self.assertEqual(self.told, [e.HandedOver(4711, 2)])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.leaver.idle.callback(None)
        self.assertFalse(self.reactor.running)

    def test_fails(self) -> None:
        """When nothing comes of it, all is as before, and another try is possible."""
        upgrading = self.upgrading()
        self.successor.coming.errback(SuccessionError("no file"))
        self.failureResultOf(upgrading, SuccessionError)
        self.assertEqual(self.leaver.done, ["lend", "takeBack"])
        self.assertEqual(self.told, [e.HandOverFailed("no file")])
        self.assertFalse(self.departure.begun)

    def test_raises(self) -> None:
        """The same when it cannot even be started."""
        self.successor = Successor(fail(SuccessionError("no twistd")))
        self.departure.successor = self.successor  # type: ignore[assignment]
        self.failureResultOf(Deferred.fromCoroutine(self.departure.upgrade()), SuccessionError)
        self.assertEqual(self.leaver.done, ["lend", "takeBack"])

    def test_oneAtATime(self) -> None:
        """There is one upgrade at a time, none at the end, and none without a successor."""
        again = Deferred.fromCoroutine(self.departure.upgrade())
        self.failureResultOf(again, SuccessionError)
        self.upgrading()
        again = Deferred.fromCoroutine(self.departure.upgrade())
        self.assertIn("under way", str(self.failureResultOf(again, SuccessionError).value))

    def test_signalAfterwards(self) -> None:
        """A signal after it gives those that are left the usual time; a second one ends it."""
        self.upgrading()
        self.successor.coming.callback(4711)
        self.departure.signal("SIGTERM")
        self.assertEqual(self.told[1:], [e.Stopping("SIGTERM", 2)])
        self.reactor.advance(59)
        self.assertTrue(self.reactor.running)
        self.departure.signal("SIGTERM")
        self.assertFalse(self.reactor.running)
        self.assertEqual(self.told[2:], [e.DrainExpired(2)])
