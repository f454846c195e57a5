"""Tests of addresses, clients and sets of networks."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.limits.networks import Networks, clientIn, clientOf, clientText, packed

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@st.composite
def networks(draw: st.DrawFn) -> str:
    """A network of either family, as L{appliance.config.networks} writes it."""
    address = draw(st.one_of(V4, V6))
    bits = draw(st.integers(0, address.max_prefixlen))
    return str(ip_network(f"{address}/{bits}", strict=False))


class AddressTests(SynchronousTestCase):
    """Addresses as bytes, and whom they are counted as."""

    def test_mapped(self) -> None:
        """An IPv4 address that an IPv6 socket tells is that of IPv4."""
        self.assertEqual(packed("::ffff:192.0.2.7"), packed("192.0.2.7"))

    def test_scope(self) -> None:
        """The scope of a link-local address belongs to us, not to the client."""
        self.assertEqual(packed("fe80::1%eth0"), packed("fe80::1"))

    def test_none(self) -> None:
        """A unix socket has no address, and nonsense is none."""
        for text in ("", "unix", "pacs.example", "192.0.2.256", "1:2", "192.0.2.7/24", "1\0"):
            self.assertIsNone(packed(text), text)

    @given(st.one_of(V4, V6))
    def test_packed(self, address: IPv4Address | IPv6Address) -> None:
        """The bytes are those of the address."""
        mapped = getattr(address, "ipv4_mapped", None)
        self.assertEqual(packed(str(address)), (mapped or address).packed)

    def test_clients(self) -> None:
        """An IPv4 address is a client; of IPv6 a whole /64 is one."""
        for text, client in (
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:0:1:dead:beef::1", "2001:db8:0:1::/64"),
            ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ):
            address = packed(text)
            assert address is not None
            self.assertEqual(clientText(clientOf(address)), client)

    @given(V6, st.integers(0, (1 << 64) - 1))
    def test_site(self, address: IPv6Address, host: int) -> None:
        """All addresses of a /64 are the same client, and no others are."""
        there = int(address) >> 64 << 64
        one, other = (IPv6Address(there | h).packed for h in (int(address) & host, host))
        self.assertEqual(clientOf(one), clientOf(other))
        beside = IPv6Address(there ^ (1 << 64)).packed
        self.assertNotEqual(clientOf(one), clientOf(beside))

    @given(st.one_of(V4, V6))
    def test_clientIn(self, address: IPv4Address | IPv6Address) -> None:
        """An administrator names a client by any of its addresses, or as it is shown."""
        known = packed(str(address))
        assert known is not None
        client = clientOf(known)
        self.assertEqual(clientIn(str(address)), client)
        self.assertEqual(clientIn(clientText(client)), client)

    def test_notAClient(self) -> None:
        """Other networks, and what is no address, name no client."""
        for text in ("192.0.2.0/24", "2001:db8::/48", "all", "", "192.0.2.7/64"):
            self.assertIsNone(clientIn(text), text)


class NetworksTests(SynchronousTestCase):
    """C{Networks}."""

    def test_empty(self) -> None:
        """Nobody is in an empty set, which is false."""
        self.assertFalse(Networks(()))
        self.assertNotIn(b"\x7f\x00\x00\x01", Networks(()))

    def test_families(self) -> None:
        """All of one family is nobody of the other."""
        every = Networks(["0.0.0.0/0"])
        self.assertIn(ip_address("203.0.113.9").packed, every)
        self.assertNotIn(ip_address("2001:db8::1").packed, every)

    @given(st.lists(networks(), max_size=8), st.one_of(V4, V6), st.data())
    def test_asTheLibrary(
        self, texts: list[str], address: IPv4Address | IPv6Address, data: st.DataObject
    ) -> None:
        """It says the same as the standard library, of addresses within and without."""
        if texts and data.draw(st.booleans()):
            network = ip_network(data.draw(st.sampled_from(texts)))
            offset = data.draw(st.integers(0, network.num_addresses - 1))
            address = network[offset]
        expected = any(address in ip_network(text) for text in texts)
        self.assertEqual(address.packed in Networks(texts), expected)
