"""Rules about what is checked of a peer, and about what means nothing unless something is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from appliance.config import relayoptions as relay
from appliance.config import trustoptions as trust
from appliance.config.model import Problem, SectionConfig, TLSConfig
from appliance.config.settings import Settings
from appliance.config.stunnelwords import NEEDS_AUTHORITY, NEEDS_VERIFICATION
from appliance.config.vocabulary import Option

ADD_CHAIN: Final = 'add "verifyChain = yes" and "CAfile"'

_VERIFIERS: Final[tuple[Option[Any], ...]] = (
    *(trust.VERIFY_CHAIN, trust.VERIFY_PEER, trust.VERIFY),
)
_NAMES: Final[tuple[Option[Any], ...]] = (trust.CHECK_HOST, trust.CHECK_EMAIL, trust.CHECK_IP)
_RESPONDERS: Final[tuple[Option[Any], ...]] = (trust.OCSP, trust.OCSP_AIA)


def verifies(config: TLSConfig) -> bool:
    """True when a certificate that is shown is checked against something."""
    return config.verifies or config.verifyIfSent


def authorities(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """To verify is to compare with something."""
    config = section.tls
    misread = settings.misread(trust.CA_FILE) or settings.misread(trust.CA_PATH)
    if verifies(config) and not (config.caFile or config.caPath or misread):
        verifier = next(option for option in _VERIFIERS if settings.last(option))
        yield settings.place(verifier).error(
            "there is nothing to verify against",
            "CAfile or CApath as well",
            "add one of them",
            says=NEEDS_AUTHORITY,
        )


def checkedNames(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A name proves nothing in a certificate that nobody verified."""
    if verifies(section.tls):
        return
    for option in _NAMES:
        if settings.all(option):
            yield settings.place(option).error(
                "the name in a certificate means nothing unless that is verified",
                "verifyChain or verifyPeer as well",
                ADD_CHAIN,
                says=NEEDS_VERIFICATION,
            )


def responders(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A responder is asked about certificates of known CAs, and signs with their say-so."""
    if section.tls.verifyChain or section.tls.verifyIfSent:
        return
    for option in _RESPONDERS:
        if settings.last(option):
            yield settings.place(option).error(
                "whether a certificate is still good means nothing unless its chain is verified",
                "verifyChain as well",
                ADD_CHAIN,
                says='"verifyChain" has to be enabled for OCSP support',
            )


def redirection(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Only a server that verifies its clients can send some of them elsewhere."""
    if not settings.wrote(relay.REDIRECT):
        return
    place = settings.place(relay.REDIRECT)
    if section.client:
        yield place.error(
            "stands in a section with client = yes, where there are no clients to check",
            "a section with client = no",
            "remove the line",
            says='"redirect" is unsupported in client sections',
        )
    elif not verifies(section.tls):
        yield place.error(
            "nobody is sent there unless certificates are checked",
            "verifyChain or verifyPeer as well",
            ADD_CHAIN,
            says=f'{NEEDS_VERIFICATION} for "redirect" to work',
        )


TRUST_RULES: Final = (authorities, checkedNames, responders, redirection)
