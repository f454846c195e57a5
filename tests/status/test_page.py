"""The page as HTML: well-formed, safe whatever names there are, and readable by all."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance import events as e
from appliance.events import Health
from appliance.status.cards import MOST
from appliance.status.html import tag, text
from appliance.status.page import page
from appliance.status.style import STYLE
from tests.status.hospital import PACS, STORE, Hospital, badDay, usualDay

VOID = ("meta", "link")

NASTY = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '" onmouseover="alert(1)',
            "'><img src=x onerror=alert(1)>",
            "</title></style><script>",
            "&lt;b&gt;",
            "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
            "\ud800",
            "\0",
        ]
    ),
).map("x{}".format)


class Reader(HTMLParser):
    """Reads a page; anything that is not closed in order is a defect."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.faults: list[str] = []
        self.feed(data.decode())
        self.close()
        self.faults += self.stack

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element C{tag}."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def said(self) -> str:
        """All words."""
        return " ".join(self.words)


def contrast(one: str, other: str) -> float:
    """How much two colours differ in light (WCAG 2.1, relative luminance)."""

    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((light(one), light(other)))
    return (lighter + 0.05) / (darker + 0.05)


def reader(hospital: Hospital, paused: bool = False) -> Reader:
    """The page of a hospital, read."""
    return Reader(page(hospital.ledger.read(), paused))


class PageTests(SynchronousTestCase):
    """What a person finds."""

    def test_wellFormed(self) -> None:
        """Everything is closed in order, on good days, on bad ones and before the first."""
        for hospital in (Hospital(), usualDay(), badDay()):
            self.assertEqual(reader(hospital).faults, [])

    def test_stateFirst(self) -> None:
        """The first words are the state."""
        for hospital, words in ((usualDay(), "All is well"), (badDay(), "has no PACS")):
            found = reader(hospital)
            self.assertIn(words, found.words[1])
            self.assertIn(words, found.words[2])

    def test_facts(self) -> None:
        """Sections, backends, timings, associations, certificates and refusals are there."""
        said = reader(usualDay()).said
        for fact in (
            *(STORE, PACS, "0.0.0.0:2761", "C-ECHO 0.7 ms", "SONO_2", "ARCHIVE"),
            *("CN=dicom.hospital.example", "212 days", "AE title STRANGER may not call here"),
            *("TLS_AES_256_GCM_SHA384", "speaks HTTP", "(\N{MULTIPLICATION SIGN}2)"),
        ):
            self.assertIn(fact, said)

    def test_trouble(self) -> None:
        """What is wrong comes with its reason and the next step."""
        said = reader(badDay()).said
        for fact in ("connection refused; start it, or mend connect in line 14", "in 12 days"):
            self.assertIn(fact, said)

    def test_refresh(self) -> None:
        """It is asked for again by itself, unless that was paused."""
        refreshing = [m for m in reader(usualDay()).named("meta") if "http-equiv" in m]
        self.assertEqual([m["content"] for m in refreshing], ["10"])
        paused = reader(usualDay(), paused=True).named("meta")
        self.assertEqual([m for m in paused if "http-equiv" in m], [])

    def test_nothingFromElsewhere(self) -> None:
        """No script, no style but our own, and no address but our own pages'."""
        found = reader(badDay())
        self.assertEqual(found.named("script"), [])
        self.assertEqual(len(found.named("style")), 1)
        self.assertNotIn("url(", STYLE)
        for name, attributes in found.tags:
            self.assertNotIn("style", attributes, name)
            self.assertEqual([key for key in attributes if key.startswith("on")], [], name)
            target = attributes.get("href") or attributes.get("src") or "/"
            self.assertTrue(target.startswith(("/", "data:image/svg+xml,")), target)

    def test_style(self) -> None:
        """The style sheet has nothing in it that HTML would read otherwise."""
        self.assertEqual([c for c in "<>&" if c in STYLE], [])

    def test_accessible(self) -> None:
        """Landmarks, one main heading, no level left out, named tables and pictures."""
        found = reader(badDay())
        names = [name for name, _ in found.tags]
        for landmark in ("header", "main", "footer", "h1"):
            self.assertEqual(names.count(landmark), 1, landmark)
        levels = [int(name[1]) for name in names if name in ("h1", "h2", "h3")]
        self.assertTrue(all(after - before <= 1 for before, after in pairwise(levels)))
        self.assertEqual(found.named("html"), [{"lang": "en"}])
        self.assertTrue(all(th.get("scope") for th in found.named("th")))
        ids = {attributes.get("id") for _, attributes in found.tags}
        for _, attributes in found.tags:
            if "aria-labelledby" in attributes:
                self.assertIn(attributes["aria-labelledby"], ids)
        pictures = found.named("svg")
        self.assertTrue(all(("role" in p) != ("aria-hidden" in p) for p in pictures))
        self.assertEqual(names.count("title"), 1 + sum("role" in p for p in pictures))

    def test_contrast(self) -> None:
        """Words can be told from what is behind them, in both schemes (WCAG 2.1, 1.4.3)."""
        light, dark = re.findall(r":root\{([^}]*)\}", STYLE)
        for scheme in (light, dark):
            colours = dict(re.findall(r"--(\w+):(#\w+)", scheme))
            behind = {name: colours[name] for name in ("paper", "ground")}
            soft = {f"{name}Soft" for name in ("well", "attention", "trouble")}
            for name in colours.keys() - behind.keys() - soft - {"line"}:
                for ground in behind.values():
                    self.assertGreaterEqual(contrast(colours[name], ground), 4.5, name)
            for name in soft:
                for words in ("ink", "soft", "accent"):
                    self.assertGreaterEqual(contrast(colours[words], colours[name]), 4.5, name)

    def test_textBesideColour(self) -> None:
        """Each state is a word and not a colour alone."""
        hospital = Hospital()
        hospital.begin()
        for health in Health:
            hospital.become(health)
            self.assertIn(f"{health.value} for 1 s", reader(hospital).said)

    def test_bounded(self) -> None:
        """With very many sections the page shows the first hundred."""
        hospital = Hospital()
        hospital.tell(*(e.Ready(f"S{n}", "x", "y", "CN=z", 90) for n in range(1000)))
        data = page(hospital.ledger.read())
        self.assertEqual(data.count(b"<article"), MOST)
        self.assertLess(len(data), 300_000)

    @settings(max_examples=60, deadline=None)
    @given(NASTY, NASTY, NASTY, NASTY)
    def test_anyName(self, name: str, subject: str, title: str, why: str) -> None:
        """Whatever sections, subjects and peers are called, they are words and nothing else."""
        plain = self.shape("x", "x", "x", "x")
        self.assertEqual(self.shape(name, subject, title, why), plain)

    def shape(self, name: str, subject: str, title: str, why: str) -> list[str]:
        """The elements and attributes of a page in which all these are shown."""
        hospital = Hospital()
        ready = (name, name, name, subject, 90, None, (name,))
        hospital.tell(e.Starting(why, why, why), e.Accepting(), e.Ready(*ready))
        hospital.become(Health.DEGRADED, name, name, why, why)
        hospital.check(name, name)
        hospital.ask(name, title, title, name)
        hospital.tell(
            e.HandshakeFailed(name, "1", why, why, why, why, f"x{why}", False),
            e.Refused((why,), reload=True),
            e.InternalError(why, ()),
        )
        hospital.end(hospital.ask(name), name, operation=title or "x")
        found = reader(hospital)
        self.assertEqual(found.faults, [])
        return [f"{tag} {' '.join(attributes)}" for tag, attributes in found.tags]


class HTMLTests(SynchronousTestCase):
    """The building blocks."""

    def test_escaped(self) -> None:
        """Text and values of attributes are escaped, markup is not escaped again."""
        inner = tag("b", "<&>")
        self.assertEqual(
            tag("p", inner, " ", "<", class_='"', aria_label="'"),
            '<p class="&quot;" aria-label="&#x27;"><b>&lt;&amp;&gt;</b> &lt;</p>',
        )

    def test_misleading(self) -> None:
        """What cannot be seen, or turns other text round, is shown as what it is."""
        self.assertEqual(text("a\u202eb\0c\u200bd\ud800"), "a\ufffdb\ufffdc\ufffdd\ufffd")
        self.assertEqual(text("Röntgen 1\u00a0€"), "Röntgen 1\u00a0€")
