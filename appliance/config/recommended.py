"""The text of an overlay that offers options of our own, each behind a comment sign.

Nothing in it counts until somebody takes a sign away, and each can be taken away alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from appliance.config import auditoptions as audit
from appliance.config import consoleoptions as console
from appliance.config import dicomoptions as dicom
from appliance.config import healthoptions as health
from appliance.config import options
from appliance.config import processoptions as process
from appliance.config import relayoptions as relay
from appliance.config import statusoptions as status
from appliance.config.migration import OldSection, Plan
from appliance.config.model import Address, InetAddress
from appliance.config.vocabulary import Option

WIDTH: Final = 98
STATUS_PORT: Final = 9176

HEAD: Final = """\
; Options of our own for {name}. None counts until the ';' before it is taken away.
; All that there are: docs/reference/options.md
"""

Offer = tuple[Option[Any], str]
"""An option, and a value to begin with."""


def recommended(plan: Plan, name: str) -> str:
    """An overlay for the file C{name}, which takes over the files of C{plan}."""
    sections = [section for file in plan.files for section in file.sections]
    made = [HEAD.format(name=name)]
    for option, value in _forProcess(plan, sections):
        made += [*_explained(option), _offered(option, value)]
    offers = [list(_forSection(section)) for section in sections]
    made += ["", "; What sections are offered:"]
    for option in dict.fromkeys(option for each in offers for option, _ in each):
        made += _explained(option, f"{option.name}: ")
    for section, those in zip(sections, offers, strict=True):
        made += ["", f"[{section.name}]", *(_offered(*offer) for offer in those)]
    return "\n".join(made) + "\n"


def _explained(option: Option[Any], head: str = "") -> list[str]:
    return textwrap.wrap(
        head + option.doc,
        WIDTH,
        initial_indent="; ",
        subsequent_indent="; ",
        break_on_hyphens=False,
    )


def _offered(option: Option[Any], value: str) -> str:
    return f";{option.name} = {value}"


def _forProcess(plan: Plan, sections: Iterable[OldSection]) -> Iterator[Offer]:
    written = {option.name for each in plan.process if (option := options.find(each.name))}
    taken = {port for section in sections for port in _ports(section.config.accept)}
    port = next(port for port in range(STATUS_PORT, 65536) if port not in taken)
    offers: list[Offer] = [
        (status.STATUS, str(port)),
        (console.CONTROL, "/run/butterfly-tls/control"),
        (audit.JOURNAL, "/var/log/butterfly-tls/journal"),
    ]
    if process.CHROOT.name not in written:
        offers.insert(0, (process.WORKERS, "auto"))
    yield from (offer for offer in offers if offer[0].name not in written)


def _forSection(section: OldSection) -> Iterator[Offer]:
    config = section.config
    if not config.connect:
        return
    written = {option.name for each in section.settings if (option := options.find(each.name))}
    ports = {*_ports(config.accept), *_ports(config.connect)}
    offers: list[Offer]
    if ports.isdisjoint(health.DICOM_PORTS):
        offers = [(dicom.DICOM, "no")]
    else:
        offers = [(dicom.DICOM, "yes"), (health.CHECK, "echo"), (relay.CALLED_AET, "ANY-SCP")]
    yield from (offer for offer in offers if offer[0].name not in written)


def _ports(addresses: Iterable[Address]) -> Iterator[int]:
    return (address.port for address in addresses if isinstance(address, InetAddress))
