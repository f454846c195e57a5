from __future__ import annotations

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from appliance.health.handshake import broken
from appliance.health.result import Result, State


class BrokenTests(SynchronousTestCase):
    """L{broken}."""

    def explain(self, reason: str) -> Result:
        """The result for OpenSSL's C{reason}."""
        result = broken(SSL.Error([("SSL routines", "", reason)]))
        self.assertIs(result.state, State.TLS_FAILURE)
        self.assertTrue(result.advice)
        return result

    def test_words(self) -> None:
        """Reasons have words and advice, whichever prefix OpenSSL gives an alert."""
        for reason, words, advice in (
            ("wrong version number", "not TLS", "--plain"),
            ("packet length too long", "not TLS", "--plain"),
            ("certificate verify failed", "not trusted", "--ca"),
            ("tlsv1 alert protocol version", "no TLS version", "TLS 1.2"),
            ("unsupported protocol", "no TLS version", "TLS 1.2"),
            ("sslv3 alert handshake failure", "refused the handshake", "--cert"),
            ("ssl/tls alert handshake failure", "refused the handshake", "--cert"),
            ("tlsv13 alert certificate required", "wants a certificate", "--cert"),
            ("tlsv1 alert unknown ca", "does not trust the issuer", "--cert"),
            ("sslv3 alert certificate expired", "our certificate has expired", "renew"),
            ("sslv3 alert bad certificate", "refused our certificate", "--cert"),
            ("tlsv1 unrecognized name", "no certificate for that host name", "--name"),
            ("dh key too small", "too weak", "2048"),
        ):
            result = self.explain(reason)
            self.assertIn(words, result.text)
            self.assertIn(advice, result.advice)

    def test_unknown(self) -> None:
        """A reason that we do not know is quoted behind our own words."""
        self.assertEqual(self.explain("length mismatch").text, "TLS failed (length mismatch)")

    def test_noReason(self) -> None:
        """OpenSSL may give no reason at all, in more than one way."""
        for error in (SSL.Error(), SSL.Error([]), SSL.SysCallError(-1, "Unexpected EOF")):
            self.assertEqual(broken(error).text, "TLS failed (no reason known)")
