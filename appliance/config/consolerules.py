"""Rules about the administrator's shell: what belongs together, and what is unwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.config import consoleoptions as console
from appliance.config.model import ConsoleConfig, InetAddress, Problem
from appliance.config.settings import Settings

_LOCAL: Final = ("127.", "::1", "localhost")
"""How hosts begin that nobody but this machine can reach."""


def consoleConfig(settings: Settings) -> ConsoleConfig:
    """What C{settings} say of the console."""
    return ConsoleConfig(
        **settings.arguments(
            control=console.CONTROL,
            group=console.GROUP,
            manhole=console.MANHOLE,
            keys=console.KEYS,
            hostKey=console.HOST_KEY,
            python=console.PYTHON,
        ),
        controlWhere=settings.place(console.CONTROL).where,
        manholeWhere=settings.place(console.MANHOLE).where,
        keysWhere=settings.place(console.KEYS).where,
        hostKeyWhere=settings.place(console.HOST_KEY).where,
    )


def checkConsole(settings: Settings) -> Iterator[Problem]:
    """All that there is to say about that."""
    for rule in (_shell, _group, _python):
        yield from rule(settings)


def _shell(settings: Settings) -> Iterator[Problem]:
    """The shell needs two files, which mean nothing without it."""
    files = (console.KEYS, console.HOST_KEY)
    if not settings.wrote(console.MANHOLE):
        for option in (*files, console.PYTHON):
            if settings.wrote(option):
                yield settings.place(option).warning(
                    "means nothing without manhole", advice="add manhole, or remove the line"
                )
        return
    for option in files:
        if not settings.wrote(option):
            yield settings.place(console.MANHOLE).error(
                f"there is no {option.name}",
                "manholeKeys and manholeHostKey as well",
                "put the public keys of those who may log in into the one file, a line each, and "
                "make the other: butterfly-tls hostkey FILE",
            )


def _group(settings: Settings) -> Iterator[Problem]:
    """A socket that is not there needs no group."""
    off = settings.all(console.CONTROL) and settings.last(console.CONTROL) is None
    if settings.wrote(console.GROUP) and off:
        yield settings.place(console.GROUP).warning(
            "means nothing with control = no", advice="remove one of the two"
        )


def _python(settings: Settings) -> Iterator[Problem]:
    """A Python prompt for the whole network is more than anybody needs."""
    where = settings.last(console.MANHOLE)
    if not settings.last(console.PYTHON) or not isinstance(where, InetAddress):
        return
    if not where.host.startswith(_LOCAL):
        yield settings.place(console.PYTHON).warning(
            "whoever holds one of the keys can do all that this process can, from wherever "
            f"{where} is reached",
            "manhole on this machine's own addresses",
            "write a bare port, and log in by way of this machine: ssh -J",
        )
