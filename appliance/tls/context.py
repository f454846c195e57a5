"""Builds one section's OpenSSL context, whole, from its configuration and loaded files.

A context is never changed once a connection was made from it (pyOpenSSL refuses to); a reload
builds another. Nothing here reads files: see L{appliance.tls.files}.
"""

from __future__ import annotations

import hashlib

from OpenSSL import SSL

from appliance.config.model import Problem, Severity, TLSConfig, Where
from appliance.tls.binding import setCiphersuites, setGroups, setVerifier
from appliance.tls.certificate import KeyPair, Material
from appliance.tls.verify import Judge

DEFAULT_CIPHERS = ":".join(
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
)
"""Without C{ciphers}: forward secrecy and authenticated encryption only (RFC 9325 4.2)."""

DEFAULT_SECURITY_LEVEL = 2
"""Without C{securityLevel}: as stunnel and Debian have it (112 bits, no SHA-1 signatures)."""


def cipherString(tls: TLSConfig) -> str:
    """The list for TLS 1.2 and below as OpenSSL gets it, security level included."""
    ciphers = tls.ciphers or DEFAULT_CIPHERS
    if "@SECLEVEL" in ciphers and tls.securityLevel is None:
        return ciphers
    level = DEFAULT_SECURITY_LEVEL if tls.securityLevel is None else tls.securityLevel
    return f"{ciphers}:@SECLEVEL={level}"


def build(name: str, where: Where, tls: TLSConfig, material: Material) -> SSL.Context:
    """Build the context of the section C{name}.

    Raises L{ValueError} whose one argument is a L{Problem} when OpenSSL refuses an option's value.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD if tls.client else SSL.TLS_SERVER_METHOD)
    _protocol(context, tls)
    for option, apply in (
        ("ciphers", lambda: context.set_cipher_list(cipherString(tls).encode("ascii", "replace"))),
        ("ciphersuites", lambda: setCiphersuites(context, tls.ciphersuites)),
        ("curves", lambda: setGroups(context, tls.curves)),
        ("cert", lambda: _certificate(context, material.pair)),
    ):
        try:
            apply()
        except (SSL.Error, ValueError) as error:
            raise ValueError(_problem(name, where, tls, option, error)) from None
    _verification(context, tls, material)
    _sessions(context, name, tls)
    return context


def _problem(name: str, where: Where, tls: TLSConfig, option: str, error: Exception) -> Problem:
    advice = {
        "ciphers": "'openssl ciphers -v LIST' shows what a list means",
        "ciphersuites": "'openssl ciphers -v -tls1_3' lists them",
        "curves": "'openssl list -tls-groups' or 'openssl ecparam -list_curves' lists them",
        "cert": "make another pair with 'butterfly-tls cert'",
    }[option]
    found = {
        "ciphers": f"OpenSSL finds no cipher in {cipherString(tls)!r}",
        "cert": f"OpenSSL refuses the certificate or key of {tls.cert} at this security level",
    }.get(option, str(error))
    return Problem(Severity.ERROR, where, found, advice=advice, section=name, option=option)


def _protocol(context: SSL.Context, tls: TLSConfig) -> None:
    context.set_min_proto_version(int(tls.minimum))
    context.set_max_proto_version(int(tls.maximum))
    flags = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION
    if tls.ciphers is None:
        # The order of our own list means something (RFC 9325 4.2.1); a written one may not.
        flags |= SSL.OP_CIPHER_SERVER_PREFERENCE
    context.set_options((flags | tls.options) & ~tls.clearOptions)


def _certificate(context: SSL.Context, pair: KeyPair | None) -> None:
    if pair is None:
        return
    own, *further = pair.certificate.chain
    context.use_certificate(own)
    for certificate in further:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(pair.key)
    context.check_privatekey()


def _verification(context: SSL.Context, tls: TLSConfig, material: Material) -> None:
    if not tls.wantsCertificate:
        context.set_verify(SSL.VERIFY_NONE)
        return
    if tls.caFile or tls.caPath:
        context.load_verify_locations(tls.caFile, tls.caPath)
    if not tls.client:
        for authority in material.authorities:
            context.add_client_ca(authority)
    mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    setVerifier(context, mode, Judge(tls, material.authorities))


def _sessions(context: SSL.Context, name: str, tls: TLSConfig) -> None:
    if tls.client:
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return
    # A session is good for the section that made it and for no other (RFC 5246 F.1.4).
    context.set_session_id(hashlib.sha256(name.encode()).digest()[:32])
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
