"""Tests of a section's limits: whom they keep out, whom they ban, and what is counted."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import (
    BanRule,
    Dicom,
    DicomConfig,
    InetAddress,
    LimitsConfig,
    RateLimit,
    SectionConfig,
    TLSConfig,
)
from appliance.section import limits as limits_
from appliance.section.census import Census
from appliance.section.limits import HEARD, Limits
from tests import material as m

NAME = "DICOM STORE"
ONE, OTHER = "192.0.2.1", "192.0.2.2"
KIND = e.LimitKind
APPLICATION = e.Application()


def config(limits: LimitsConfig, **changes: Any) -> SectionConfig:
    """A section with C{limits}."""
    accept, connect = InetAddress("", 2762), InetAddress("192.0.2.100", 104)
    section = SectionConfig(NAME, m.WHERE, (accept,), (connect,), TLSConfig(), limits=limits)
    return evolve(section, **changes)


def accepted(connection: str) -> e.Event:
    """An association was accepted."""
    return e.AssociationAccepted(NAME, connection, "b", "CT", "PACS", APPLICATION, ())


def closed(connection: str, reason: e.Reason = e.Reason.COMPLETED) -> e.Event:
    """A connection's end."""
    return e.Closed(NAME, connection, "x", reason, 0, 0, 0.0, False)


def failed(connection: str, kind: str = "HTTP", dialled: bool = False) -> e.Event:
    """A handshake that has failed."""
    found = "speaks HTTP on a port for DICOM over TLS"
    return e.HandshakeFailed(NAME, connection, "x", "error", kind, found, "advice", dialled)


class LimitsCase(SynchronousTestCase):
    """A section's limits, a clock, and a census that hears what it asks for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events = e.Events()
        self.heard: list[e.Event] = []
        self.events.subscribe(self.heard.append)
        self.capacity = 1000
        self.census = Census(lambda: self.capacity)
        self.events.subscribe(self.census.hear, HEARD)
        self.number = 0

    def limits(self, **facts: Any) -> Limits:
        """Limits under such a configuration, with C{dicom = no} unless it says more."""
        mode = facts.pop("dicom", Dicom.NO)
        self.config = config(LimitsConfig(**facts), dicom=DicomConfig(mode=mode))
        made = Limits(self.clock, self.config, self.events, self.census.full)
        self.made = made
        return made

    def come(self, host: str | None = ONE) -> e.LimitKind | str:
        """A client comes: what keeps it out, or else the connection that it has now."""
        refusal = self.made.admit(host)
        if refusal is not None and not refusal.answered:
            return refusal.limit
        connection = str(self.number)
        self.number += 1
        self.census.enter(connection, self.made)
        self.made.enter(connection, host, refusal is not None)
        return connection

    def hear(self, *events: Any) -> None:
        """Such things happen."""
        for event in events:
            self.events.publish(event)

    def bad(self, times: int, host: str = ONE) -> None:
        """A client speaks HTTP so many times."""
        for _ in range(times):
            connection = str(self.come(host))
            self.hear(failed(connection), closed(connection, e.Reason.HANDSHAKE))


class AddressTests(LimitsCase):
    """C{allowFrom} and C{denyFrom}."""

    def test_everybody(self) -> None:
        """Without limits everybody is let in."""
        self.limits()
        for host in (ONE, "2001:db8::1", "", None):
            self.assertIsInstance(self.come(host), str)

    def test_allowed(self) -> None:
        """Only those on the list, where there is one."""
        self.limits(allow=("192.0.2.0/31", "2001:db8::/32"))
        self.assertIsInstance(self.come(ONE), str)
        self.assertIsInstance(self.come("2001:db8:7::1"), str)
        for host in (OTHER, "2001:db9::1"):
            self.assertEqual(self.come(host), KIND.ADDRESS)

    def test_denied(self) -> None:
        """Who is denied is, whatever else is said of it."""
        self.limits(allow=("192.0.2.0/24",), deny=("192.0.2.2/32",))
        self.assertIsInstance(self.come(ONE), str)
        self.assertEqual(self.come(OTHER), KIND.ADDRESS)

    def test_noAddress(self) -> None:
        """Who comes by a unix socket has no address to be judged by."""
        self.limits(allow=("192.0.2.0/24",), perClient=1)
        self.assertIsInstance(self.come(""), str)
        self.assertIsInstance(self.come(""), str)

    def test_words(self) -> None:
        """It is told which list it is."""
        limits = self.limits(allow=("192.0.2.0/31",), deny=("192.0.2.1/32",))
        for host, option in ((ONE, "denyFrom"), (OTHER, "allowFrom")):
            refusal = limits.admit(host)
            assert refusal is not None
            self.assertIn(option, refusal.why)


class CountTests(LimitsCase):
    """C{maxConnections}, C{maxConnectionsPerClient} and the descriptors."""

    def test_section(self) -> None:
        """So many connections and no more, until one has ended."""
        self.limits(connections=2)
        first = str(self.come())
        self.come(OTHER)
        self.assertEqual(self.come(), KIND.CONNECTIONS)
        self.hear(closed(first))
        self.assertIsInstance(self.come(), str)
        self.assertEqual(self.come(), KIND.CONNECTIONS)

    def test_client(self) -> None:
        """The same for each client."""
        self.limits(perClient=2)
        first = str(self.come())
        self.come()
        self.assertEqual(self.come(), KIND.CLIENT)
        self.assertIsInstance(self.come(OTHER), str)
        self.hear(closed(first))
        self.assertIsInstance(self.come(), str)
        self.assertEqual(self.come(), KIND.CLIENT)

    def test_site(self) -> None:
        """A /64 of IPv6 is one client, and an IPv4 address is one whatever carries it."""
        self.limits(perClient=1)
        self.come("2001:db8::1")
        self.assertEqual(self.come("2001:db8::2"), KIND.CLIENT)
        self.assertIsInstance(self.come("2001:db8:0:1::1"), str)
        self.come(ONE)
        self.assertEqual(self.come(f"::ffff:{ONE}"), KIND.CLIENT)

    def test_descriptors(self) -> None:
        """No section takes the last descriptors, and nobody is answered for want of them."""
        self.limits(dicom=Dicom.AUTO)
        self.capacity = 1
        first = str(self.come())
        self.assertEqual(self.come(OTHER), KIND.DESCRIPTORS)
        self.hear(closed(first))
        self.assertIsInstance(self.come(OTHER), str)

    def test_otherSections(self) -> None:
        """Connections of other sections count for the descriptors alone."""
        self.limits(connections=1)
        self.come()
        self.limits(connections=1)
        self.assertIsInstance(self.come(), str)
        self.capacity = 2
        self.limits()
        self.assertEqual(self.come(), KIND.DESCRIPTORS)

    def test_nothingIsKept(self) -> None:
        """When all have ended nothing is left of them."""
        limits = self.limits(perClient=5, dicom=Dicom.AUTO)
        for number in range(20):
            connection = str(self.come(f"192.0.2.{number}"))
            self.hear(accepted(connection), closed(connection))
        self.assertEqual(len(self.census), 0)
        for kept in (limits._guests, limits._served, limits._healthy):
            self.assertEqual(len(kept), 0)

    def test_withoutAnEnd(self) -> None:
        """A connection that never came to be is forgotten; to forget another does no harm."""
        self.limits(connections=1)
        self.census.left(str(self.come()))
        self.census.left("nobody")
        self.assertIsInstance(self.come(), str)


class AnswerTests(LimitsCase):
    """Clients that are told in DICOM that there is no place for them."""

    def test_answered(self) -> None:
        """Where DICOM is spoken there is a place to be told; it takes none from others."""
        limits = self.limits(connections=1, perClient=1, dicom=Dicom.AUTO)
        served = str(self.come())
        told = str(self.come(OTHER))
        self.assertEqual([limits.answers(each) for each in (served, told)], [False, True])
        self.hear(closed(served))
        self.assertFalse(limits.answers(str(self.come(OTHER))))

    def test_notDicom(self) -> None:
        """With C{dicom = no}, or a program, nobody would understand."""
        for changes in ({"dicom": DicomConfig(mode=Dicom.NO)}, {"exec": "/bin/cat"}):
            section = config(LimitsConfig(connections=1), **changes)
            self.made = Limits(self.clock, section, self.events, self.census.full)
            self.come()
            self.assertEqual(self.come(), KIND.CONNECTIONS)

    def test_notForOthers(self) -> None:
        """Addresses, bans and the rate are answered by an end."""
        self.limits(dicom=Dicom.YES, deny=("192.0.2.2/32",), rate=RateLimit(1, 2))
        self.assertEqual(self.come(OTHER), KIND.ADDRESS)
        self.come()
        self.come()
        self.assertEqual(self.come(), KIND.RATE)

    def test_places(self) -> None:
        """So many at the same time are told, and no more."""
        self.limits(connections=1, dicom=Dicom.AUTO)
        self.come()
        told = [str(self.come(OTHER)) for _ in range(limits_.ANSWERS)]
        self.assertEqual(self.come(OTHER), KIND.CONNECTIONS)
        self.hear(closed(told[0], e.Reason.LIMIT))
        self.assertIsInstance(self.come(OTHER), str)

    def test_rate(self) -> None:
        """So many a second are told, and no more: each costs a handshake."""
        self.limits(connections=1, dicom=Dicom.AUTO)
        self.come()

        def told() -> bool:
            connection = self.come(OTHER)
            if isinstance(connection, str):
                self.hear(closed(connection, e.Reason.LIMIT))
            return isinstance(connection, str)

        rate, burst = limits_.ANSWER_RATE
        self.assertEqual(sum(told() for _ in range(200)), burst)
        self.clock.advance(1)
        self.assertEqual(sum(told() for _ in range(200)), rate)


class RateTests(LimitsCase):
    """C{handshakeRate}."""

    def test_rate(self) -> None:
        """Beyond the burst it is the rate that counts."""
        self.limits(rate=RateLimit(2, 4))
        came = [self.come(f"192.0.2.{n}") for n in range(6)]
        self.assertEqual(came[4:], [KIND.RATE, KIND.RATE])
        self.clock.advance(1)
        came = [self.come(f"198.51.100.{n}") for n in range(3)]
        self.assertEqual(came[2:], [KIND.RATE])

    def test_refusedFirst(self) -> None:
        """Who may not connect at all uses up nothing of the rate."""
        self.limits(rate=RateLimit(1, 2), deny=("192.0.2.2/32",))
        for _ in range(10):
            self.assertEqual(self.come(OTHER), KIND.ADDRESS)
        self.assertIsInstance(self.come(), str)


class BanTests(LimitsCase):
    """C{banAfter} and what goes with it."""

    def setUp(self) -> None:
        super().setUp()
        self.rule: dict[str, Any] = {"ban": BanRule(3, 60), "banFor": 100, "dicom": Dicom.AUTO}

    def bans(self) -> list[Any]:
        """The bans that were announced."""
        return [event for event in self.heard if isinstance(event, e.Banned)]

    def test_ban(self) -> None:
        """Three times HTTP is a ban of that client, for the time that it is to last."""
        self.limits(**self.rule)
        self.bad(2)
        self.assertEqual(self.bans(), [])
        self.bad(1)
        why = "it speaks HTTP on a port for DICOM over TLS"
        self.assertEqual(self.bans(), [e.Banned(NAME, ONE, why, 100.0)])
        self.assertEqual(self.come(), KIND.BAN)
        self.assertIsInstance(self.come(OTHER), str)
        self.clock.advance(100)
        self.assertIsInstance(self.come(), str)

    def test_hostile(self) -> None:
        """What counts: foreign protocols, bad certificates, broken rules, no association."""
        refused = e.AssociationRefused(NAME, "0", None, "CT", "PACS", "why", "advice")
        for event in (
            failed("0", "not TLS"),
            failed("0", "certificate untrusted"),
            failed("0", "no certificate"),
            failed("0", "other"),
            e.NotAdmitted(NAME, "0", "its certificate is revoked"),
            refused,
            closed("0", e.Reason.NOT_DICOM),
        ):
            self.limits(**self.rule | {"ban": BanRule(1, 60)})
            self.number = 0
            self.come()
            self.hear(event)
            self.assertEqual(len(self.bans()), 1, event)
            self.heard.clear()
            self.census.left("0")

    def test_harmless(self) -> None:
        """What a badly configured or an old modality does counts for nothing."""
        self.limits(**self.rule | {"ban": BanRule(1, 60)})
        report = e.AssociationRefused(NAME, "0", None, "CT", "PACS", "why", "advice", False)
        for event in (
            *(failed("0", "plain DICOM"), failed("0", "version"), failed("0", "cipher")),
            *(failed("0", "gone"), failed("0", "timeout"), failed("0", "certificate expired")),
            *(failed("0", "HTTP", dialled=True), report),
            evolve(failed("0", "other"), error="ssl/tls alert internal error"),
            closed("0", e.Reason.PROBE),
        ):
            self.number = 0
            self.come()
            self.hear(event, closed("0"))
            self.assertEqual(self.bans(), [], event)

    def test_oncePerConnection(self) -> None:
        """One connection that is bad in several ways counts once."""
        self.limits(**self.rule)
        self.come()
        for _ in range(5):
            self.hear(e.NotAdmitted(NAME, "0", "why"))
        self.assertEqual(self.bans(), [])

    def test_healthy(self) -> None:
        """A client with an association open is not banned, nor is that counted later."""
        self.limits(**self.rule)
        good = str(self.come())
        self.hear(accepted(good))
        self.bad(10)
        self.assertEqual(self.bans(), [])
        self.hear(closed(good))
        self.bad(2)
        self.assertEqual(self.bans(), [])
        self.bad(1)
        self.assertEqual(len(self.bans()), 1)

    def test_healthyNoMore(self) -> None:
        """An association that has ended protects nobody, though its connection is open."""
        self.limits(**self.rule)
        good = str(self.come())
        ended = e.AssociationEnded(NAME, good, None, e.Association("CT", "PACS"))
        self.hear(accepted(good), ended)
        self.bad(3)
        self.assertEqual(len(self.bans()), 1)

    def test_healthyWithoutDicom(self) -> None:
        """With C{dicom = no} a connection that goes through is a sign of health."""
        self.limits(**self.rule | {"dicom": Dicom.NO})
        self.hear(e.Dialled(NAME, str(self.come()), "b", "l"))
        self.bad(3)
        self.assertEqual(self.bans(), [])

    def test_spared(self) -> None:
        """Those in C{allowFrom} and C{neverBan} are never banned."""
        for spared in ({"allow": ("192.0.2.0/24",)}, {"neverBan": ("192.0.2.1/32",)}):
            self.limits(**self.rule, **spared)
            self.bad(10)
            self.assertEqual(self.bans(), [])

    def test_site(self) -> None:
        """A /64 of IPv6 is banned as a whole, but for an address that is spared."""
        self.limits(**self.rule, neverBan=("2001:db8::5/128",))
        for number in range(3):
            self.bad(1, f"2001:db8::{number + 1}")
        self.assertEqual([ban.client for ban in self.bans()], ["2001:db8::/64"])
        self.assertEqual(self.come("2001:db8::99"), KIND.BAN)
        self.assertIsInstance(self.come("2001:db8::5"), str)

    def test_onlyToBeTold(self) -> None:
        """Who is only told that there is no place is not judged."""
        self.limits(**self.rule, connections=1)
        self.come(OTHER)
        self.bad(10)
        self.assertEqual(self.bans(), [])

    def test_unban(self) -> None:
        """An administrator ends one ban, or all."""
        limits = self.limits(**self.rule)
        self.bad(3)
        self.bad(3, OTHER)
        self.assertEqual(limits.unban(b"\xc0\x00\x02\x09"), 0)
        self.assertEqual(limits.unban(b"\xc0\x00\x02\x01"), 1)
        self.assertIsInstance(self.come(ONE), str)
        self.assertEqual(self.come(OTHER), KIND.BAN)
        self.assertEqual(limits.unban(), 1)
        unbanned = [event for event in self.heard if isinstance(event, e.Unbanned)]
        self.assertEqual([event.client for event in unbanned], [ONE, OTHER])


class ReloadTests(LimitsCase):
    """Other limits for a section that runs."""

    def use(self, **facts: Any) -> None:
        """The configuration says this now."""
        self.made.use(evolve(self.config, limits=LimitsConfig(**facts)))

    def test_counts(self) -> None:
        """Connections that are there count under the new limits, and stay."""
        self.limits()
        connections = [str(self.come()) for _ in range(3)]
        self.use(connections=2)
        self.assertEqual(self.come(), KIND.CONNECTIONS)
        self.hear(closed(connections[0]))
        self.assertEqual(self.come(), KIND.CONNECTIONS)
        self.hear(closed(connections[1]))
        self.assertIsInstance(self.come(), str)

    def test_bansStay(self) -> None:
        """A reload for another reason frees nobody."""
        facts: dict[str, Any] = {"ban": BanRule(1, 60)}
        self.limits(**facts)
        self.bad(1)
        self.use(**facts, connections=100)
        self.assertEqual(self.come(), KIND.BAN)

    def test_spared(self) -> None:
        """Whom the new configuration spares is free at once."""
        facts: dict[str, Any] = {"ban": BanRule(1, 60)}
        self.limits(**facts)
        self.bad(1)
        self.use(**facts, neverBan=("192.0.2.1/32",))
        self.assertIsInstance(self.come(), str)

    def test_noMoreBans(self) -> None:
        """Where nobody is to be banned any more, or otherwise, all are free, and that is told."""
        self.limits(ban=BanRule(1, 60))
        self.bad(1)
        self.use()
        self.assertIsInstance(self.come(), str)
        self.assertEqual(self.heard[-1], e.Unbanned(NAME, ONE))

    def test_rate(self) -> None:
        """A rate that stays goes on; another one begins anew."""
        self.limits(rate=RateLimit(1, 2))
        self.come()
        self.come(OTHER)
        self.use(rate=RateLimit(1, 2), connections=100)
        self.assertEqual(self.come(), KIND.RATE)
        self.use(rate=RateLimit(1, 3))
        self.assertIsInstance(self.come(), str)


class RecogniseTests(LimitsCase):
    """Clients of whom a load balancer tells later than they come."""

    def recognise(self, connection: str, host: str) -> e.LimitKind | None:
        """What keeps the client out that C{connection} turns out to be."""
        refusal = self.made.recognise(connection, host)
        return None if refusal is None else refusal.limit

    def test_address(self) -> None:
        """It is judged by its own address, once that is known, and not by the balancer's."""
        self.limits(allow=("192.0.2.1/32",))
        self.assertIsNone(self.recognise(str(self.come(None)), ONE))
        self.assertEqual(self.recognise(str(self.come(None)), OTHER), KIND.ADDRESS)

    def test_client(self) -> None:
        """It counts as the client that it is, until its end."""
        self.limits(perClient=1)
        first = str(self.come(None))
        self.assertIsNone(self.recognise(first, ONE))
        self.assertEqual(self.recognise(str(self.come(None)), ONE), KIND.CLIENT)
        self.assertEqual(self.come(ONE), KIND.CLIENT)
        self.hear(closed(first), closed("1"))
        self.assertIsInstance(self.come(ONE), str)

    def test_section(self) -> None:
        """The section's own limit has let it in already."""
        self.limits(connections=1)
        self.assertIsNone(self.recognise(str(self.come(None)), ONE))
        self.assertEqual(self.come(None), KIND.CONNECTIONS)

    def test_answered(self) -> None:
        """It may be told in DICOM, then as before."""
        limits = self.limits(perClient=1, connections=2, dicom=Dicom.AUTO)
        self.recognise(str(self.come(None)), ONE)
        second = str(self.come(None))
        self.assertEqual(self.recognise(second, ONE), KIND.CLIENT)
        self.assertTrue(limits.answers(second))
        # It has left its place to others.
        third = str(self.come(None))
        self.assertIsNone(self.recognise(third, OTHER))
        fourth = str(self.come(None))
        self.assertTrue(limits.answers(fourth))
        self.assertIsNone(self.recognise(fourth, "192.0.2.3"))
        self.assertTrue(limits.answers(fourth))

    def test_ban(self) -> None:
        """What it does is held against it, and not against the balancer."""
        self.limits(ban=BanRule(1, 60))
        connection = str(self.come(None))
        self.recognise(connection, ONE)
        self.hear(failed(connection))
        self.assertEqual(self.recognise(str(self.come(None)), ONE), KIND.BAN)
        self.assertIsNone(self.recognise(str(self.come(None)), OTHER))
