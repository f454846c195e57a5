"""What the values of the DICOM options mean: titles, SOP classes, rules, routes.

Each raises C{ValueError} with a phrase that completes "expected …".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, TypeVar

from appliance.config.model import Address, CertificateRule, InetAddress, RouteRule, TitleRule
from appliance.config.values import address, aeTitle
from appliance.config.wording import anyOf, nearest, quoted
from appliance.dicom.sopclasses import SOP_CLASSES
from appliance.dicom.uids import FAMILIES, byName

T = TypeVar("T")

_NUMBER: Final = "(0|[1-9][0-9]*)"
_UID: Final = re.compile(rf"(?=.{{1,64}}\Z){_NUMBER}(\.{_NUMBER})+")
"""PS3.5 section 9.1: numbers without leading zeros, in all at most 64 characters."""


def titles(value: str) -> tuple[str, ...]:
    """Patterns of AE titles between commas; most are just titles."""
    return _each(_pattern, value)


def classes(value: str) -> tuple[str, ...]:
    """SOP classes between commas: the UIDs of those that have a name, and families by theirs."""
    return _each(_sopClass, value)


def certificateRule(value: str) -> CertificateRule:
    """A name in a certificate, and the titles that it may use."""
    name, colon, allowed = value.rpartition(":")
    name = name.strip()
    if not colon or not name:
        raise ValueError("a name in a certificate, a colon and AE titles")
    if name.upper().startswith("CN="):
        raise ValueError('the name alone, without "CN="')
    return CertificateRule(_asInCertificates(name), titles(allowed))


def routeRule(value: str) -> RouteRule:
    """An AE title and the addresses that it stands for."""
    called, _, where = value.partition(":")
    called = called.strip()
    if _isAddress(called):
        raise ValueError(f"an AE title and a colon before {quoted(called)}")
    return RouteRule(_title(called), _each(_backend, where))


def titleRule(value: str) -> TitleRule:
    """One AE title in place of another, or of any."""
    old, colon, new = value.rpartition(":")
    return TitleRule(_title(old.strip()) if colon else "", _title(new.strip()))


def _each(parse: Callable[[str], T], value: str) -> tuple[T, ...]:
    return tuple(_part(parse, part.strip(), value) for part in value.split(","))


def _part(parse: Callable[[str], T], part: str, value: str) -> T:
    try:
        return parse(part)
    except ValueError as error:
        if part == value:
            raise
        raise ValueError(f"{error}, not {quoted(part)}") from None


def _pattern(text: str) -> str:
    aeTitle(text.replace("*", "") or text)
    return text


def _title(text: str) -> str:
    title = aeTitle(text)
    if "*" in title or ":" in title:
        raise ValueError(f"an AE title without * and :, not {quoted(title)}")
    return title


def _sopClass(text: str) -> str:
    family = text.casefold()
    if family in FAMILIES:
        return family
    uid = text if _UID.fullmatch(text) else byName(text)
    if uid is None:
        near = nearest(text, (*FAMILIES, *SOP_CLASSES.values()), 3)
        meant = f"perhaps {anyOf(near)}" if near else f"which are {anyOf(FAMILIES)}"
        raise ValueError(f"a UID, the name of a SOP class or of a family, {meant}")
    return uid


def _backend(text: str) -> Address:
    found = address(text)
    if isinstance(found, InetAddress) and not found.host:
        raise ValueError("HOST:PORT after the AE title")
    return found


def _asInCertificates(name: str) -> str:
    return str(ip_address(name.strip("[]"))) if _isAddress(name) else name


def _isAddress(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
