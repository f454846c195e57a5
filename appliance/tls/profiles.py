"""Asks OpenSSL what a section really offers, and holds that against a TLS profile of DICOM.

A list of ciphers, a security level and a build of OpenSSL come to something together that nobody
else can tell. So a client is made of the section's options, and its greeting read; it is sent to
nobody. Nothing here says what a profile is: see L{appliance.config.profiles}.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, lru_cache
from typing import Final

from attrs import evolve
from OpenSSL import SSL

from appliance.config.model import Problem, Severity, TLSConfig, TLSVersion, Where
from appliance.config.profilerules import Breach, Offer, breaches, spoken
from appliance.config.profiles import PROFILES
from appliance.tls import ffdhe
from appliance.tls.binding import setPSKClient
from appliance.tls.certificate import Certificate
from appliance.tls.concerns import securityLevel
from appliance.tls.context import optionSteps, refusedOptions
from appliance.tls.hello import ClientHello, parse, suiteName

_LONGEST: Final = 1 << 16
"""Bytes of a greeting."""

_LISTS: Final = ("ciphers", "ciphersuites")
"""Options of which the profile has a better list."""


def offer(tls: TLSConfig, certificate: Certificate | None = None) -> Offer:
    """What a section with these options offers, and with its own C{certificate} where it has one.

    Raises L{SSL.Error} or C{ValueError} when OpenSSL refuses the options.
    """
    level = securityLevel(tls)
    hello = _greeting(tls)
    suites = () if hello is None else tuple(map(suiteName, hello.cipherSuites))
    if not (tls.client or ffdhe.serves(tls) or findsGroups()):
        suites = tuple(suite for suite in suites if not suite.startswith("DHE-"))
    return Offer(
        tls.client,
        spoken(tls, level),
        suites,
        groups=() if hello is None else hello.groups,
        level=level,
        key=None if certificate is None else (certificate.keyType, certificate.keyBits),
        signatureHash="" if certificate is None else certificate.signatureHash,
        flags=tls.options,
        lacking=_lacking(level),
        shared=tls.pskSecrets is not None,
    )


def objections(
    name: str, where: Where, tls: TLSConfig, certificate: Certificate | None = None
) -> tuple[Problem, ...]:
    """What OpenSSL refuses of the options of the section C{name}, whatever is in its files.

    Where that is nothing, what keeps it from the profile that it names: an error where more is
    let in, only a warning where the profile asks for more.
    """
    refused = refusedOptions(name, where, tls)
    # Whose versions leave nothing to speak has been told so.
    if refused or tls.profile is None or not spoken(tls, securityLevel(tls)):
        return refused
    found = breaches(tls.profile, offer(tls, certificate))
    return tuple(_problem(name, where, tls, breach) for breach in found)


def _problem(name: str, where: Where, tls: TLSConfig, breach: Breach) -> Problem:
    assert tls.profile is not None  # noqa: S101
    places = dict(tls.places)
    named = places.get("tlsProfile", where)
    line = f'"tlsProfile = {tls.profile.value}" at {named}'
    against = f"against {line}" if breach.forbidden else f"though {line} asks for that"
    remedy = "remove the line" if breach.option in _LISTS else breach.remedy
    return Problem(
        Severity.ERROR if breach.forbidden else Severity.WARNING,
        # A command in config does what an option does too.
        places.get(breach.option, places.get("config", named)),
        f"{breach.found}, {against}",
        advice=f'{remedy}, or write "tlsProfile = none" for peers that can do no better',
        section=name,
        option=breach.option,
    )


def _greeting(tls: TLSConfig) -> ClientHello | None:
    """What a client with the same options says first; C{None} where no suite is left."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    for _, apply in optionSteps(context, evolve(tls, client=True)):
        apply()
    if tls.pskSecrets is not None:
        # Without a key OpenSSL would leave the suites for it out.
        with suppress(ValueError):
            setPSKClient(context, b"-", bytes(32), lambda _: None)
    said = _firstWords(context)
    return None if said is None else parse(said)


def _firstWords(context: SSL.Context) -> bytes | None:
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    return connection.bio_read(_LONGEST) if _goesOn(connection) else None


def _goesOn(connection: SSL.Connection) -> bool:
    """Take a step of the handshake; false where it fails."""
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return True
    except SSL.Error:
        return False
    return True


@cache
def findsGroups() -> bool:
    """True when OpenSSL has a group for DHE by itself: 4.0 has, 3.5 has not.

    It is tried with suites that need no certificate.
    """
    here, there = SSL.Context(SSL.TLS_CLIENT_METHOD), SSL.Context(SSL.TLS_SERVER_METHOD)
    for context in (here, there):
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        try:
            context.set_cipher_list(b"ADH:@SECLEVEL=0")
        except SSL.Error:
            return False
    said = _firstWords(here)
    if said is None:
        return False
    server = SSL.Connection(there, None)
    server.set_accept_state()
    server.bio_write(said)
    return _goesOn(server)


@lru_cache(maxsize=8)
def _lacking(level: int) -> frozenset[str]:
    """The suites of all profiles that this OpenSSL does not offer at C{level}."""
    wanted = frozenset(suite for facts in PROFILES.values() for suite in facts.suites)
    newer = frozenset(suite for suite in wanted if suite.startswith("TLS_"))
    everything = TLSConfig(
        ciphers=":".join(sorted(wanted - newer)),
        ciphersuites=":".join(sorted(newer)),
        securityLevel=level,
        maximum=TLSVersion.TLSv1_3,
    )
    hello = _greeting(everything)
    return wanted - frozenset(map(suiteName, () if hello is None else hello.cipherSuites))
