"""What keeps a section from a TLS profile of DICOM, and which profile it keeps to.

Pure functions from names and numbers to words. What a section's options come to in the end is
OpenSSL's to say: see L{appliance.tls.profiles}. Nothing here judges whom a section trusts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import frozen

from appliance.config.model import Profile, TLSConfig, TLSVersion
from appliance.config.profiles import PROFILES, Facts
from appliance.config.sslops import SSL_OPS, allowedVersions

USUAL_LEVEL: Final = 2
"""OpenSSL's level of 112 bits: RSA from 2048 bits on, no SHA-1 (RFC 9325 4.5 asks for both)."""

UNSAFE_FLAGS: Final = ("ALLOW_UNSAFE_LEGACY_RENEGOTIATION", "LEGACY_SERVER_CONNECT")
"""Flags of OpenSSL that let in attacks by way of renegotiation (RFC 5746)."""

_SHORT_CURVES: Final = {
    number: f"{family}{name}"
    for family, first, names in (
        ("sect", 1, ("163k1", "163r1", "163r2", "193r1", "193r2", "233k1", "233r1", "239k1")),
        ("secp", 15, ("160k1", "160r1", "160r2", "192k1", "192r1", "224k1", "224r1")),
    )
    for number, name in enumerate(names, first)
}
"""The groups of fewer than 256 bits, which are in their names, by number (RFC 8422 5.1.1)."""

_WEAK_HASHES: Final = ("md5", "sha1")
_SMALLEST_RSA: Final = 2048
_NAMED: Final = 4
"""So many suites are named in a sentence."""


@frozen
class Offer:
    """What a section really offers its peers.

    C{groups} are numbers of RFC 8446 4.2.7, C{level} is OpenSSL's security level, C{key} the kind
    and bits of the own key, and C{signatureHash} that of its certificate. C{lacking} are suites of
    the profiles that OpenSSL has not, or not at this level. C{shared} is true where a pre-shared
    key is enough.
    """

    client: bool
    versions: tuple[TLSVersion, ...]
    suites: tuple[str, ...]
    groups: tuple[int, ...] = ()
    level: int = USUAL_LEVEL
    key: tuple[str, int] | None = None
    signatureHash: str = ""
    flags: int = 0
    lacking: frozenset[str] = frozenset()
    shared: bool = False


@frozen
class Breach:
    """Something that keeps a section from a profile.

    C{option} is where it comes from, and C{remedy} what to do. Not C{forbidden}, nothing is let in
    that the profile keeps out, but something is missing that it asks for.
    """

    option: str
    found: str
    remedy: str
    forbidden: bool = True


@frozen
class Verdict:
    """The strictest profile that is kept to, if any, and C{lines} of words about it."""

    profile: Profile | None
    lines: tuple[str, ...]


def spoken(config: TLSConfig, level: int) -> tuple[TLSVersion, ...]:
    """The versions that are really spoken; OpenSSL has those before 1.2 at level 0 only."""
    oldest = TLSVersion.TLSv1_2 if level > 0 else TLSVersion.TLSv1
    return tuple(version for version in allowedVersions(config) if version >= oldest)


def verdict(offer: Offer) -> Verdict:
    """Which profile C{offer} keeps to, and what keeps it from the next one up."""
    kept = next((profile for profile in PROFILES if not breaches(profile, offer)), None)
    if kept is None:
        return Verdict(None, ("none of DICOM's (PS3.15 annex B)", *_against(Profile.BCP195, offer)))
    facts = PROFILES[kept]
    text = f"{facts.title}, PS3.15 {facts.clause}{', which is retired' if facts.retired else ''}"
    left = [suite for suite in facts.suites if suite in offer.lacking]
    if left:
        text += f"; without {_some(left)}, which OpenSSL has not at security level {offer.level}"
    if kept is Profile.MODIFIED:
        return Verdict(kept, (text,))
    stricter = Profile.MODIFIED if kept is Profile.BCP195 else Profile.BCP195
    return Verdict(kept, (text, *_against(stricter, offer)))


def breaches(profile: Profile, offer: Offer) -> tuple[Breach, ...]:
    """All that keeps C{offer} from C{profile}; nothing where it is kept to."""
    facts = PROFILES[profile]
    line = f'write "tlsProfile = {profile.value}"'
    return tuple(breach for rule in _RULES for breach in rule(facts, offer, line))


def _against(profile: Profile, offer: Offer) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for breach in breaches(profile, offer):
        found.setdefault(breach.remedy, []).append(breach.found)
    for remedy, reasons in found.items():
        yield f"not {PROFILES[profile].title}, since {', and '.join(reasons)}: {remedy}"


# --- rules: each from a profile, an offer, and the line that names the profile -------------


def _oldVersions(facts: Facts, offer: Offer, _line: str) -> Iterator[Breach]:
    old = [version for version in offer.versions if version < TLSVersion.TLSv1_2]
    if old:
        remedy = 'write "sslVersionMin = TLSv1.2"'
        yield Breach("sslVersionMin", f"{_texts(old)} can be spoken", remedy)
    new = [version for version in offer.versions if version > facts.newest]
    if new:
        remedy = f'write "sslVersionMax = {facts.newest.text}"'
        yield Breach("sslVersionMax", f"{_texts(new)} can be spoken", remedy)


def _missingVersions(facts: Facts, offer: Offer, _line: str) -> Iterator[Breach]:
    for version in facts.clients if offer.client else facts.servers:
        if version not in offer.versions:
            below = version < max(offer.versions, default=version)
            option = "sslVersionMin" if below else "sslVersionMax"
            remedy = f'write "{option} = {version.text}"'
            yield Breach(option, f"{version.text} is not spoken", remedy, forbidden=False)


def _otherSuites(facts: Facts, offer: Offer, line: str) -> Iterator[Breach]:
    allowed = (*facts.suites, *facts.tolerated)
    for option, found in _sorted(suite for suite in offer.suites if suite not in allowed):
        yield Breach(option, f"{_some(found)} can be used", line)
    if not offer.suites:
        yield Breach("ciphers", "OpenSSL has no suite to offer", line)


def _missingSuites(facts: Facts, offer: Offer, line: str) -> Iterator[Breach]:
    if offer.client or not facts.whole or not offer.suites:
        return
    for option, found in _sorted(
        suite for suite in facts.suites if suite not in (*offer.suites, *offer.lacking)
    ):
        # Where the version is missing as well, that has been said.
        if option == "ciphers" or TLSVersion.TLSv1_3 in offer.versions:
            yield Breach(option, f"{_some(found)} cannot be used", line, forbidden=False)


def _curves(facts: Facts, offer: Offer, _line: str) -> Iterator[Breach]:
    names = [_SHORT_CURVES[group] for group in offer.groups if group in _SHORT_CURVES]
    short = [name for name in names if int(name[4:7]) < facts.curveBits]
    if short:
        found = f"curves of fewer than {facts.curveBits} bits can be used, {_some(short)}"
        yield Breach("curves", found, 'write "curves = X25519:P-256:P-384"')


def _key(facts: Facts, offer: Offer, _line: str) -> Iterator[Breach]:
    if offer.key is None:
        return
    kind, bits = offer.key
    least = {"RSA": _SMALLEST_RSA, "ECDSA": facts.curveBits}.get(kind, 0)
    make = "make another pair with 'butterfly-tls cert{}'"
    if bits < least:
        found = f"the {kind} key has {bits} bits, fewer than {least}"
        yield Breach("cert", found, make.format(""))
    if offer.signatureHash in _WEAK_HASHES:
        found = f"the certificate is signed with {offer.signatureHash.upper()}"
        yield Breach("cert", found, make.format(""))
    older = _older(offer.suites)
    fits = any(("ECDSA" in suite) is (kind != "RSA") for suite in older)
    if older and not fits and not offer.client:
        found = f"no suite of TLSv1.2 goes with the {kind} key"
        other = f" --type {'ecdsa' if kind == 'RSA' else 'rsa'}"
        yield Breach("cert", found, make.format(other), forbidden=False)


def _laxness(_facts: Facts, offer: Offer, _line: str) -> Iterator[Breach]:
    if offer.level < USUAL_LEVEL:
        found = f"security level {offer.level} lets in short keys and old signatures"
        yield Breach("securityLevel", found, f'write "securityLevel = {USUAL_LEVEL}"')
    for name in UNSAFE_FLAGS:
        if SSL_OPS[name] & offer.flags:
            yield Breach("options", f"{name} is set", f'write "options = -{name}"')
    if offer.shared:
        found = "a pre-shared key is enough, of which no profile speaks"
        yield Breach("PSKsecrets", found, "give keys a section of their own")


_RULES: Final[tuple[Callable[[Facts, Offer, str], Iterator[Breach]], ...]] = (
    *(_oldVersions, _missingVersions, _otherSuites, _missingSuites, _curves, _key, _laxness),
)


# --- words ---------------------------------------------------------------------------------


def _older(suites: Iterable[str]) -> list[str]:
    """Those of TLS 1.2 and before."""
    return [suite for suite in suites if not suite.startswith("TLS_")]


def _sorted(suites: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """C{suites} by the option that lists their like."""
    found = list(suites)
    older = _older(found)
    newer = [suite for suite in found if suite not in older]
    if newer:
        yield "ciphersuites", newer
    if older:
        yield "ciphers", older


def _texts(versions: Iterable[TLSVersion]) -> str:
    return " and ".join(version.text for version in versions)


def _some(names: list[str]) -> str:
    """C{names} in a sentence, where there may be many."""
    more = len(names) - _NAMED
    *most, last = names if more <= 1 else [*names[:_NAMED], f"{more} more"]
    return f"{', '.join(most)} and {last}" if most else last
