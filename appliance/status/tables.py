"""The tables of the page. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from appliance.status.document import Document, Section
from appliance.status.expiry import EXPIRES_SOON
from appliance.status.html import Markup, tag, text
from appliance.status.marks import mark
from appliance.status.words import age, day, number, size, timeTag

MOST: Final = 50
"""Rows of a table; C{/status.json} has more."""

_KINDS: Final = {"#": {"class_": "number"}, "!": {"class_": "short"}}

Cell = str | Markup


def _table(head: Sequence[str], rows: Iterable[Sequence[Cell]], none: str) -> Markup:
    """A table whose rows begin with what they are about.

    Under a head that ends in C{#} stand numbers, under one that ends in C{!} what is not broken.
    """
    rows = list(rows)
    if not rows:
        return tag("p", none, class_="none")
    kinds = [_KINDS.get(name[-1], {}) for name in head]
    names = [name.rstrip("#!") for name in head]
    heads = (tag("th", name, scope="col", **kind) for name, kind in zip(names, kinds, strict=True))
    body = (_row(row, names, kinds) for row in rows[:MOST])
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body), class_="stack")


def _row(row: Sequence[Cell], names: Sequence[str], kinds: Sequence[dict[str, str]]) -> Markup:
    first = tag("th", row[0], scope="row", **kinds[0])
    rest = (
        tag("td", cell, data_label=name, **kind)
        for cell, name, kind in zip(row[1:], names[1:], kinds[1:], strict=True)
    )
    return tag("tr", first, *rest)


def associations(document: Document) -> Markup:
    """Who is connected with whom."""
    rows = [
        (
            f"{each.calling} \N{RIGHTWARDS ARROW} {each.called}",
            each.section,
            each.client or "unknown",
            each.backend if each.accepted else "not accepted yet",
            age(document.at - each.since),
        )
        for each in document.associations
    ]
    head = ("From and to", "Section", "Client", "Backend", "For!")
    return _table(head, rows, "There is none at the moment.")


def refusals(document: Document) -> Markup:
    """Who was refused, and why."""
    rows = [
        (
            timeTag(each.at, f"{age(document.at - each.at)} ago"),
            each.section,
            each.who + (f" (\N{MULTIPLICATION SIGN}{each.count})" if each.count > 1 else ""),
            _reasoned(each.why, each.advice),
        )
        for each in document.refusals
    ]
    return _table(("When!", "Section", "Who", "Why"), rows, "Nobody has been refused.")


def bans(document: Document) -> Markup:
    """Who is not let in for a while, and why."""
    rows = [
        (each.client, each.section, f"{age(each.until - document.at)}", each.why)
        for each in document.bans
    ]
    return _table(("Who", "Section", "For another!", "Why"), rows, "Nobody is banned.")


def _reasoned(why: str, advice: str) -> Markup:
    return tag("span", why, *((tag("span", f"; {advice}", class_="soft"),) if advice else ()))


def outcomes(document: Document) -> Markup:
    """How associations have ended."""
    counts = _total(section.outcomes for section in document.sections)
    rows = [(outcome, f"{count:,}") for outcome, count in counts.most_common()]
    return _table(("How they ended", "Count#"), rows, "None has ended yet.")


def operations(document: Document) -> Markup:
    """What was asked for in associations, and with what success."""
    rows = [
        (name, f"{good:,}", f"{warned:,}", f"{bad:,}", size(moved))
        for name, good, warned, bad, moved in _operations(document.sections)
    ]
    return _table(
        ("Operation", "Success#", "Warning#", "Failure#", "Data#"),
        rows,
        "None in associations that have ended.",
    )


def _operations(sections: Iterable[Section]) -> list[tuple[str, int, int, int, int]]:
    statuses: dict[str, Counter[str]] = {}
    moved: Counter[str] = Counter()
    for section in sections:
        for each in section.operations:
            statuses.setdefault(each.name, Counter()).update(each.statuses)
            moved[each.name] += each.bytes
    return [
        (
            name,
            counts["success"],
            counts["warning"],
            counts.total() - counts["success"] - counts["warning"],
            moved[name],
        )
        for name, counts in statuses.items()
    ]


def certificates(document: Document) -> Markup:
    """Whose certificates are shown, and for how long they are good; the first to end first."""
    shown = [(each.certificate, each.name) for each in document.sections if each.certificate]
    shown.sort(key=lambda pair: pair[0].daysLeft)
    rows = []
    for certificate, section in shown:
        left = certificate.daysLeft
        kind = "trouble" if left < 0 else "attention" if left < EXPIRES_SOON else "well"
        words = number(left, "day") if left >= 0 else f"expired {number(-left, 'day')} ago"
        until = "" if certificate.notAfter is None else day(certificate.notAfter)
        sign = tag("span", mark(kind), f" {words}")
        rows.append((section, certificate.subject, sign, until))
    head = ("Section", "Subject", "Left!", "Until!")
    return _table(head, rows, "No section shows one.")


def handshakes(document: Document) -> Markup:
    """What was negotiated, and what failed."""
    rows: list[tuple[Cell, ...]] = [
        (f"{each.version} {each.cipher}", each.group, f"{each.full:,}", f"{each.resumed:,}")
        for each in document.handshakes
    ]
    rows += [
        (text(f"failed: {kind}"), "", f"{count:,}", "")
        for kind, count in document.handshakeFailures.items()
    ]
    head = ("Version and cipher", "Group!", "Full#", "Resumed#")
    return _table(head, rows, "None has ended yet.")


def _total(counts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
