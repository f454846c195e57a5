"""Tests of L{appliance.console.wire}."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.console.answer import Answer
from appliance.console.wire import (
    Request,
    WireError,
    dumpAnswer,
    dumpRequest,
    loadAnswer,
    loadRequest,
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class WireTests(SynchronousTestCase):
    """Lines to values and back."""

    @given(st.text(min_size=1), st.lists(st.text()))
    def test_requests(self, command: str, arguments: list[str]) -> None:
        """Every request is one line, and comes back as it was."""
        request = Request(command, tuple(arguments))
        line = dumpRequest(request)
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
        self.assertEqual(loadRequest(line), request)

    @given(JSON, st.text(), st.integers(0, 255))
    def test_answers(self, data: Any, text: str, code: int) -> None:
        """So does every answer."""
        answer = Answer(data, text, code)
        line = dumpAnswer(answer)
        self.assertEqual((line.count(b"\n"), loadAnswer(line)), (1, answer))
        self.assertEqual(json.loads(line)["ok"], code == 0)

    @given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
    def test_anything(self, line: bytes) -> None:
        """Any other line is refused, and in words."""
        for load in (loadRequest, loadAnswer):
            self.assertTrue(str(self.assertRaises(WireError, load, line)))

    def test_nearly(self) -> None:
        """A wrong version, or a field of another kind, is no request."""
        good = {"v": 1, "command": "status", "arguments": ["x"]}
        self.assertEqual(loadRequest(json.dumps(good).encode()), Request("status", ("x",)))
        self.assertEqual(loadRequest(b'{"v":1,"command":"status"}'), Request("status"))
        wrong: list[dict[str, Any]] = [
            {"v": 2},
            {"v": "1"},
            {"v": True},
            {"v": None},
            {"command": ""},
            {"command": 7},
            {"arguments": "x"},
            {"arguments": [7]},
            {"arguments": None},
        ]
        for change in wrong:
            line = json.dumps({**good, **change}).encode()
            self.assertRaises(WireError, loadRequest, line)

    def test_deep(self) -> None:
        """A line that nests without end is no request either."""
        self.assertRaises(WireError, loadRequest, b"[" * 60_000)

    def test_codes(self) -> None:
        """An answer's code is a number."""
        for code in ('"0"', "null", "true", "0.5"):
            line = f'{{"v":1,"ok":true,"data":null,"text":"","code":{code}}}'.encode()
            self.assertRaises(WireError, loadAnswer, line)
