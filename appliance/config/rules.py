"""Rules about options together: each a pure function from sections to problems.

What is wrong is here, what is only unwise is in C{cautions}. No rule complains of an option that
was written but could not be understood, since that has been said.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from appliance.config import relayoptions as relay
from appliance.config import tlsoptions as tls
from appliance.config.cautions import CAUTIONS
from appliance.config.model import Address, InetAddress, Problem, SectionConfig, UnixAddress, Where
from appliance.config.settings import Settings
from appliance.config.sslops import allowedVersions
from appliance.config.vocabulary import Option
from appliance.config.wording import Place

HERE: Final = ("", "localhost", "127.0.0.1", "::1")
"""Hosts in C{connect} that mean this machine."""

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104
"""Hosts in C{accept} that mean every address of their family."""

_VERIFIERS: Final[tuple[Option[Any], ...]] = (tls.VERIFY_CHAIN, tls.VERIFY_PEER, tls.VERIFY)

Subject = tuple[SectionConfig, Settings]
"""A section and the settings that it was built from."""


def check(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """All that there is to say about the sections of a configuration."""
    for section, settings in subjects:
        for rule in (*RULES, *CAUTIONS):
            yield from rule(section, settings)
    yield from duplicateNames(subjects)
    yield from sharedPorts(subjects)


def endpoints(_section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A section needs somewhere to listen and somewhere to pass connections on to."""
    if not settings.wrote(relay.ACCEPT):
        yield settings.place(relay.ACCEPT).error(
            "nowhere to listen", "one accept or more", 'add a line like "accept = 2761"'
        )
    if not settings.wrote(relay.CONNECT):
        yield settings.place(relay.CONNECT).error(
            "nowhere to pass connections on to",
            "one connect or more",
            'add a line like "connect = 192.168.1.100:104"',
        )


def loop(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A section must not connect to itself."""
    for target in section.connect:
        here = isinstance(target, UnixAddress) or target.host in HERE
        if here and any(overlap(target, own) for own in section.accept):
            yield settings.place(relay.CONNECT).error(
                f"{target} is where this section itself listens",
                "the address of the PACS",
                "write the host of the PACS, or another port",
            )


def certificate(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A TLS server needs a certificate, and a key is of no use without one."""
    if settings.wrote(tls.CERT):
        return
    if not section.client:
        yield settings.place(tls.CERT).error(
            "a TLS server needs a certificate",
            "cert, and key where that is another file",
            'add a line like "cert = Butterfly_SCP_Cert.pem"',
        )
    elif settings.wrote(tls.KEY):
        yield settings.place(tls.KEY).error(
            "a key without a certificate", "cert as well", "add it, or remove the key"
        )


def serverName(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Sections are not chosen by the name that a client asks for."""
    if settings.last(tls.SNI) and not section.client:
        yield settings.place(tls.SNI).error(
            "is not in this version for client = no: no section is chosen by server name, and "
            "going on without it would show the wrong certificate",
            advice="give the section a port of its own and remove the line",
        )


def trust(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """To verify is to compare with something."""
    config = section.tls
    misread = settings.misread(tls.CA_FILE) or settings.misread(tls.CA_PATH)
    if config.verifies and not (config.caFile or config.caPath or misread):
        verifier = next(option for option in _VERIFIERS if settings.last(option))
        yield settings.place(verifier).error(
            "there is nothing to verify against", "CAfile or CApath as well", "add one of them"
        )


def checkedHost(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A name proves nothing in a certificate that nobody verified."""
    if section.tls.checkHost and not section.tls.verifies:
        yield settings.place(tls.CHECK_HOST).error(
            "the name in a certificate means nothing unless that is verified",
            "verifyChain or verifyPeer as well",
            'add "verifyChain = yes" and "CAfile"',
        )


def versions(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """There must be a version of TLS left to speak."""
    config = section.tls
    if config.minimum > config.maximum:
        yield settings.place(tls.SSL_VERSION_MIN).error(
            f"no version is both {config.minimum.text} or newer and {config.maximum.text} or older",
            "sslVersionMin not above sslVersionMax",
            'write "sslVersionMin = TLSv1.2" and remove the other',
        )
    elif not allowedVersions(config):
        yield settings.place(tls.FLAGS).error(
            f"no version from {config.minimum.text} to {config.maximum.text} is left",
            "one version or more",
            "remove some of the NO_TLSv1 flags",
        )


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


RULES: Final[tuple[Callable[[SectionConfig, Settings], Iterator[Problem]], ...]] = (
    *(endpoints, loop, certificate, serverName, trust, checkedHost, versions),
)
