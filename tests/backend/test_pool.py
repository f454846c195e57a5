"""Which backend is dialled, in which order, and what is told about it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.backend.backend import FRESH, RECENT, Backend
from appliance.backend.board import HEARD, Board
from appliance.backend.caller import Caller
from appliance.backend.dialler import OutOfTimeError
from appliance.backend.policy import byPriority, leastConnections, roundRobin
from appliance.backend.pool import LONGEST, REMEMBERED, NoBackendError, Policy, Pool
from appliance.backend.resolve import Target
from appliance.config.model import Address, InetAddress, UnixAddress

CALLER = Caller("0", "192.0.2.77", 40000)
REFUSED = ConnectionRefusedError(111, "refused")


class FakeDialler:
    """A dialler whose dials the test ends as it likes; it waits for none of them."""

    timeout = longest = 1000.0

    def __init__(self, clock: Clock) -> None:
        self.reactor = clock
        self.targets: list[str] = []
        self.callers: list[Caller] = []
        self._dials: list[Deferred[Any]] = []

    async def connect(self, target: Target, factory: Factory, caller: Caller) -> Any:
        self.targets.append(str(target))
        self.callers.append(caller)
        self._dials.append(Deferred())
        return await self._dials[-1]

    def accept(self) -> None:
        """Let the last dial succeed."""
        protocol = Protocol()
        protocol.transport = FakeTransport()
        self._dials[-1].callback(protocol)

    def fail(self, error: Exception = REFUSED) -> None:
        """Let the last dial fail."""
        self._dials[-1].errback(error)


class FakeTransport:
    """Knows its own address."""

    def getHost(self) -> Any:
        return type("Host", (), {"host": "192.0.2.99", "port": 40000})


class PoolCase(SynchronousTestCase):
    """A pool without sockets."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.dialler = FakeDialler(self.clock)
        self.board = Board()
        self.heard: list[e.Event] = []
        self.names: dict[str, tuple[Target, ...]] = {}
        self.asked: list[str] = []
        self.slow: list[Deferred[tuple[Target, ...]]] | None = None

    def resolve(self, name: str, port: int) -> Deferred[tuple[Target, ...]]:
        self.asked.append(name)
        if self.slow is None:
            return succeed(self.names.get(name, ()))
        self.slow.append(Deferred())
        return self.slow[-1]

    def pool(self, *addresses: Address, policy: Policy = byPriority, delay: bool = False) -> Pool:
        events = e.Events()
        events.subscribe(self.heard.append)
        backends = [Backend(address, self.resolve, self.clock, delay) for address in addresses]
        return Pool("DICOM STORE", backends, self.dialler, policy, events, self.board, 0)  # type: ignore[arg-type]

    def dial(self, pool: Pool, caller: Caller = CALLER) -> Deferred[Any]:
        return pool.dial(Factory.forProtocol(Protocol), caller)

    def dialled(self, pool: Pool, caller: Caller = CALLER) -> str:
        """Dial and let the first attempt succeed: the backend."""
        done = self.dial(pool, caller)
        self.dialler.accept()
        return str(self.successResultOf(done)[0])

    def of(self, kind: type[e.Event]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]

    def two(self, policy: Policy = byPriority) -> Pool:
        """A pool of two addresses."""
        return self.pool(
            InetAddress("192.0.2.1", 104), InetAddress("192.0.2.2", 104), policy=policy
        )


class PoolTests(PoolCase):
    """The order, and what is told."""

    def test_firstBackend(self) -> None:
        """The first backend is dialled and told, with our own address."""
        self.assertEqual(self.dialled(self.two()), "192.0.2.1:104")
        self.assertEqual(self.of(e.Dialled)[0].local, "192.0.2.99:40000")

    def test_tellsForWhom(self) -> None:
        """The dialler hears for whom it dials."""
        self.dialled(self.two())
        self.assertEqual(self.dialler.callers, [CALLER])

    def test_nextOneWhenRefused(self) -> None:
        """A refusal moves on to the next backend, for the same client."""
        done = self.dial(self.two())
        self.dialler.fail()
        self.dialler.accept()
        self.assertEqual(str(self.successResultOf(done)[0]), "192.0.2.2:104")
        self.assertEqual(self.of(e.DialFailed)[0].error, "Connection refused (111)")

    def test_noneLeft(self) -> None:
        """When every backend fails that is told, and raised."""
        done = self.dial(self.pool(InetAddress("192.0.2.1", 104)))
        self.dialler.fail(OutOfTimeError())
        self.failureResultOf(done, NoBackendError)
        self.assertIsNone(self.of(e.DialFailed)[0].error)
        self.assertEqual([event.resolved for event in self.of(e.NoBackend)], [True])

    def test_cancel(self) -> None:
        """A cancelled dial tries nothing further and tells of no failure."""
        done = self.dial(self.two())
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(len(self.dialler.targets), 1)
        self.assertEqual(self.of(e.DialFailed), [])

    def test_roundRobin(self) -> None:
        """Each client starts one backend further on."""
        pool = self.two(roundRobin)
        found = [self.dialled(pool) for _ in range(3)]
        self.assertEqual(found, ["192.0.2.1:104", "192.0.2.2:104", "192.0.2.1:104"])

    def test_roundRobinStartsAnywhere(self) -> None:
        """Two pools do not both begin with their first backend."""
        turns = {Pool("x", (), None, roundRobin, e.Events()).turn for _ in range(20)}  # type: ignore[arg-type]
        self.assertGreater(len(turns), 1)

    def test_tellsWhereItStarts(self) -> None:
        """With several addresses it is told which is first; with one there is nothing to tell."""
        pool = self.two(roundRobin)
        self.dialled(pool)
        self.dialled(pool)
        self.dialled(self.two())
        self.dialled(self.pool(InetAddress("192.0.2.1", 104)))
        told = [(event.roundRobin, event.entry) for event in self.of(e.Ordered)]
        self.assertEqual(told, [(True, 0), (True, 1), (False, 0)])

    def test_persistence(self) -> None:
        """A client that resumes its session goes where it was, whatever the order says."""
        pool = self.two(roundRobin)
        again = Caller("1", CALLER.host, 40001, resumed=True)
        self.assertEqual(self.dialled(pool), "192.0.2.1:104")
        self.assertEqual(self.dialled(pool, again), "192.0.2.1:104")
        self.assertEqual([event.backend for event in self.of(e.Persistent)], ["192.0.2.1:104"])

    def test_persistenceOfOthers(self) -> None:
        """A new session is nobody's, and a stranger's resumed one is unknown here."""
        pool = self.two(roundRobin)
        self.dialled(pool)
        self.assertEqual(self.dialled(pool), "192.0.2.2:104")
        stranger = Caller("2", "192.0.2.78", 1, resumed=True)
        self.assertEqual(self.dialled(pool, stranger), "192.0.2.1:104")

    def test_persistenceEnds(self) -> None:
        """When the earlier backend is down the others are tried."""
        pool = self.two(roundRobin)
        self.dialled(pool)
        done = self.dial(pool, Caller("1", CALLER.host, 40001, resumed=True))
        self.dialler.fail()
        self.dialler.accept()
        self.assertEqual(str(self.successResultOf(done)[0]), "192.0.2.2:104")

    def test_persistenceIsBounded(self) -> None:
        """Only so many clients are kept in mind, and the latest ones."""
        pool = self.two(roundRobin)
        for number in range(REMEMBERED + 5):
            self.dialled(pool, Caller("0", f"client{number}", 1))
        self.assertEqual(len(pool._last), REMEMBERED)
        self.assertIn(f"client{REMEMBERED + 4}", pool._last)

    def test_localHost(self) -> None:
        """A bare port means the local host, by IPv6 when it does not answer by IPv4."""
        done = self.dial(self.pool(InetAddress("", 104)))
        self.dialler.fail()
        self.dialler.accept()
        self.assertEqual(str(self.successResultOf(done)[0]), "::1:104")
        self.assertEqual(self.dialler.targets, ["127.0.0.1:104", "::1:104"])

    def test_everyAddressOfAName(self) -> None:
        """A name's addresses are tried in turn, and it is resolved once."""
        self.names["pacs"] = (Target("2001:db8::1", 104), Target("192.0.2.1", 104))
        pool = self.pool(InetAddress("pacs", 104))
        done = self.dial(pool)
        self.dialler.fail()
        self.dialler.accept()
        self.assertEqual(str(self.successResultOf(done)[0]), "192.0.2.1:104")
        self.dialled(pool)
        self.assertEqual(self.asked, ["pacs"])

    def test_movedInTheBackground(self) -> None:
        """A name that is no longer fresh is resolved again, and nobody waits for it."""
        self.names["pacs"] = (Target("192.0.2.1", 104),)
        pool = self.pool(InetAddress("pacs", 104))
        self.dialled(pool)
        self.clock.advance(FRESH)
        self.slow = []
        self.assertEqual(self.dialled(pool), "192.0.2.1:104")
        self.slow[0].callback((Target("192.0.2.2", 104),))
        self.assertEqual(self.dialled(pool), "192.0.2.2:104")

    def test_movedAndGone(self) -> None:
        """When a name's addresses all fail it is asked where else they are."""
        self.names["pacs"] = (Target("192.0.2.1", 104),)
        pool = self.pool(InetAddress("pacs", 104))
        self.dialled(pool)
        self.clock.advance(RECENT)
        self.names["pacs"] = (Target("192.0.2.1", 104), Target("192.0.2.2", 104))
        done = self.dial(pool)
        self.dialler.fail()
        self.dialler.accept()
        self.assertEqual(str(self.successResultOf(done)[0]), "192.0.2.2:104")
        self.assertEqual(self.dialler.targets[1:], ["192.0.2.1:104", "192.0.2.2:104"])

    def test_recentAnswerIsNotDoubted(self) -> None:
        """While everything is down not every client asks the resolver."""
        self.names["pacs"] = (Target("192.0.2.1", 104),)
        pool = self.pool(InetAddress("pacs", 104))
        for _ in range(3):
            done = self.dial(pool)
            self.dialler.fail()
            self.failureResultOf(done, NoBackendError)
        self.assertEqual(self.asked, ["pacs"])

    def test_oneQuestionForAll(self) -> None:
        """Clients that wait for the same name share one question; one that goes spoils nothing."""
        self.slow = []
        pool = self.pool(InetAddress("pacs", 104))
        first, second = self.dial(pool), self.dial(pool)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.slow[0].callback((Target("192.0.2.1", 104),))
        self.dialler.accept()
        self.successResultOf(second)
        self.assertEqual(self.asked, ["pacs"])

    def test_delayResolvesEachTime(self) -> None:
        """With C{delay} the name is resolved for each client; the last good answer serves."""
        self.names["pacs"] = (Target("192.0.2.1", 104),)
        pool = self.pool(InetAddress("pacs", 104), delay=True)
        self.dialled(pool)
        self.names.clear()
        self.dialled(pool)
        self.assertEqual(self.asked, ["pacs", "pacs"])
        self.assertEqual(self.dialler.targets, ["192.0.2.1:104"] * 2)

    def test_unknownName(self) -> None:
        """A name that nobody knows is told as such."""
        done = self.dial(self.pool(InetAddress("pacs", 104)))
        self.failureResultOf(done, NoBackendError)
        self.assertEqual(self.of(e.ResolveFailed)[0].name, "pacs")
        self.assertEqual([event.resolved for event in self.of(e.NoBackend)], [False])

    def test_unknownAtTheStart(self) -> None:
        """A name that is not known at the start is told once, and does no harm."""
        pool = self.pool(InetAddress("pacs", 104), InetAddress("192.0.2.1", 104))
        pool.resolve()
        self.assertEqual(self.of(e.ResolveDelayed), [e.ResolveDelayed("DICOM STORE")])

    def test_knownAtTheStart(self) -> None:
        """A name that is resolved at the start is at hand for the first client."""
        self.names["pacs"] = (Target("192.0.2.1", 104),)
        pool = self.pool(InetAddress("pacs", 104))
        pool.resolve()
        self.dialled(pool)
        self.assertEqual(self.of(e.ResolveDelayed), [])
        self.assertEqual(self.asked, ["pacs"])

    def test_delayAsksNothingAtTheStart(self) -> None:
        """With C{delay} the start does without the resolver."""
        self.pool(InetAddress("pacs", 104), delay=True).resolve()
        self.assertEqual(self.asked, [])

    def test_unixSocket(self) -> None:
        """An absolute path is dialled as a unix socket, and told by its path."""
        self.assertEqual(self.dialled(self.pool(UnixAddress("/run/pacs"))), "/run/pacs")
        self.assertEqual(self.of(e.Dialled)[0].local, "/run/pacs")


class StateTests(PoolCase):
    """Who is left out, or tried last."""

    ONE, OTHER = "192.0.2.1:104", "192.0.2.2:104"

    def stand(self, target: str, health: e.Health, checked: bool = True) -> None:
        """Let C{target} stand so."""
        self.board.put(target, health, "", "", 0.0, checked)

    def test_downIsSkipped(self) -> None:
        """A backend that checks have found to be down is not tried."""
        self.stand(self.ONE, e.Health.DOWN)
        self.assertEqual(self.dialled(self.two()), self.OTHER)
        self.assertEqual(self.dialler.targets, [self.OTHER])
        self.assertEqual(self.of(e.Ordered)[0].entry, 1)

    def test_downByConnectionsIsLast(self) -> None:
        """One that is down by connections alone is tried when all others have failed."""
        self.stand(self.ONE, e.Health.DOWN, checked=False)
        done = self.dial(self.two())
        self.dialler.fail()
        self.dialler.accept()
        self.assertEqual(str(self.successResultOf(done)[0]), self.ONE)
        self.assertEqual(self.dialler.targets, [self.OTHER, self.ONE])

    def test_degradedIsUp(self) -> None:
        """A degraded or unknown backend is chosen like any other."""
        self.stand(self.ONE, e.Health.DEGRADED)
        self.assertEqual(self.dialled(self.two()), self.ONE)
        self.stand(self.ONE, e.Health.UNKNOWN)
        self.assertEqual(self.dialled(self.two()), self.ONE)

    def test_drainedIsSkipped(self) -> None:
        """A drained backend is not tried, until it is not drained any more."""
        self.board.drain(self.ONE, True)
        self.assertEqual(self.dialled(self.two()), self.OTHER)
        self.board.drain(self.ONE, False)
        self.assertEqual(self.dialled(self.two()), self.ONE)

    def test_noneLeft(self) -> None:
        """Where none may be tried that is known at once, and told with how many there are."""
        self.stand(self.ONE, e.Health.DOWN)
        self.board.drain(self.OTHER, True)
        self.failureResultOf(self.dial(self.two()), NoBackendError)
        self.assertEqual(self.dialler.targets, [])
        (event,) = self.of(e.NoBackend)
        self.assertEqual((event.resolved, event.skipped), (True, 2))

    def test_movedOnesAreSkippedToo(self) -> None:
        """So are backends that are asked for only when all known ones have failed."""
        self.stand("::1:104", e.Health.DOWN)
        done = self.dial(self.pool(InetAddress("", 104)))
        self.dialler.fail()
        self.failureResultOf(done, NoBackendError)
        self.assertEqual(self.of(e.NoBackend)[0].skipped, 1)

    def test_persistenceEndsWithDown(self) -> None:
        """A client that resumes its session does not go back to a backend that is down."""
        for checked in (True, False):
            self.stand(self.ONE, e.Health.UP)
            pool = self.two()
            self.assertEqual(self.dialled(pool), self.ONE)
            self.stand(self.ONE, e.Health.DOWN, checked)
            again = Caller("1", CALLER.host, 40001, resumed=True)
            self.assertEqual(self.dialled(pool, again), self.OTHER)
        self.assertEqual(self.of(e.Persistent), [])

    def test_leastConnections(self) -> None:
        """Each client goes to the backend that has the fewest."""
        pool = self.two(leastConnections)
        events = pool.events
        events.subscribe(self.board.hear, HEARD)
        callers = [Caller(str(number), "192.0.2.7", number) for number in range(4)]
        for caller in callers:
            self.dialled(pool, caller)
        self.assertEqual([self.board.load(self.ONE), self.board.load(self.OTHER)], [2, 2])
        closed = e.Closed("DICOM STORE", "1", "x", e.Reason.COMPLETED, 0, 0, 0.0, False)
        events.publish(closed)
        self.assertEqual(self.dialled(pool, Caller("4")), self.OTHER)
        self.assertTrue(self.of(e.Ordered)[0].fewest)


class BoundTests(PoolCase):
    """How long a client may have to wait, in all."""

    def setUp(self) -> None:
        super().setUp()
        self.dialler.timeout = self.dialler.longest = 25.0

    def test_bounded(self) -> None:
        """The attempt that exceeds the limit is cut short, and none follows it."""
        many = [InetAddress(f"192.0.2.{number}", 104) for number in range(1, 9)]
        done = self.dial(self.pool(*many))
        for _ in range(2):
            self.clock.advance(25)
            self.dialler.fail(OutOfTimeError())
        self.clock.advance(LONGEST - 50 - 0.1)
        self.assertNoResult(done)
        self.clock.advance(0.1)
        self.failureResultOf(done, NoBackendError)
        self.assertEqual(len(self.dialler.targets), 3)
        self.assertEqual([event.error for event in self.of(e.DialFailed)], [None] * 3)
        self.assertEqual(self.of(e.NoBackend)[0].skipped, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_atLeastOneAttempt(self) -> None:
        """A single attempt may take as long as TIMEOUTconnect says."""
        self.dialler.timeout = self.dialler.longest = 100.0
        done = self.dial(self.pool(InetAddress("192.0.2.1", 104)))
        self.clock.advance(99)
        self.dialler.accept()
        self.successResultOf(done)

    def test_noTimerLeft(self) -> None:
        """An attempt that ends well, or that is given up, leaves no timer."""
        self.dialler.longest = 100.0
        done = self.dial(self.two())
        self.dialler.accept()
        self.successResultOf(done)
        done = self.dial(self.two())
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PolicyTests(SynchronousTestCase):
    """The orders themselves."""

    def test_priority(self) -> None:
        """Always the same order."""
        self.assertEqual(byPriority((5, 0, 1), 7), (0, 1, 2))

    def test_roundRobin(self) -> None:
        """Everyone once, starting further on each time."""
        self.assertEqual([roundRobin((9, 0, 0), t) for t in range(4)][3], (0, 1, 2))
        self.assertEqual(roundRobin((9, 0, 0), 1), (1, 2, 0))
        self.assertEqual(roundRobin((), 1), ())

    def test_leastConnections(self) -> None:
        """Those with the fewest first, and equals in turn."""
        self.assertEqual(leastConnections((3, 1, 2), 0), (1, 2, 0))
        self.assertEqual([leastConnections((1, 1, 1), t)[0] for t in range(4)], [0, 1, 2, 0])
        self.assertEqual(leastConnections((2, 1, 1), 2), (2, 1, 0))
        self.assertEqual(leastConnections((), 1), ())
