"""Rules about options together: each a pure function from a section to problems.

What is wrong with one section is here, in C{trustrules} and in C{dicomrules}, with several in
C{sections}; what is only unwise is in C{cautions}. No rule complains of an option that was written
but could not be understood, since that has been said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from appliance.config import dicomoptions as dicom
from appliance.config import ignoredoptions as ignored
from appliance.config import protocoloptions as protocol
from appliance.config import relayoptions as relay
from appliance.config import stunnelwords as words
from appliance.config import tlsoptions as tls
from appliance.config.cautions import CAUTIONS
from appliance.config.dicomrules import DICOM_RULES
from appliance.config.model import Preface, Problem, SectionConfig, UnixAddress
from appliance.config.sections import (
    Subject,
    duplicateNames,
    overlap,
    primaries,
    sharedPorts,
)
from appliance.config.settings import Settings
from appliance.config.sslops import allowedVersions
from appliance.config.trustrules import TRUST_RULES

HERE: Final = ("", "localhost", "127.0.0.1", "::1")
"""Hosts in C{connect} that mean this machine."""


def check(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """All that there is to say about the sections of a configuration."""
    for section, settings in subjects:
        for rule in (endpoints, loop, *RULES, *CAUTIONS):
            yield from rule(section, settings)
    yield from duplicateNames(subjects)
    yield from sharedPorts(subjects)
    yield from primaries(subjects)


def checkInetd(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """All that there is to say about the one section of a file without sections."""
    for rule in (oneEndpoint, *RULES, *CAUTIONS):
        yield from rule(section, settings)
    yield from primaries([(section, settings)])


def endpoints(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A section needs somewhere to listen and somewhere to pass connections on to.

    It listens at C{accept}, or for those who ask another section for its names (C{sni}); a program
    that is itself connected to something needs nobody to listen for.
    """
    named = settings.wrote(tls.SNI) and not section.client
    starts = settings.wrote(relay.EXEC) and settings.wrote(relay.CONNECT)
    if not (settings.wrote(relay.ACCEPT) or named or starts):
        yield settings.place(relay.ACCEPT).error(
            "nowhere to listen",
            "one accept or more",
            'add a line like "accept = 2761"',
            says=words.TWO_ENDPOINTS,
        )
    leads = settings.wrote(relay.CONNECT) or settings.wrote(relay.EXEC)
    if not (leads or settings.wrote(dicom.ROUTE)):
        yield settings.place(relay.CONNECT).error(
            "nowhere to pass connections on to",
            "one connect or more",
            'add a line like "connect = 192.168.1.100:104"',
            says=words.TWO_ENDPOINTS,
        )
    if settings.wrote(relay.ACCEPT) and named:
        yield settings.place(tls.SNI).error(
            "a section with a port of its own does not serve the names of another",
            "accept or sni",
            "remove one of the two",
            says=words.TWO_ENDPOINTS,
        )
    if starts and (settings.wrote(relay.ACCEPT) or named):
        yield settings.place(relay.EXEC).error(
            "there are two places to pass connections on to",
            "connect or exec",
            "remove one of the two",
            says=words.TWO_ENDPOINTS,
        )


def oneEndpoint(_section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """One connection is there already; it needs somewhere to be passed on to."""
    if settings.wrote(relay.ACCEPT):
        yield settings.place(relay.ACCEPT).error(
            "stands outside of any section, and there is none",
            "a [section]",
            'write a line like "[DICOM STORE]" above',
            says=words.NO_ACCEPT,
        )
    elif settings.wrote(relay.CONNECT) is settings.wrote(relay.EXEC):
        yield settings.place(relay.CONNECT).error(
            "a file without a [section] passes one connection on to one place",
            "connect or exec",
            "write one of the two, or begin a [section]",
            says=words.ONE_ENDPOINT,
        )


def loop(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A section must not connect to itself."""
    routed = [target for rule in section.dicom.routes for target in rule.addresses]
    for target in (*section.connect, *routed):
        here = isinstance(target, UnixAddress) or target.host in HERE
        if here and any(overlap(target, own) for own in section.accept):
            option = relay.CONNECT if target in section.connect else dicom.ROUTE
            yield settings.place(option).error(
                f"{target} is where this section itself listens",
                "the address of the PACS",
                "write the host of the PACS, or another port",
            )


def certificate(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A TLS server needs a certificate or shared keys."""
    shared = settings.wrote(tls.PSK_SECRETS)
    if not (section.client or shared or settings.wrote(tls.CERT)):
        yield settings.place(tls.CERT).error(
            "a TLS server needs a certificate",
            "cert, and key where that is another file",
            'add a line like "cert = Butterfly_SCP_Cert.pem"',
            says="TLS server needs a certificate",
        )


def serverName(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A server serves names of a section, which has to be said."""
    if settings.wrote(tls.SNI) and not section.client and section.slave is None:
        yield settings.place(tls.SNI).error(
            "with client = no it says which names of which section are served here",
            "a section, a colon and a pattern",
            'write it like "sni = DICOM STORE:*.hospital.example"',
            says="Invalid SNI parameter format",
        )


def preface(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Each protocol is for one of the two sides, and a web proxy must be told where to go."""
    place = settings.place(protocol.PROTOCOL)
    if section.protocol is Preface.PROXY and section.client:
        yield place.error(
            "proxy tells the PACS where clients come from, and with client = yes there is none",
            "client = no",
            'write "proxyProtocolSend = v1" where a TLS server is to hear it, or remove it',
            says="The configured protocol is not supported in the client mode",
        )
    elif section.protocol is Preface.PROXY and settings.last(protocol.PROXY_SEND) == 0:
        yield settings.place(protocol.PROXY_SEND).error(
            "no PROXY header is to be sent, and protocol = proxy asks for one",
            "v1 or v2",
            "remove one of the two",
        )
    elif section.protocol is Preface.CONNECT and not section.client:
        yield place.error(
            "connect asks a web proxy for the way to a TLS server; who asks us is never sent on "
            "to a place of his own choice",
            "client = yes",
            "remove the line",
        )
    elif section.protocol is Preface.CONNECT and not settings.wrote(protocol.PROTOCOL_HOST):
        yield place.error(
            "the web proxy must be told where to connect to",
            "protocolHost as well",
            'add a line like "protocolHost = cloud.example:2762"',
        )


def versions(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """There must be a version of TLS left to speak."""
    config = section.tls
    if config.minimum > config.maximum:
        yield settings.place(tls.SSL_VERSION_MIN).error(
            f"no version is both {config.minimum.text} or newer and {config.maximum.text} or older",
            "sslVersionMin not above sslVersionMax",
            'write "sslVersionMin = TLSv1.2" and remove the other',
            says="Invalid protocol version range",
        )
    elif not allowedVersions(config):
        yield settings.place(tls.FLAGS).error(
            f"no version from {config.minimum.text} to {config.maximum.text} is left",
            "one version or more",
            "remove some of the NO_TLSv1 flags",
        )


def ticketKeys(_section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """The two keys of session tickets go together."""
    pair = (ignored.TICKET_KEY, ignored.TICKET_MAC)
    written = [option for option in pair if settings.wrote(option)]
    if len(written) == 1 and not settings.misread(written[0]):
        yield settings.place(written[0]).error(
            "is one of two that belong together",
            " and ".join(option.name for option in pair),
            "write the other one too, or remove the line",
            says='"ticketKeySecret" and "ticketMacSecret" must be set together',
        )


RULES: Final[tuple[Callable[[SectionConfig, Settings], Iterator[Problem]], ...]] = (
    *(certificate, serverName, *TRUST_RULES, *DICOM_RULES, preface, versions, ticketKeys),
)
