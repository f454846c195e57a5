"""Tests of L{appliance.console.ssh.keys} and of C{butterfly-tls hostkey}."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.console.ssh.keys import (
    KeyFileError,
    authorized,
    fingerprint,
    readAuthorized,
    readHostKey,
    userOf,
)
from tests.console.keymaking import encrypted, hostKey, people, private, public, write
from tests.peers import Said, directoryFor, program, runCommand


class AuthorizedTests(SynchronousTestCase):
    """Lines that let somebody in, and others."""

    def why(self, line: bytes) -> str:
        """Why C{line} lets nobody in."""
        found, (unusable,) = authorized(b"# a comment\n" + line + b"\n")
        self.assertEqual((found, unusable.line), ((), 2))
        return unusable.why

    def test_people(self) -> None:
        """Each kind of key that is taken, with the login name of its owner."""
        kinds = {"alice": "ed25519", "bob": "ecdsa", "carol": "rsa"}
        found, unusable = readAuthorized(str(people(directoryFor(self), **kinds)))
        self.assertEqual([each.user for each in found], ["alice", "bob", "carol"])
        self.assertEqual([each.key.type() for each in found], ["Ed25519", "EC", "RSA"])
        self.assertEqual(unusable, ())

    def test_users(self) -> None:
        """The login name is the first word of the comment, up to an @."""
        for comment, user in {
            "alice@pc": "alice",
            "alice": "alice",
            "alice smith": "alice",
            "Łukasz@pc": "Łukasz",
            "@pc": "",
            "": "",
            "a\x1bb": "",
        }.items():
            self.assertEqual(userOf(comment), user)

    def test_nameless(self) -> None:
        """A key without a comment is nobody's."""
        self.assertIn("login name", self.why(public()))

    def test_options(self) -> None:
        """A key with restrictions is not taken without them."""
        for options in (b"no-pty", b'from="10.0.0.1"', b'command="status"', b"restrict"):
            self.assertIn("options", self.why(options + b" " + public() + b" alice"))

    def test_otherKinds(self) -> None:
        """Kinds of keys that are not taken are told."""
        for kind in (
            b"ssh-dss",
            b"sk-ssh-ed25519@openssh.com",
            b"ssh-ed25519-cert-v01@openssh.com",
        ):
            self.assertIn("not supported", self.why(kind + b" AAAA alice"))

    def test_damaged(self) -> None:
        """A key that was cut on its way, or is of another kind than it says, is told."""
        kind, key = public().split()
        self.assertIn("damaged", self.why(kind + b" " + key[:-8] + b" alice"))
        self.assertIn("damaged", self.why(kind + b" ### alice"))
        self.assertIn("no ssh-rsa key", self.why(b"ssh-rsa " + key + b" alice"))

    def test_short(self) -> None:
        """An RSA key that could be broken is not taken."""
        self.assertIn("1024 bits", self.why(public("short") + b" alice"))

    def test_onePerLine(self) -> None:
        """A bad line takes none of the others with it."""
        data = public() + b" alice\nnonsense\n" + public("ecdsa") + b" bob"
        found, unusable = authorized(data)
        self.assertEqual([each.user for each in found], ["alice", "bob"])
        self.assertEqual([each.line for each in unusable], [2])

    @given(st.binary())
    def test_anything(self, data: bytes) -> None:
        """Any file is lines that are keys or are told why not."""
        found, unusable = authorized(data)
        self.assertTrue(len(found) + len(unusable) <= data.count(b"\n") + 1)

    @given(st.binary(max_size=80))
    def test_anyBlob(self, blob: bytes) -> None:
        """So is anything in the place of a key."""
        for kind in (b"ssh-ed25519", b"ssh-rsa", b"ecdsa-sha2-nistp256"):
            name = len(kind).to_bytes(4, "big") + kind
            line = kind + b" " + base64.b64encode(name + blob) + b" alice"
            self.assertEqual(sum(map(len, authorized(line))), 1)

    def test_mode(self) -> None:
        """A file that others can write to is refused with the command that mends it."""
        path = people(directoryFor(self), alice="ed25519")
        for mode in (0o660, 0o602):
            os.chmod(path, mode)
            error = self.assertRaises(KeyFileError, readAuthorized, str(path))
            self.assertIn(f"chmod go-w {path}", str(error))
        os.chmod(path, 0o644)
        self.assertEqual(len(readAuthorized(str(path))[0]), 1)

    def test_missing(self) -> None:
        """A file that is not there, or has no end, is told."""
        self.assertIn("No such file", str(self.assertRaises(KeyFileError, readAuthorized, "/no")))
        path = write(directoryFor(self) / "keys", b"#" * 300_000)
        self.assertIn("too large", str(self.assertRaises(KeyFileError, readAuthorized, str(path))))


class HostKeyTests(SynchronousTestCase):
    """The key of the appliance."""

    def refused(self, data: bytes, mode: int = 0o600) -> str:
        """Why C{data} is no host key."""
        path = write(directoryFor(self) / "key", data, mode)
        return str(self.assertRaises(KeyFileError, readHostKey, str(path)))

    def test_good(self) -> None:
        """One that we have made is read."""
        self.assertEqual(readHostKey(str(hostKey(directoryFor(self)))).type(), "Ed25519")

    def test_others(self) -> None:
        """Another kind, a public key, one with a passphrase and nonsense are told apart."""
        self.assertIn("is RSA", self.refused(private("rsa")))
        self.assertIn("is public", self.refused(public()))
        self.assertIn("needs a passphrase", self.refused(encrypted()))
        self.assertIn("no private key", self.refused(b"nonsense"))
        self.assertIn("butterfly-tls hostkey", self.refused(b""))

    def test_mode(self) -> None:
        """Others must not read it; its group may."""
        for mode in (0o644, 0o604, 0o620):
            self.assertIn("chmod g-w,o-rwx", self.refused(private(), mode))
        path = write(directoryFor(self) / "key", private(), 0o640)
        self.assertEqual(readHostKey(str(path)).type(), "Ed25519")

    @given(st.binary())
    def test_anything(self, rest: bytes) -> None:
        """Nothing in the place of a key does harm."""
        begin = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.b64encode(b"openssh-key-v1\0")
        self.refused(begin + rest)


class CommandTests(SynchronousTestCase):
    """C{butterfly-tls hostkey}."""

    def setUp(self) -> None:
        self.path = directoryFor(self) / "hostkey"

    def hostkey(self) -> Said:
        """Run the command."""
        return runCommand("hostkey", self.path)

    def test_made(self) -> None:
        """A key is made that only its owner can read, whatever the umask is."""
        for umask in (0, 0o777):
            before = os.umask(umask)
            try:
                said = self.hostkey()
            finally:
                os.umask(before)
            self.assertEqual((said.status, said.err), (0, ""))
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
            key = readHostKey(str(self.path)).public()
            self.assertIn(fingerprint(key.blob()), said.out)
            self.assertIn(f"manholeHostKey = {self.path}", said.out)
            self.assertIn(key.toString("OPENSSH").decode(), said.out)
            self.path.unlink()

    def test_stays(self) -> None:
        """A key that is there stays as it is, and is shown."""
        self.hostkey()
        before = self.path.read_bytes()
        said = self.hostkey()
        self.assertEqual((said.status, self.path.read_bytes()), (0, before))
        self.assertIn("is there already", said.out)

    def test_otherFile(self) -> None:
        """Another file is not touched, and is no key."""
        write(self.path, b"important")
        said = self.hostkey()
        self.assertEqual((said.status, self.path.read_bytes()), (1, b"important"))
        self.assertIn("no private key", said.err)

    def test_nowhere(self) -> None:
        """A directory that is not there is told."""
        said = runCommand("hostkey", Path("/nowhere/hostkey"))
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertIn("cannot write /nowhere/hostkey: No such file", said.err)

    @pytest.mark.real
    def test_openssh(self) -> None:
        """OpenSSH reads the key, and sees the same fingerprint."""
        said = self.hostkey()
        command = [program("ssh-keygen"), "-l", "-f", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(done.stdout.split()[1], said.out)
