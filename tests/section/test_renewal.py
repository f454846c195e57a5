"""Files that change on the disk, and what is served then: with a clock, and no thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from OpenSSL import SSL
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.model import (
    Config,
    GlobalConfig,
    HealthCheck,
    HealthConfig,
    InetAddress,
    LogId,
    NameRule,
    Problem,
    SectionConfig,
    Severity,
    TLSConfig,
)
from appliance.section import Section
from appliance.section.renewal import GRACE, Renewal
from appliance.service import Appliance
from appliance.system.workers import Crew
from appliance.tls.certificate import KeyPair
from appliance.tls.issue import certificatePEM, keyPEM, selfSigned
from tests import material as m
from tests.peers import directoryFor
from tests.tls.handshakes import client, greeting

LATER, SOON = Renewal.interval, Renewal.settling


class Reactor(Clock):
    """A clock whose sockets never move."""

    def addReader(self, _: Any) -> None:
        pass

    removeReader = addReader

    def callWhenRunning(self, call: Callable[[], None]) -> None:
        pass


def fresh(name: str = "server", subject: str = "localhost", **more: Any) -> KeyPair:
    """A new certificate for the key C{name}."""
    return selfSigned(m.key(name), subject, ("localhost",), now=more.pop("now", m.now()), **more)


class RenewalCase(SynchronousTestCase):
    """An appliance with the sections A and B, each with files of its own."""

    listens = True

    def setUp(self) -> None:
        self.directory = directoryFor(self)  # type: ignore[arg-type]
        self.times = count(1_700_000_000)
        for name in ("a", "b"):
            self.put(name, fresh())
        self.heard: list[e.Event] = []
        self.clock = Reactor()
        self.renewed = 0
        events = e.Events(onError=lambda error: self.fail(repr(error)))
        crew = Crew(self.clock, 2, events) if self.listens else None
        if crew is not None:
            self.patch(crew, "renew", self.renew)
        self.appliance = Appliance(self.clock, events, self.listens, crew=crew)
        self.appliance.renewal.aside = maybeDeferred
        self.appliance.apply(self.config())
        self.appliance.startService()
        self.addCleanup(self.appliance.stopService)
        events.subscribe(self.heard.append)

    def renew(self) -> None:
        """Count how often workers were told to look."""
        self.renewed += 1

    # --- what there is ---------------------------------------------------------------------

    def section(self, name: str, **more: Any) -> SectionConfig:
        """A section with the files of its name in small letters."""
        paths = {key: str(self.path(name.lower(), key)) for key in ("cert", "key")}
        where = evolve(m.WHERE, line=7)
        return SectionConfig(
            name,
            m.WHERE,
            more.pop("accept", (InetAddress("127.0.0.1", 0),)),
            (InetAddress("192.0.2.1", 104),),
            TLSConfig(certWhere=where, keyWhere=where, **(paths | more.pop("tls", {}))),
            health=HealthConfig(check=HealthCheck.NONE),
            **more,
        )

    def config(self, *sections: SectionConfig, **process: Any) -> Config:
        """The whole configuration."""
        sections = sections or (self.section("A"), self.section("B"))
        return Config("/etc/x.conf", GlobalConfig(**process), sections)

    def of(self, name: str) -> Section:
        """A section as it is now."""
        return next(each for each in self.appliance.sections if each.name == name)

    # --- what changes ----------------------------------------------------------------------

    def path(self, name: str, key: str = "cert") -> Path:
        """A file."""
        return self.directory / f"{name}.{key}"

    def write(self, path: Path, data: bytes) -> None:
        """Put a file in its place, a second after the one before."""
        new = path.with_suffix(".new")
        new.touch(0o600)
        new.write_bytes(data)
        at = next(self.times)
        os.utime(new, (at, at))
        os.replace(new, path)

    def put(self, name: str, pair: KeyPair) -> KeyPair:
        """A new certificate and its key."""
        self.write(self.path(name), certificatePEM(pair.certificate))
        self.write(self.path(name, "key"), keyPEM(pair.key))
        return pair

    # --- what comes of it ------------------------------------------------------------------

    def served(self, name: str) -> int:
        """The serial number that a new client of a section is shown."""
        return shown(self.of(name))

    def told(self, *kinds: type[e.Event]) -> list[Any]:
        """What was announced since the last time."""
        found = [each for each in self.heard if isinstance(each, kinds)]
        self.heard.clear()
        return found

    def wait(self) -> None:
        """Long enough for what has settled to be taken up."""
        self.clock.advance(LATER)
        self.clock.advance(SOON)


def shown(section: Section) -> int:
    """The serial number of the certificate that C{section} shows to who connects now."""
    peer, creator = client(), section.route.creator
    said = greeting(peer)
    server = creator.chooser(said) if creator.chooser else None
    server = server or creator.serverConnectionForTLS(None)
    server.set_accept_state()
    talk(server, peer, said)
    certificate = peer.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    return certificate.serial_number


def talk(server: Any, peer: Any, said: bytes) -> None:
    """Let the two talk until the client is content."""
    for _ in range(4):
        server.bio_write(said)
        for each, other in ((server, peer), (peer, server)):
            try:
                each.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                data = each.bio_read(1 << 17)
            except SSL.WantReadError:
                continue
            if other is peer:
                peer.bio_write(data)
            else:
                said = data


class TakenTests(RenewalCase):
    """What is good is taken up."""

    def test_quiet(self) -> None:
        """Where nothing has changed nothing is done and nothing is told."""
        before = [each.settings for each in self.appliance.sections]
        for _ in range(5):
            self.wait()
        self.assertEqual(self.heard, [])
        for each, settings in zip(self.appliance.sections, before, strict=True):
            self.assertIs(each.settings, settings)

    def test_taken(self) -> None:
        """A new pair serves new connections; the other section and the sockets stay as they are."""
        others, listeners = self.of("B").settings, self.of("A").listeners
        pair = self.put("a", fresh(subject="new"))
        self.wait()
        self.assertEqual(self.served("A"), pair.certificate.serial)
        self.assertIs(self.of("B").settings, others)
        self.assertIs(self.of("A").listeners, listeners)
        self.assertEqual(self.renewed, 1)
        changed, ready = self.told(e.FilesChanged, e.Ready, e.FilesRefused, e.Bound)
        self.assertEqual(
            changed,
            e.FilesChanged(
                "A",
                (str(self.path("a")), str(self.path("a", "key"))),
                "CN=new",
                f"{pair.certificate.serial:X}",
            ),
        )
        self.assertEqual((ready.section, ready.certificate), ("A", "CN=new"))

    def test_when(self) -> None:
        """It is taken once two looks have found the same, the second soon after the first."""
        before = self.served("A")
        pair = self.put("a", fresh())
        self.clock.advance(LATER - 0.1)
        self.assertEqual(self.served("A"), before)
        self.clock.advance(0.1)
        self.assertEqual(self.served("A"), before)
        self.clock.advance(SOON)
        self.assertEqual(self.served("A"), pair.certificate.serial)

    def test_half(self) -> None:
        """A certificate whose key comes a second later is no mistake: both are taken together."""
        pair = fresh("other")
        self.write(self.path("a"), certificatePEM(pair.certificate))
        self.clock.advance(LATER)
        self.write(self.path("a", "key"), keyPEM(pair.key))
        self.clock.advance(SOON)
        self.assertEqual(self.told(e.FilesRefused, e.FilesChanged), [])
        self.clock.advance(SOON)
        self.assertEqual(self.served("A"), pair.certificate.serial)
        self.assertEqual(len(self.told(e.FilesRefused, e.FilesChanged)), 1)

    def test_oldConnection(self) -> None:
        """A connection finishes with the certificate that it began with."""
        before, creator = self.served("A"), self.of("A").route.creator
        peer = client()
        said, begun = greeting(peer), creator.serverConnectionForTLS(None)
        begun.set_accept_state()
        self.put("a", fresh())
        self.wait()
        talk(begun, peer, said)
        certificate = peer.get_peer_certificate(as_cryptography=True)
        self.assertEqual(certificate and certificate.serial_number, before)

    def test_link(self) -> None:
        """Links that are turned, one after the other as certbot does, lead to the new pair."""
        for key in ("cert", "key"):
            os.replace(self.path("a", key), self.path("a1", key))
            self.path("a", key).symlink_to(self.path("a1", key))
        pair = self.put("a2", fresh("other"))
        for key in ("cert", "key"):
            new = self.directory / "new"
            new.symlink_to(self.path("a2", key))
            os.replace(new, self.path("a", key))
        self.wait()
        self.assertEqual(self.served("A"), pair.certificate.serial)

    def test_sameAgain(self) -> None:
        """A file that was written again as it was is nothing to tell, and sessions stay."""
        for key in ("cert", "key"):
            self.write(self.path("a", key), self.path("a", key).read_bytes())
        before = self.of("A").settings
        self.wait()
        self.assertIs(self.of("A").settings.context, before.context)
        self.assertEqual(self.heard, [])
        # It is known now.
        self.assertNotEqual(self.of("A").settings.footprint, before.footprint)
        settings = self.of("A").settings
        self.wait()
        self.assertIs(self.of("A").settings, settings)

    def test_shared(self) -> None:
        """Sections with the same files take them together, in one go for the workers."""
        self.appliance.apply(self.config(self.section("A"), evolve(self.section("A"), name="C")))
        pair = self.put("a", fresh())
        self.wait()
        for name in ("A", "C"):
            self.assertEqual(self.served(name), pair.certificate.serial)
        self.assertEqual(self.renewed, 1)

    def test_warning(self) -> None:
        """What only deserves attention is told with it."""
        self.put("a", fresh(days=5))
        self.wait()
        (warned,) = self.told(e.Warned)
        self.assertIn("[A] cert:", warned.text)
        self.assertIn("expires in 4 days", warned.text)

    def test_authorities(self) -> None:
        """So are authorities, without a certificate of our own."""
        path = m.writeAuthority(self.directory, "ca", m.ca())
        tls = {"client": True, "cert": None, "key": None, "caFile": str(path), "verifyChain": True}
        section = self.section("A", tls=tls, client=True)
        self.appliance.apply(self.config(section))
        self.heard.clear()
        self.write(path, certificatePEM(m.ca("Other CA").certificate))
        self.wait()
        (changed,) = self.told(e.FilesChanged)
        self.assertEqual((changed.files, changed.certificate), ((str(path),), ""))
        (known,) = self.of("A").settings.authorities
        self.assertEqual(known, m.ca("Other CA").certificate.chain[0])


class SharedSocketTests(RenewalCase):
    """Sections that share a socket (C{sni})."""

    def setUp(self) -> None:
        super().setUp()
        slave = self.section("B", accept=(), slave=NameRule("A", "b.example"))
        self.appliance.apply(self.config(self.section("A"), slave))

    def asked(self, name: str) -> int:
        """The serial number that who asks A for C{name} is shown."""
        peer, creator = client(serverName=name), self.of("A").route.creator
        said = greeting(peer)
        assert creator.chooser is not None
        server = creator.chooser(said)
        assert server is not None
        server.set_accept_state()
        talk(server, peer, said)
        certificate = peer.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        return certificate.serial_number

    def test_behind(self) -> None:
        """The one behind is found with its new certificate."""
        pair = self.put("b", fresh())
        self.wait()
        self.assertEqual(self.asked("b.example"), pair.certificate.serial)
        self.assertIs(self.of("A").route.behind["B"], self.of("B").route)

    def test_before(self) -> None:
        """The one before still leads to it once it has a new one itself."""
        behind = self.asked("b.example")
        pair = self.put("a", fresh())
        self.wait()
        self.assertEqual(self.asked("a.example"), pair.certificate.serial)
        self.assertEqual(self.asked("b.example"), behind)


class RefusedTests(RenewalCase):
    """What is not good changes nothing, and is told."""

    def refused(self, times: int = 1) -> str:
        """The words of the one time that it was told."""
        found = self.told(e.FilesRefused, e.FilesChanged)
        self.assertEqual([type(each) for each in found], [e.FilesRefused] * times)
        self.assertEqual(found[-1].section, "A")
        return "\n".join(found[-1].problems)

    def mismatch(self, name: str = "other") -> int:
        """Put a certificate there that the key does not belong to; what is served now."""
        before = self.served("A")
        self.write(self.path("a"), certificatePEM(fresh(name).certificate))
        self.wait()
        return before

    def test_mismatch(self) -> None:
        """A pair that does not match: who, where, what, and what to do; and the old one stays."""
        before = self.mismatch()
        said = self.refused()
        self.assertEqual(self.served("A"), before)
        self.assertIn("butterfly-tls.conf:7: error: [A] key: the private key in", said)
        self.assertIn(f"does not belong to the first certificate in {self.path('a')}", said)
        self.assertIn("use the key that was made with it", said)

    def test_once(self) -> None:
        """It is told once for what is there, and again when something else is wrong there."""
        before = self.mismatch()
        for _ in range(5):
            self.wait()
        self.refused()
        self.write(self.path("a"), b"-----BEGIN CERTIFICATE-----\nrubbish")
        self.wait()
        self.wait()
        self.assertIn("is damaged", self.refused())
        self.assertEqual(self.served("A"), before)

    def test_expired(self) -> None:
        """A certificate that has expired is not taken."""
        before = self.served("A")
        self.put("a", m.client(expired=True))
        self.wait()
        self.assertIn("expired on", self.refused())
        self.assertEqual(self.served("A"), before)

    def test_removed(self) -> None:
        """A file that is gone is missed: the next start would fail."""
        before = self.served("A")
        self.path("a", "key").unlink()
        self.wait()
        self.assertIn(f"cannot read {self.path('a', 'key')}: No such file", self.refused())
        self.assertEqual(self.served("A"), before)

    def test_otherSections(self) -> None:
        """What is wrong with one section keeps no other from its new files."""
        pair = self.put("b", fresh())
        self.mismatch()
        self.assertEqual(self.served("B"), pair.certificate.serial)

    def test_mended(self) -> None:
        """Once it is good it is taken and told, and what was wrong is forgotten."""
        self.mismatch()
        pair = self.put("a", fresh("other"))
        self.told()
        self.wait()
        self.assertEqual(self.served("A"), pair.certificate.serial)
        (changed,) = self.told(e.FilesChanged, e.FilesRefused)
        self.assertEqual(changed.section, "A")
        self.mismatch("server")
        self.refused()

    def test_putBack(self) -> None:
        """So is what is put back as it was, though nothing new is served."""
        backup = self.directory / "backup"
        os.link(self.path("a"), backup)
        before = self.of("A").settings
        self.mismatch()
        self.refused()
        os.replace(backup, self.path("a"))
        self.wait()
        (changed,) = self.told(e.FilesChanged, e.FilesRefused)
        self.assertEqual(changed.files, ())
        self.assertIs(self.of("A").settings.context, before.context)

    def test_tried(self) -> None:
        """It is tried at each look, since what makes it good need not show in its footprint."""
        before = self.served("A")
        self.put("a", fresh())
        allowed = False

        def read(work: Callable[[], Any]) -> Deferred[Any]:
            result: Any = work()
            if isinstance(result, list) and not allowed:
                result = [(None, (problem(),))]
            return maybeDeferred(lambda: result)

        self.appliance.renewal.aside = read
        self.wait()
        self.assertIn("may not read", self.refused())
        self.assertEqual(self.served("A"), before)
        allowed = True
        self.clock.advance(LATER)
        self.assertNotEqual(self.served("A"), before)
        self.assertEqual(len(self.told(e.FilesChanged)), 1)

    def test_reload(self) -> None:
        """A reload that reads them well has said all there is to say."""
        self.mismatch()
        self.put("a", fresh())
        self.appliance.apply(self.config())
        self.told()
        self.wait()
        self.assertEqual(self.told(e.FilesChanged, e.FilesRefused), [])

    def test_otherRoot(self) -> None:
        """In another root a file that is not there is not missed, as it may never have been."""
        self.appliance.apply(self.config(chroot="/srv/jail"))
        self.heard.clear()
        self.path("a", "key").unlink()
        self.wait()
        self.assertEqual(self.heard, [])

    def test_passphrase(self) -> None:
        """An encrypted key opens with what was typed; another passphrase is no reason to forget."""
        self.appliance.passphrases.learn({str(self.path("a", "key")): b"s3cret"})

        def put(secret: bytes) -> KeyPair:
            pair = self.put("a", fresh())
            encryption = BestAvailableEncryption(secret)
            pem = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
            self.write(self.path("a", "key"), pem)
            self.wait()
            return pair

        pair = put(b"s3cret")
        self.assertEqual(self.served("A"), pair.certificate.serial)
        self.told()
        put(b"other")
        self.assertIn("the passphrase that was typed at the start does not open", self.refused())
        self.assertEqual(self.served("A"), pair.certificate.serial)
        pair = put(b"s3cret")
        self.assertEqual(self.served("A"), pair.certificate.serial)


class AsideTests(RenewalCase):
    """Disks that take their time."""

    def setUp(self) -> None:
        super().setUp()
        self.jobs: list[tuple[Callable[[], Any], Deferred[Any]]] = []

        def wait(work: Callable[[], Any]) -> Deferred[Any]:
            self.jobs.append((work, Deferred()))
            return self.jobs[-1][1]

        self.appliance.renewal.aside = wait

    def finish(self) -> None:
        """The disk answers the oldest question."""
        work, done = self.jobs.pop(0)
        done.callback(work())

    def test_one(self) -> None:
        """While a look is under way there is no other; the next one comes after its end."""
        self.clock.advance(LATER)
        self.clock.pump([LATER] * 5)
        self.assertEqual(len(self.jobs), 1)
        self.finish()
        self.clock.advance(LATER - 0.1)
        self.assertEqual(len(self.jobs), 0)
        self.clock.advance(0.1)
        self.assertEqual(len(self.jobs), 1)

    def test_asked(self) -> None:
        """Who asks meanwhile is answered by another look at once."""
        self.appliance.renewal.look()
        self.appliance.renewal.look()
        self.finish()
        self.assertEqual(len(self.jobs), 1)

    def test_overtaken(self) -> None:
        """What was read for settings that a reload has replaced meanwhile is left alone."""
        self.put("a", fresh())
        self.appliance.renewal.look()
        self.finish()
        self.appliance.apply(self.config())
        settings = self.of("A").settings
        self.heard.clear()
        self.finish()
        self.assertIs(self.of("A").settings, settings)
        self.assertEqual(self.heard, [])

    def test_removed(self) -> None:
        """So is what was read for a section that is gone, or that another has taken the name of."""
        self.put("a", fresh())
        self.appliance.renewal.look()
        self.finish()
        self.appliance.apply(self.config(self.section("B")))
        self.appliance.apply(self.config(self.section("A", logId=LogId.PROCESS)))
        settings = self.of("A").settings
        self.finish()
        self.assertIs(self.of("A").settings, settings)

    def test_defect(self) -> None:
        """A look that fails is reported, and the next one comes."""
        self.clock.advance(LATER)
        self.jobs.pop()[1].errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(LATER)
        self.assertEqual(len(self.jobs), 1)

    def test_stop(self) -> None:
        """The end waits for a look, so that nothing is on its way to OpenSSL then."""
        self.put("a", fresh())
        self.appliance.renewal.look()
        stopped = self.appliance.renewal.stopService()
        self.assertNoResult(stopped)
        self.heard.clear()
        self.finish()
        self.successResultOf(stopped)
        self.assertEqual((self.jobs, self.heard), ([], []))

    def test_deadDisk(self) -> None:
        """It does not wait for ever."""
        self.appliance.renewal.look()
        stopped = self.appliance.renewal.stopService()
        self.clock.advance(GRACE)
        self.successResultOf(stopped)
        self.finish()
        self.assertEqual(self.jobs, [])

    def test_left(self) -> None:
        """A process that is about to end looks no more."""
        self.appliance.stopAccepting()
        self.clock.advance(LATER)
        self.assertEqual(self.jobs, [])

    def test_takenOver(self) -> None:
        """So does one whose place another has taken."""
        self.appliance.letGo()
        self.clock.advance(LATER)
        self.assertEqual(self.jobs, [])


class WorkerTests(RenewalCase):
    """One of several processes with these sections."""

    listens = False

    def test_told(self) -> None:
        """It looks when it is told to, takes what has changed at once, and leaves telling alone."""
        others, pair = self.of("B").settings, self.put("a", fresh())
        self.clock.advance(10 * LATER)
        self.assertNotEqual(self.served("A"), pair.certificate.serial)
        self.appliance.renewal.look()
        self.assertEqual(self.served("A"), pair.certificate.serial)
        self.assertIs(self.of("B").settings, others)
        self.assertEqual(self.heard, [])

    def test_failing(self) -> None:
        """What it cannot take it tries again by itself; it tells that once, and how it ends."""
        self.write(self.path("a"), b"rubbish")
        self.appliance.renewal.look()
        self.assertEqual(self.heard, [])
        self.clock.advance(SOON)
        self.clock.advance(LATER)
        self.assertEqual(len(self.told(e.FilesRefused)), 1)
        pair = self.put("a", fresh())
        self.wait()
        self.assertEqual(self.served("A"), pair.certificate.serial)
        self.assertEqual([type(each) for each in self.heard], [e.FilesChanged])
        self.put("a", fresh())
        self.clock.advance(10 * LATER)
        self.assertEqual(len(self.heard), 1)


def problem() -> Any:
    """A file that may not be read."""
    return Problem(Severity.ERROR, m.WHERE, "may not read it", section="A", option="key")
