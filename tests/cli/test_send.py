"""Tests for L{appliance.cli.send} and the modules beneath it, C{store} and C{association}."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import ssl
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pydicom
import pytest
from attrs import evolve
from pydicom.uid import UID, generate_uid
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.transport import AssociationSocket
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.arguments import hostAndPort, seconds, title
from appliance.cli.association import AssociationError, Destination, explain
from appliance.cli.child import running
from appliance.cli.phantom import study
from appliance.cli.progress import Progress
from appliance.cli.store import batches, contextsFor, deliver, files, readObject
from tests.material import ca, client, server, write, writeAuthority
from tests.peers import (
    Said,
    answering,
    butterfly,
    directoryFor,
    freePort,
    pacs,
    phantom,
    runCommand,
    storescp,
)

REJECTED = bytes.fromhex(
    "03 00 00000004 00"
)  # A-ASSOCIATE-RJ, PS3.8 9.3.4; result and so on follow
ABORTED = bytes.fromhex("07 00 00000004 0000 00 00")  # A-ABORT

# Where connecting fails, pynetdicom drops the socket without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class ArgumentTests(SynchronousTestCase):
    """How the command line is read."""

    def test_address(self) -> None:
        """A host and a port, with brackets around an IPv6 address."""
        self.assertEqual(hostAndPort("pacs.example:104"), ("pacs.example", 104))
        self.assertEqual(hostAndPort("[::1]:2762"), ("::1", 2762))
        for wrong in ("pacs", ":104", "pacs:", "pacs:0", "pacs:65536", "pacs:x"):
            self.assertRaises(argparse.ArgumentTypeError, hostAndPort, wrong)

    def test_title(self) -> None:
        """An AE title has 1 to 16 characters and no backslash."""
        self.assertEqual(title("BUTTERFLY "), "BUTTERFLY")
        for wrong in ("", " ", "A" * 17, "A\\B", "Ä"):
            self.assertRaises(argparse.ArgumentTypeError, title, wrong)

    def test_seconds(self) -> None:
        """A time is positive."""
        self.assertEqual(seconds("0.5"), 0.5)
        for wrong in ("0", "-1", "x", "nan", "inf"):
            self.assertRaises(argparse.ArgumentTypeError, seconds, wrong)


class FindTests(SynchronousTestCase):
    """Which objects are sent, and in how many associations."""

    def setUp(self) -> None:
        """A study below a directory."""
        self.directory = directoryFor(self)
        self.study = study(self.directory / "a" / "b", frames=1)

    def test_directories(self) -> None:
        """A directory stands for all files below it, in order."""
        (self.directory / "notes.txt").write_text("no object")
        self.assertEqual(list(files([self.directory])), [*self.study, self.directory / "notes.txt"])

    def test_notDICOM(self) -> None:
        """A file without a DICOM header, and an empty one, is no object."""
        for content in (b"", b"text", b"\0" * 200, b"\0" * 128 + b"DICM"):
            path = self.directory / "other"
            path.write_bytes(content)
            self.assertIsNone(readObject(path))

    @pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom; a command turns them off
    def test_damaged(self) -> None:
        """A header that is damaged in any way makes a file no object, not a failure."""
        whole = self.study[3].read_bytes()[:400]
        path = self.directory / "damaged"
        for position in range(128, 330):
            path.write_bytes(whole[:position] + b"\xa5" + whole[position + 1 :])
            stored = readObject(path)
            self.assertEqual(len(contextsFor([stored])) if stored else 1, 1)

    def test_object(self) -> None:
        """An object tells its SOP class, encoding and size, and nothing of the patient."""
        stored = readObject(self.study[3])
        self.assertEqual(
            str(stored), "Ultrasound Image Storage, JPEG Baseline (Process 1), 143.3 kB"
        )

    def test_contexts(self) -> None:
        """No batch needs more than 128 presentation contexts, and none is lost or out of order."""
        some = readObject(self.study[0])
        assert some is not None
        many = [evolve(some, sopClass=UID(f"1.2.3.{number % 300}")) for number in range(600)]
        shares = list(batches(many))
        self.assertEqual([len({o.context for o in share}) for share in shares], [128, 128, 44])
        self.assertEqual(sum(map(len, shares)), 600)
        self.assertEqual(shares[0], [o for o in many if o in shares[0]])


class ExplainTests(SynchronousTestCase):
    """What errors of the network mean, in words."""

    def test_words(self) -> None:
        """Each says what was found and what to do next."""
        destination = Destination("pacs.example", 2762, tls=ssl.create_default_context())
        certificate = ssl.SSLError(1, "[SSL: X] x")
        certificate.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        other = ssl.SSLError(1, "[SSL: NO_SHARED_CIPHER] x")
        other.reason = "NO_SHARED_CIPHER"
        for error, words in (
            (ConnectionRefusedError(), "nothing listens there; check the port"),
            (TimeoutError(), "no answer within 30 s; check the address"),
            (socket.gaierror(), "no such host name; check the spelling"),
            (ConnectionResetError(), "closed the connection; see its log; a port without TLS"),
            (certificate, "refused our certificate, or the lack of one; give --cert and --key"),
            (other, "TLS failed: no shared cipher; see the appliance's log"),
            (OSError(101, "Network is unreachable"), "Network is unreachable; check the address"),
        ):
            self.assertIn(words, explain(error, destination))
        plain = explain(ConnectionResetError(), evolve(destination, tls=None))
        self.assertIn("a port with TLS (omit --plain)", plain)


@pytest.mark.real
class RefusalTests(SynchronousTestCase):
    """What is said when there is no association, never with a traceback."""

    def setUp(self) -> None:
        """A small object to send."""
        self.path = phantom()[3]

    def send(self, port: int, *options: str | Path) -> Said:
        """Send the object."""
        said = runCommand("send", f"127.0.0.1:{port}", self.path, "--timeout", "5", *options)
        self.assertEqual(said.status, 1)
        self.assertIn("0 of 1 objects stored, 1 failed", said.out)
        self.assertEqual(said.err.count("\n"), 1, said.err)
        return said

    def test_refused(self) -> None:
        """Nobody listens."""
        self.assertIn("nothing listens there", self.send(freePort()).err)

    def test_rejected(self) -> None:
        """The words of the rejection, and what to do about it."""

        def reject(answer: bytes, connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(REJECTED + answer)
            connection.recv(1)

        for answer, words in (
            (b"\1\1\7", "rejected permanent: called ae title not recognised; give the PACS's own"),
            (b"\1\1\3", "rejected permanent: calling ae title not recognised; let the PACS know"),
            (b"\2\3\1", "rejected transient: temporary congestion; the PACS behind it is busy"),
            (b"\1\1\1", "rejected permanent: no reason given\n"),
        ):
            with answering(partial(reject, answer)) as port:
                self.assertIn(words, self.send(port, "--plain").err)

    def test_rejectedAtOnce(self) -> None:
        """The same, where the connection has ended before pynetdicom looks whether it is there."""

        def reject(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(REJECTED + b"\1\1\7")
            connection.recv(1)

        class Late(threading.Event):
            """Is waited for until the connection has ended."""

            def wait(self, timeout: float | None = None) -> bool:
                closed.wait(20)
                return super().wait(timeout)

        def close(transport: AssociationSocket) -> None:
            closing(transport)
            closed.set()

        def init(transport: AssociationSocket, *argv: Any, **options: Any) -> None:
            making(transport, *argv, **options)
            transport._ready = Late()

        closed = threading.Event()
        making, closing = AssociationSocket.__init__, AssociationSocket.close
        self.patch(AssociationSocket, "__init__", init)
        self.patch(AssociationSocket, "close", close)
        with answering(reject) as port:
            self.assertIn("called ae title not recognised", self.send(port, "--plain").err)

    def test_aborted(self) -> None:
        """An abort or a close instead of an answer."""
        for answer in (ABORTED, b""):

            def abort(connection: socket.socket, answer: bytes = answer) -> None:
                connection.recv(65536)
                connection.sendall(answer)

            with answering(abort) as port:
                said = self.send(port, "--plain")
                self.assertIn("it aborted the association or closed the connection", said.err)

    def test_silent(self) -> None:
        """A server that says nothing is given up after the time limit."""
        over = threading.Event()
        self.addCleanup(over.set)
        with answering(lambda _: over.wait(20) and None) as port:
            said = self.send(port, "--plain", "--timeout", "0.5")
            over.set()
        self.assertIn("no answer within 0.5 s; check the address, the firewall and", said.err)

    def test_interrupted(self) -> None:
        """Ctrl-C ends the wait for a silent server at once."""
        asked, over = threading.Event(), threading.Event()
        self.addCleanup(over.set)

        def listenOnly(connection: socket.socket) -> None:
            connection.recv(65536)
            asked.set()
            over.wait(20)

        with answering(listenOnly) as port:
            command = butterfly("send", f"127.0.0.1:{port}", "--plain", self.path)
            with running("send", command, self.path.parent) as sending:
                self.assertTrue(asked.wait(20))
                sending.process.send_signal(signal.SIGINT)
                self.assertEqual(sending.process.wait(10), 130)
            over.set()
        self.assertEqual(sending.lines, ["interrupted"])

    def test_plainServer(self) -> None:
        """TLS to a port that answers without it."""

        def answerPlain(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(ABORTED)

        with answering(answerPlain) as port:
            self.assertIn("it does not speak TLS; use --plain", self.send(port).err)

    def test_files(self) -> None:
        """Files that are missing or not what they should be."""
        for option in ("--ca", "--cert"):
            said = runCommand("send", "127.0.0.1:1", self.path, option, "/nowhere.pem")
            self.assertEqual(said.status, 1)
            self.assertIn("No such file or directory; PEM files are needed", said.err)
        said = runCommand("send", "127.0.0.1:1", self.path, "--ca", self.path)
        self.assertIn("PEM files are needed", said.err)
        said = runCommand("send", "127.0.0.1:1", self.path.parent / "missing")
        self.assertIn("missing: No such file or directory", said.err)
        said = runCommand("send", "127.0.0.1:1", __file__)
        self.assertIn("nothing to send", said.err)

    def test_extra(self) -> None:
        """Without pynetdicom, how to install it."""
        with patch.dict(sys.modules, {"pynetdicom": None}):
            said = runCommand("send", "127.0.0.1:1", self.path)
        self.assertEqual(said.status, 1)
        self.assertEqual(
            said.err,
            "pynetdicom is not installed: the Debian packages come without it. Run this from a "
            "clone after `make demo`, or install with `pip install 'butterfly-tls[demo]'` into a "
            "virtual environment\n",
        )


@pytest.mark.real
class TLSTests(SynchronousTestCase):
    """Sending to dcmtk's server over TLS."""

    def setUp(self) -> None:
        """A server's key pair, and a small study."""
        self.directory = directoryFor(self)
        self.received = self.directory / "received"
        self.received.mkdir()
        self.cert, self.key = write(self.directory, "server", server())
        self.study = phantom()

    def test_unverified(self) -> None:
        """All objects arrive with their pixels as they are; that nothing was verified is said."""
        with storescp(self.received, "+tls", self.key, self.cert, "-ic") as port:
            said = runCommand("send", f"127.0.0.1:{port}", self.study[0].parent)
        self.assertEqual((said.status, said.err), (0, ""))
        self.assertIn("certificate is not verified", said.out)
        self.assertIn("TLSv1.3, TLS_", said.out)
        self.assertIn("[6/6] Ultrasound Multi-frame Image Storage, JPEG Baseline", said.out)
        self.assertIn("6 of 6 objects stored, 0 failed", said.out)
        pixels = {o.SOPInstanceUID: o.PixelData for o in map(pydicom.dcmread, self.study)}
        arrived = [pydicom.dcmread(path) for path in self.received.iterdir()]
        self.assertEqual({o.SOPInstanceUID: o.PixelData for o in arrived}, pixels)

    def test_secrets(self) -> None:
        """Neither patients nor file names are printed; --verbose adds the file names."""
        named = self.directory / "DOE_JOHN.dcm"
        shutil.copy(self.study[3], named)
        with storescp(self.received, "+tls", self.key, self.cert, "-ic") as port:
            quiet = runCommand("send", f"127.0.0.1:{port}", named)
            verbose = runCommand("send", f"127.0.0.1:{port}", named, "-v")
        self.assertNotIn("DOE_JOHN", quiet.out)
        self.assertIn("DOE_JOHN", verbose.out)
        self.assertNotIn("PHANTOM", quiet.out + verbose.out)

    def test_verified(self) -> None:
        """With --ca the certificate and its name are verified."""
        with storescp(self.received, "+tls", self.key, self.cert, "-ic") as port:
            send = partial(runCommand, "send", f"127.0.0.1:{port}", self.study[3])
            good = send("--ca", self.cert)
            wrongName = send("--ca", self.cert, "--name", "other.example")
            right = send("--ca", self.cert, "--name", "localhost")
            stranger = send("--ca", writeAuthority(self.directory, "stranger", ca()))
        self.assertEqual((good.status, right.status), (0, 0))
        self.assertNotIn("not verified", good.out)
        self.assertEqual((wrongName.status, stranger.status), (1, 1))
        self.assertIn("its certificate is not trusted: Hostname mismatch", wrongName.err)
        self.assertIn("its certificate is not trusted: self-signed certificate", stranger.err)

    def test_clientCertificate(self) -> None:
        """A server that wants a certificate takes ours, and its refusal of none is explained."""
        authority = writeAuthority(self.directory, "authority", ca())
        cert, key = write(self.directory, "client", client())
        options = ("+tls", self.key, self.cert, "-rc", "+cf", authority)
        with storescp(self.received, *options) as port:
            send = partial(runCommand, "send", f"127.0.0.1:{port}", self.study[3])
            good = send("--cert", cert, "--key", key)
            bad = send()
        self.assertEqual((good.status, good.err), (0, ""))
        self.assertEqual(bad.status, 1)
        self.assertIn("it refused our certificate, or the lack of one", bad.err)


@pytest.mark.real
class DeliveryTests(SynchronousTestCase):
    """What becomes of several objects."""

    def setUp(self) -> None:
        """A study with a large cine."""
        self.directory = directoryFor(self)
        self.study = phantom(frames=64)

    def test_encodingNotAccepted(self) -> None:
        """What the server does not take fails by itself; the rest is stored."""
        received = self.directory / "received"
        received.mkdir()
        with storescp(received, "+xi") as port:  # implicit VR only, which overrides +xa
            said = runCommand("send", f"127.0.0.1:{port}", "--plain", *self.study[:4])
        self.assertEqual(said.status, 1)
        self.assertIn("143.3 kB: not accepted: the PACS does not take this type", said.out)
        self.assertIn("1 of 4 objects stored, 3 failed", said.out)

    def test_nothingAccepted(self) -> None:
        """When the server takes none of it, that is the reason."""
        with storescp(self.directory, "+xi") as port:
            said = runCommand("send", f"127.0.0.1:{port}", "--plain", self.study[3])
        self.assertEqual(said.status, 1)
        self.assertIn("it accepts none of the object types offered", said.err)

    def test_manyContexts(self) -> None:
        """More kinds of object than an association can have take two associations."""
        many = self.directory / "many"
        many.mkdir()
        template = pydicom.dcmread(self.study[3])
        del template.PixelData
        classes = [context.abstract_syntax for context in AllStoragePresentationContexts][:130]
        for number, sopClass in enumerate(classes):
            template.SOPClassUID, template.SOPInstanceUID = sopClass, generate_uid()
            template.file_meta.MediaStorageSOPClassUID = sopClass
            template.file_meta.MediaStorageSOPInstanceUID = template.SOPInstanceUID
            template.save_as(many / f"{number:03}.dcm", enforce_file_format=True)
        with pacs(self.directory) as (child, port):
            said = runCommand("send", f"127.0.0.1:{port}", "--plain", many)
            child.process.terminate()
            child.waitFor("^2 associations, 130 objects stored", 20)
        self.assertEqual((said.status, said.err), (0, ""))
        self.assertIn("130 of 130 objects stored", said.out)

    def test_standstill(self) -> None:
        """A server that stops reading in the middle of an object is given up in time."""
        objects = [each for each in map(readObject, (self.study[3], self.study[4])) if each]
        with pacs(self.directory) as (child, port), open(os.devnull, "w") as nothing:
            destination = Destination("127.0.0.1", port, timeout=0.5)
            progress = Progress(sum(each.size for each in objects), nothing)
            delivery = deliver(destination, objects, progress)
            _, outcome = next(delivery)
            self.assertTrue(outcome.good)
            child.process.send_signal(signal.SIGSTOP)
            try:
                error = self.assertRaises(AssociationError, next, delivery)
            finally:
                child.process.send_signal(signal.SIGCONT)
        self.assertIn("nothing moved for 0.5 s", str(error))

    def test_lost(self) -> None:
        """A server that dies in the middle fails what it has not answered."""
        objects = [each for each in map(readObject, (self.study[3], self.study[4])) if each]
        with pacs(self.directory) as (child, port), open(os.devnull, "w") as nothing:
            progress = Progress(sum(each.size for each in objects), nothing)
            delivery = deliver(Destination("127.0.0.1", port), objects, progress)
            next(delivery)
            child.process.kill()
            child.process.wait(20)
            error = self.assertRaises(AssociationError, next, delivery)
        self.assertIn("closed the connection", str(error))

    def test_lostUnheard(self) -> None:
        """The same, where pynetdicom's own thread takes the word of the end from who waits."""
        objects = [each for each in map(readObject, (self.study[3], self.study[4])) if each]
        with pacs(self.directory) as (child, port), open(os.devnull, "w") as nothing:
            heard = DIMSEServiceProvider.get_msg

            def late(provider: DIMSEServiceProvider, block: bool = False) -> Any:
                if block:
                    child.process.kill()
                    provider.assoc._reactor_checkpoint.set()
                    provider.assoc.join(20)
                    provider.msg_queue.queue.clear()
                return heard(provider, block)

            progress = Progress(sum(each.size for each in objects), nothing)
            delivery = deliver(Destination("127.0.0.1", port), objects, progress)
            next(delivery)
            self.patch(DIMSEServiceProvider, "get_msg", late)
            error = self.assertRaises(AssociationError, next, delivery)
        self.assertIn("closed the connection", str(error))

    def test_givenUp(self) -> None:
        """Who stops in the middle of a delivery leaves no connection behind."""
        objects = [each for each in map(readObject, self.study) if each]
        with pacs(self.directory) as (child, port), open(os.devnull, "w") as nothing:
            progress = Progress(sum(each.size for each in objects), nothing)
            delivery = deliver(Destination("127.0.0.1", port), objects, progress)
            next(delivery)
            delivery.close()
            child.waitFor("^association BUTTERFLY from 127.0.0.1: aborted$", 20)
        self.assertEqual([t.name for t in threading.enumerate() if "Requestor" in t.name], [])

    def test_mixture(self) -> None:
        """In a directory other files are left out; one that was named makes the status 1."""
        notes = self.directory / "notes.txt"
        notes.write_text("no object")
        shutil.copy(self.study[3], self.directory)
        with pacs(self.directory) as (_, port):
            send = partial(runCommand, "send", f"127.0.0.1:{port}", "--plain")
            walked = send(self.directory)
            named = send(self.study[3], notes, "-v")
        self.assertEqual(walked.status, 0)
        self.assertIn("1 files left out: they are not DICOM objects (-v names them)", walked.out)
        self.assertEqual(named.status, 1)
        self.assertIn("notes.txt", named.out)
