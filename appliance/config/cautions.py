"""Rules that only warn: the configuration works, but perhaps not as safely as is believed.

Each is a pure function from one section and the settings behind it to problems.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from appliance.config import protocoloptions as protocol
from appliance.config import relayoptions as relay
from appliance.config import tlsoptions as tls
from appliance.config import trustoptions as trust
from appliance.config.limitrules import LIMIT_CAUTIONS
from appliance.config.model import InetAddress, Preface, Problem, SectionConfig, TLSVersion
from appliance.config.profilerules import UNSAFE_FLAGS, USUAL_LEVEL
from appliance.config.profiles import PROFILES
from appliance.config.settings import Settings
from appliance.config.sslops import SSL_OPS, allowedVersions
from appliance.config.tlsvalues import IDLE_OCSP_FLAGS, OCSP_FLAGS
from appliance.config.trustrules import ADD_CHAIN, verifies
from appliance.config.vocabulary import Option
from appliance.config.wording import anyOf

WEAK_CIPHERS: Final = (
    "NULL",
    "eNULL",
    "aNULL",
    "ADH",
    "AECDH",
    "RC4",
    "3DES",
    "DES",
    "EXPORT",
    "EXP",
    "LOW",
)
"""Words of OpenSSL's cipher notation for what no longer protects anything."""

NO_TIME: Final[dict[Option[int], tuple[str, str]]] = {
    relay.TIMEOUT_BUSY: ("every handshake is cut before it can end", "300"),
    relay.TIMEOUT_CONNECT: ("no address of connect can answer in time", "10"),
    relay.TIMEOUT_IDLE: ("every connection is cut as soon as it stands still", "43200"),
}
"""What comes of no time at all, and stunnel's usual seconds instead."""


def unverifiedServer(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A client that verifies nobody can be talking to anybody."""
    shared = settings.wrote(tls.PSK_SECRETS)
    if section.client and not section.tls.verifies and not shared:
        yield settings.place(trust.VERIFY_CHAIN).warning(
            "the server's certificate is not checked, so that anybody can pose as that server",
            "verifyChain or verifyPeer with CAfile or CApath",
            'add "verifyChain = yes", "CAfile" and "checkHost"',
        )


def unnamedServer(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A chain proves that a CA signed, not whom it signed for."""
    config = section.tls
    named = config.verifyPeer or config.checkHost or config.checkEmail or config.checkIP
    if section.client and config.verifyChain and not named:
        inet = (address for address in section.connect if isinstance(address, InetAddress))
        host = next((address.host for address in inet if address.host), "HOST")
        yield settings.place(trust.VERIFY_CHAIN).warning(
            "any server with a certificate of the same CA is accepted",
            "checkHost or checkIP with the name or address of the server",
            f'add a line like "{_checkFor(host)} = {host}"',
        )


def _checkFor(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "checkHost"
    return "checkIP"


def anyCertificate(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """To require a certificate is not to check it."""
    if section.tls.requireCert and not section.tls.verifies:
        yield settings.place(trust.REQUIRE_CERT).warning(
            "any certificate will do, even one that the peer made itself",
            "verifyChain or verifyPeer with CAfile or CApath",
            ADD_CHAIN,
        )


def oldVersions(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """TLS 1.0 and 1.1 are deprecated (RFC 8996)."""
    config = section.tls
    old = [version.text for version in allowedVersions(config) if version < TLSVersion.TLSv1_2]
    if old:
        advice = 'write "sslVersionMin = TLSv1.2" unless a modality can do no better'
        if config.securityLevel != 0:
            advice += ', in which case it needs "securityLevel = 0" as well'
        yield settings.place(tls.SSL_VERSION_MIN).warning(
            f"{' and '.join(old)} no longer protect as they should", "TLSv1.2 or later", advice
        )


def retiredProfile(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Some TLS profiles are no longer DICOM's."""
    profile = section.tls.profile
    if profile is not None and PROFILES[profile].retired:
        yield settings.place(tls.PROFILE).warning(
            f"{profile.value} is retired from DICOM (PS3.15 {PROFILES[profile].clause})",
            "bcp195 or bcp195-modified",
            'write "tlsProfile = bcp195" unless a modality can do no better',
        )


def weakCiphers(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Some ciphers protect nothing any more, or never did."""
    offered: set[str] = set()
    excluded: set[str] = set()
    for entry in re.split("[:, ]+", section.tls.ciphers or ""):
        words = re.split("[-+_]", entry.lstrip("!-"))
        (excluded if entry.startswith(("!", "-")) else offered).update(words)
    found = [word for word in WEAK_CIPHERS if word in offered - excluded]
    if found:
        weak = " and ".join(found)
        yield settings.place(tls.CIPHERS).warning(
            f"offers {weak}, too weak to protect anything",
            "strong ciphers",
            "remove them, or the line to have the usual ones",
        )


def lowSecurityLevel(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A level below OpenSSL's own lets in more than old modalities."""
    level = section.tls.securityLevel
    if level is not None and level < USUAL_LEVEL:
        yield settings.place(tls.SECURITY_LEVEL).warning(
            f"level {level} lets in short keys and old signatures",
            f"{USUAL_LEVEL} or more",
            "remove the line unless a modality can do no better",
        )


def unsafeFlags(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Some flags of OpenSSL open holes on purpose."""
    for name in UNSAFE_FLAGS:
        if SSL_OPS[name] & section.tls.options:
            yield settings.place(tls.FLAGS).warning(
                f"{name} lets others put their own bytes before the peer's",
                "peers with secure renegotiation",
                "remove the line unless the peer can do no better",
            )


def noTime(_section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """No time at all means none, here as in stunnel, and not for ever.

    C{TIMEOUTclose = 0} is well known, for peers that never say goodbye.
    """
    for option, (effect, usual) in NO_TIME.items():
        if settings.last(option) == 0:
            yield settings.place(option).warning(
                f"with 0 {effect}",
                "a number of seconds",
                f'write "{option.name} = {usual}", or as many as you like',
            )


def unmatchedName(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A pattern has its asterisk in front, and something to compare."""
    if section.slave is not None:
        pattern = section.slave.pattern
        if not pattern or "*" in pattern[1:]:
            yield settings.place(tls.SNI).warning(
                "no client asks for such a name",
                "a server name, perhaps with one * in front",
                'write it like "*.hospital.example"',
            )


def idle(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Some options mean nothing without another one."""
    checks = verifies(section.tls)
    proxied = section.protocol is Preface.CONNECT or settings.misread(protocol.PROTOCOL)
    starts = section.exec is not None and bool(section.connect) and not section.accept
    needs: tuple[tuple[bool, str, tuple[Option[Any], ...]], ...] = (
        (checks, "verifyChain or verifyPeer", (trust.CRL_FILE, trust.CRL_PATH)),
        (proxied, "protocol = connect", protocol.OF_CONNECT),
        (section.proxyAccept, "proxyProtocolAccept = yes", (protocol.PROXY_FROM,)),
        (not starts, "accept", (protocol.PROXY_ACCEPT,)),
        (settings.wrote(relay.EXEC), "exec", (relay.EXEC_ARGS,)),
        (settings.wrote(tls.PSK_SECRETS), "PSKsecrets", (tls.PSK_IDENTITY,)),
        (settings.wrote(tls.CERT) or not section.client, "cert", (tls.KEY,)),
        (starts, "exec and connect without accept", (relay.RETRY,)),
    )
    for met, need, options in needs:
        for option in options:
            if not met and settings.last(option):
                yield settings.place(option).warning(
                    f"means nothing without {need}", "that as well", "add it, or remove the line"
                )


def idleFlags(_section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Some flags for OCSP change nothing here."""
    found = dict.fromkeys(flag for flag in settings.all(trust.OCSP_FLAG) if flag in IDLE_OCSP_FLAGS)
    if found:
        yield settings.place(trust.OCSP_FLAG).warning(
            f"{' and '.join(found)} changes nothing here", anyOf(OCSP_FLAGS), "remove the line"
        )


def laxAnswers(_section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Whoever can answer for a responder can say that everything is good."""
    if "NOVERIFY" in settings.all(trust.OCSP_FLAG):
        yield settings.place(trust.OCSP_FLAG).warning(
            "NOVERIFY takes the word of anybody for a revoked certificate",
            "answers of the CA or of whom it has named",
            "remove the line",
        )


def anybodysWord(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Whoever may announce clients can pass for any of them."""
    hosts = [each.host for each in section.accept if isinstance(each, InetAddress)]
    if section.proxyAccept and not section.proxyFrom and not all(map(_isLoopback, hosts)):
        yield settings.place(protocol.PROXY_ACCEPT).warning(
            "whoever can connect here can say that it is somebody else",
            "proxyProtocolFrom with the addresses of the load balancers",
            'add a line like "proxyProtocolFrom = 192.0.2.10, 192.0.2.11"',
        )


def _isLoopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def clearPassword(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A password for a web proxy can be read by everybody on the way there."""
    if section.proxyRequest is not None and section.proxyRequest.password:
        yield settings.place(protocol.PROTOCOL_PASSWORD).warning(
            "goes to the web proxy in the clear", "a network that nobody listens to"
        )


CAUTIONS: Final[tuple[Callable[[SectionConfig, Settings], Iterator[Problem]], ...]] = (
    *(unverifiedServer, unnamedServer, anyCertificate, unmatchedName, idle, clearPassword),
    noTime,
    *(idleFlags, laxAnswers, anybodysWord),
    *(retiredProfile, oldVersions, weakCiphers, lowSecurityLevel, unsafeFlags),
    *LIMIT_CAUTIONS,
)
