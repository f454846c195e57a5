"""Every command of L{appliance.console.commands}, on an appliance of which nothing is real."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import Severity
from appliance.console import commands
from appliance.console.answer import FAILED, MISUSED, Answer
from appliance.console.operator import Echo, Reloaded, UpgradeError
from appliance.events import Health
from appliance.health.result import Result, State
from appliance.status.document import Ban
from appliance.status.document import State as DocumentState
from tests.console.fake import (
    NOW,
    STORE,
    WORKLIST,
    FakeOperator,
    backend,
    document,
    problem,
    section,
)

SHELL_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "shell.md"


class CommandCase(SynchronousTestCase):
    """Gives commands to L{FakeOperator}."""

    def setUp(self) -> None:
        self.operator = FakeOperator()

    def give(self, *words: str) -> Answer:
        """The answer to C{words}, whose data is what JSON has."""
        answer = self.successResultOf(Deferred.fromCoroutine(commands.obey(self.operator, words)))
        self.assertEqual(json.loads(json.dumps(answer.data)), answer.data)
        return answer

    def good(self, *words: str) -> Answer:
        """The answer to C{words}, with which all is well."""
        answer = self.give(*words)
        self.assertEqual((answer.code, answer.ok), (0, True), answer.text)
        return answer

    def error(self, *words: str, code: int = FAILED) -> str:
        """What is said to C{words}, which cannot be done."""
        answer = self.give(*words)
        self.assertEqual(answer.code, code, answer.text)
        self.assertTrue(answer.text.startswith("error: "), answer.text)
        self.assertIn("error", answer.data)
        return answer.text


class TableTests(CommandCase):
    """The table as a whole."""

    def test_complete(self) -> None:
        """Every command is explained, and its name is its own."""
        names = [each.name for each in commands.COMMANDS]
        self.assertEqual(len(names), len(set(names)))
        for each in commands.COMMANDS:
            self.assertRegex(each.name, "^[a-z-]+$")
            self.assertRegex(each.summary, r"^[A-Z].*\.$", each.name)

    def test_documented(self) -> None:
        """Every command is on the reference page."""
        text = SHELL_PAGE.read_text("utf-8")
        usages = [each.usage.replace("|", r"\|") for each in commands.COMMANDS]
        self.assertEqual([usage for usage in usages if f"| `{usage}` |" not in text], [])

    def test_tested(self) -> None:
        """Every command is given by a test here."""
        source = inspect.getsource(inspect.getmodule(type(self)) or object)
        for each in commands.COMMANDS:
            self.assertRegex(source, rf'(good|give|error)\(\s*"{each.name}"', each.name)

    def test_withoutArguments(self) -> None:
        """A command that takes nothing says so."""
        for each in commands.COMMANDS:
            if not each.syntax:
                self.assertIn("nothing more", self.error(each.name, "x", code=MISUSED))

    def test_unknown(self) -> None:
        """What is no command leads to the likeliest, or to the list."""
        self.assertIn("'status' is meant", self.error("statsu", code=MISUSED))
        self.assertIn("'help' lists", self.error("qqqq", code=MISUSED))
        self.assertIn("nothing was entered", self.error(code=MISUSED))


class LookingTests(CommandCase):
    """Commands that look."""

    def test_statusWell(self) -> None:
        """When all is well the first line says that, then come the process and its sections."""
        answer = self.good("status")
        first, _, second, *_ = answer.text.split("\n")
        self.assertEqual(first, "All is well.")
        self.assertIn("serving for 2 h, 2 of 2 workers", second)
        self.assertRegex(answer.text, rf"(?m)^serving +{STORE} .* 1 of 1 up +2 +1  44 days$")
        self.assertEqual(answer.data["sections"][0]["name"], STORE)
        self.assertFalse(answer.data["sections"][0]["draining"])

    def test_statusTrouble(self) -> None:
        """What is wrong comes first, the worst before the rest, each with what to do."""
        dead = backend("pacs:104", Health.DOWN, "connection refused", "start it")
        self.operator.told = document(section(STORE, dead, days=3))
        lines = self.good("status").text.split("\n")
        self.assertRegex(lines[0], r"^trouble: \[DICOM STORE\] has no PACS: pacs:104 is down")
        self.assertEqual(lines[1], "  next: connection refused; start it")
        self.assertRegex(lines[2], r"^attention: \[DICOM STORE\] shows a certificate that expires")

    def test_statusDraining(self) -> None:
        """A section that is drained is not well, since nobody else would think of it."""
        self.operator.drain(WORKLIST, True)
        answer = self.good("status")
        self.assertIn(f"attention: [{WORKLIST}] is draining", answer.text.split("\n")[0])
        self.assertRegex(answer.text, rf"(?m)^draining +{WORKLIST}")
        self.operator.told = evolve(self.operator.told, state=DocumentState.DRAINING)
        self.assertRegex(self.good("status").text, rf"(?m)^draining +{STORE}")

    def test_sections(self) -> None:
        """Each section with its counts; one that was removed leaves."""
        self.operator.told = document(section(STORE), evolve(section("OLD"), serving=False))
        answer = self.good("sections")
        self.assertRegex(answer.text, r"(?m)^serving +DICOM STORE .* 2 +17 +13  5.0 MB +7.0 kB$")
        self.assertRegex(answer.text, "(?m)^leaving +OLD")
        self.assertEqual([each["level"] for each in answer.data], [5, None])

    def test_backends(self) -> None:
        """Each backend with its state, its last check and why it is so."""
        sick = backend("a:104", Health.DEGRADED, "it refuses us", "check calledAET")
        self.operator.told = document(section(STORE, sick))
        answer = self.good("backends")
        self.assertRegex(
            answer.text,
            r"(?m)^degraded +DICOM STORE +a:104 +1 h +echo 12 ms +8.0 s ago +"
            "it refuses us; check calledAET$",
        )
        self.assertEqual(answer.data[0]["health"], "degraded")
        self.operator.told = document(section(STORE))
        self.assertEqual(self.good("backends").text, "No backend is known.")

    def test_certs(self) -> None:
        """Certificates with the days that they have left."""
        self.operator.told = document(
            section("A"), section("B", days=20), section("C", days=-1), section("D", days=None)
        )
        answer = self.good("certs")
        for line in (r"^good +A +44 ", r"^soon +B +20 ", r"^expired +C +-1 "):
            self.assertRegex(answer.text, f"(?m){line}")
        self.assertEqual([each["section"] for each in answer.data], ["A", "B", "C"])
        self.operator.told = document(section("D", days=None))
        self.assertEqual(self.good("certs").text, "No section shows a certificate.")

    def test_version(self) -> None:
        """What it is, and what it runs on."""
        answer = self.good("version")
        self.assertEqual(set(answer.data), {"butterfly-tls", "python", "twisted", "openssl"})
        self.assertIn("OpenSSL 3.5.4", answer.text)

    def test_help(self) -> None:
        """All commands, or the one that is asked about."""
        self.assertEqual(len(self.good("help").data), len(commands.COMMANDS))
        self.assertRegex(
            self.good("help", "drain").text, r"drain SECTION \[BACKEND\]\|all +Tells new clients"
        )
        self.assertIn("no command", self.error("help", "x", code=MISUSED))
        self.assertIn("nothing more", self.error("help", "drain", "x", code=MISUSED))


class ConnectionTests(CommandCase):
    """Commands about connections."""

    def test_associations(self) -> None:
        """Each connection, with the titles of the association that is on it."""
        answer = self.good("associations")
        self.assertRegex(
            answer.text,
            r"(?m)^associated +7 +DICOM STORE +10.0.0.5:40001 +CT01 +PACS +192.168.1.100:104 +"
            "12 s +1.0 MB$",
        )
        self.assertRegex(answer.text, r"(?m)^waiting +9 +DICOM DMWL +10.0.0.6:40002")
        self.assertEqual([each["calling"] for each in answer.data], ["CT01", None])

    def test_nobody(self) -> None:
        """Without connections there are words."""
        self.operator.open = ()
        self.assertEqual(self.good("associations").text, "Nobody is connected.")

    def test_hostileTitle(self) -> None:
        """What a peer calls itself cannot move the cursor of who looks."""
        told = self.operator.told
        (open_,) = told.associations
        evil = evolve(open_, calling="\x1b[2J\nup")
        self.operator.told = evolve(told, associations=(evil,))
        text = self.good("associations").text
        self.assertNotIn("\x1b", text)
        self.assertEqual(text.count("\n"), 2)

    def test_show(self) -> None:
        """One connection, fact by fact."""
        answer = self.good("show", "9")
        self.assertEqual((answer.data["state"], answer.data["id"]), ("waiting", "9"))
        self.assertRegex(answer.text, r"(?m)^backend +-$")
        self.assertIn("no connection '8'", self.error("show", "8"))
        self.assertIn("ID", self.error("show", code=MISUSED))

    def test_close(self) -> None:
        """One connection is ended, if it is there."""
        self.assertEqual(self.good("close", "7").data, {"closed": "7"})
        self.assertIn("no connection '8'", self.error("close", "8"))
        self.assertEqual(self.operator.done, [("close", "7"), ("close", "8")])
        self.assertIn("too many", self.error("close", "7", "8", code=MISUSED))

    def test_top(self) -> None:
        """What is wrong, then the connections that have moved most."""
        answer = self.good("top")
        self.assertEqual(answer.text.split("\n")[0], "All is well.")
        self.assertEqual([each["id"] for each in answer.data["connections"]], ["7", "9"])
        self.assertEqual(answer.data["at"], NOW)
        self.assertEqual(answer.data["sections"][0]["backends"], "1 of 1 up")


class SteeringTests(CommandCase):
    """Commands that change something, or ask for something."""

    def test_drain(self) -> None:
        """A section, or all, take nobody new; who is open is counted."""
        answer = self.good("drain", "dicom", "store")
        self.assertEqual(answer.data, {"draining": STORE, "connections": 2})
        self.assertIn("2 connections still open", answer.text)
        self.assertEqual(self.good("drain", "all").data, {"draining": None, "connections": 4})
        self.assertEqual(self.operator.done, [("drain", STORE, True), ("drain", None, True)])
        self.assertIn("is missing", self.error("drain", code=MISUSED))

    def test_undrain(self) -> None:
        """And the other way round."""
        self.assertEqual(self.good("undrain", "all").data, {"undrained": None})
        self.assertIn(f"[{STORE}] serves new", self.good("undrain", STORE).text)
        self.assertEqual(self.operator.done, [("drain", None, False), ("drain", STORE, False)])

    def test_drainBackend(self) -> None:
        """One backend of a section gets nobody new, and gets them again; it must be one of its."""
        name = "192.168.1.100:104"
        self.assertIn(f"nobody new to {name}", self.good("drain", "dicom", "store", name).text)
        self.assertEqual(
            self.good("undrain", STORE, name).data, {"undrained": STORE, "backend": name}
        )
        self.assertEqual(
            self.operator.done,
            [("drainBackend", STORE, name, True), ("drainBackend", STORE, name, False)],
        )
        self.assertIn("'backends' lists", self.error("drain", WORKLIST, name))
        self.assertIn("nothing more", self.error("drain", STORE, name, "x", code=MISUSED))

    def test_reload(self) -> None:
        """What came of it; a refusal is an error with all the problems."""
        self.assertTrue(self.good("reload").data["accepted"])
        self.operator.reloaded = Reloaded(False, ("f:1: error: x",), ("f:2: warning: y",))
        answer = self.give("reload")
        self.assertEqual(answer.code, FAILED)
        self.assertEqual(answer.data["problems"], ["f:1: error: x"])
        self.assertEqual(answer.text.split("\n")[:2], ["f:2: warning: y", "f:1: error: x"])
        self.assertIn("the old configuration goes on", answer.text)

    def banned(self) -> None:
        """Two clients are banned."""
        bans = (
            Ban(STORE, "192.0.2.1", "it speaks HTTP", NOW - 60, NOW + 540),
            Ban(STORE, "2001:db8::/64", "it shows no certificate", NOW, NOW + 600),
        )
        self.operator.told = evolve(self.operator.told, bans=bans)

    def test_bans(self) -> None:
        """Who is banned, where, for how long and why; the status tells that there are some."""
        self.assertEqual(self.good("bans").text, "Nobody is banned.")
        self.assertNotIn("banned", self.good("status").text)
        self.banned()
        answer = self.good("bans")
        self.assertRegex(answer.text, r"(?m)^192.0.2.1 +DICOM STORE +9 min +it speaks HTTP$")
        self.assertEqual([each["client"] for each in answer.data], ["192.0.2.1", "2001:db8::/64"])
        self.assertIn("2 clients banned: 'bans' lists them.", self.good("status").text)
        self.assertEqual(len(self.good("status").data["bans"]), 2)

    def test_unban(self) -> None:
        """One is let in again, by any of its addresses, or all are."""
        self.banned()
        answer = self.good("unban", "2001:db8::7")
        self.assertEqual(answer.data, {"client": "2001:db8::/64", "ended": 1})
        self.assertEqual(self.good("unban", "192.0.2.1").text, "1 ban ended.")
        self.assertEqual(self.good("unban", "all").data, {"client": None, "ended": 2})
        self.assertEqual(self.operator.done[-1], ("unban", None))
        self.assertIn("'bans' lists who is", self.error("unban", "192.0.2.9"))
        self.assertIn("IP address", self.error("unban", "pacs.example", code=MISUSED))
        self.assertIn("is missing", self.error("unban", code=MISUSED))

    def test_upgrade(self) -> None:
        """Who serves now, or why nothing has changed."""
        self.assertEqual(self.good("upgrade").data, {"pid": 4711, "error": None})
        self.operator.successor = UpgradeError("a.conf:3: error: no such file")
        answer = self.give("upgrade")
        self.assertEqual(answer.code, FAILED)
        self.assertEqual(answer.data, {"pid": None, "error": "a.conf:3: error: no such file"})
        self.assertIn("goes on as before", answer.text)

    def test_check(self) -> None:
        """Warnings are told, errors make it fail, and nothing is done."""
        self.assertIn("with 0 warnings", self.good("check").text)
        self.operator.problems = (problem(), problem(Severity.WARNING))
        answer = self.give("check")
        self.assertEqual(answer.code, FAILED)
        self.assertEqual(len(answer.data["problems"]), 1)
        self.assertEqual(len(answer.data["warnings"]), 1)
        self.assertIn("would be refused for 1 error", answer.text)
        self.assertEqual(self.operator.done, [])

    def test_echo(self) -> None:
        """What the backends answered; one that is not alive makes it fail."""
        self.assertRegex(self.good("echo", STORE).text, "(?m)^alive +192.168.1.100:104 ")
        self.operator.answers = (
            *self.operator.answers,
            Echo("b:104", Result(State.REFUSED, "called AE title", "set calledAET")),
        )
        answer = self.give("echo", "DICOM", "STORE")
        self.assertEqual(answer.code, FAILED)
        self.assertRegex(answer.text, "(?m)^refused +b:104 .* called AE title; set calledAET$")
        self.assertEqual([each["alive"] for each in answer.data], [True, False])

    def test_echoOne(self) -> None:
        """One backend alone, if the section has it."""
        self.good("echo", "DICOM", "STORE", "192.168.1.100:104")
        self.assertEqual(self.operator.done, [("echo", STORE, "192.168.1.100:104")])
        self.assertIn("no backend 'x'", self.error("echo", STORE, "x"))
        self.assertIn("nothing more", self.error("echo", STORE, "x", "y", code=MISUSED))

    def test_logLevel(self) -> None:
        """Told as it is, and changed for all or for one section."""
        self.assertEqual(self.good("log-level").data["process"], "notice")
        self.assertEqual(self.operator.done, [])
        answer = self.good("log-level", "debug", "DICOM", "STORE")
        self.assertEqual(answer.data["sections"], {STORE: "debug", WORKLIST: "notice"})
        self.assertIn("until the next reload", answer.text)
        self.assertEqual(self.good("log-level", "4").data["process"], "warning")
        self.assertEqual(self.operator.done, [("level", 7, STORE), ("level", 4, None)])
        self.assertIn("no level", self.error("log-level", "loud", code=MISUSED))


class JournalTests(CommandCase):
    """The end of the journal."""

    ENTRY: dict[str, Any] = {
        "end": "2026-11-24T03:01:48.123+01:00",
        "outcome": "released",
        "section": STORE,
        "calling": "CT01",
        "called": "PACS",
        "backend": None,
        "seconds": 12.3,
        "operations": [{"operation": "C-STORE", "requests": 3, "statuses": {"0000H": 2}}],
    }

    def test_journal(self) -> None:
        """The last entries, how each ended first."""
        self.operator.entries = [{**self.ENTRY, "outcome": f"cut {n}"} for n in range(30)]
        answer = self.good("journal")
        self.assertEqual(len(answer.data), 20)
        self.assertRegex(answer.text, r"(?m)^cut 29 +2026-11-24 03:01:48 +DICOM STORE +CT01 +PACS")
        self.assertIn("C-STORE 2 of 3 with success", answer.text)
        self.assertEqual(len(self.good("journal", "3").data), 3)

    def test_odd(self) -> None:
        """An entry that is not as ours are does no harm."""
        self.operator.entries = [{}, {"operations": 7, "seconds": "x"}, {"operations": [1, {}]}]
        self.assertEqual(len(self.good("journal").data), 3)

    def test_none(self) -> None:
        """Without a journal there is advice; one without entries is empty."""
        self.assertIn("journal = FILE", self.error("journal"))
        self.operator.entries = []
        self.assertEqual(self.good("journal").text, "The journal is empty.")

    def test_unreadable(self) -> None:
        """One that cannot be read says why."""
        self.operator.unreadable = PermissionError(13, "Permission denied")
        self.assertIn("Permission denied", self.error("journal"))

    def test_count(self) -> None:
        """The number must be one."""
        self.assertIn("from 1 to 1000", self.error("journal", "0", code=MISUSED))
