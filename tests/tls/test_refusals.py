"""Failed handshakes in words; most of them fail for real, in memory."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import TLSConfig, TLSVersion
from appliance.relay.proxyline import Hop, header, line
from appliance.tls.certificate import Certificate, KeyPair
from appliance.tls.context import DEFAULT_CIPHERS
from appliance.tls.issue import KeyType, authority, certificatePEM, issued, newKey, selfSigned
from appliance.tls.refusals import Refusal, RefusalKind, explain
from tests.tls.handshakes import Outcome, client, greeting, say, section, shake

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = newKey(bits=2048)
RSA = selfSigned(KEY, "pacs", ["pacs.example.org"], now=NOW)
ECDSA = selfSigned(newKey(KeyType.ECDSA), "pacs", ["pacs.example.org"], now=NOW)
ROOT = authority(KEY, "Hospital CA", now=NOW)
OTHER = authority(KEY, "Elsewhere CA", now=NOW)
V10, V11, V12, V13 = (
    TLSVersion.TLSv1,
    TLSVersion.TLSv1_1,
    TLSVersion.TLSv1_2,
    TLSVersion.TLSv1_3,
)
SERVER = TLSConfig(cert="/etc/butterfly/cert.pem")
HELLO = greeting(client())
REQUEST = bytes.fromhex("0100 000000cd 0001 0000") + b"PACS".ljust(16) + bytes(185)


def explained(
    outcome: Outcome, tls: TLSConfig = SERVER, certificate: Certificate | None = None
) -> Refusal:
    """The words for C{outcome} in the section C{tls}."""
    return explain(
        outcome.reasons,
        outcome.firstBytes,
        tls,
        tls.ciphers or DEFAULT_CIPHERS,
        certificate=certificate,
        verifyError=outcome.verifyError,
    )


def changed(tls: TLSConfig, advice: str) -> TLSConfig:
    """The section C{tls} with the lines that C{advice} quotes."""
    names = {
        "sslVersionMin": "minimum",
        "sslVersionMax": "maximum",
        "ciphers": "ciphers",
        "ciphersuites": "ciphersuites",
        "securityLevel": "securityLevel",
    }
    changes: dict[str, Any] = {}
    for option, value in re.findall(r"'(\w+) = ([^']+)'", advice):
        if option == "securityLevel":
            value = int(value)
        elif option.startswith("sslVersion"):
            value = next(version for version in TLSVersion if version.text == value)
        changes[names[option]] = value
    return evolve(tls, **changes)


class PlainTests(SynchronousTestCase):
    """Peers that do not speak TLS at all."""

    def said(self, data: bytes) -> Refusal:
        """The words for a client that says C{data}."""
        reasons = say(section(SERVER, RSA), data)
        self.assertTrue(reasons)
        return explain(reasons, data, SERVER, DEFAULT_CIPHERS)

    def test_dicom(self) -> None:
        """A plain A-ASSOCIATE-RQ is recognised, even when only its begin has arrived."""
        for data in (REQUEST, REQUEST[:8]):
            refusal = explain(("wrong version number",), data, SERVER, DEFAULT_CIPHERS)
            self.assertIs(refusal.kind, RefusalKind.PLAIN_DICOM)
        refusal = self.said(REQUEST)
        self.assertEqual(
            refusal,
            Refusal(
                RefusalKind.PLAIN_DICOM,
                "speaks DICOM without TLS on a TLS port",
                "switch TLS on at the sender, or point it at the PACS's own port",
            ),
        )

    def test_dicomServer(self) -> None:
        """A PACS that answers our TLS with DICOM is recognised, too."""
        tls = TLSConfig(client=True)
        for answer in ("0300 00000004 00010302", "0700 00000004 00000201"):
            refusal = explain((), bytes.fromhex(answer), tls, DEFAULT_CIPHERS)
            self.assertIs(refusal.kind, RefusalKind.PLAIN_DICOM)
            self.assertIn("connect to the port where it speaks TLS", refusal.advice)

    def test_http(self) -> None:
        """Browsers and proxies are recognised."""
        for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT pacs:443 HTTP/1.1\r\n\r\n"):
            self.assertIs(self.said(data).kind, RefusalKind.HTTP)

    def test_proxyHeader(self) -> None:
        """A PROXY header of either version is told, with the option for it."""
        for data in (line(Hop()), header(Hop())):
            refusal = explain(("wrong version number",), data, SERVER, DEFAULT_CIPHERS)
            self.assertIs(refusal.kind, RefusalKind.PROXY_HEADER)
            self.assertIn("proxyProtocolAccept = yes", refusal.advice)

    def test_other(self) -> None:
        """Anything else is named as such; what it said is never shown, for it may be anything."""
        refusal = self.said(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.assertIs(refusal.kind, RefusalKind.NOT_TLS)
        self.assertNotIn("SSH", refusal.found)
        self.assertNotIn("53 53", refusal.found)
        implausible = bytes.fromhex("0100 ffffffff 0001")
        self.assertIs(self.said(implausible + bytes(99)).kind, RefusalKind.NOT_TLS)

    def test_sslv2(self) -> None:
        """The greeting of Java 6 is called old."""
        refusal = self.said(bytes.fromhex("802e0103010015000000100100800700c0") + bytes(40))
        self.assertIs(refusal.kind, RefusalKind.OLD_VERSION)
        self.assertIn("SSLv2Hello", refusal.advice)


class LostTests(SynchronousTestCase):
    """Peers that went away."""

    def test_probe(self) -> None:
        """No byte at all is a probe; from a server it is a connection that was closed."""
        self.assertIs(explain((), b"", SERVER, "").kind, RefusalKind.PROBE)
        self.assertIs(explain((), b"", TLSConfig(client=True), "").kind, RefusalKind.GONE)

    def test_gone(self) -> None:
        """A peer that leaves after its greeting may not like our certificate."""
        hello = greeting(client())
        for reasons in ((), ("unexpected eof while reading",)):
            refusal = explain(reasons, hello, SERVER, DEFAULT_CIPHERS)
            self.assertIs(refusal.kind, RefusalKind.GONE)
            self.assertIn("may not accept our certificate", refusal.advice)
            refusal = explain(reasons, hello[:50], SERVER, DEFAULT_CIPHERS)
            self.assertIs(refusal.kind, RefusalKind.GONE)
            self.assertIn("before its TLS greeting was complete", refusal.found)


class MismatchTests(SynchronousTestCase):
    """Clients whose versions, ciphers or groups are not ours, and what would admit them."""

    def refused(
        self,
        kind: RefusalKind,
        *offer: str,
        tls: TLSConfig = SERVER,
        pair: KeyPair = RSA,
        **options: Any,
    ) -> Refusal:
        """The words for a client that is refused for C{kind}."""
        outcome = shake(section(tls, pair), client(*offer, **options))
        self.assertTrue(outcome.reasons)
        refusal = explained(outcome, tls, pair.certificate)
        self.assertIs(refusal.kind, kind, refusal)
        return refusal

    def admitted(
        self,
        kind: RefusalKind,
        *offer: str,
        tls: TLSConfig = SERVER,
        pair: KeyPair = RSA,
        **options: Any,
    ) -> Refusal:
        """The same; and the lines in its advice do admit that client."""
        refusal = self.refused(kind, *offer, tls=tls, pair=pair, **options)
        better = changed(tls, refusal.advice)
        self.assertNotEqual(better, tls, refusal)
        self.assertEqual(shake(section(better, pair), client(*offer, **options)).reasons, ())
        # and those who were served are served still
        self.assertEqual(shake(section(better, pair), client(DEFAULT_CIPHERS)).reasons, ())
        return refusal

    def test_tls10(self) -> None:
        """A TLS 1.0 client: what it offers, what we allow, the lines, and a word of warning."""
        refusal = self.admitted(
            RefusalKind.OLD_VERSION, "AES128-SHA:@SECLEVEL=0", maximum=TLSVersion.TLSv1
        )
        self.assertEqual(
            refusal.found, "offers TLSv1 at most, and this section allows TLSv1.2 to TLSv1.3"
        )
        for part in (
            "update the sender",
            "'sslVersionMin = TLSv1'",
            "'securityLevel = 0'",
            f"'ciphers = {DEFAULT_CIPHERS}:AES128-SHA'",
            "attacker",
        ):
            self.assertIn(part, refusal.advice)

    def test_oldVersions(self) -> None:
        """TLS 1.0 and 1.1 clients with many suites, with either kind of certificate."""
        for version in (V10, V11):
            for pair in (RSA, ECDSA):
                self.admitted(RefusalKind.OLD_VERSION, pair=pair, maximum=version)

    def test_oldVersionAtHighLevel(self) -> None:
        """A version that is allowed and still forbidden by the security level."""
        tls = evolve(SERVER, minimum=V10)
        refusal = self.admitted(RefusalKind.OLD_VERSION, tls=tls, maximum=V10)
        self.assertIn("only below its security level 2", refusal.found)
        self.assertIn("@SECLEVEL=0'", refusal.advice)

    def test_newVersion(self) -> None:
        """A client that is too new for the section."""
        tls = evolve(SERVER, maximum=V12)
        refusal = self.admitted(RefusalKind.OLD_VERSION, tls=tls, minimum=V13)
        self.assertIn("offers TLSv1.3 at least", refusal.found)
        self.assertIn("'sslVersionMax = TLSv1.3'", refusal.advice)

    def test_oldCipher(self) -> None:
        """An AES128-SHA client: its suite is named and added to the list in force."""
        refusal = self.admitted(RefusalKind.NO_SHARED_CIPHER, "AES128-SHA", maximum=V12)
        self.assertEqual(
            refusal.found, "offers only cipher suites that this section does not allow, AES128-SHA"
        )
        self.assertIn(f"'ciphers = {DEFAULT_CIPHERS}:AES128-SHA'", refusal.advice)

    def test_bestCipher(self) -> None:
        """Of several suites the best is added; only a few are named."""
        offered = "AES128-SHA:AES256-SHA:CAMELLIA128-SHA:AES128-SHA256:ECDHE-RSA-AES128-SHA256"
        refusal = self.admitted(RefusalKind.NO_SHARED_CIPHER, offered, maximum=V12)
        self.assertIn(":ECDHE-RSA-AES128-SHA256'", refusal.advice)
        self.assertNotIn(":AES128-SHA'", refusal.advice)
        self.assertIn("and 1 more", refusal.found)

    def test_null(self) -> None:
        """A NULL client: the level is lowered, and that it does not encrypt is said."""
        for suite in ("NULL-SHA", "NULL-SHA256"):
            refusal = self.admitted(
                RefusalKind.NO_SHARED_CIPHER, f"{suite}:@SECLEVEL=0", maximum=V12
            )
            self.assertIn(f":{suite}:@SECLEVEL=0'", refusal.advice)
            self.assertIn("gives up encryption", refusal.advice)

    def test_nullWithLevel(self) -> None:
        """Where the section sets the level, that is the line to change."""
        tls = evolve(SERVER, securityLevel=1, ciphers=f"{DEFAULT_CIPHERS}:NULL-SHA")
        refusal = self.admitted(
            RefusalKind.NO_SHARED_CIPHER, "NULL-SHA:@SECLEVEL=0", tls=tls, maximum=V12
        )
        self.assertIn("'securityLevel = 0'", refusal.advice)
        self.assertNotIn("'ciphers", refusal.advice)
        self.assertIn("gives up encryption", refusal.advice)

    def test_levelInList(self) -> None:
        """A level in the list stays as it is when it will do."""
        tls = evolve(SERVER, ciphers=f"{DEFAULT_CIPHERS}:@SECLEVEL=1")
        refusal = self.admitted(RefusalKind.NO_SHARED_CIPHER, "AES128-SHA", tls=tls, maximum=V12)
        self.assertIn(f"'ciphers = {tls.ciphers}:AES128-SHA'", refusal.advice)

    def test_exclusions(self) -> None:
        """A list that excludes the suite for good is spelt out."""
        tls = evolve(SERVER, ciphers="ECDHE+AESGCM:!SHA1:@SECLEVEL=1")
        refusal = self.admitted(RefusalKind.NO_SHARED_CIPHER, "AES128-SHA", tls=tls, maximum=V12)
        self.assertNotIn("!", refusal.advice)
        self.assertIn(":AES128-SHA:@SECLEVEL=1'", refusal.advice)

    def test_ciphersuites(self) -> None:
        """TLS 1.3 has its own option."""
        tls = evolve(SERVER, ciphersuites="TLS_AES_128_CCM_SHA256")
        refusal = self.admitted(RefusalKind.NO_SHARED_CIPHER, tls=tls, minimum=V13)
        self.assertIn("'ciphersuites = TLS_AES_128_CCM_SHA256:TLS_AES_", refusal.advice)

    def test_otherCertificate(self) -> None:
        """A client for the other kind of certificate hears which to make, in TLS 1.2."""
        for pair, other in ((RSA, "ECDSA"), (ECDSA, "RSA")):
            refusal = self.refused(
                RefusalKind.NO_SHARED_CIPHER,
                f"ECDHE-{other}-AES128-GCM-SHA256",
                pair=pair,
                maximum=V12,
            )
            self.assertIn(f"accepts {other} certificates only", refusal.found)
            self.assertIn(pair.certificate.keyText, refusal.found)
            self.assertIn(f"butterfly-tls cert --type {other.lower()}", refusal.advice)

    def test_unusableCipher(self) -> None:
        """Suites without a certificate, or with Diffie-Hellman parameters, are never proposed."""
        for suites in ("DHE-RSA-AES128-GCM-SHA256", "ADH-AES128-SHA:AECDH-AES128-SHA"):
            refusal = self.refused(
                RefusalKind.NO_SHARED_CIPHER, f"{suites}:@SECLEVEL=0", maximum=V12
            )
            self.assertIn("cannot be used here", refusal.found)
            self.assertEqual(refusal.advice, "update the sender")

    def test_groups(self) -> None:
        """Suites that fit and groups that do not, in both generations of TLS."""
        tls = evolve(SERVER, curves="P-256")
        for version in (V12, V13):
            refusal = self.refused(
                RefusalKind.NO_SHARED_CIPHER,
                DEFAULT_CIPHERS,
                tls=tls,
                minimum=version,
                maximum=version,
                groups="P-384",
            )
            self.assertIn("no key exchange group", refusal.found)
            self.assertIn("'curves = P-256'", refusal.advice)

    def test_unknownCertificate(self) -> None:
        """Without our certificate at hand any usable suite is proposed."""
        outcome = shake(section(SERVER, RSA), client("AES128-SHA", maximum=V12))
        self.assertIn(":AES128-SHA'", explained(outcome).advice)

    def test_noGreeting(self) -> None:
        """When the greeting was not kept, the words do without it."""
        for reason, kind in (
            ("no shared cipher", RefusalKind.NO_SHARED_CIPHER),
            ("unsupported protocol", RefusalKind.OLD_VERSION),
        ):
            self.assertIs(explain((reason,), b"\x16\x03\x01", SERVER, "").kind, kind)


class PeerCertificateTests(SynchronousTestCase):
    """Clients whose certificate we do not accept."""

    @pytest.fixture(autouse=True)
    def _section(self, tmp_path: Path) -> None:
        self.caFile = tmp_path / "ca.pem"
        self.caFile.write_bytes(certificatePEM(ROOT.certificate))
        self.tls = evolve(SERVER, caFile=str(self.caFile), requireCert=True, verifyChain=True)

    def refused(self, pair: KeyPair | None, tls: TLSConfig | None = None) -> Refusal:
        """The words for a client with the certificate C{pair}; the same in TLS 1.2 and 1.3."""
        tls = tls or self.tls
        old, new = (
            explained(
                shake(section(tls, RSA), client(DEFAULT_CIPHERS, pair=pair, maximum=version)),
                tls,
            )
            for version in (V12, V13)
        )
        self.assertEqual(old, new)
        return new

    def test_none(self) -> None:
        """A client without a certificate."""
        refusal = self.refused(None)
        self.assertIs(refusal.kind, RefusalKind.NO_CERTIFICATE)
        self.assertIn(str(self.caFile), refusal.advice)

    def test_good(self) -> None:
        """The same section does admit a client of its authority."""
        pair = issued(ROOT, KEY, "US1", now=NOW)
        outcome = shake(section(self.tls, RSA), client(pair=pair))
        self.assertEqual(outcome.reasons, ())

    def test_expired(self) -> None:
        """A certificate that has expired."""
        pair = issued(ROOT, KEY, "US1", now=NOW - timedelta(days=99), days=9)
        refusal = self.refused(pair)
        self.assertIs(refusal.kind, RefusalKind.CERTIFICATE_EXPIRED)

    def test_notYetValid(self) -> None:
        """A certificate from the future: somebody's clock is wrong."""
        refusal = self.refused(issued(ROOT, KEY, "US1", now=NOW + timedelta(days=9)))
        self.assertIs(refusal.kind, RefusalKind.CERTIFICATE_INVALID)
        self.assertIn("clocks", refusal.advice)

    def test_unknownAuthority(self) -> None:
        """A certificate of another authority: where to add it."""
        refusal = self.refused(issued(OTHER, KEY, "US1", now=NOW))
        self.assertIs(refusal.kind, RefusalKind.CERTIFICATE_UNTRUSTED)
        self.assertIn(f"its authority to {self.caFile}", refusal.advice)

    def test_selfSigned(self) -> None:
        """A self-signed certificate."""
        refusal = self.refused(selfSigned(KEY, "US1", now=NOW))
        self.assertIs(refusal.kind, RefusalKind.CERTIFICATE_UNTRUSTED)
        self.assertIn("self-signed", refusal.found)

    def test_notListed(self) -> None:
        """A good certificate that verifyPeer does not know."""
        tls = evolve(self.tls, verifyPeer=True)
        refusal = self.refused(issued(ROOT, KEY, "US1", now=NOW), tls)
        self.assertIs(refusal.kind, RefusalKind.CERTIFICATE_UNTRUSTED)
        self.assertIn(f"not among those in {self.caFile}", refusal.found)
        self.assertIn("this very certificate", refusal.advice)

    def test_otherHost(self) -> None:
        """A good certificate with another name than checkHost."""
        tls = evolve(self.tls, checkHost=("us2.example.org",))
        refusal = self.refused(issued(ROOT, KEY, "US1", ["us1.example.org"], now=NOW), tls)
        self.assertIs(refusal.kind, RefusalKind.CERTIFICATE_INVALID)
        self.assertIn("checkHost", refusal.advice)

    def test_words(self) -> None:
        """OpenSSL's other texts are understood, and an unknown one is quoted with advice."""
        for text, kind, part in (
            ("self-signed certificate in certificate chain", "UNTRUSTED", "authority"),
            ("self signed certificate in certificate chain", "UNTRUSTED", "authority"),
            ("unable to verify the first certificate", "UNTRUSTED", "authority"),
            ("unsuitable certificate purpose", "INVALID", "clientAuth"),
            ("certificate revoked", "INVALID", "new certificate"),
            ("EE certificate key too weak", "INVALID", "2048"),
            ("path length constraint exceeded", "INVALID", "openssl verify"),
        ):
            refusal = explain((), greeting(client()), self.tls, "", verifyError=text)
            self.assertIs(refusal.kind, RefusalKind[f"CERTIFICATE_{kind}"])
            self.assertIn(part, refusal.advice)


class AlertTests(SynchronousTestCase):
    """Peers that break the handshake off with an alert."""

    def test_distrust(self) -> None:
        """A client that does not trust us: our certificate, and what to import there."""
        for version in (V12, V13):
            outcome = shake(
                section(SERVER, RSA), client(DEFAULT_CIPHERS, verify=True, maximum=version)
            )
            refusal = explained(outcome, certificate=RSA.certificate)
            self.assertIs(refusal.kind, RefusalKind.PEER_DISTRUSTS_US)
            self.assertEqual(refusal.found, "does not accept our certificate (CN=pacs)")
            self.assertIn("import /etc/butterfly/cert.pem there", refusal.advice)
            self.assertIn("pacs.example.org", refusal.advice)

    def test_distrustIssued(self) -> None:
        """With a certificate from an authority, that is what to import."""
        pair = issued(ROOT, KEY, "pacs", now=NOW)
        outcome = shake(section(SERVER, pair), client(verify=True))
        refusal = explained(outcome, certificate=pair.certificate)
        self.assertIn("import the authority that issued it, CN=Hospital CA,", refusal.advice)

    def test_releases(self) -> None:
        """All spellings of OpenSSL's releases are one alert."""
        hello = greeting(client())
        for text in (
            "sslv3 alert bad certificate",
            "ssl/tls alert bad certificate",
            "tls alert bad certificate",
            "tlsv1 alert unknown ca",
            "sslv3 alert certificate unknown",
            "tls alert certificate expired",
        ):
            refusal = explain((text,), hello, SERVER, DEFAULT_CIPHERS)
            self.assertIs(refusal.kind, RefusalKind.PEER_DISTRUSTS_US)

    def test_others(self) -> None:
        """Alerts that are about other things."""
        hello = greeting(client())
        for text, kind in (
            ("tlsv13 alert certificate required", RefusalKind.NO_CERTIFICATE),
            ("tlsv1 alert protocol version", RefusalKind.OLD_VERSION),
            ("sslv3 alert handshake failure", RefusalKind.OTHER),
            ("tlsv1 alert internal error", RefusalKind.OTHER),
        ):
            self.assertIs(explain((text,), hello, SERVER, DEFAULT_CIPHERS).kind, kind)


class TotalTests(SynchronousTestCase):
    """Whatever happens, there are words."""

    def test_unknownReason(self) -> None:
        """A reason that nobody foresaw is quoted, in a sentence and with advice."""
        refusal = explain(("bad extension",), greeting(client()), SERVER, DEFAULT_CIPHERS)
        self.assertIs(refusal.kind, RefusalKind.OTHER)
        self.assertIn("'bad extension'", refusal.found)

    @settings(deadline=None)  # the first example has OpenSSL list its suites
    @given(
        st.sampled_from(
            ["", "no shared cipher", "unsupported protocol", "wrong version number", "x"]
        ),
        st.binary(max_size=80),
        st.integers(0, len(HELLO) - 1),
    )
    def test_anything(self, reason: str, data: bytes, position: int) -> None:
        """Any bytes and a damaged greeting give a refusal."""
        damaged = HELLO[:position] + data + HELLO[position + len(data) :]
        for firstBytes in (data, damaged):
            refusal = explain([reason] if reason else [], firstBytes, SERVER, DEFAULT_CIPHERS)
            self.assertTrue(refusal.found and refusal.advice)
