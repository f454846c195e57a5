"""Rules about sections side by side: their names, their ports, and who serves whose names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from appliance.config import protocoloptions as protocol
from appliance.config import relayoptions as relay
from appliance.config import tlsoptions as tls
from appliance.config.model import Address, InetAddress, Problem, SectionConfig, Where
from appliance.config.settings import Settings
from appliance.config.wording import Place, nearest

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104
"""Hosts in C{accept} that mean every address of their family."""

Subject = tuple[SectionConfig, Settings]
"""A section and the settings that it was built from."""


def duplicateNames(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Every section has a name of its own."""
    first: dict[str, Where] = {}
    for section, _ in subjects:
        earlier = first.setdefault(section.name, section.where)
        if earlier is not section.where:
            yield Place(section.where, section.name).error(
                f"there is a section of this name at {earlier}",
                "a name of its own for each",
                'rename one of them, for example to "[DICOM DMWL]"',
            )


def apart(subjects: Sequence[Subject]) -> tuple[list[Subject], list[Problem]]:
    """C{subjects} with names of their own, and warnings about those that got another."""
    taken = {section.name for section, _ in subjects}
    first: dict[str, Where] = {}
    kept: list[Subject] = []
    problems = []
    for section, settings in subjects:
        if section.name not in first:
            first[section.name] = section.where
            kept.append((section, settings))
            continue
        number = 2
        while (name := f"{section.name} #{number}") in taken:
            number += 1
        taken.add(name)
        kept.append((evolve(section, name=name), settings))
        problems.append(
            Place(section.where, section.name).warning(
                f"there is a section of this name at {first[section.name]}",
                "a name of its own for each",
                f'this one goes by "{name}"',
            )
        )
    return kept, problems


def sharedPorts(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Every section listens on ports of its own."""
    taken: list[tuple[Address, str]] = []
    for section, settings in subjects:
        for address, where in settings.located(relay.ACCEPT):
            earlier = [text for other, text in taken if overlap(address, other)]
            if earlier:
                yield Place(where, section.name, relay.ACCEPT.name).error(
                    f"{address} is taken by {earlier[0]}",
                    "a port of its own for each section",
                    "change one of the two",
                )
            taken.append((address, f'"accept = {address}" of [{section.name}] at {where}'))


def primaries(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Who serves some of another section's names needs that section, and it must be a server."""
    known: dict[str, SectionConfig] = {}
    for section, _ in subjects:
        known.setdefault(section.name, section)
    for section, settings in subjects:
        if section.slave is None:
            continue
        place = settings.place(tls.SNI)
        primary = known.get(section.slave.primary)
        if primary is None:
            near = nearest(section.slave.primary, known)
            yield place.error(
                f"there is no section [{section.slave.primary}]",
                "the name of a section that has accept",
                f"perhaps [{near[0]}] is meant" if near else "write its header as it is",
                says="SNI section name not found",
            )
        elif primary.client:
            yield place.error(
                f"[{primary.name}] has client = yes, so nobody asks it for a name",
                "a section with client = no",
                "name another section",
                says="SNI primary service is a TLS client",
            )
        elif primary.slave is not None and primary is not section:
            yield place.error(
                f"[{primary.name}] has no port of its own, so nobody asks it for a name",
                "a section that has accept",
                f"write {primary.slave.primary} instead",
            )
        elif section.proxyAccept and not primary.proxyAccept:
            yield settings.place(protocol.PROXY_ACCEPT).warning(
                f"[{primary.name}] accepts the connections of this section, and expects no header",
                "the same there",
                f"move the line to [{primary.name}]",
            )


def overlap(one: Address, other: Address) -> bool:
    """True when one socket cannot listen on C{one} while another does on C{other}."""
    if isinstance(one, InetAddress) and isinstance(other, InetAddress):
        return one.port == other.port and _hostsOverlap(one.host, other.host)
    return one == other


def _hostsOverlap(one: str, other: str) -> bool:
    """Whether two hosts share an address; a name may be of either family, no host is all."""
    if not one or not other or one.lower() == other.lower():
        return True
    wildcard = one in WILDCARDS or other in WILDCARDS
    first, second = _ip(one), _ip(other)
    if first is None or second is None:
        return wildcard
    return first == second or (wildcard and first.version == second.version)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
