"""The commands that show how the appliance is: its sections, backends and certificates."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from typing import Any, Final

import twisted
from appliance import __version__
from appliance.console.answer import Answer
from appliance.console.operator import Operator
from appliance.console.tables import facts, paragraphs, shown, table
from appliance.events import Health
from appliance.status.document import Certificate, Document, Level, Section, State
from appliance.status.expiry import EXPIRES_SOON
from appliance.status.plain import plain
from appliance.status.verdict import headline
from appliance.status.words import duration, moment, number, size

_ALERTS: Final = {Level.WELL: "", Level.ATTENTION: "attention: ", Level.TROUBLE: "trouble: "}


async def status(operator: Operator, _words: Sequence[str]) -> Answer:
    """How everything is, in one screen."""
    document = operator.status()
    rows = [
        (
            state(each, document),
            each.name,
            each.addresses,
            backendsUp(each),
            each.connections,
            each.associations,
            _daysLeft(each.certificate),
        )
        for each in document.sections
    ]
    head = ("STATE", "SECTION", "LISTENS", "BACKENDS", "CONNECTIONS", "ASSOCIATIONS", "CERTIFICATE")
    text = paragraphs(
        "\n".join(verdict(document)), process(document), table(head, rows), _bans(document)
    )
    return Answer(plain(document), text)


def _bans(document: Document) -> str:
    count = len(document.bans)
    return f"{number(count, 'client')} banned: 'bans' lists them." if count else ""


def verdict(document: Document) -> Iterator[str]:
    """What is wrong, line by line, or that nothing is."""
    if not document.troubles:
        yield f"{headline(document)}."
    for trouble in document.troubles:
        yield f"{_ALERTS[trouble.level]}{shown(trouble.what)}"
        if trouble.advice:
            yield f"  next: {shown(trouble.advice)}"


def process(document: Document) -> str:
    """The process in one line."""
    it = document.process
    since = f"{document.state.value} for {duration(document.at - it.started)}"
    workers = f"{it.workers} of {number(it.workersWanted, 'worker')}" if it.workersWanted else ""
    parts = (f"Butterfly-TLS {it.version}", since, workers, it.openssl)
    return shown(", ".join(filter(None, parts)))


def state(section: Section, document: Document) -> str:
    """What a section does, in one word."""
    if not section.serving:
        return "leaving"
    draining = section.draining or document.state is State.DRAINING
    return "draining" if draining else "serving"


def backendsUp(section: Section) -> str:
    """How many of a section's backends are up."""
    known = [backend.health for backend in section.backends if backend.health is not Health.UNKNOWN]
    unknown = len(section.backends) - len(known)
    up = sum(health is not Health.DOWN for health in known)
    parts = (f"{up} of {len(known)} up" if known else "", f"{unknown} unknown" if unknown else "")
    return ", ".join(filter(None, parts))


def _daysLeft(certificate: Certificate | None) -> str:
    if certificate is None:
        return ""
    return "expired" if certificate.daysLeft < 0 else number(certificate.daysLeft, "day")


async def sections(operator: Operator, _words: Sequence[str]) -> Answer:
    """Each section with its addresses and its counts."""
    document, levels = operator.status(), operator.levels()
    data: list[dict[str, Any]] = []
    rows = []
    for each in document.sections:
        level = levels.get(each.name)
        data.append({**plain(each), "state": state(each, document), "level": level})
        rows.append(
            (
                *(state(each, document), each.name, each.addresses, each.targets),
                *(each.connections, each.connectionsTotal),
                each.associations + sum(each.outcomes.values()),
                *(size(each.bytesToBackend), size(each.bytesToClient)),
            )
        )
    head = ("STATE", "SECTION", "LISTENS", "PASSES ON TO", "NOW", "CONNECTIONS", "ASSOCIATIONS")
    return Answer(data, table((*head, "TO BACKEND", "TO CLIENT"), rows))


async def backends(operator: Operator, _words: Sequence[str]) -> Answer:
    """Each backend with its state, since when, and why."""
    document = operator.status()
    data: list[dict[str, Any]] = []
    rows = []
    for section in document.sections:
        for each in section.backends:
            data.append({"section": section.name, **plain(each)})
            check = each.check
            rows.append(
                (
                    *(each.state, section.name, each.name),
                    "" if each.since is None else duration(document.at - each.since),
                    "" if check is None else f"{check.kind} {duration(check.seconds)}",
                    "" if check is None else f"{duration(document.at - check.at)} ago",
                    "; ".join(filter(None, (each.why, each.advice))),
                )
            )
    head = ("STATE", "SECTION", "BACKEND", "FOR", "CHECK", "WHEN", "WHY")
    return Answer(data, table(head, rows) or "No backend is known.")


async def certificates(operator: Operator, _words: Sequence[str]) -> Answer:
    """The certificate of each section, and for how long it is good."""
    data: list[dict[str, Any]] = []
    rows = []
    for section in operator.status().sections:
        found = section.certificate
        if found is not None:
            data.append({"section": section.name, **plain(found)})
            expires = "" if found.notAfter is None else moment(found.notAfter)
            rows.append((_good(found), section.name, found.daysLeft, expires, found.subject))
    head = ("STATE", "SECTION", "DAYS LEFT", "EXPIRES", "SUBJECT")
    return Answer(data, table(head, rows) or "No section shows a certificate.")


def _good(certificate: Certificate) -> str:
    if certificate.daysLeft < 0:
        return "expired"
    return "soon" if certificate.daysLeft < EXPIRES_SOON else "good"


async def version(operator: Operator, _words: Sequence[str]) -> Answer:
    """What it is, and what it runs on."""
    data = {
        "butterfly-tls": __version__,
        "python": platform.python_version(),
        "twisted": twisted.__version__,
        "openssl": operator.status().process.openssl,
    }
    return Answer(data, facts(list(data.items())))
