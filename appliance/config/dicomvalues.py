"""What the values of the DICOM options mean: titles, SOP classes, rules, routes.

Each raises C{ValueError} with a phrase that completes "expected …".
"""

from __future__ import annotations

from appliance.config.model import CertificateRule, RouteRule, TitleRule
from appliance.config.values import address, aeTitle
from appliance.config.wording import quoted


def titles(value: str) -> tuple[str, ...]:
    """AE titles, or patterns of them, between commas."""
    return tuple(aeTitle(each.strip()) for each in value.split(","))


def classes(value: str) -> tuple[str, ...]:
    """UIDs of SOP classes, written as UIDs, names or families between commas."""
    return tuple(each.strip() for each in value.split(","))


def certificateRule(value: str) -> CertificateRule:
    """A name in a certificate, and the titles that it may use."""
    name, colon, allowed = value.rpartition(":")
    if not colon or not name.strip():
        raise ValueError("a name in a certificate, a colon and AE titles")
    return CertificateRule(name.strip(), titles(allowed))


def routeRule(value: str) -> RouteRule:
    """An AE title and the addresses that it stands for."""
    called, colon, where = value.partition(":")
    if not colon:
        raise ValueError(f"an AE title, a colon and addresses, not {quoted(value)}")
    return RouteRule(aeTitle(called.strip()), tuple(address(w.strip()) for w in where.split(",")))


def titleRule(value: str) -> TitleRule:
    """One AE title in place of another, or of any."""
    old, _, new = value.rpartition(":")
    return TitleRule(aeTitle(old.strip()) if old else "", aeTitle(new.strip()))
