"""The small pictures of the page: states, and what happened minute by minute. Pure.

Each says in words what it shows, or stands beside those words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from appliance.events import Health
from appliance.status.document import Level
from appliance.status.html import Markup, tag

_CHECK: Final = "M4.6 8.3l2.3 2.3 4.5-4.9"
_CROSS: Final = "M5.5 5.5l5 5m0-5l-5 5"
_BANG: Final = "M8 5.2v4.1m0 2.2v.1"
_DASH: Final = "M5 8h6"

_ROUND: Final = "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14z"
_TRIANGLE: Final = (
    "M8 1.2q.8 0 1.2.7l5.9 10.7q.6 2-1.2 2.2H2.1q-1.8-.2-1.2-2.2l5.9-10.7q.4-.7 1.2-.7z"
)
_OCTAGON: Final = "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z"

SHAPES: Final = {
    "well": (_ROUND, _CHECK),
    "attention": (_TRIANGLE, _BANG),
    "trouble": (_OCTAGON, _CROSS),
    "unknown": (_ROUND, _DASH),
}
"""By class: the outline and what is drawn in it. They differ by more than their colours."""

CLASSES: Final = {
    Health.UP: "well",
    Health.DEGRADED: "attention",
    Health.DOWN: "trouble",
    Health.UNKNOWN: "unknown",
}

_COLOURS: Final = {Level.WELL: "#1a7f4b", Level.ATTENTION: "#b7791f", Level.TROUBLE: "#c0362c"}


def mark(kind: str) -> Markup:
    """The sign of a state; the words beside it say the same."""
    outline, inner = SHAPES[kind]
    return tag(
        "svg",
        tag("path", d=outline, class_="shape"),
        tag("path", d=inner, class_="line"),
        class_=f"mark {kind}",
        viewBox="0 0 16 16",
        aria_hidden="true",
    )


def icon(level: Level) -> str:
    """The address of the sign that a browser shows in its tab."""
    outline, inner = SHAPES[level.value]
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<path fill="{_COLOURS[level]}" d="{outline}"/>'
        f'<path fill="none" stroke="#fff" stroke-width="1.6" d="{inner}"/></svg>'
    )
    return f"data:image/svg+xml,{quote(drawn)}"


def sparkline(values: Sequence[int], label: str) -> Markup:
    """A bar for each of C{values}; C{label} says what they are."""
    top = max([*values, 1])
    bars = "".join(
        f"M{number}.15 24v-{max(value / top * 23, 1):.2f}h.7v{max(value / top * 23, 1):.2f}z"
        for number, value in enumerate(values)
        if value
    )
    return tag(
        "svg",
        tag("title", label),
        tag("path", d=f"M0 24h{len(values)}", class_="base"),
        tag("path", d=bars, class_="bars"),
        class_="spark",
        viewBox=f"0 0 {len(values)} 24.5",
        preserveAspectRatio="none",
        role="img",
    )


def strip(parts: Sequence[tuple[float, bool]], label: str) -> Markup:
    """Parts of a whole as a strip, the wider the more, each with whether it went well.

    C{label} says what they are.
    """
    whole = sum(part for part, _ in parts) or 1.0
    drawn, begin = [], 0.0
    for number, (part, well) in enumerate(parts):
        width = part / whole * 100
        drawn.append(
            tag(
                "rect",
                x=f"{begin:.2f}",
                y="0",
                width=f"{max(width - 0.6, 0.4):.2f}",
                height="4",
                class_=f"part{number % 4}" if well else "failed",
            )
        )
        begin += width
    return tag(
        "svg",
        tag("title", label),
        *drawn,
        class_="strip",
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        role="img",
    )
