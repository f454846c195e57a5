"""How a PROXY header is heard on a socket: whole or in pieces, and never a byte too much."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from appliance.relay.proxyline import LONGEST_BODY, SIGNATURE, Hop, header, line
from appliance.section.preamble import Preamble
from tests.relay.test_proxyline import HOPS, TLVS, pieces

HOP = Hop(("192.0.2.1", 56324), ("192.0.2.9", 104))
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


class Reactor(Clock):
    """A clock that knows who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Preamble] = []

    def addReader(self, reader: Preamble) -> None:
        """It wants to."""
        self.readers.append(reader)

    def removeReader(self, reader: Preamble) -> None:
        """It does not any more."""
        self.readers.remove(reader)


class Heard:
    """A preamble on one end of a socketpair, and what came of it."""

    def __init__(self) -> None:
        self.theirs, self.ours = socket.socketpair()
        self.reactor = Reactor()
        self.results: list[Hop | str] = []
        self.preamble = Preamble(
            self.reactor,
            self.ours,
            self.results.append,
            lambda error: self.results.append(f"{type(error).__name__}: {error}"),
        )

    def say(self, *said: bytes) -> None:
        """Say each piece by itself; what is said once nobody reads waits for others."""
        for piece in said:
            self.theirs.sendall(piece)
            for reader in tuple(self.reactor.readers):
                reader.doRead()

    def rest(self) -> bytes:
        """What the preamble has left for others."""
        with contextlib.suppress(BlockingIOError):
            return self.ours.recv(65536, socket.MSG_DONTWAIT)
        return b""


@contextlib.contextmanager
def hearing() -> Iterator[Heard]:
    """A preamble that nothing is left of afterwards."""
    heard = Heard()
    try:
        yield heard
    finally:
        heard.preamble.stop()
        assert heard.reactor.readers == []
        assert heard.reactor.getDelayedCalls() == []
        heard.theirs.close()
        heard.ours.close()


WHY = "NoHeaderError: sends no proper PROXY header: "


class PreambleTests(SynchronousTestCase):
    """One socket."""

    def test_atOnce(self) -> None:
        """A header that is there already needs no turn of the reactor."""
        with hearing() as heard:
            heard.say(line(HOP))
            heard.preamble.begin(5)
            self.assertEqual((heard.results, heard.reactor.readers), ([HOP], []))

    def test_TLSBehindIt(self) -> None:
        """What came in one piece with the header is left in the kernel."""
        for said in (line(HOP), header(HOP), header(Hop())):
            with hearing() as heard:
                heard.say(said + HELLO)
                heard.preamble.begin(5)
                self.assertEqual((len(heard.results), heard.rest()), (1, HELLO))

    @given(HOPS, TLVS, st.booleans(), st.integers(1, 40), st.binary(max_size=60))
    def test_inPieces(
        self, hop: Hop, tlvs: tuple[tuple[int, bytes], ...], first: bool, size: int, rest: bytes
    ) -> None:
        """Wherever it is cut, it is heard once, and all that follows is left alone."""
        said = line(hop) if first else header(Hop(hop.source, hop.destination, tlvs))
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.say(*pieces(said + rest, size))
            ends = [(each.source, each.destination) for each in heard.results]  # type: ignore[union-attr]
            self.assertEqual(ends, [(hop.source, hop.destination)])
            self.assertEqual(heard.rest(), rest)

    @given(st.binary(min_size=1))
    def test_anything(self, said: bytes) -> None:
        """Whatever is said and then the end: a header or a word why there is none."""
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.say(said)
            heard.theirs.close()
            for reader in tuple(heard.reactor.readers):
                reader.doRead()
            self.assertEqual(len(heard.results), 1)

    def test_noHeader(self) -> None:
        """What is no header is told, TLS by its name."""
        for said, why in (
            (HELLO, "it begins with TLS at once"),
            (b"GET / HTTP/1.1\r\n", "it begins with something else"),
            (b"PROXY TCP4 192.0.2.1 192.0.2.9 1 x\r\n", "not a port"),
            (SIGNATURE + b"\x31\x11\0\0", "unknown version or command 0x31"),
            (SIGNATURE + b"\x21\x41\0\0", "unknown family or transport 0x41"),
            (
                SIGNATURE + b"\x21\x11\xff\xff",
                f"more than {LONGEST_BODY} bytes of addresses and values",
            ),
        ):
            with self.subTest(said), hearing() as heard:
                heard.say(said)
                heard.preamble.begin(5)
                self.assertEqual(heard.results, [WHY + why])

    def test_nothing(self) -> None:
        """Who comes and goes without a byte has nothing wrong with him."""
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.theirs.close()
            heard.preamble.doRead()
            self.assertEqual(heard.results, ["NoHeaderError: "])

    def test_cutShort(self) -> None:
        """Who hangs up in the middle is told of."""
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.say(b"PROXY TC")
            heard.theirs.close()
            heard.preamble.doRead()
            self.assertEqual(
                heard.results, ["NoHeaderError: hung up in the middle of its PROXY header"]
            )

    def test_lost(self) -> None:
        """So is who the reactor finds to be gone."""
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.say(b"PROXY TC")
            heard.preamble.connectionLost(Failure(CONNECTION_LOST))
            self.assertEqual(
                heard.results, ["NoHeaderError: hung up in the middle of its PROXY header"]
            )

    def test_overdue(self) -> None:
        """There is a limit for all of it, which no drip of bytes puts off."""
        with hearing() as heard:
            heard.preamble.begin(5)
            for piece in (b"PRO", b"XY T", b"CP4 "):
                heard.reactor.advance(1.5)
                heard.say(piece)
            heard.reactor.advance(0.5)
            self.assertEqual(
                heard.results, ["NoHeaderError: has not sent its PROXY header within 5 s"]
            )

    def test_silence(self) -> None:
        """Who says nothing in all that time is as good as gone."""
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.reactor.advance(5)
            self.assertEqual(heard.results, ["NoHeaderError: "])

    def test_stopped(self) -> None:
        """Once stopped it tells nothing."""
        with hearing() as heard:
            heard.preamble.begin(5)
            heard.preamble.stop()
            heard.reactor.advance(5)
            heard.preamble.connectionLost(Failure(CONNECTION_LOST))
            self.assertEqual(heard.results, [])
