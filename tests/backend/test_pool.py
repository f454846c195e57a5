"""Which backend is dialled, in which order, and what is told about it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionRefusedError, TimeoutError  # noqa: A004
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.backend.backend import Backend, Dialler, Target, dialError, resolver
from appliance.backend.policy import byPriority, roundRobin
from appliance.backend.pool import NoBackendError, Policy, Pool
from appliance.config.model import Address, InetAddress, UnixAddress


def nowhere(name: str, port: int) -> Deferred[tuple[Target, ...]]:
    """A resolver that knows nothing."""
    return succeed(())


class PoolTests(SynchronousTestCase):
    """A pool on a reactor without sockets."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.heard: list[e.Event] = []
        self.names: dict[str, tuple[Target, ...]] = {}
        self.asked: list[str] = []

    def resolve(self, name: str, port: int) -> Deferred[tuple[Target, ...]]:
        self.asked.append(name)
        return succeed(self.names.get(name, ()))

    def pool(self, *addresses: Address, policy: Policy = byPriority, delay: bool = False) -> Pool:
        events = e.Events()
        events.subscribe(self.heard.append)
        return Pool(
            "DICOM STORE",
            [Backend(address, self.resolve, delay) for address in addresses],
            Dialler(self.reactor, 10.0),
            policy,
            events,
        )

    def dial(self, pool: Pool) -> Deferred[Any]:
        return pool.dial(Factory.forProtocol(Protocol), "0")

    def attempts(self) -> list[tuple[str, int]]:
        """Where the reactor was asked to connect, in order."""
        return [(host, port) for host, port, *_ in self.reactor.tcpClients]

    def accept(self, number: int) -> None:
        """Let the attempt C{number} succeed."""
        factory = self.reactor.tcpClients[number][2]
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(FakeTransport())

    def failAttempt(self, number: int, error: Exception) -> None:
        """Let the attempt C{number} fail."""
        factory = self.reactor.tcpClients[number][2]
        factory.clientConnectionFailed(self.reactor.connectors[number], failure(error))

    def texts(self, kind: type[e.Event]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]

    def test_firstBackend(self) -> None:
        """The first backend is dialled and told, with our own address."""
        dialled = self.dial(self.pool(InetAddress("192.0.2.1", 104)))
        self.accept(0)
        target, _ = self.successResultOf(dialled)
        self.assertEqual(str(target), "192.0.2.1:104")
        self.assertEqual(self.texts(e.Dialled)[0].local, "192.0.2.99:40000")

    def test_nextOneWhenRefused(self) -> None:
        """A refusal moves on to the next backend, for the same client."""
        pool = self.pool(InetAddress("192.0.2.1", 104), InetAddress("192.0.2.2", 104))
        dialled = self.dial(pool)
        self.failAttempt(0, ConnectionRefusedError(111))
        self.accept(1)
        self.assertEqual(str(self.successResultOf(dialled)[0]), "192.0.2.2:104")
        self.assertEqual(self.texts(e.DialFailed)[0].error, "Connection refused (111)")

    def test_noneLeft(self) -> None:
        """When every backend fails that is told, and raised."""
        dialled = self.dial(self.pool(InetAddress("192.0.2.1", 104)))
        self.failAttempt(0, TimeoutError())
        self.failureResultOf(dialled, NoBackendError)
        self.assertIsNone(self.texts(e.DialFailed)[0].error)
        self.assertEqual(len(self.texts(e.NoBackend)), 1)

    def test_cancel(self) -> None:
        """A cancelled dial tries nothing further and tells of no failure."""
        pool = self.pool(InetAddress("192.0.2.1", 104), InetAddress("192.0.2.2", 104))
        dialled = self.dial(pool)
        dialled.cancel()
        self.failureResultOf(dialled, CancelledError)
        self.assertEqual(len(self.attempts()), 1)
        self.assertEqual(self.texts(e.DialFailed), [])

    def test_roundRobin(self) -> None:
        """Each client starts one backend further on."""
        pool = self.pool(
            InetAddress("192.0.2.1", 104), InetAddress("192.0.2.2", 104), policy=roundRobin
        )
        for _ in range(3):
            self.dial(pool).addErrback(lambda _: None)
        self.assertEqual(
            [host for host, _ in self.attempts()], ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
        )

    def test_localHost(self) -> None:
        """A bare port means the local host."""
        self.dial(self.pool(InetAddress("", 104))).addErrback(lambda _: None)
        self.assertEqual(self.attempts(), [("127.0.0.1", 104)])

    def test_everyAddressOfAName(self) -> None:
        """A name's addresses are tried in turn, and it is resolved once."""
        self.names["pacs"] = (Target("2001:db8::1", 104), Target("192.0.2.1", 104))
        pool = self.pool(InetAddress("pacs", 104))
        dialled = self.dial(pool)
        self.failAttempt(0, ConnectionRefusedError(111))
        self.accept(1)
        self.successResultOf(dialled)
        self.dial(pool).addErrback(lambda _: None)
        self.assertEqual(self.asked, ["pacs"])

    def test_delayResolvesEachTime(self) -> None:
        """With C{delay} the name is resolved for each client; the last good answer serves."""
        self.names["pacs"] = (Target("192.0.2.1", 104),)
        pool = self.pool(InetAddress("pacs", 104), delay=True)
        self.dial(pool).addErrback(lambda _: None)
        self.names.clear()
        self.dial(pool).addErrback(lambda _: None)
        self.assertEqual(self.asked, ["pacs", "pacs"])
        self.assertEqual(self.attempts(), [("192.0.2.1", 104)] * 2)

    def test_unknownName(self) -> None:
        """A name that nobody knows is told as such."""
        dialled = self.dial(self.pool(InetAddress("pacs", 104)))
        self.failureResultOf(dialled, NoBackendError)
        self.assertEqual(self.texts(e.ResolveFailed)[0].name, "pacs:104")

    def test_unixSocket(self) -> None:
        """An absolute path is dialled as a unix socket."""
        self.dial(self.pool(UnixAddress("/run/pacs"))).addErrback(lambda _: None)
        self.assertEqual(self.reactor.unixClients[0][0], "/run/pacs")


class FakeTransport:
    """Knows its own address."""

    def getHost(self) -> Any:
        return type("Host", (), {"host": "192.0.2.99", "port": 40000})


def failure(error: Exception) -> Any:
    """C{error} as Twisted hands it on."""
    from twisted.python.failure import Failure

    return Failure(error)


class PolicyTests(SynchronousTestCase):
    """The orders themselves."""

    def test_priority(self) -> None:
        """Always the same order."""
        self.assertEqual(byPriority(3, 7), (0, 1, 2))

    def test_roundRobin(self) -> None:
        """Everyone once, starting further on each time."""
        self.assertEqual([roundRobin(3, t) for t in range(4)][3], (0, 1, 2))
        self.assertEqual(roundRobin(3, 1), (1, 2, 0))
        self.assertEqual(roundRobin(0, 1), ())


class DialErrorTests(SynchronousTestCase):
    """Failures in the system's words."""

    def test_words(self) -> None:
        """Number and text, nothing of Twisted's own."""
        self.assertEqual(dialError(ConnectionRefusedError(111)), "Connection refused (111)")
        self.assertEqual(dialError(OSError(13, "x")), "Permission denied (13)")
        self.assertEqual(dialError(ValueError("secret")), "connection failed")
        self.assertIsNone(dialError(TimeoutError()))


class ResolverTests(SynchronousTestCase):
    """The reactor's resolver as ours."""

    def test_collects(self) -> None:
        """Every address that the reactor's resolver finds, once each."""
        from twisted.internet.address import IPv4Address

        class Names:
            def resolveHostName(self, receiver: Any, name: str, port: int) -> None:
                receiver.resolutionBegan(None)
                for host in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                    receiver.addressResolved(IPv4Address("TCP", host, port))
                receiver.resolutionComplete()

        reactor = type("Reactor", (), {"nameResolver": Names()})()
        found = self.successResultOf(resolver(reactor)("pacs", 104))
        self.assertEqual([str(target) for target in found], ["192.0.2.1:104", "192.0.2.2:104"])
