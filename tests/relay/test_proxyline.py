"""PROXY headers of both versions: there and back, in any pieces, and what is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.relay.proxyline import (
    LONGEST_BODY,
    LONGEST_LINE,
    SIGNATURE,
    Decoder,
    Hop,
    ProxyLineError,
    header,
    line,
)

PORTS = st.integers(0, 65535)


def ends(version: int) -> st.SearchStrategy[tuple[str, int]]:
    """An address of one family and a port."""
    # IPv4 in IPv6's clothes comes back undressed.
    hosts = st.ip_addresses(v=version).filter(lambda a: getattr(a, "ipv4_mapped", None) is None)  # type: ignore[arg-type]
    return st.tuples(hosts.map(str), PORTS)


HOPS = st.one_of(st.builds(Hop, ends(4), ends(4)), st.builds(Hop, ends(6), ends(6)), st.just(Hop()))
TLVS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60)), max_size=5).map(tuple)
HOP = Hop(("192.0.2.1", 56324), ("192.0.2.9", 104))


def pieces(data: bytes, size: int) -> list[bytes]:
    """C{data} in pieces of C{size}."""
    return [data[at : at + size] for at in range(0, len(data), size)]


class LineTests(SynchronousTestCase):
    """Version 1."""

    def test_IPv4(self) -> None:
        """The line as the format describes it."""
        self.assertEqual(line(HOP), b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 104\r\n")

    def test_IPv6(self) -> None:
        """IPv6 addresses, without the scope that means nothing elsewhere."""
        hop = Hop(("fe80::1%eth0", 1), ("2001:db8::1", 2))
        self.assertEqual(line(hop), b"PROXY TCP6 fe80::1 2001:db8::1 1 2\r\n")

    def test_mapped(self) -> None:
        """An IPv4 client of an IPv6 socket is an IPv4 client."""
        hop = Hop(("::ffff:192.0.2.1", 1), ("::ffff:192.0.2.9", 2))
        self.assertEqual(line(hop), b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n")

    def test_unknown(self) -> None:
        """A client without an address, and ends of two families, cannot be said."""
        self.assertEqual(line(Hop()), b"PROXY UNKNOWN\r\n")
        self.assertEqual(line(Hop(("::1", 1), ("127.0.0.1", 2))), b"PROXY UNKNOWN\r\n")

    def test_longest(self) -> None:
        """The longest line that there can be is no longer than the format says."""
        host = ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)
        self.assertLessEqual(len(line(Hop(host, host))), LONGEST_LINE)

    def test_unknownWithWords(self) -> None:
        """What follows C{UNKNOWN} is skipped."""
        self.assertEqual(Decoder().feed(b"PROXY UNKNOWN a b 1 2\r\nx"), (Hop(), b"x"))

    def test_notALine(self) -> None:
        """Wrong words, wrong families, wrong ports and endless lines are refused."""
        for text in (
            b"PROXY TCP4 192.0.2.1 192.0.2.9 1\r\n",
            b"PROXY TCP4 ::1 192.0.2.9 1 2\r\n",
            b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 01 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 1 65536\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.9 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 pacs 1 2\r\n",
            b"PROXY TCP4  192.0.2.1 192.0.2.9 1 2\r\n",
            b"PROXY " + b"x" * LONGEST_LINE,
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01",
        ):
            with self.subTest(text), self.assertRaises(ProxyLineError):
                Decoder().feed(text)

    @given(HOPS, st.binary(max_size=20), st.integers(1, 30))
    def test_roundTrip(self, hop: Hop, rest: bytes, size: int) -> None:
        """What was written is read again, in any pieces, and what follows is left alone."""
        decoder, found = Decoder(), None
        waiting = pieces(line(hop) + rest, size)
        while found is None:
            found = decoder.feed(waiting.pop(0))
        self.assertEqual(found[0], hop)
        self.assertEqual(found[1] + b"".join(waiting), rest)


class HeaderTests(SynchronousTestCase):
    """Version 2."""

    def test_IPv4(self) -> None:
        """The header, octet by octet."""
        expected = SIGNATURE + bytes.fromhex("2111000c c0000201 c0000209 dc04 0068")
        self.assertEqual(header(HOP), expected)

    def test_local(self) -> None:
        """A sender that speaks for itself says so."""
        self.assertEqual(header(Hop()), SIGNATURE + bytes.fromhex("20000000"))

    def test_tooLong(self) -> None:
        """Too many extra values are not sent."""
        with self.assertRaises(ProxyLineError):
            header(Hop(tlvs=((1, b"x" * LONGEST_BODY),)))

    def test_otherFamilies(self) -> None:
        """UDP and unix ends are skipped, their extra values are read."""
        value = b"\x05\x00\x02ab"
        for family, size in ((0x12, 12), (0x22, 36), (0x31, 216), (0x00, 0)):
            body = b"\1" * size + value
            data = SIGNATURE + bytes((0x21, family)) + len(body).to_bytes(2, "big") + body
            with self.subTest(family=family):
                self.assertEqual(Decoder().feed(data), (Hop(tlvs=((5, b"ab"),)), b""))

    def test_notAHeader(self) -> None:
        """Wrong versions, short bodies, values cut short and endless headers are refused."""
        for text in ("31110000", "21110004 c0000201", "2100 0002 0500", "2100 0004 05000901"):
            with self.subTest(text), self.assertRaises(ProxyLineError):
                Decoder().feed(SIGNATURE + bytes.fromhex(text))
        with self.assertRaises(ProxyLineError):
            Decoder().feed(SIGNATURE + bytes.fromhex("2111ffff"))

    @given(HOPS, TLVS, st.binary(max_size=20), st.integers(1, 40))
    def test_roundTrip(
        self, hop: Hop, tlvs: tuple[tuple[int, bytes], ...], rest: bytes, size: int
    ) -> None:
        """What was written is read again, in any pieces, and what follows is left alone."""
        hop = Hop(hop.source, hop.destination, tlvs)
        decoder, found = Decoder(), None
        waiting = pieces(header(hop) + rest, size)
        while found is None:
            found = decoder.feed(waiting.pop(0))
        self.assertEqual(found[0], hop)
        self.assertEqual(found[1] + b"".join(waiting), rest)


class HostileTests(SynchronousTestCase):
    """Whatever may come."""

    @given(
        st.one_of(
            st.binary(),
            st.binary().map(lambda b: b"PROXY " + b),
            st.binary().map(lambda b: SIGNATURE + b),
        )
    )
    def test_anything(self, data: bytes) -> None:
        """Any bytes give a header, a wait or a refusal, and a wait is bounded."""
        try:
            found = Decoder().feed(data)
        except ProxyLineError:
            return
        if found is None:
            self.assertLess(len(data), len(SIGNATURE) + 4 + LONGEST_BODY)

    @given(HOPS, st.data())
    def test_cutShort(self, hop: Hop, data: st.DataObject) -> None:
        """A header that is not whole is waited for."""
        for whole in (line(hop), header(hop)):
            cut = data.draw(st.integers(0, len(whole) - 1))
            self.assertIsNone(Decoder().feed(whole[:cut]))
