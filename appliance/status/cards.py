"""The part of the page that is about sections: a card for each, with its backends. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.events import Health
from appliance.status.document import Backend, Check, Document, Section
from appliance.status.html import Markup, tag
from appliance.status.marks import CLASSES, mark, strip
from appliance.status.words import age, duration, size

MOST: Final = 100
"""Sections that are shown; C{/status.json} has them all."""


def cards(document: Document) -> Iterator[Markup]:
    """Heading and cards."""
    shown = document.sections[:MOST]
    made = [_card(section, document.at) for section in shown]
    if not made:
        made.append(tag("p", "No section has told yet that it serves.", class_="none"))
    yield tag(
        "section",
        tag("h2", "Sections and their PACS", id="sections"),
        tag("div", *made, class_="cards"),
        aria_labelledby="sections",
    )
    more = len(document.sections) - len(shown)
    if more:
        yield tag("p", f"{more} more are in /status.json.", class_="soft")


def _card(section: Section, now: float) -> Markup:
    where = f"listens at {section.addresses}"
    if not section.serving:
        where = "removed; connections go on"
    elif section.draining:
        where += "; draining"
    return tag(
        "article",
        tag("h3", section.name),
        tag("p", where, class_="soft small"),
        _facts(section),
        *_backends(section, now),
        class_="card",
    )


def _facts(section: Section) -> Markup:
    facts = {
        "Associations": f"{section.associations:,} now",
        "Connections": f"{section.connections:,} now, {section.connectionsTotal:,} in all",
        "To the PACS": size(section.bytesToBackend),
        "From the PACS": size(section.bytesToClient),
    }
    pairs = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items())
    return tag("dl", *pairs, class_="facts")


def _backends(section: Section, now: float) -> Iterator[Markup]:
    if not section.backends:
        text = f"goes on to {section.targets}" if section.targets else "goes nowhere"
        yield tag("div", tag("p", text, class_="soft"), class_="backend")
    for backend in section.backends:
        yield _backend(backend, now)


def _backend(backend: Backend, now: float) -> Markup:
    kind = CLASSES[backend.health]
    state = backend.state
    if backend.since is not None:
        state += f" for {age(now - backend.since)}"
    top = tag(
        "p",
        tag("span", mark(kind), tag("span", backend.name, class_="name")),
        tag("b", state, class_=kind),
        class_="top",
    )
    words = "; ".join(filter(None, (backend.why, backend.advice)))
    told = words and backend.health is not Health.UP
    said = (tag("p", words, class_="small"),) if told else ()
    return tag("div", top, *said, *_check(backend.check, now), class_="backend")


def _check(check: Check | None, now: float) -> Iterator[Markup]:
    if check is None:
        yield tag("p", "no check of it so far: connections tell", class_="soft small")
        return
    ago = age(now - check.at)
    said = f"last {check.kind} {ago} ago: {check.found}, {duration(check.seconds)}"
    yield tag("p", said, class_="soft small")
    if check.steps:
        steps = ", ".join(
            f"{step.name} {duration(step.seconds)}{'' if step.ok else ' failed'}"
            for step in check.steps
        )
        parts = [(step.seconds, step.ok) for step in check.steps]
        yield strip(parts, f"Steps of the check: {steps}")
        yield tag("p", steps, class_="soft small")
