from __future__ import annotations

import errno

from OpenSSL import SSL
from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from appliance.dicom.associate import (
    Answered,
    ContextRefused,
    Outcome,
    Unexpected,
    echoAssociation,
)
from appliance.dicom.framer import ForeignProtocolError
from appliance.dicom.items import ContextResult, PDUError
from appliance.dicom.pdu import Abort, AssociateRJ
from appliance.health.explain import (
    NoWayError,
    concluded,
    garbled,
    hungUp,
    silent,
    unconnected,
    undialled,
)
from appliance.health.handshake import broken
from appliance.health.result import Result, State
from appliance.health.spelling import OPTIONS

REQUEST = echoAssociation("US1", "PACS")


class UnconnectedTests(SynchronousTestCase):
    """L{unconnected}."""

    def test_words(self) -> None:
        """Each failure of a dial has its own words; none is Twisted's."""
        for failure, words in (
            (error.ConnectionRefusedError(), "nothing listens on that port"),
            (error.TCPTimedOutError(), "no connection in time"),
            (error.TimeoutError(), "no connection in time"),
            (error.DNSLookupError("x"), "no such host name"),
            (ValueError("invalid hostname: x"), "no such host name"),
            (error.ConnectError(errno.EHOSTUNREACH), "no connection (no route to host)"),
            (error.NoRouteError(errno.ENETUNREACH), "no connection (network is unreachable)"),
            (error.NoProtocol(), "no connection (NoProtocol)"),
        ):
            result = unconnected(failure)
            self.assertEqual((result.state, result.text), (State.UNREACHABLE, words))
            self.assertTrue(result.advice)


class SilentTests(SynchronousTestCase):
    """L{silent}."""

    def test_steps(self) -> None:
        """What is likely wrong depends on the step that waited."""
        for step, words, advice in (
            ("TCP", "no connection within 5 s", "firewall"),
            ("TLS", "no TLS within 5 s", "--plain"),
            ("association", "no answer to the association request within 5 s", "--tls"),
            ("echo", "no answer to the echo within 5 s", "hangs"),
        ):
            result = silent(step, 5.0)
            self.assertIs(result.state, State.UNREACHABLE)
            self.assertIn(words, result.text)
            self.assertIn(advice, result.advice)


class HungUpTests(SynchronousTestCase):
    """L{hungUp}."""

    def test_plain(self) -> None:
        """Who hangs up on a plain request may expect TLS."""
        result = hungUp("association", encrypted=False)
        self.assertIs(result.state, State.NOT_DICOM)
        self.assertIn("--tls", result.advice)

    def test_encrypted(self) -> None:
        """Who hangs up on a request over TLS may have lost the PACS, or want a certificate."""
        result = hungUp("association", encrypted=True)
        self.assertIs(result.state, State.NOT_DICOM)
        self.assertIn("--cert", result.advice)

    def test_handshake(self) -> None:
        """Who hangs up on a TLS handshake may speak plain DICOM."""
        result = hungUp("TLS", encrypted=True)
        self.assertIs(result.state, State.TLS_FAILURE)
        self.assertIn("--plain", result.advice)

    def test_associated(self) -> None:
        """Who hangs up in an association speaks DICOM, badly."""
        self.assertIs(hungUp("echo", encrypted=False).state, State.ABORTED)


class GarbledTests(SynchronousTestCase):
    """L{garbled}."""

    def explain(self, fault: PDUError, encrypted: bool = False) -> Result:
        """The result, which is never DICOM."""
        result = garbled(fault, encrypted=encrypted)
        self.assertIs(result.state, State.NOT_DICOM)
        self.assertTrue(result.advice)
        return result

    def test_tls(self) -> None:
        """TLS on a plain connection means: use TLS."""
        result = self.explain(ForeignProtocolError("TLS"))
        self.assertEqual(result.text, "it speaks TLS on this port")
        self.assertIn("--tls", result.advice)

    def test_others(self) -> None:
        """Other protocols are named, or said to be unknown."""
        self.assertIn("speaks HTTP", self.explain(ForeignProtocolError("HTTP")).text)
        self.assertIn("speaks TLS", self.explain(ForeignProtocolError("TLS"), encrypted=True).text)
        self.assertIn("does not speak DICOM", self.explain(ForeignProtocolError("")).text)

    def test_malformed(self) -> None:
        """Bad DICOM is quoted: the words are ours."""
        self.assertIn("no PDU of type", self.explain(PDUError("no PDU of type 08H")).text)


class ConcludedTests(SynchronousTestCase):
    """L{concluded}."""

    def explain(self, outcome: Outcome, state: State, released: bool = True) -> Result:
        """The result, whose state is C{state}."""
        result = concluded(outcome, REQUEST, released=released)
        self.assertIs(result.state, state)
        return result

    def test_alive(self) -> None:
        """An echo that was answered needs no advice."""
        result = self.explain(Answered(0), State.ALIVE)
        self.assertEqual((result.text, result.advice), ("it answers the echo", ""))

    def test_noRelease(self) -> None:
        """A release without an answer is told, no more."""
        result = self.explain(Answered(0), State.ALIVE, released=False)
        self.assertEqual(result.text, "it answers the echo, but not the release")

    def test_status(self) -> None:
        """An echo that failed is told with its status."""
        result = self.explain(Answered(0x0122), State.REFUSED)
        self.assertIn("SOP class not supported (status 0122H)", result.text)

    def test_contextRefused(self) -> None:
        """A peer without Verification should be given it."""
        outcome = ContextRefused(ContextResult.ABSTRACT_SYNTAX)
        self.assertIn("Verification", self.explain(outcome, State.REFUSED).advice)

    def test_rejections(self) -> None:
        """A rejection says which title or limit to look after."""
        for numbers, advice in (
            ((1, 1, 7), "called AE title 'PACS' (--called)"),
            ((1, 1, 3), "calling AE title 'US1' (--calling)"),
            ((2, 3, 1), "try again later"),
            ((2, 3, 2), "try again later"),
            ((1, 2, 2), "check the port"),
            ((1, 1, 1), "log"),
            ((1, 9, 9), "log"),
        ):
            result = self.explain(AssociateRJ(*numbers), State.REFUSED)
            self.assertIn(advice, result.advice)
            self.assertEqual(result.text, AssociateRJ(*numbers).words)

    def test_aborts(self) -> None:
        """An abort, or a reason for ours, is told."""
        self.assertIn("aborted by", self.explain(Abort(0), State.ABORTED).text)
        self.assertIn("protocol: a b", self.explain(Unexpected("a b"), State.ABORTED).text)


class OwnDiallerTests(SynchronousTestCase):
    """What a dialler of ours raises, which are the system's own exceptions."""

    def test_system(self) -> None:
        """The system's exceptions have the words that Twisted's have."""
        for number, words in (
            (errno.ECONNREFUSED, "nothing listens on that port"),
            (errno.ETIMEDOUT, "no connection in time"),
            (errno.EHOSTUNREACH, "no connection (no route to host)"),
            (errno.ECONNRESET, "no connection (connection reset by peer)"),
        ):
            result = unconnected(OSError(number, "x"))
            self.assertEqual((result.state, result.text), (State.UNREACHABLE, words))
            self.assertTrue(result.advice)
            self.assertEqual(undialled(f"Whatever it says ({number})"), result)

    def test_noWay(self) -> None:
        """Reasons that are in words already are told as they are."""
        result = unconnected(NoWayError("the proxy answered 403"))
        self.assertEqual(result.state, State.UNREACHABLE)
        self.assertEqual(result.text, "no connection: the proxy answered 403")
        self.assertEqual(undialled("the proxy answered 403"), result)

    def test_noTime(self) -> None:
        """A dial without an error was out of time."""
        self.assertEqual(undialled(None).text, "no connection in time")

    def test_ours(self) -> None:
        """What we have run out of is not the peer's fault."""
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EADDRNOTAVAIL):
            result = unconnected(OSError(number, "x"))
            self.assertIs(result.state, State.UNTRIED)
            self.assertFalse(result.lives)
            self.assertTrue(result.text.startswith("not asked ("))
            self.assertTrue(result.advice)


class SpellingTests(SynchronousTestCase):
    """Advice names what the person has at hand."""

    def test_options(self) -> None:
        """For a section it names options, and no argument of a command."""
        request = echoAssociation("US1", "PACS")
        found = {
            "calledAET": concluded(AssociateRJ(1, 1, 7), request, released=False, spelling=OPTIONS),
            "callingAET": concluded(
                AssociateRJ(1, 1, 3), request, released=False, spelling=OPTIONS
            ),
            "client = yes": hungUp("TLS", encrypted=True, spelling=OPTIONS),
            "(cert)": hungUp("association", encrypted=True, spelling=OPTIONS),
            "connect": hungUp("association", encrypted=False, spelling=OPTIONS),
            "plain port": garbled(ForeignProtocolError("TLS"), encrypted=False, spelling=OPTIONS),
            "let connect name": silent("association", 5, OPTIONS),
            "TLS port": silent("TLS", 5, OPTIONS),
            "CAfile": broken(SSL.Error([("", "", "certificate verify failed")]), OPTIONS),
            "checkHost": broken(SSL.Error([("", "", "unrecognized name")]), OPTIONS),
            "(cert, key)": broken(SSL.Error([("", "", "certificate required")]), OPTIONS),
        }
        for name, result in found.items():
            self.assertIn(name, result.advice)
            self.assertNotIn("--", result.advice)
            self.assertNotIn("{", result.advice)

    def test_rejection(self) -> None:
        """A rejection is kept by its numbers."""
        result = concluded(AssociateRJ(1, 1, 7), REQUEST, released=False)
        self.assertEqual(result.rejection, (1, 7))
        self.assertIsNone(concluded(Abort(0), REQUEST, released=False).rejection)
