"""Contexts: what is set by default and on request, and what OpenSSL refuses."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSVersion, Where
from appliance.tls import binding
from appliance.tls.context import DEFAULT_CIPHERS, build, cipherString
from appliance.tls.creator import Creator
from tests import material as m


def context(**changes: Any) -> SSL.Context:
    """A context with C{changes}."""
    tls = m.tlsConfig(**changes)
    return build("test", m.WHERE, tls, m.material(None if tls.client else m.server()))


def shake(server: SSL.Context, client: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    """Complete a handshake in memory; raises what either side raises."""
    there = Creator(server).serverConnectionForTLS(None)
    here = Creator(client).clientConnectionForTLS(None)
    there.set_accept_state()
    here.set_connect_state()
    for _ in range(10):
        for one, other in ((here, there), (there, here)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(1 << 16))
            except SSL.WantReadError:
                pass
    return there, here


class DefaultTests(SynchronousTestCase):
    """What a section has that says nothing of TLS."""

    def test_newestVersion(self) -> None:
        """TLS 1.3 is negotiated where both can."""
        server, _ = shake(context(), context(client=True))
        self.assertEqual(server.get_protocol_version_name(), "TLSv1.3")

    def test_ownOrderOfCiphers(self) -> None:
        """In TLS 1.2 our order counts, not the client's."""
        reverse = ":".join(reversed(DEFAULT_CIPHERS.split(":")))
        client = context(client=True, maximum=TLSVersion.TLSv1_2, ciphers=reverse)
        server, _ = shake(context(), client)
        self.assertEqual(server.get_cipher_name(), "ECDHE-RSA-AES256-GCM-SHA384")

    def test_forwardSecrecyOnly(self) -> None:
        """No default cipher lacks forward secrecy or authenticated encryption (RFC 9325 4.2)."""
        connection = SSL.Connection(context(maximum=TLSVersion.TLSv1_2), None)
        legacy = [name for name in connection.get_cipher_list() if not name.startswith("TLS_")]
        self.assertEqual(sorted(legacy), sorted(DEFAULT_CIPHERS.split(":")))

    def test_oldVersionsAreRefused(self) -> None:
        """TLS 1.1 is not spoken."""
        client = SSL.Context(SSL.TLS_CLIENT_METHOD)
        client.set_max_proto_version(SSL.TLS1_1_VERSION)
        client.set_min_proto_version(SSL.TLS1_1_VERSION)
        client.set_cipher_list(b"ALL:@SECLEVEL=0")
        with self.assertRaises(SSL.Error):
            shake(context(), client)

    def test_noCompressionNoRenegotiation(self) -> None:
        """Compression (CRIME) and renegotiation are off."""
        flags = context().set_options(0)
        self.assertTrue(flags & SSL.OP_NO_COMPRESSION)
        self.assertTrue(flags & SSL.OP_NO_RENEGOTIATION)

    def test_securityLevel(self) -> None:
        """Level 2 unless the section or its cipher list says otherwise."""
        self.assertTrue(cipherString(m.tlsConfig()).endswith(":@SECLEVEL=2"))
        self.assertTrue(cipherString(m.tlsConfig(securityLevel=1)).endswith(":@SECLEVEL=1"))
        own = m.tlsConfig(ciphers="ALL:@SECLEVEL=0")
        self.assertEqual(cipherString(own), "ALL:@SECLEVEL=0")


class RequestTests(SynchronousTestCase):
    """What a section asks for."""

    def test_ciphersuites(self) -> None:
        """TLS 1.3 suites can be limited, on every supported release."""
        server, _ = shake(
            context(ciphersuites="TLS_CHACHA20_POLY1305_SHA256"), context(client=True)
        )
        self.assertEqual(server.get_cipher_name(), "TLS_CHACHA20_POLY1305_SHA256")

    def test_oneGroup(self) -> None:
        """One group can be asked for, on every supported release."""
        server, client = shake(context(curves="P-384"), context(client=True))
        self.assertIn(binding.groupName(server), ("secp384r1", "SECP384R1", "P-384", "unknown"))
        self.assertIsNotNone(client)

    def test_signatureAlgorithms(self) -> None:
        """What a side signs with can be limited, on every supported release."""
        for algorithm, ok in (("RSA-PSS+SHA384", True), ("ECDSA+SHA256", False)):
            client = context(client=True, signatureAlgorithms=algorithm)
            if ok:
                shake(context(), client)
            else:
                with self.assertRaises(SSL.Error):
                    shake(context(), client)

    def test_renegotiation(self) -> None:
        """It is refused unless the section allows it, and may then be asked for by the client."""
        refused = context(maximum=TLSVersion.TLSv1_2).set_options(0)
        self.assertTrue(refused & SSL.OP_NO_RENEGOTIATION)
        allowed = context(clearOptions=SSL.OP_NO_RENEGOTIATION).set_options(0)
        self.assertFalse(allowed & SSL.OP_NO_RENEGOTIATION)

    def test_securityLevelOfVersion(self) -> None:
        """TLS 1.0 needs level 0, and has it with C{securityLevel = 0} alone."""
        old = {"minimum": TLSVersion.TLSv1, "maximum": TLSVersion.TLSv1}
        ciphers = {"ciphers": "ALL", **old}
        client = context(client=True, securityLevel=0, **ciphers)
        server, _ = shake(context(securityLevel=0, **ciphers), client)
        self.assertEqual(server.get_protocol_version_name(), "TLSv1")
        with self.assertRaises(SSL.Error):
            shake(context(securityLevel=2, **ciphers), client)

    def test_clearedOption(self) -> None:
        """``options = -NAME`` leaves a flag unset that we would set."""
        flags = context(clearOptions=SSL.OP_NO_RENEGOTIATION).set_options(0)
        self.assertFalse(flags & SSL.OP_NO_RENEGOTIATION)

    def test_clientHearsTheAuthorities(self) -> None:
        """A client is told whose certificates are welcome."""
        tls = m.tlsConfig(verifyPeer=True)
        server = build("test", m.WHERE, tls, m.material(m.server(), m.ca()))
        _, client = shakeUntilAsked(server, context(client=True))
        names = [name.CN for name in client.get_client_ca_list()]
        self.assertEqual(names, ["Hospital CA"])


def shakeUntilAsked(
    server: SSL.Context, client: SSL.Context
) -> tuple[SSL.Connection, SSL.Connection]:
    """The handshake as far as the client has heard what the server asks for."""
    there = Creator(server).serverConnectionForTLS(None)
    here = Creator(client).clientConnectionForTLS(None)
    there.set_accept_state()
    here.set_connect_state()
    for one, other in ((here, there), (there, here), (here, there)):
        try:
            one.do_handshake()
        except SSL.WantReadError:
            pass
        other.bio_write(one.bio_read(1 << 16))
    return there, here


class RefusalTests(SynchronousTestCase):
    """Values that OpenSSL refuses become problems with option and advice."""

    def refused(self, **changes: Any) -> Any:
        """The problem."""
        with self.assertRaises(ValueError) as caught:
            context(**changes)
        return caught.exception.args[0]

    def test_ciphers(self) -> None:
        """A list without any cipher."""
        problem = self.refused(ciphers="NONSENSE")
        self.assertEqual((problem.option, problem.fatal), ("ciphers", True))
        self.assertIn("NONSENSE", str(problem))

    def test_ciphersuites(self) -> None:
        """Suites that do not exist."""
        self.assertEqual(self.refused(ciphersuites="TLS_NONSENSE").option, "ciphersuites")

    def test_curves(self) -> None:
        """Groups that do not exist."""
        self.assertEqual(self.refused(curves="nonsense").option, "curves")

    def test_signatureAlgorithms(self) -> None:
        """Signature algorithms that do not exist."""
        problem = self.refused(signatureAlgorithms="nonsense")
        self.assertIn("nonsense", str(problem))

    def test_missingCall(self) -> None:
        """What a release cannot do is refused with the name of the call it lacks."""

        class Bare:
            """A library without any call."""

        with patch.object(binding, "_lib", Bare()), self.assertRaises(ValueError) as caught:
            binding.setSignatureAlgorithms(SSL.Context(SSL.TLS_METHOD), "RSA-PSS+SHA256")
        self.assertIn("lacks SSL_CTX_set1_sigalgs_list", str(caught.exception))

    def test_allAtOnce(self) -> None:
        """Every value that OpenSSL refuses is told, each at its own place."""
        places = (("curves", Where("x.conf", 8)), ("ciphers", Where("x.conf", 6)))
        with self.assertRaises(ValueError) as caught:
            context(
                ciphers="NONSENSE", ciphersuites="TLS_NONSENSE", curves="nonsense", places=places
            )
        told = [(problem.option, problem.where.line) for problem in caught.exception.args]
        self.assertEqual(told, [("ciphers", 6), ("ciphersuites", m.WHERE.line), ("curves", 8)])


class BindingTests(SynchronousTestCase):
    """Each private call on its own."""

    def connected(self) -> tuple[SSL.Connection, SSL.Connection]:
        """A pair that has shaken hands."""
        server, client = shake(context(), context(client=True))
        binding.tune(client)
        return server, client

    def test_tuneAndDrain(self) -> None:
        """One write encrypts all it is given, and the ciphertext comes in scratch-sized pieces."""
        _, client = self.connected()
        self.assertEqual(client.send(b"x" * 200_000), 200_000)
        scratch = binding.Scratch(64 * 1024)
        sizes = []
        while got := binding.drain(client, scratch):
            sizes.append(got)
        self.assertGreater(sum(sizes), 200_000)
        self.assertEqual(max(sizes), 64 * 1024)

    def test_decrypt(self) -> None:
        """Decrypts into the scratch until it is full, wants more, or the peer says goodbye."""
        server, client = self.connected()
        client.send(b"y" * 100_000)
        client.shutdown()
        server.bio_write(client.bio_read(1 << 20))
        scratch = binding.Scratch(48 * 1024)
        total, outcomes = 0, []
        while not outcomes or outcomes[-1] is binding.Outcome.FULL:
            filled, outcome = binding.decrypt(server, scratch)
            self.assertEqual(bytes(scratch.view[:filled]), b"y" * filled)
            total += filled
            outcomes.append(outcome)
        self.assertEqual((total, outcomes[-1]), (100_000, binding.Outcome.END))

    def test_decryptWants(self) -> None:
        """With nothing received it wants more."""
        server, _ = self.connected()
        self.assertEqual(binding.decrypt(server, binding.Scratch(32768)), (0, binding.Outcome.WANT))

    def test_decryptError(self) -> None:
        """A broken record gives the error after the bytes that were good before it."""
        server, client = self.connected()
        client.send(b"good")
        server.bio_write(client.bio_read(1 << 16) + b"\x17\x03\x03\x00\x20" + bytes(32))
        filled, outcome = binding.decrypt(server, binding.Scratch(32768))
        self.assertEqual(filled, 4)
        self.assertIsInstance(outcome, SSL.Error)

    def test_verifyErrorText(self) -> None:
        """OpenSSL's own words."""
        self.assertEqual(binding.verifyErrorText(10), "certificate has expired")

    def test_verifyResult(self) -> None:
        """What OpenSSL keeps of a chain is 0 when nothing was wrong, or nothing was there."""
        server, client = self.connected()
        self.assertEqual(binding.verifyResult(server), 0)
        tls = m.tlsConfig(verifyChain=True, forgives=True)
        there = build("test", m.WHERE, tls, m.material(m.server(), m.ca("Other CA")))
        mine = build("c", m.WHERE, m.tlsConfig(client=True), m.material(m.client()))
        server, client = shake(there, mine)
        self.assertEqual(
            binding.verifyErrorText(binding.verifyResult(server)),
            "unable to get local issuer certificate",
        )
        self.assertIsNotNone(client)

    def test_wasResumed(self) -> None:
        """A full handshake is none that was resumed."""
        server, _ = self.connected()
        self.assertFalse(binding.wasResumed(server))


class RejectionTests(SynchronousTestCase):
    """What the peer hears when our own check rejects it."""

    def test_alert(self) -> None:
        """A certificate that is not listed is answered with bad_certificate, not internal_error."""
        tls = m.tlsConfig(verifyPeer=True, maximum=TLSVersion.TLSv1_2)
        server = build("test", m.WHERE, tls, m.material(m.server(), m.client()))
        mine = build("c", m.WHERE, m.tlsConfig(client=True), m.material(m.client("intruder")))
        there, here = (
            Creator(server).serverConnectionForTLS(None),
            Creator(mine).clientConnectionForTLS(None),
        )
        there.set_accept_state()
        here.set_connect_state()
        with self.assertRaises(SSL.Error) as caught:
            for _ in range(6):
                for one, other in ((here, there), (there, here)):
                    try:
                        one.do_handshake()
                    except SSL.WantReadError:
                        pass
                    except SSL.Error:
                        if one is here:
                            raise
                    try:
                        other.bio_write(one.bio_read(1 << 16))
                    except SSL.WantReadError:
                        pass
        self.assertIn("certificate", str(caught.exception))
        self.assertNotIn("internal error", str(caught.exception))
