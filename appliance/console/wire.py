"""What goes over the control socket: a line of JSON for a request, another for its answer.

Pure: bytes to values and back. Nothing of a line is trusted, and nothing but JSON is made of it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import frozen

from appliance.console.answer import Answer

VERSION: Final = 1

LONGEST_REQUEST: Final = 64 * 1024
"""Bytes of a request's line, without its end."""

LONGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer's line that a client takes."""


class WireError(ValueError):
    """A line that is no request, or no answer; C{str} says why."""


@frozen
class Request:
    """A command and its arguments."""

    command: str
    arguments: tuple[str, ...] = ()


def dumpRequest(request: Request) -> bytes:
    """C{request} as a line, with its end."""
    return _line({"command": request.command, "arguments": list(request.arguments)})


def loadRequest(line: bytes) -> Request:
    """The request in C{line}. Raises L{WireError}."""
    facts = _facts(line, "request")
    command, arguments = facts.get("command"), facts.get("arguments", [])
    if not isinstance(command, str) or not command:
        raise WireError("a request has a 'command', which is text")
    if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise WireError("the 'arguments' of a request are a list of texts")
    return Request(command, tuple(arguments))


def dumpAnswer(answer: Answer) -> bytes:
    """C{answer} as a line, with its end."""
    facts = {"data": answer.data, "text": answer.text, "code": answer.code}
    return _line({"ok": answer.ok, **facts})


def loadAnswer(line: bytes) -> Answer:
    """The answer in C{line}. Raises L{WireError}."""
    facts = _facts(line, "answer")
    text, code = facts.get("text"), facts.get("code")
    if not isinstance(text, str) or not isinstance(code, int) or isinstance(code, bool):
        raise WireError("an answer has a 'text' and a 'code', which is a number")
    return Answer(facts.get("data"), text, code)


def _line(facts: dict[str, Any]) -> bytes:
    return json.dumps({"v": VERSION, **facts}, separators=(",", ":")).encode() + b"\n"


def _facts(line: bytes, what: str) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    # So deep a nesting is nobody's request, but Python has to be asked.
    except (ValueError, RecursionError):
        raise WireError(f"a {what} is one line of JSON") from None
    if not isinstance(facts, dict):
        raise WireError(f"a {what} is a JSON object")
    if facts.get("v") != VERSION or isinstance(facts.get("v"), bool):
        raise WireError(f"a {what} has 'v': {VERSION}; this is another version")
    return facts
