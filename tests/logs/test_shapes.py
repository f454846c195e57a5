"""The shapes of a line: stunnel's, and an object of JSON that is as its schema says."""

from __future__ import annotations

import json
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args, get_origin
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.config.options import find
from appliance.logs.facts import MOST, facts, names
from appliance.logs.schema import logSchema
from appliance.logs.shapes import JSON, SHAPES, STUNNEL, record
from appliance.logs.text import MAX_TEXT
from appliance.logs.vocabulary import Line, lines
from tests.audit.validator import faults
from tests.logs.strategies import KINDS, LINES

WHEN = datetime(2026, 11, 24, 12, 0, 0, 123456, timezone(timedelta(hours=1)))
PEER = e.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "X25519", None, "CN=modality", False)
CLOSED = e.Closed(
    "S", "7", "192.0.2.1:9", e.Reason.IDLE, 11, 22, 1.5, False, "192.0.2.2:104", PEER, None
)
SCHEMA = logSchema()
PAGE = Path(__file__).parents[2] / "docs" / "logs.md"


@contextmanager
def zone(name: str) -> Iterator[None]:
    """The machine is in the time zone C{name}."""
    try:
        with patch.dict(os.environ, TZ=name):
            time.tzset()
            yield
    finally:
        time.tzset()


class StunnelTests(SynchronousTestCase):
    """C{logFormat = stunnel}."""

    def test_asEver(self) -> None:
        """Local time, level, id and text, as stunnel has them; syslog keeps the time itself."""
        line = Line(5, "7", "hello", CLOSED)
        self.assertEqual(STUNNEL.stamped(line, WHEN), "2026.11.24 12:00:00 LOG5[7]: hello")
        self.assertEqual(STUNNEL.message(line, WHEN), "LOG5[7]: hello")

    def test_names(self) -> None:
        """The option's values are the shapes that there are."""
        option = find("logFormat")
        assert option is not None
        self.assertEqual([option.parse(name) for name in SHAPES], list(SHAPES))
        self.assertEqual(option.syntax, " or ".join(SHAPES))


class JSONTests(SynchronousTestCase):
    """C{logFormat = json}."""

    def test_whole(self) -> None:
        """All that is known of a line: when, how urgent, about what, which words, which facts."""
        _, line = lines(CLOSED)
        self.assertEqual(
            json.loads(JSON.stamped(line, WHEN)),
            {
                "v": 1,
                "time": "2026-11-24T11:00:00.123Z",
                "level": "notice",
                "severity": 5,
                "section": "S",
                "connection": "7",
                "event": "Closed",
                "part": 2,
                "text": "Service [S] connection from 192.0.2.1:9 ended: idle, backend "
                "192.0.2.2:104, TLSv1.3 TLS_AES_256_GCM_SHA384, certificate CN=modality, 1.5 s",
                "fields": {
                    "client": "192.0.2.1:9",
                    "reason": "idle",
                    "sentToTLS": 11,
                    "sentToSocket": 22,
                    "seconds": 1.5,
                    "dialled": False,
                    "backend": "192.0.2.2:104",
                    "peer": {
                        "version": "TLSv1.3",
                        "cipher": "TLS_AES_256_GCM_SHA384",
                        "bits": 256,
                        "group": "X25519",
                        "serverName": None,
                        "subject": "CN=modality",
                        "resumed": False,
                        "issuer": None,
                        "psk": False,
                    },
                    "via": None,
                },
            },
        )

    def test_aboutNothing(self) -> None:
        """A line about the process has neither section nor connection."""
        (line,) = lines(e.Accepting())
        found = record(line, WHEN)
        self.assertEqual((found["section"], found["connection"]), (None, None))
        self.assertEqual((found["event"], found["fields"]), ("Accepting", {}))

    def test_everywhereTheSame(self) -> None:
        """Terminal, file and syslog get the same object, since no other keeps milliseconds."""
        line = Line(5, "7", "hello", CLOSED)
        self.assertEqual(JSON.stamped(line, WHEN), JSON.message(line, WHEN))

    def test_parts(self) -> None:
        """The lines of an event are numbered from the first that is shown."""
        failed = e.HandshakeFailed("S", "0", "x:1", "http request", "http", "a", "b", False)
        self.assertEqual([(each.level, each.part) for each in lines(failed)], [(3, 1), (4, 2)])
        answered = e.OCSPAnswered("S", "0", None, "good", 0.0, None)
        self.assertEqual([each.part for each in lines(answered)], [1, 2, 3])
        self.assertEqual([(each.level, each.part) for each in lines(answered, shown=5)], [(5, 1)])

    def test_daylightSaving(self) -> None:
        """The hour that a clock repeats in autumn is told apart, as the machine's clock does."""
        with zone("Europe/Warsaw"):
            times = [
                record(Line(5, "main", ""), datetime.fromtimestamp(moment))["time"]
                for moment in (1792886400 + 900, 1792886400 + 4500)
            ]
        self.assertEqual(times, ["2026-10-25T00:15:00.000Z", "2026-10-25T01:15:00.000Z"])

    @given(LINES, st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)))
    def test_whateverPeersSay(self, line: Line, when: datetime) -> None:
        """A line is one line that parses, fits the schema, and has nothing that is not printed."""
        text = JSON.stamped(line, when.replace(tzinfo=UTC))
        self.assertEqual([c for c in text if unicodedata.category(c) in ("Cc", "Cs")], [])
        self.assertEqual(len(text.splitlines()), 1)
        text.encode()
        found = json.loads(text, parse_constant=_never)
        self.assertEqual(found, record(line, when.replace(tzinfo=UTC)))
        self.assertEqual(list(faults(SCHEMA, found)), [])
        self.assertLessEqual(len(found["text"]), MAX_TEXT)
        self.assertLessEqual(max(map(len, words(found["fields"])), default=0), MOST)


def _never(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def words(value: Any) -> Iterator[str]:
    """All the words in C{value}."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from words(each)


class FactTests(SynchronousTestCase):
    """What of an event is told beside its words."""

    def test_noLists(self) -> None:
        """What has no bound is left out."""
        asked = e.AssociationRequested(
            "S", "0", None, "A", "B", e.Application("1", "V", 7), (e.Context(1, "1", ()),) * 99
        )
        self.assertEqual(
            facts(asked),
            {
                "backend": None,
                "calling": "A",
                "called": "B",
                "requestor": {
                    "implementationClass": "1",
                    "implementationVersion": "V",
                    "maximumLength": 7,
                },
            },
        )

    def test_noNumber(self) -> None:
        """A float that is no number is told as unknown: JSON has no word for it."""
        for strange in (float("inf"), float("nan")):
            self.assertEqual(facts(e.StapleFetched("S", strange)), {"until": None})


class SchemaTests(SynchronousTestCase):
    """The schema itself."""

    def test_everyEvent(self) -> None:
        """Every event that makes a line is named, and every fact of it."""
        self.assertEqual(SCHEMA["properties"]["event"]["enum"], [kind.__name__ for kind in KINDS])
        known = SCHEMA["properties"]["fields"]["properties"]
        for kind in KINDS:
            for name, _ in names(kind):
                self.assertRegex(known[name]["description"], rf"\b{kind.__name__}\b")

    def test_catches(self) -> None:
        """A wrong line is not taken for a right one."""
        (line,) = lines(e.Accepting())
        good = record(line, WHEN)
        for name, bad in (
            *(("time", "2026-11-24 11:00:00"), ("severity", 8), ("event", "Nothing")),
            *(("part", 0), ("fields", {"client": 3}), ("level", "loud"), ("text", None)),
        ):
            self.assertNotEqual(list(faults(SCHEMA, {**good, name: bad})), [], name)

    def test_oneNameOneType(self) -> None:
        """The names that are words in one event and numbers in another are those on the page."""
        types: dict[str, set[str]] = {}
        for kind in KINDS:
            for name, hint in names(kind):
                types.setdefault(name, set()).update(map(jsonType, alternatives(hint)))
        mixed = {name for name, found in types.items() if len(found - {"null"}) > 1}
        (sentence,) = re.findall(r"Only (.*?) are of more than one type", PAGE.read_text(), re.S)
        self.assertEqual(mixed, set(re.findall("`(.*?)`", sentence)))


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that C{hint} allows."""
    return get_args(hint) if get_origin(hint) is not None else (hint,)


def jsonType(hint: Any) -> str:
    """What a value of the type C{hint} is in JSON."""
    simple: dict[Any, str] = {bool: "boolean", int: "number", float: "number", type(None): "null"}
    if hint is str or hasattr(hint, "__members__"):
        return "string"
    return simple.get(hint, "object")
