from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from OpenSSL import SSL, crypto
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli import echo
from appliance.cli.caller import Caller, buildContext
from appliance.health.result import Result, State, Step
from appliance.tls.pem import FileError
from tests.health.certificates import Pair, selfSigned
from tests.health.servers import Server, closedPort, storescp

ALIVE = Result(
    State.ALIVE,
    "it answers the echo",
    "",
    (Step("TCP", 0.0012), Step("echo", 1.5, True, "success")),
)
REFUSED = Result(State.REFUSED, "refused", "check it", (Step("TCP", 0.01, False, "refused"),))

COMMAND = """
import argparse, sys
from appliance.cli import echo
parser = argparse.ArgumentParser()
echo.addArguments(parser)
sys.exit(echo.run(parser.parse_args()))
"""


class InDirectory(SynchronousTestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        """Make it, for as long as the test runs."""
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)


class ArgumentTests(SynchronousTestCase):
    """The command line."""

    def parse(self, *words: str) -> argparse.Namespace:
        """The arguments in C{words}."""
        parser = argparse.ArgumentParser(exit_on_error=False)
        echo.addArguments(parser)
        return parser.parse_args(["pacs:104", *words])

    def test_defaults(self) -> None:
        """Without options the port decides about TLS."""
        arguments = self.parse()
        self.assertEqual(arguments.address, ("pacs", 104))
        self.assertIsNone(arguments.tls)
        self.assertEqual(arguments.calling, "BUTTERFLYTLS")

    def test_mode(self) -> None:
        """--tls and --plain decide instead."""
        self.assertIs(self.parse("--tls").tls, True)
        self.assertIs(self.parse("--plain").tls, False)

    def test_seconds(self) -> None:
        """A timeout is a positive number."""
        self.assertEqual(echo.seconds("0.5"), 0.5)
        for text in ("0", "-1", "nan", "1e9", "soon"):
            self.assertRaises(argparse.ArgumentTypeError, echo.seconds, text)


class ReportTests(InDirectory):
    """L{echo.report}."""

    def test_table(self) -> None:
        """Each step has a line with its milliseconds; the last line is the state."""
        self.assertEqual(
            echo.report(ALIVE, None, datetime.now(UTC), colour=False),
            [
                "  TCP                1.2 ms  ",
                "  echo            1500.0 ms  success",
                "alive: it answers the echo",
            ],
        )

    def test_advice(self) -> None:
        """What failed is marked, and the next step told."""
        self.assertEqual(
            echo.report(REFUSED, None, datetime.now(UTC), colour=False),
            ["  TCP               10.0 ms  failed", "refused: refused", "next: check it"],
        )

    def test_colour(self) -> None:
        """On a terminal the state is green when alive and red when not."""
        alive = echo.report(ALIVE, None, datetime.now(UTC), colour=True)
        refused = echo.report(REFUSED, None, datetime.now(UTC), colour=True)
        self.assertEqual(alive[-1], "\x1b[1;32malive\x1b[0m: it answers the echo")
        self.assertTrue(refused[1].startswith("\x1b[1;31mrefused\x1b[0m"))

    def test_certificate(self) -> None:
        """The certificate is shown with its expiry and fingerprint, and as not verified."""
        pair = selfSigned(self.directory, "pacs.example", days=30)
        caller = Caller(buildContext(None, None, None), "pacs.example", verifies=False)
        pem = Path(pair.cert).read_bytes()
        caller.certificate = crypto.load_certificate(crypto.FILETYPE_PEM, pem)
        text = "\n".join(echo.report(REFUSED, caller, datetime.now(UTC), colour=False))
        self.assertIn("certificate  CN=pacs.example\n", text)
        self.assertIn("(29 days left)", text)
        self.assertRegex(text, "fingerprint  SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}\n")
        self.assertIn("trust        not verified (--ca FILE does)", text)
        later = datetime.now(UTC) + timedelta(days=31)
        self.assertIn("(expired)", "\n".join(echo.report(REFUSED, caller, later, colour=False)))

    def test_untrusted(self) -> None:
        """A certificate that does not verify is the reason, and how to go on the advice."""
        caller = Caller(buildContext(None, None, None), "pacs.example", verifies=True)
        caller.trouble = "certificate has expired"
        failed = Result(State.TLS_FAILURE, "the peer's certificate is not trusted", "-")
        *_, text, advice = echo.report(failed, caller, datetime.now(UTC), colour=False)
        self.assertTrue(text.endswith("is not trusted: certificate has expired"))
        self.assertIn("--insecure", advice)


class ContextTests(InDirectory):
    """L{buildContext} and L{Caller}."""

    def shake(self, caller: Caller, pair: Pair) -> SSL.Connection:
        """Let C{caller} and a server with C{pair} shake hands in memory; the server's side."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate_file(pair.cert)
        context.use_privatekey_file(pair.key)
        server, client = SSL.Connection(context, None), caller.clientConnectionForTLS(None)
        server.set_accept_state()
        client.set_connect_state()
        for _ in range(4):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(65536))
        return server

    def call(self, name: str, ca: str | None, lenient: bool = False) -> Caller:
        """A caller of C{name} that trusts C{ca}."""
        context = buildContext(ca, None, None)
        return Caller(context, name, verifies=ca is not None, lenient=lenient)

    def test_verified(self) -> None:
        """The server's own certificate is a good anchor, for its name and its address."""
        pair = selfSigned(self.directory, "pacs.example")
        for name, sent in (("pacs.example", b"pacs.example"), ("127.0.0.1", None)):
            caller = self.call(name, pair.cert)
            server = self.shake(caller, pair)
            self.assertEqual((caller.trust, server.get_servername()), ("verified", sent))

    def test_otherName(self) -> None:
        """Another name than the certificate's is refused."""
        pair = selfSigned(self.directory, "pacs.example")
        for name in ("other.example", "192.0.2.1"):
            caller = self.call(name, pair.cert)
            self.assertRaises(SSL.Error, self.shake, caller, pair)
            self.assertEqual(caller.trust, "hostname mismatch")
            self.assertIsNotNone(caller.certificate)

    def test_otherAuthority(self) -> None:
        """A certificate that C{ca} does not vouch for is refused, unless lenient."""
        pair = selfSigned(self.directory, "pacs.example")
        other = selfSigned(self.directory, "other.example")
        caller = self.call("pacs.example", other.cert)
        self.assertRaises(SSL.Error, self.shake, caller, pair)
        lenient = self.call("pacs.example", other.cert, lenient=True)
        self.shake(lenient, pair)
        self.assertEqual(lenient.trust, caller.trust)
        self.assertIn("self-signed", caller.trust)

    def test_expired(self) -> None:
        """An expired certificate is refused."""
        pair = selfSigned(self.directory, "pacs.example", days=-1)
        caller = self.call("pacs.example", pair.cert)
        self.assertRaises(SSL.Error, self.shake, caller, pair)
        self.assertEqual(caller.trust, "certificate has expired")

    def test_notVerified(self) -> None:
        """Without C{ca} every certificate will do, and is kept."""
        pair = selfSigned(self.directory, "pacs.example", days=-1)
        caller = self.call("other.example", None)
        self.shake(caller, pair)
        self.assertTrue(caller.trust.startswith("not verified"))
        self.assertIsNotNone(caller.certificate)

    def test_files(self) -> None:
        """Files that do not fit are refused with a reason."""
        one, other = (selfSigned(self.directory, f"{n}.example") for n in ("one", "other"))
        buildContext(None, one.cert, one.key)
        for arguments in (
            (None, one.cert, other.key),
            (None, one.key, None),
            (one.key, None, None),
            ("missing.pem", None, None),
        ):
            self.assertRaises(FileError, buildContext, *arguments)

    def test_badName(self) -> None:
        """A name that cannot be one is refused at once."""
        self.assertRaises(UnicodeError, self.call, "a..example", None)


@pytest.mark.real
class RealTests(InDirectory):
    """The command as a process."""

    def serve(self, *options: str) -> Server:
        """A C{storescp} until the test ends."""
        running = storescp(self.directory, *options)
        server = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        return server

    def run_(self, *words: str) -> tuple[int, str]:
        """The exit status and the output of the command."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words], capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr

    def test_plain(self) -> None:
        """A living PACS: a table, the last line says so, status 0, no colours in a pipe."""
        server = self.serve()
        status, output = self.run_(f"127.0.0.1:{server.port}")
        self.assertEqual(status, 0, output)
        first, *steps, last = output.splitlines()
        self.assertIn("without TLS, as is usual on this port", first)
        self.assertEqual(
            [line.split()[0] for line in steps], ["TCP", "association", "echo", "release"]
        )
        self.assertEqual(last, "alive: it answers the echo")
        self.assertIn("I: Association Release", server.log)

    def test_tls(self) -> None:
        """Over TLS the protocol and the certificate are shown, and verified with --ca."""
        pair = selfSigned(self.directory, "localhost")
        server = self.serve("+tls", pair.key, pair.cert, "-ic")
        where = f"localhost:{server.port}"
        status, output = self.run_(where, "--tls")
        self.assertEqual(status, 0, output)
        self.assertIn("protocol     TLSv1.3, TLS_", output)
        self.assertIn("not verified", output)
        status, output = self.run_(where, "--tls", "--ca", pair.cert)
        self.assertEqual(status, 0, output)
        self.assertIn("trust        verified", output)
        status, output = self.run_(where, "--tls", "--ca", pair.cert, "--name", "pacs.example")
        self.assertEqual(status, 1, output)
        self.assertIn("TLS failure: the peer's certificate is not trusted: hostname mism", output)

    def test_dead(self) -> None:
        """Nobody there: status 1, a reason, a next step, no traceback."""
        status, output = self.run_(f"127.0.0.1:{closedPort()}", "--plain")
        self.assertEqual(status, 1)
        self.assertIn("unreachable: nothing listens on that port\nnext: start the peer", output)

    def test_badFile(self) -> None:
        """A file that cannot be used: status 1, one line."""
        status, output = self.run_("127.0.0.1:104", "--tls", "--ca", "missing.pem")
        self.assertEqual(status, 1)
        self.assertTrue(output.startswith("butterfly-tls echo: cannot read missing.pem"), output)
        self.assertEqual(len(output.splitlines()), 1)

    def test_badName(self) -> None:
        """A name that cannot be one: status 1, one line."""
        status, output = self.run_("127.0.0.1:104", "--tls", "--name", "a..b")
        self.assertEqual(status, 1)
        self.assertIn("'a..b' is not a host name", output)

    def test_badTitle(self) -> None:
        """A title with a character that no title has: status 1, one line."""
        status, output = self.run_("127.0.0.1:104", "--called", "A\tB")
        self.assertEqual(status, 1)
        self.assertNotIn("Traceback", output)

    def test_interrupted(self) -> None:
        """A signal ends it at once: it is the user's doing and no result."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            asking = subprocess.Popen(
                [sys.executable, "-c", COMMAND, f"127.0.0.1:{silent.getsockname()[1]}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            peer, _ = silent.accept()
            with peer:
                peer.recv(1)
                asking.send_signal(signal.SIGINT)
                output, errors = asking.communicate(timeout=30)
        self.assertEqual(len(output.splitlines()), 1, output)
        self.assertTrue(errors.endswith("KeyboardInterrupt\n"), errors)
