"""The status page: a document as HTML for a person. State first, then the rest.

It needs no script and nothing from elsewhere. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from appliance.status.cards import cards
from appliance.status.document import Document, Level, Minute, Trouble
from appliance.status.html import Markup, join, tag
from appliance.status.marks import icon, mark, sparkline
from appliance.status.style import STYLE
from appliance.status.tables import (
    associations,
    bans,
    certificates,
    handshakes,
    operations,
    outcomes,
    refusals,
)
from appliance.status.verdict import headline
from appliance.status.words import age, duration, moment, number, size, timeTag

REFRESH: Final = 10
"""Seconds after which a browser asks for the page again."""

MOST_TROUBLES: Final = 20

LINKS: Final = {
    "/status.json": "the same for programs",
    "/metrics": "for Prometheus",
    "/healthz": "is the process alive?",
    "/readyz": "are new connections welcome?",
    "/readyz?backends=1": "and is there a PACS?",
}


def page(document: Document, paused: bool = False) -> bytes:
    """The page for C{document}; one that is C{paused} is not asked for again by itself."""
    title = f"{headline(document)} - Butterfly-TLS"
    refresh = () if paused else (tag("meta", http_equiv="refresh", content=str(REFRESH)),)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        *refresh,
        tag("title", title),
        tag("link", rel="icon", href=icon(document.level)),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", _header(document, paused), _main(document), _footer(document))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n".encode()


# --- state first ------------------------------------------------------------------------------


def _header(document: Document, paused: bool) -> Markup:
    level = document.level
    again = "/" if paused else "/?pause"
    turn = "refresh by itself" if paused else "pause"
    words = "paused" if paused else f"every {REFRESH} s"
    state = tag(
        "div",
        mark(level.value),
        tag("h1", headline(document)),
        tag(
            "p",
            f"Butterfly-TLS {document.process.version}, {document.state.value}, "
            f"up {age(document.at - document.process.started)}, as of ",
            timeTag(document.at, moment(document.at)),
            f" ({words}; ",
            tag("a", turn, href=again),
            ")",
            class_="soft",
        ),
        class_="state",
    )
    inner = [state]
    if document.troubles:
        inner.append(_troubles(document.troubles))
    return tag("header", tag("div", *inner, class_="wide"), class_=level.value)


def _troubles(troubles: tuple[Trouble, ...]) -> Markup:
    rows = [_trouble(trouble) for trouble in troubles[:MOST_TROUBLES]]
    more = len(troubles) - MOST_TROUBLES
    if more > 0:
        rows.append(tag("li", tag("span"), tag("p", f"and {more} more: see ", _json())))
    return tag("ul", *rows, class_="troubles")


def _trouble(trouble: Trouble) -> Markup:
    advice = (tag("p", trouble.advice, class_="soft"),) if trouble.advice else ()
    word = "Trouble: " if trouble.level is Level.TROUBLE else "Attention: "
    what = tag("p", tag("b", word, class_=trouble.level.value), trouble.what)
    return tag("li", mark(trouble.level.value), what, *advice)


def _json() -> Markup:
    return tag("a", "/status.json", href="/status.json")


# --- then the rest ----------------------------------------------------------------------------


def _main(document: Document) -> Markup:
    inner = join(
        _hour(document),
        *cards(document),
        _block("Associations now", associations(document), "now"),
        _block("Recent refusals", refusals(document), "refusals"),
        *((_block("Banned", bans(document), "bans"),) if document.bans else ()),
        tag(
            "div",
            _block("Associations since the start", outcomes(document), "outcomes"),
            _block("Operations since the start", operations(document), "operations"),
            class_="pairs",
        ),
        _block("Certificates", certificates(document), "certificates"),
        _block("TLS handshakes since the start", handshakes(document), "handshakes"),
    )
    return tag("main", inner, class_="wide")


def _block(heading: str, content: Markup, name: str) -> Markup:
    titled = tag("h2", heading, id=name)
    return tag("section", titled, tag("div", content, class_="sheet"), aria_labelledby=name)


def _hour(document: Document) -> Markup:
    opened = sum(section.connections for section in document.sections)
    associated = sum(section.associations for section in document.sections)
    moved = sum(minute.bytes for minute in document.minutes)
    return tag(
        "div",
        _tile("Associations", f"{associated:,}", "now", document, lambda m: m.associations),
        _tile("Connections", f"{opened:,}", "now", document, lambda m: m.connections),
        _tile("Data relayed", size(moved), "in the last hour", document, lambda m: m.bytes, size),
        class_="tiles",
    )


def _tile(
    heading: str,
    figure: str,
    unit: str,
    document: Document,
    read: Callable[[Minute], int],
    words: Callable[[int], str] = "{:,}".format,
) -> Markup:
    values = [read(minute) for minute in document.minutes]
    total, most = words(sum(values)), words(max(values, default=0))
    label = f"{heading} in each minute of the last hour: {total} in all, {most} at most"
    return tag(
        "section",
        tag("h2", heading),
        tag("p", figure, " ", tag("span", unit), class_="figure"),
        sparkline(values, label),
        tag(
            "p",
            tag("span", f"last hour: {total}"),
            tag("span", f"most in a minute: {most}"),
            class_="axis",
        ),
        class_="tile",
    )


def _footer(document: Document) -> Markup:
    process = document.process
    facts = [process.openssl or "OpenSSL", number(len(document.sections), "section")]
    if process.workersWanted:
        facts.append(f"{process.workers} of {number(process.workersWanted, 'worker')}")
    facts.append(f"{number(process.reloads, 'reload')}, {process.reloadsRefused} refused")
    facts.append(f"at most {duration(process.lag)} late in the last minute")
    links = (tag("li", tag("a", path, href=path), f" {what}") for path, what in LINKS.items())
    inner = join(tag("ul", *links), tag("p", "; ".join(facts)))
    return tag("footer", inner, class_="wide")
