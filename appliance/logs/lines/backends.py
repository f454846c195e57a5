"""The lines about the state of backends."""

from __future__ import annotations

from appliance import events as e
from appliance.logs.entry import Entry


def _changed(event: e.BackendChanged) -> str:
    text = (
        f"Service [{event.section}] backend {event.backend} is {event.after.value} (was "
        f"{event.before.value} for {event.seconds:.0f} s): {event.why}"
    )
    return f"{text}; {event.advice}" if event.advice else text


ENTRIES: tuple[Entry, ...] = (
    Entry(
        e.Checked,
        7,
        lambda event: (
            f"Service [{event.section}] {event.kind} of backend {event.backend}: {event.found} "
            f"({event.seconds * 1000:.1f} ms)"
        ),
        "Each periodic check of a backend.",
    ),
    Entry(
        e.BackendChanged,
        3,
        _changed,
        "A backend is down.",
        lambda event: event.after is e.Health.DOWN,
    ),
    Entry(
        e.BackendChanged,
        4,
        _changed,
        "A backend lives, but refuses or fails something.",
        lambda event: event.after is e.Health.DEGRADED,
    ),
    Entry(
        e.BackendChanged,
        5,
        _changed,
        "A backend is up, or nothing is known about it any more.",
        lambda event: event.after in (e.Health.UP, e.Health.UNKNOWN),
    ),
    Entry(
        e.BackendDrained,
        5,
        "Service [{e.section}] backend {e.backend} is draining: no new connection goes there",
        "An administrator has drained a backend.",
        lambda event: event.draining,
    ),
    Entry(
        e.BackendDrained,
        5,
        "Service [{e.section}] backend {e.backend} is no longer draining",
        "An administrator has let it serve again.",
        lambda event: not event.draining,
    ),
    Entry(
        e.HookFailed,
        4,
        "Service [{e.section}] healthHook {e.program}: {e.why}",
        "The program that hears of changes failed or was too slow.",
    ),
)
