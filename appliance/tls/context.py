"""Builds one section's OpenSSL context, whole, from its configuration and loaded files.

A context is never changed once a connection was made from it (pyOpenSSL refuses to); a reload
builds another. Nothing here reads files: see L{appliance.tls.files}.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from OpenSSL import SSL, crypto

from appliance.config.model import Problem, Severity, TLSConfig, Where
from appliance.config.profiles import PROFILES
from appliance.tls import ffdhe
from appliance.tls.binding import (
    setCiphersuites,
    setDH,
    setGroups,
    setPSKClient,
    setPSKServer,
    setSignatureAlgorithms,
    setVerifier,
)
from appliance.tls.certificate import KeyPair
from appliance.tls.files import Material
from appliance.tls.keyring import KeyRing
from appliance.tls.staple import Staple
from appliance.tls.stapled import StapleJudge, wantsStaple
from appliance.tls.verify import Judge, asks, onlyByKey, requires

DEFAULT_CIPHERS = ":".join(
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
)
"""Without C{ciphers}: forward secrecy and authenticated encryption only (RFC 9325 4.2)."""

PSK_CIPHERS = ":".join(
    f"ECDHE-PSK-{cipher}"
    for cipher in ("CHACHA20-POLY1305", "AES256-CBC-SHA384", "AES128-CBC-SHA256")
)
"""What OpenSSL has with forward secrecy for a pre-shared key; CBC with encrypt-then-MAC."""

PSK_CIPHERSUITES = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
"""A key as TLS 1.2 knows it goes with SHA-256 alone in TLS 1.3 (RFC 8446 4.2.11)."""

DEFAULT_SECURITY_LEVEL = 2
"""Without C{securityLevel}: as stunnel and Debian have it (112 bits, no SHA-1 signatures)."""


def ciphersInForce(tls: TLSConfig) -> str:
    """The list for TLS 1.2 and below: the written one, that of the profile, or ours.

    Who can show a certificate, or look at one, gets the suites for that; who has a pre-shared key
    gets those, and a client that has nothing else to know its server by gets no others.
    """
    if tls.ciphers:
        return tls.ciphers
    if tls.profile is not None:
        return ":".join(PROFILES[tls.profile].ciphers)
    if tls.pskSecrets is None:
        return DEFAULT_CIPHERS
    if onlyByKey(tls) or (tls.cert is None and not tls.client):
        return PSK_CIPHERS
    return f"{DEFAULT_CIPHERS}:{PSK_CIPHERS}"


def ciphersuitesInForce(tls: TLSConfig) -> str | None:
    """The list for TLS 1.3: the written one, that of the profile, ours with a pre-shared key.

    C{None} leaves it to OpenSSL.
    """
    if tls.ciphersuites is not None:
        return tls.ciphersuites
    if tls.profile is not None:
        return ":".join(PROFILES[tls.profile].ciphersuites) or None
    return None if tls.pskSecrets is None else PSK_CIPHERSUITES


def cipherString(tls: TLSConfig) -> str:
    """The list for TLS 1.2 and below as OpenSSL gets it, security level included."""
    ciphers = ciphersInForce(tls)
    if "@SECLEVEL" in ciphers and tls.securityLevel is None:
        return ciphers
    level = DEFAULT_SECURITY_LEVEL if tls.securityLevel is None else tls.securityLevel
    return f"{ciphers}:@SECLEVEL={level}"


def resumable(tls: TLSConfig) -> bool:
    """True when a peer may come again with the session of an earlier connection.

    OpenSSL hands sessions out at the end of the handshake. Where the peer is judged later, by an
    answer from an OCSP responder, none may be had. Neither may one be where those who fail are
    redirected and a pre-shared key is enough: the session does not tell a key from nothing.
    """
    if tls.ocsp.url is not None or tls.ocsp.aia:
        return False
    return tls.sessionResume and not (tls.forgives and tls.pskSecrets is not None)


Step = tuple[str, Callable[[], object]]
"""What is done to a context for one option."""


def optionSteps(context: SSL.Context, tls: TLSConfig) -> tuple[Step, ...]:
    """What makes C{context} as the options say, without any file."""
    _protocol(context, tls)
    return (
        ("ciphers", lambda: context.set_cipher_list(cipherString(tls).encode("ascii", "replace"))),
        ("ciphersuites", lambda: setCiphersuites(context, ciphersuitesInForce(tls))),
        ("curves", lambda: setGroups(context, tls.curves)),
        ("config", lambda: setSignatureAlgorithms(context, tls.signatureAlgorithms)),
        ("tlsProfile", lambda: _finiteField(context, tls)),
    )


def refusedOptions(name: str, where: Where, tls: TLSConfig) -> tuple[Problem, ...]:
    """What OpenSSL refuses of the options of the section C{name}, whatever is in its files."""
    return _refused(name, where, tls, optionSteps(_bare(tls.client), tls))


def build(
    name: str, where: Where, tls: TLSConfig, material: Material, staple: Staple | None = None
) -> SSL.Context:
    """Build the context of the section C{name}; C{staple} is a server's own.

    Raises L{ValueError} whose arguments are L{Problem}s, one for each option whose value OpenSSL
    refuses.
    """
    context = _bare(tls.client)
    steps: tuple[Step, ...] = (
        *optionSteps(context, tls),
        ("cert", lambda: _certificate(context, material.pair)),
        ("PSKsecrets", lambda: _keys(context, tls, material)),
    )
    problems = _refused(name, where, tls, steps)
    if problems:
        raise ValueError(*problems)
    _verification(context, tls, material)
    _sessions(context, name, tls)
    if staple is not None:
        context.set_ocsp_server_callback(staple.serve)
    if wantsStaple(tls):
        context.set_ocsp_client_callback(StapleJudge(tls, material.known))
    return context


def _bare(client: bool) -> SSL.Context:
    return SSL.Context(SSL.TLS_CLIENT_METHOD if client else SSL.TLS_SERVER_METHOD)


def _refused(name: str, where: Where, tls: TLSConfig, steps: Iterable[Step]) -> tuple[Problem, ...]:
    """Take C{steps}; a problem for each that OpenSSL refuses."""
    problems = []
    for option, apply in steps:
        try:
            apply()
        except (SSL.Error, ValueError) as error:
            problems.append(_problem(name, where, tls, option, error))
    return tuple(problems)


def _problem(name: str, where: Where, tls: TLSConfig, option: str, error: Exception) -> Problem:
    advice = {
        "ciphers": "'openssl ciphers -v LIST' shows what a list means",
        "ciphersuites": "'openssl ciphers -v -tls1_3' lists them",
        "curves": "'openssl list -tls-groups' or 'openssl ecparam -list_curves' lists them",
        "config": "'openssl list -tls-signature-algorithms' lists them, from OpenSSL 3.5 on",
        "cert": "make another pair with 'butterfly-tls cert'",
    }.get(option, "")
    found = {
        "ciphers": f"OpenSSL finds no cipher in {cipherString(tls)!r}",
        "cert": f"OpenSSL refuses the certificate or key of {tls.cert} at this security level",
    }.get(option, str(error))
    place = dict(tls.places).get(option, where)
    return Problem(Severity.ERROR, place, found, advice=advice, section=name, option=option)


def _protocol(context: SSL.Context, tls: TLSConfig) -> None:
    context.set_min_proto_version(int(tls.minimum))
    context.set_max_proto_version(int(tls.maximum))
    flags = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION
    if tls.ciphers is None or ciphersuitesInForce(tls) == PSK_CIPHERSUITES:
        # The order of our own list means something (RFC 9325 4.2.1); a written one may not.
        flags |= SSL.OP_CIPHER_SERVER_PREFERENCE
    context.set_options((flags | tls.options) & ~tls.clearOptions)


def _finiteField(context: SSL.Context, tls: TLSConfig) -> None:
    if ffdhe.serves(tls):
        setDH(context, ffdhe.parameters())


def _certificate(context: SSL.Context, pair: KeyPair | None) -> None:
    if pair is None:
        return
    own, *further = pair.certificate.chain
    context.use_certificate(own)
    for certificate in further:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(pair.key)
    context.check_privatekey()


def _keys(context: SSL.Context, tls: TLSConfig, material: Material) -> None:
    known = material.secrets
    if known is None:
        return
    ring = KeyRing(known, alone=tls.cert is None)
    if tls.client:
        identity = known.first if tls.pskIdentity is None else tls.pskIdentity.encode()
        setPSKClient(context, identity, known.keys[identity], ring.note)
    else:
        setPSKServer(context, ring.find)


def _verification(context: SSL.Context, tls: TLSConfig, material: Material) -> None:
    if not asks(tls):
        context.set_verify(SSL.VERIFY_NONE)
        return
    store = context.get_cert_store()
    assert store is not None  # noqa: S101
    for authority in material.authorities:
        store.add_cert(crypto.X509.from_cryptography(authority))
    if tls.caPath:
        context.load_verify_locations(None, tls.caPath)
    if not tls.client:
        welcome = (*material.authorities, *material.inDirectory)
        for authority in {each.subject: each for each in welcome}.values():
            context.add_client_ca(authority)
    _revocation(store, tls, material)
    mode = SSL.VERIFY_PEER
    if requires(tls) and not tls.forgives:
        mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    setVerifier(context, mode, Judge(tls, material.authorities), tls.forgives)


def _revocation(store: crypto.X509Store, tls: TLSConfig, material: Material) -> None:
    """Check the peer's own certificate, as stunnel does, and not those above it."""
    if not (tls.crlFile or tls.crlPath):
        return
    for each in material.revocations.lists:
        store.add_crl(each.crl)
    if tls.crlPath:
        store.load_locations(None, tls.crlPath)
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)


def _sessions(context: SSL.Context, name: str, tls: TLSConfig) -> None:
    if tls.client:
        # The creator keeps them, for each backend by itself.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return
    # A session is good for the section that made it and for no other (RFC 5246 F.1.4).
    context.set_session_id(hashlib.sha256(name.encode()).digest()[:32])
    context.set_timeout(tls.sessionTimeout)
    if resumable(tls):
        context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    else:
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
