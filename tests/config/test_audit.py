"""The options of audit messages: what they come to, and what they do not go with."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import load
from appliance.config.model import AuditConfig, Problem
from tests.config.memory import CONF, HOME, built, files, problems, section

TLS = "audit = audit.example:6514\nauditProtocol = tls\n"


def audit(*lines: str, tolerant: bool = False) -> AuditConfig | None:
    """What the lines say of audit messages; fails on any problem unless C{tolerant}."""
    text = "\n".join((*lines, section()))
    config = load(CONF, files(text)) if tolerant else built(text)
    return config.process.audit


def found(*lines: str) -> tuple[Problem, ...]:
    """What there is to say about the lines."""
    return problems("\n".join((*lines, section())))


class AuditTests(SynchronousTestCase):
    """Where audit messages go."""

    def test_none(self) -> None:
        """Without a collector there are no audit messages."""
        self.assertIsNone(audit())

    def test_defaults(self) -> None:
        """A collector alone is sent datagrams."""
        self.assertEqual(audit("audit = 192.0.2.1:514"), AuditConfig("192.0.2.1", 514))

    def test_all(self) -> None:
        """Everything that can be said, and files by their whole names."""
        config = audit(
            "audit = [2001:db8::1]:6514",
            "auditProtocol = TLS",
            "auditCAfile = ca.pem",
            "auditCert = Butterfly_SCP_Cert.pem",
            "auditKey = Butterfly_SCP_Key.pem",
            "auditSpool = cas",
            "auditSpoolSize = 65536",
            "auditSource = Ward 3",
        )
        self.assertEqual(
            config,
            AuditConfig(
                "2001:db8::1",
                6514,
                "tls",
                f"{HOME}/ca.pem",
                f"{HOME}/Butterfly_SCP_Cert.pem",
                f"{HOME}/Butterfly_SCP_Key.pem",
                f"{HOME}/cas",
                65536,
                "Ward 3",
            ),
        )
        self.assertEqual(str(config), "[2001:db8::1]:6514 (tls)")

    def test_notFromHere(self) -> None:
        """The same options at other places are no change."""
        one = audit("audit = 192.0.2.1:514")
        self.assertEqual(one, audit("; moved", "audit = 192.0.2.1:514"))

    def test_badCollectors(self) -> None:
        """A collector has a host and a port."""
        for value in ("514", "audit.example", "/dev/log", ":514", "a b:514"):
            (problem,) = found(f"audit = {value}")
            self.assertTrue(problem.fatal)
            self.assertIn(f"{CONF}:1: error: audit: ", str(problem))

    def test_globalOnly(self) -> None:
        """A section has no collector of its own."""
        (problem,) = problems(section("audit = 192.0.2.1:514"))
        self.assertIn("stands in a [section]", problem.found)

    def test_sizes(self) -> None:
        """A spool that holds no message is refused."""
        (problem,) = found("audit = 192.0.2.1:514", "auditSpoolSize = 100")
        self.assertIn("65536", problem.expected)


class TogetherTests(SynchronousTestCase):
    """What does not go together."""

    def test_withoutCollector(self) -> None:
        """An option that says nothing without a collector is told of."""
        for line in ("auditProtocol = tcp", "auditSource = Ward 3", "auditSpool = cas"):
            (problem,) = found(line)
            self.assertFalse(problem.fatal)
            self.assertIn("does nothing, since no audit messages are sent", problem.found)

    def test_inTheClear(self) -> None:
        """Files for TLS do nothing without it."""
        (problem,) = found("audit = a:1", "auditProtocol = tcp", "auditCAfile = ca.pem")
        self.assertEqual((problem.fatal, problem.option), (False, "auditCAfile"))
        self.assertIn("go by tcp, in the clear", problem.found)

    def test_spoolForDatagrams(self) -> None:
        """A spool cannot keep what UDP loses."""
        (problem,) = found("audit = a:1", "auditSpool = cas")
        self.assertIn("keeps none of what UDP loses", problem.found)

    def test_nobodyToTrust(self) -> None:
        """TLS needs somebody to trust."""
        (problem,) = found(TLS)
        self.assertTrue(problem.fatal)
        self.assertEqual(
            (problem.option, problem.expected), ("auditProtocol", "auditCAfile as well")
        )

    def test_keyAlone(self) -> None:
        """A key needs its certificate."""
        (problem,) = found(TLS, "auditCAfile = ca.pem", "auditKey = Butterfly_SCP_Key.pem")
        self.assertTrue(problem.fatal)
        self.assertIn("is the key of no certificate", problem.found)

    def test_misread(self) -> None:
        """A protocol that was mistyped is told once, not with what would follow from it."""
        (problem,) = found("audit = a:1", "auditProtocol = tsl", "auditCAfile = ca.pem")
        self.assertIn("udp, tcp or tls", problem.expected)
