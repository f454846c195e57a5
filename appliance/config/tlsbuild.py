"""Settings of one section to the model of its TLS: what its context is built from."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final

from appliance.config import opensslconf
from appliance.config import relayoptions as relay
from appliance.config import tlsoptions as tls
from appliance.config import trustoptions as trust
from appliance.config.model import NameRule, OCSPConfig, TLSConfig, TLSVersion
from appliance.config.profiles import PROFILES
from appliance.config.settings import Settings
from appliance.config.sslops import SSL_OPS

IF_SENT: Final = 1
"""The C{verify} level that checks the chain of a peer that shows one, and lets others in."""

_PLACED: Final = (
    *(tls.PROFILE, tls.SSL_VERSION_MIN, tls.SSL_VERSION_MAX, tls.CIPHERS, tls.CIPHERSUITES),
    *(tls.CURVES, tls.SECURITY_LEVEL, tls.FLAGS, tls.COMMANDS, tls.CERT, tls.PSK_SECRETS),
)
"""Options of which it is judged only later what they come to."""


def tlsConfig(settings: Settings) -> TLSConfig:
    """What C{settings} say about the TLS context of one section."""
    client = settings.last(relay.CLIENT) or False
    level = settings.last(trust.VERIFY)
    authorities = trust.CA_FILE if settings.wrote(trust.CA_FILE) else trust.CA_PATH
    # A server always shows its certificate, and who asks for more than level 1 gets both.
    always = client or any(map(settings.last, (trust.VERIFY_CHAIN, trust.VERIFY_PEER)))
    on, off = _flags(settings)
    config = TLSConfig(
        client=client,
        cert=settings.last(tls.CERT),
        key=settings.last(tls.KEY) or settings.last(tls.CERT),
        certWhere=settings.place(tls.CERT).where,
        keyWhere=settings.place(tls.KEY if settings.wrote(tls.KEY) else tls.CERT).where,
        caWhere=settings.place(authorities).where,
        places=tuple(
            (option.name, settings.place(option).where)
            for option in _PLACED
            if settings.wrote(option)
        ),
        requestCert=level in (0, IF_SENT),
        verifyIfSent=level == IF_SENT and not always,
        requireCert=settings.last(trust.REQUIRE_CERT) or (level or 0) > IF_SENT,
        verifyChain=settings.last(trust.VERIFY_CHAIN)
        or level in (2, 3)
        or (level == IF_SENT and always),
        verifyPeer=settings.last(trust.VERIFY_PEER) or level in (3, 4),
        checkHost=settings.all(trust.CHECK_HOST),
        checkEmail=settings.all(trust.CHECK_EMAIL),
        checkIP=settings.all(trust.CHECK_IP),
        ocsp=ocspConfig(settings),
        options=on,
        clearOptions=off,
        sni=settings.last(tls.SNI) if client else None,
        forgives=settings.wrote(relay.REDIRECT),
        maximum=settings.last(tls.SSL_VERSION_MAX) or _newest(settings),
        **settings.arguments(
            caFile=trust.CA_FILE,
            caPath=trust.CA_PATH,
            crlFile=trust.CRL_FILE,
            crlPath=trust.CRL_PATH,
            ciphers=tls.CIPHERS,
            ciphersuites=tls.CIPHERSUITES,
            curves=tls.CURVES,
            minimum=tls.SSL_VERSION_MIN,
            profile=tls.PROFILE,
            securityLevel=tls.SECURITY_LEVEL,
            pskSecrets=tls.PSK_SECRETS,
            pskIdentity=tls.PSK_IDENTITY,
            keyPassphrase=tls.KEY_PASSPHRASE,
            keyPermissions=tls.KEY_PERMISSIONS,
            sessionResume=tls.SESSION_RESUME,
            sessionTimeout=tls.SESSION_TIMEOUT,
        ),
    )
    return opensslconf.apply(config, settings.all(tls.COMMANDS))


def ocspConfig(settings: Settings) -> OCSPConfig:
    """What C{settings} say about OCSP."""
    return OCSPConfig(
        flags=tuple(dict.fromkeys(settings.all(trust.OCSP_FLAG))),
        **settings.arguments(
            url=trust.OCSP,
            aia=trust.OCSP_AIA,
            nonce=trust.OCSP_NONCE,
            required=trust.OCSP_REQUIRE,
            timeout=trust.TIMEOUT_OCSP,
            staple=trust.OCSP_STAPLING,
        ),
    )


def nameRule(settings: Settings) -> NameRule | None:
    """Whom a server section serves by C{sni}, if it is written as it should be."""
    primary, colon, pattern = (settings.last(tls.SNI) or "").partition(":")
    if settings.last(relay.CLIENT) or not colon:
        return None
    return NameRule(primary, pattern.lower())


def _newest(settings: Settings) -> TLSVersion:
    """The newest version where no option names one."""
    profile = settings.last(tls.PROFILE)
    return TLSVersion.TLSv1_3 if profile is None else PROFILES[profile].newest


def _flags(settings: Settings) -> tuple[int, int]:
    """The flags of OpenSSL's to set and to clear."""
    flags = {flag.name: flag.on for flag in settings.all(tls.FLAGS)}
    renegotiation = settings.last(tls.RENEGOTIATION)
    if renegotiation is not None:
        flags.setdefault("NO_RENEGOTIATION", not renegotiation)
    on = _allOf(name for name, isOn in flags.items() if isOn)
    return on, _allOf(name for name, isOn in flags.items() if not isOn)


def _allOf(names: Iterable[str]) -> int:
    return reduce(or_, (SSL_OPS[name] for name in names), 0)
