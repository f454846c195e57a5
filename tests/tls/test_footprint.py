"""What shows that a file has changed on the disk, without reading it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSConfig, Where
from appliance.tls import footprint as module
from appliance.tls.footprint import Footprint, Named, named
from tests.peers import directoryFor

HERE, THERE = Where("x.conf", 3), Where("x.conf", 7)


class NamedTests(SynchronousTestCase):
    """Which files and directories there are."""

    def test_all(self) -> None:
        """Each option that names one, with the place where it stands."""
        tls = TLSConfig(
            cert="/c",
            key="/k",
            keyPassphrase="/p",
            caFile="/a",
            caPath="/A",
            crlFile="/r",
            crlPath="/R",
            pskSecrets="/s",
            certWhere=HERE,
            keyWhere=evolve(HERE, line=4),
            caWhere=THERE,
        )
        self.assertEqual(
            [(each.option, each.path, each.where.line, each.directory) for each in named(tls)],
            [
                ("cert", "/c", 3, False),
                ("key", "/k", 4, False),
                ("keyPassphrase", "/p", 4, False),
                ("CAfile", "/a", 7, False),
                ("CRLfile", "/r", 7, False),
                ("PSKsecrets", "/s", 3, False),
                ("CApath", "/A", 7, True),
                ("CRLpath", "/R", 7, True),
            ],
        )

    def test_none(self) -> None:
        """A client may do without any."""
        self.assertEqual(list(named(TLSConfig(client=True))), [])

    def test_places(self) -> None:
        """What stands nowhere by itself is looked for where the certificate is named."""
        tls = TLSConfig(cert="/c", caFile="/a", certWhere=HERE)
        self.assertIn(Named("CAfile", "/a", HERE), list(named(tls)))


class FootprintTests(SynchronousTestCase):
    """What counts as a change."""

    def setUp(self) -> None:
        self.directory = directoryFor(self)  # type: ignore[arg-type]
        self.cert = self.write("cert.pem", b"one")
        self.before = self.of(self.cert)

    def write(self, name: str, text: bytes, at: int = 1_700_000_000) -> Path:
        """A file that was written at C{at} (seconds since 1970)."""
        path = self.directory / name
        path.write_bytes(text)
        os.utime(path, (at, at))
        return path

    def of(self, path: Path, **more: Any) -> Footprint:
        """The footprint of a section with this certificate."""
        return Footprint.of(TLSConfig(cert=str(path), **more))

    def assertChanged(self, before: Footprint, *paths: Path) -> None:
        """Assert that just these have changed since."""
        self.assertEqual(before.again().changed(before), tuple(map(str, paths)))
        self.assertEqual(before.again() != before, bool(paths))

    def test_nothing(self) -> None:
        """To read it, or to write beside it, is none."""
        self.cert.read_bytes()
        self.write("key.pem", b"x")
        self.assertChanged(self.before)

    def test_written(self) -> None:
        """To write it anew is one, in its size or in its time."""
        self.write("cert.pem", b"other")
        self.assertChanged(self.before, self.cert)
        self.write("cert.pem", b"two", at=1_700_000_001)
        self.assertChanged(self.before, self.cert)

    def test_renamed(self) -> None:
        """To put another file in its place is one, even of the same size and time."""
        os.replace(self.write("new", b"two"), self.cert)
        self.assertChanged(self.before, self.cert)

    def test_link(self) -> None:
        """To turn a link, the last one or one on the way, is one."""
        for name in ("a", "b"):
            (self.directory / name).mkdir()
            self.write(f"{name}/cert.pem", b"one")
        (self.directory / "..data").symlink_to("a")
        cert = self.directory / "live.pem"
        cert.symlink_to("..data/cert.pem")
        before = self.of(cert)
        (self.directory / "new").symlink_to("b")
        os.replace(self.directory / "new", self.directory / "..data")
        self.assertChanged(before, cert)

    def test_gone(self) -> None:
        """To remove it is one, unless it would not be missed; so is it to come again."""
        self.cert.unlink()
        self.assertChanged(self.before, self.cert)
        self.assertEqual(self.before.again(missed=False), self.before)
        gone = self.before.again()
        self.write("cert.pem", b"one")
        self.assertChanged(gone, self.cert)

    def test_unknown(self) -> None:
        """A disk that does not tell leaves it as it was."""

        def unreachable(_: str) -> None:
            raise OSError(116, "Stale file handle")

        self.write("cert.pem", b"other")
        self.patch(module.os, "stat", unreachable)
        self.assertChanged(self.before)

    def test_directory(self) -> None:
        """A directory changes when a name in it is replaced."""
        store = self.directory / "ca"
        store.mkdir()
        os.utime(store, (1, 1))
        before = self.of(self.cert, caPath=str(store))
        self.write("new", b"x")
        os.replace(self.directory / "new", store / "12345678.0")
        self.assertChanged(before, store)

    def test_twice(self) -> None:
        """A file with the certificate and the key in it is one."""
        found = self.of(self.cert, key=str(self.cert))
        self.assertEqual([path for path, _ in found.marks], [str(self.cert)])
