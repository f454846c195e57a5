"""The command that makes a key and a certificate."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli import cert
from appliance.config.model import KeyPermissions, TLSConfig
from appliance.tls.files import inspect
from appliance.tls.pem import loadCertificate

NAMES = {
    "rsa": ["Butterfly_SCP_Cert.pem", "Butterfly_SCP_key.pem"],
    "ecdsa": ["Butterfly_SCP_Cert_ECDSA.pem", "Butterfly_SCP_key_ECDSA.pem"],
}


class CertTests(SynchronousTestCase):
    """C{butterfly-tls cert}."""

    @pytest.fixture(autouse=True)
    def _inDirectory(self, tmp_path: Path) -> None:
        self.directory = tmp_path

    def cert(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command; returns exit status, standard output and standard error."""
        parser = argparse.ArgumentParser()
        cert.addArguments(parser)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                options = parser.parse_args(["--out", str(self.directory), *arguments])
                status = cert.run(options)
            except SystemExit as end:
                status = int(end.code or 0)
        return status, out.getvalue(), err.getvalue()

    def made(self) -> list[str]:
        """The files in the directory."""
        return sorted(path.name for path in self.directory.iterdir())

    def test_pair(self) -> None:
        """The vendor's two files are made, and a section can use them as they are."""
        status, _, err = self.cert()
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(self.made(), NAMES["rsa"])
        cert, key = (str(self.directory / name) for name in NAMES["rsa"])
        tls = TLSConfig(cert=cert, key=key, keyPermissions=KeyPermissions.STRICT)
        material, problems = inspect(tls, datetime.now(UTC))
        self.assertEqual(problems, ())
        assert material.pair is not None
        certificate = material.pair.certificate
        self.assertEqual(certificate.keyText, "RSA 3072 bits")
        self.assertEqual(certificate.names, (socket.gethostname(),))

    def test_modes(self) -> None:
        """Whatever the umask, only the owner can read the key, and everybody the certificate."""
        for umask in (0o000, 0o077):
            before = os.umask(umask)
            try:
                self.cert("--type", "ecdsa")
            finally:
                os.umask(before)
            for name, mode in zip(NAMES["ecdsa"], (0o644, 0o600), strict=True):
                path = self.directory / name
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode)
                path.unlink()

    def test_printed(self) -> None:
        """What was made is told, and the section to paste names the files."""
        _, out, _ = self.cert("--type", "ecdsa", "--name", "pacs.example.org", "--name", "10.0.0.1")
        certPath, keyPath = (str(self.directory / name) for name in NAMES["ecdsa"])
        certificate = loadCertificate(certPath)
        for part in (
            "CN=pacs.example.org",
            "pacs.example.org, 10.0.0.1",
            "in 820 days",
            certificate.fingerprint,
            "ECDSA 256 bits",
        ):
            self.assertIn(part, out)
        section = out[out.index("[DICOM STORE]") :].splitlines()
        self.assertEqual(
            section,
            [
                "[DICOM STORE]",
                "accept = 2761",
                "connect = 192.168.1.100:104",
                f"cert = {certPath}",
                f"key = {keyPath}",
            ],
        )

    def test_both(self) -> None:
        """Both kinds stand side by side; the section uses RSA, and ECDSA in comments."""
        status, out, _ = self.cert("--type", "both", "--bits", "2048")
        self.assertEqual(status, 0)
        self.assertEqual(self.made(), sorted(NAMES["rsa"] + NAMES["ecdsa"]))
        self.assertIn(f"\ncert = {self.directory}/Butterfly_SCP_Cert.pem\n", out)
        self.assertIn(f"\n; cert = {self.directory}/Butterfly_SCP_Cert_ECDSA.pem\n", out)

    def test_choices(self) -> None:
        """Common name, days and size are as asked for."""
        self.cert("--cn", "Radiology", "--days", "90", "--bits", "2048", "--name", "pacs")
        certificate = loadCertificate(str(self.directory / NAMES["rsa"][0]))
        self.assertEqual(certificate.subject, "CN=Radiology")
        self.assertEqual(certificate.names, ("pacs",))
        self.assertEqual(certificate.keyText, "RSA 2048 bits")
        self.assertEqual((certificate.notAfter - certificate.notBefore).days, 91)

    def test_longName(self) -> None:
        """A DNS name that is too long for a common name is cut there, and only there."""
        name = ".".join(["a" * 40] * 3)
        self.cert("--type", "ecdsa", "--name", name)
        certificate = loadCertificate(str(self.directory / NAMES["ecdsa"][0]))
        self.assertEqual(certificate.subject, f"CN={name[:64]}")
        self.assertEqual(certificate.names, (name,))

    def test_neverOverwrites(self) -> None:
        """A file that exists stays as it is, and nothing is made beside it."""
        for name in NAMES["ecdsa"]:
            path = self.directory / name
            path.write_text("precious")
            status, out, err = self.cert("--type", "both", "--bits", "2048")
            self.assertEqual((status, out), (1, ""))
            self.assertIn(f"{path} exists already", err)
            self.assertIn("nothing was made", err)
            self.assertEqual((self.made(), path.read_text()), ([name], "precious"))
            path.unlink()

    def test_noDirectory(self) -> None:
        """A directory that is not there is told, with status 1."""
        status, _, err = self.cert("--out", str(self.directory / "none"), "--type", "ecdsa")
        self.assertEqual(status, 1)
        self.assertIn("No such file or directory", err)

    def test_diskFull(self) -> None:
        """When the disk is full nothing is left behind."""
        with patch("os.fchmod", side_effect=[None, OSError(28, "No space left on device")]):
            status, _, err = self.cert("--type", "ecdsa")
        self.assertEqual((status, self.made()), (1, []))
        self.assertIn("No space left on device", err)

    def test_oddHost(self) -> None:
        """A host whose own name cannot stand in a certificate is told what to do."""
        with patch("socket.gethostname", return_value="röntgen"):
            status, _, err = self.cert("--type", "ecdsa")
        self.assertEqual((status, self.made()), (1, []))
        self.assertIn("--name", err)

    def test_badArguments(self) -> None:
        """What cannot be a name or a number of days is a wrong command line, status 2."""
        for arguments in (
            ("--name", "https://pacs"),
            ("--days", "0"),
            ("--days", "many"),
            ("--cn", ""),
            ("--cn", "x" * 65),
            ("--bits", "1024"),
            ("--type", "dsa"),
        ):
            status, _, err = self.cert(*arguments)
            self.assertEqual((status, self.made()), (2, []), arguments)
            self.assertTrue(re.search(r"error: argument --\w+", err))
