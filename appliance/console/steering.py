"""The commands that steer: drain and undrain, reload and check, echo, the level of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from appliance.config.values import LEVELS
from appliance.console.answer import FAILED, Answer, CommandError
from appliance.console.arguments import level, nothing, section, sectionOrAll
from appliance.console.operator import Operator, UpgradeError
from appliance.console.tables import shown, table
from appliance.status.words import duration, number

THOSE: Final = "'backends' lists those there are"


async def drain(operator: Operator, words: Sequence[str]) -> Answer:
    """Tell new clients to come again later."""
    name, backend = sectionOrAll(words, operator.levels())
    if name is not None and backend is not None:
        _drainBackend(operator, name, backend, draining=True)
        text = f"[{name}] sends nobody new to {backend}. 'undrain' ends that."
        return Answer({"draining": name, "backend": backend}, shown(text))
    operator.drain(name, True)
    open_ = sum(
        each.connections for each in operator.status().sections if name is None or each.name == name
    )
    who = "All sections tell" if name is None else f"[{name}] tells"
    still = f"{number(open_, 'connection')} still open"
    text = f"{who} new clients to come again later; {still}. 'undrain' ends that."
    return Answer({"draining": name, "connections": open_}, shown(text))


async def undrain(operator: Operator, words: Sequence[str]) -> Answer:
    """Serve new clients again."""
    name, backend = sectionOrAll(words, operator.levels())
    if name is not None and backend is not None:
        _drainBackend(operator, name, backend, draining=False)
        text = f"[{name}] sends new clients to {backend} again."
        return Answer({"undrained": name, "backend": backend}, shown(text))
    operator.drain(name, False)
    text = "All sections serve" if name is None else f"[{name}] serves"
    return Answer({"undrained": name}, shown(f"{text} new clients again."))


def _drainBackend(operator: Operator, name: str, backend: str, *, draining: bool) -> None:
    known = [
        b.name for each in operator.status().sections if each.name == name for b in each.backends
    ]
    if backend not in known:
        raise CommandError(f"[{name}] has no backend {backend!r}", advice=THOSE)
    operator.drainBackend(name, backend, draining)


async def reload(operator: Operator, _words: Sequence[str]) -> Answer:
    """Read the configuration again."""
    result = operator.reload()
    lines = [*result.warnings, *result.problems]
    if result.accepted:
        lines.append("The configuration is in use; connections finish on what they began with.")
    else:
        lines.append("error: the reload was refused, and the old configuration goes on")
    data = {
        "accepted": result.accepted,
        "problems": list(result.problems),
        "warnings": list(result.warnings),
    }
    return Answer(data, "\n".join(map(shown, lines)), 0 if result.accepted else FAILED)


async def upgrade(operator: Operator, _words: Sequence[str]) -> Answer:
    """Let a process that is started anew take over."""
    try:
        pid = await operator.upgrade()
    except UpgradeError as error:
        lines = (f"error: {error}", "The upgrade failed, and the process goes on as before.")
        data = {"pid": None, "error": str(error)}
        return Answer(data, "\n".join(map(shown, lines)), FAILED)
    text = f"Process {pid} serves now; open connections end in the one before it, undisturbed."
    return Answer({"pid": pid, "error": None}, shown(text))


async def check(operator: Operator, _words: Sequence[str]) -> Answer:
    """What a reload would say, without one."""
    problems = operator.check()
    errors = [str(each) for each in problems if each.fatal]
    warnings = [str(each) for each in problems if not each.fatal]
    lines = [*warnings, *errors]
    if errors:
        lines.append(f"error: a reload would be refused for {number(len(errors), 'error')}")
    else:
        lines.append(f"A reload would be accepted, with {number(len(warnings), 'warning')}.")
    data = {"accepted": not errors, "problems": errors, "warnings": warnings}
    return Answer(data, "\n".join(map(shown, lines)), FAILED if errors else 0)


async def echo(operator: Operator, words: Sequence[str]) -> Answer:
    """Ask backends for a C-ECHO."""
    name, rest = section(words, operator.levels())
    backend = rest[0] if rest else None
    nothing(rest[1:])
    found = await operator.echo(name, backend)
    if not found:
        what = "no backends" if backend is None else f"no backend {backend!r}"
        raise CommandError(f"[{name}] has {what}", advice=THOSE)
    rows = [
        (
            *(each.result.state.value, each.name, duration(each.result.seconds)),
            "; ".join(filter(None, (each.result.text, each.result.advice))),
        )
        for each in found
    ]
    data = [
        {
            "backend": each.name,
            "state": each.result.state.value,
            "alive": each.result.alive,
            "found": each.result.text,
            "advice": each.result.advice,
            "seconds": each.result.seconds,
        }
        for each in found
    ]
    good = all(each.result.alive for each in found)
    return Answer(data, table(("ANSWER", "BACKEND", "TOOK", "FOUND"), rows), 0 if good else FAILED)


async def logLevel(operator: Operator, words: Sequence[str]) -> Answer:
    """Change what is logged, or tell it."""
    known = operator.levels()
    if words:
        wanted, name = level(words[0]), None
        if words[1:]:
            name, rest = section(words[1:], known)
            nothing(rest)
        operator.setLevel(wanted, name)
    levels = {name: LEVELS[number] for name, number in operator.levels().items()}
    rows = [
        (LEVELS[operator.level], "the process"),
        *((word, f"[{n}]") for n, word in levels.items()),
    ]
    text = table(("LEVEL", "OF"), rows)
    if words:
        text += "\nThis holds until the next reload or restart; 'debug' in the file is for good."
    return Answer({"process": LEVELS[operator.level], "sections": levels}, text)
