"""Rules about limits that only warn: one limit means nothing, or not what is believed.

Each is a pure function from one section and the settings behind it to problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any, Final

from appliance.config import limitoptions as limit
from appliance.config.model import Problem, SectionConfig
from appliance.config.settings import Settings
from appliance.config.vocabulary import Option
from appliance.config.wording import anyOf


def withoutAccept(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Limits hold where connections are accepted, which is elsewhere for a section with sni."""
    if section.accept:
        return
    for option in limit.OPTIONS:
        if _wroteHere(option, settings):
            yield settings.place(option).warning(
                "means nothing without accept",
                "the limit in the section that accepts",
                "move the line to that section, for all that it accepts",
            )


def _wroteHere(option: Option[Any], settings: Settings) -> bool:
    """True when the section itself says so, and not the part before all sections."""
    where, begin = settings.place(option).where, settings.where
    return settings.wrote(option) and where.path == begin.path and where.line > begin.line


def neverReached(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """One client cannot have more connections than all together."""
    limits = section.limits
    if limits.connections and limits.perClient and limits.perClient > limits.connections:
        yield settings.place(limit.MAX_PER_CLIENT).warning(
            f"is never reached, since maxConnections is {limits.connections}",
            "less than maxConnections",
            "lower the number, or remove the line",
        )


def deniedAnyway(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """C{denyFrom} wins."""
    denied = [ip_network(each) for each in section.limits.deny]
    for text in section.limits.allow:
        network: Any = ip_network(text)
        if any(network.version == each.version and network.subnet_of(each) for each in denied):
            yield settings.place(limit.ALLOW_FROM).warning(
                f"nobody from {text} may connect, since denyFrom has them all",
                "networks that are not in denyFrom",
                "take it out of one of the two",
            )


def nobodyToBan(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """What is said about bans means nothing where nobody is banned."""
    limits = section.limits
    if limits.ban is None:
        for option in (limit.BAN_FOR, limit.NEVER_BAN):
            if _wroteHere(option, settings) and not settings.wrote(limit.BAN_AFTER):
                yield settings.place(option).warning(
                    "means nothing without banAfter", "that as well", "add it, or remove the line"
                )
    elif limits.allow:
        yield settings.place(limit.BAN_AFTER).warning(
            "bans nobody, since those in allowFrom are never banned, and others are not let in",
            anyOf(("allowFrom", "banAfter")),
            "remove one of the two",
        )


LIMIT_CAUTIONS: Final[tuple[Callable[[SectionConfig, Settings], Iterator[Problem]], ...]] = (
    *(withoutAccept, neverReached, deniedAnyway, nobodyToBan),
)
