"""THE table of options: every name that may stand left of a C{=}, ours and all of stunnel's.

Whatever lists options (the configuration, C{--help}, the manual page, the documentation) reads it
here. Nothing here reads a file.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from appliance.config import (
    auditoptions,
    consoleoptions,
    dicomoptions,
    healthoptions,
    ignoredoptions,
    limitoptions,
    processoptions,
    protocoloptions,
    refusedoptions,
    relayoptions,
    statusoptions,
    tlsoptions,
    trustoptions,
    wording,
)
from appliance.config.stunnelnames import NAMES
from appliance.config.vocabulary import Option

GROUPS: Final[dict[str, tuple[Option[Any], ...]]] = {
    "The process": processoptions.OPTIONS,
    "For the record": auditoptions.OPTIONS,
    "The administrator's shell": consoleoptions.OPTIONS,
    "How it is": statusoptions.OPTIONS,
    "Connections": relayoptions.OPTIONS,
    "Limits": limitoptions.OPTIONS,
    "Before the data": protocoloptions.OPTIONS,
    "DICOM": dicomoptions.OPTIONS,
    "The state of backends": healthoptions.OPTIONS,
    "TLS and our own certificate": tlsoptions.OPTIONS,
    "The peer's certificate": trustoptions.OPTIONS,
    "Accepted for stunnel's sake and ignored": ignoredoptions.OPTIONS,
    "Refused": refusedoptions.OPTIONS,
}
"""All options, by the heading they come under in documents."""

TABLE: Final[tuple[Option[Any], ...]] = tuple(chain.from_iterable(GROUPS.values()))

BY_NAME: Final[dict[str, Option[Any]]] = {
    name.lower(): option for option in TABLE for name in option.names
}
"""Options by their names and aliases in lower case."""


def isOurs(option: Option[Any]) -> bool:
    """True for an option that stunnel has not, and would refuse a file for."""
    return option.name not in NAMES


def find(name: str) -> Option[Any] | None:
    """The option that goes by C{name}, in any case of letters."""
    return BY_NAME.get(name.lower())


def nearest(name: str) -> Option[Any] | None:
    """The option that a mistyped C{name} is most likely meant to be."""
    names = wording.nearest(name, BY_NAME)
    return BY_NAME[names[0]] if names else None
