"""The C{SSL_OP_} flags that the C{options} option can set and clear, with OpenSSL's numbers.

Source: SSL_CTX_set_options(3) and C{openssl/ssl.h} of OpenSSL 3.0, whose numbers 3.x and 4.0 kept.
A flag that is 0 was once needed and is accepted for old files' sake; it changes nothing.
"""

from __future__ import annotations

from typing import Final

from appliance.config.model import TLSConfig, TLSVersion

SSL_OPS: Final[dict[str, int]] = {
    # What people use.
    "CIPHER_SERVER_PREFERENCE": 1 << 22,
    "NO_COMPRESSION": 1 << 17,
    "NO_RENEGOTIATION": 1 << 30,
    "NO_SSLv3": 1 << 25,
    "NO_TICKET": 1 << 14,
    "NO_TLSv1": 1 << 26,
    "NO_TLSv1_1": 1 << 28,
    "NO_TLSv1_2": 1 << 27,
    "NO_TLSv1_3": 1 << 29,
    "PRIORITIZE_CHACHA": 1 << 21,
    # Finer points of the protocol.
    "ALLOW_CLIENT_RENEGOTIATION": 1 << 8,
    "ALLOW_NO_DHE_KEX": 1 << 10,
    "ALLOW_UNSAFE_LEGACY_RENEGOTIATION": 1 << 18,
    "CLEANSE_PLAINTEXT": 1 << 1,
    "DISABLE_TLSEXT_CA_NAMES": 1 << 9,
    "ENABLE_KTLS": 1 << 3,
    "ENABLE_MIDDLEBOX_COMPAT": 1 << 20,
    "IGNORE_UNEXPECTED_EOF": 1 << 7,
    "LEGACY_SERVER_CONNECT": 1 << 2,
    "NO_ANTI_REPLAY": 1 << 24,
    "NO_ENCRYPT_THEN_MAC": 1 << 19,
    "NO_EXTENDED_MASTER_SECRET": 1 << 0,
    "NO_SESSION_RESUMPTION_ON_RENEGOTIATION": 1 << 16,
    # Workarounds for other people's bugs; ALL is the harmless ones together.
    "ALL": 1 << 31 | 1 << 11 | 1 << 4 | 1 << 6,
    "CRYPTOPRO_TLSEXT_BUG": 1 << 31,
    "DONT_INSERT_EMPTY_FRAGMENTS": 1 << 11,
    "SAFARI_ECDHE_ECDSA_BUG": 1 << 6,
    "TLSEXT_PADDING": 1 << 4,
    "TLS_ROLLBACK_BUG": 1 << 23,
    # Of DTLS, where OpenSSL gives the bits of TLS a second name.
    "CISCO_ANYCONNECT": 1 << 15,
    "COOKIE_EXCHANGE": 1 << 13,
    "NO_DTLSv1": 1 << 26,
    "NO_DTLSv1_2": 1 << 27,
    "NO_DTLS_MASK": 1 << 26 | 1 << 27,
    "NO_QUERY_MTU": 1 << 12,
    "NO_SSL_MASK": 1 << 25 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 29,
    # Without effect today.
    "EPHEMERAL_RSA": 0,
    "MICROSOFT_BIG_SSLV3_BUFFER": 0,
    "MICROSOFT_SESS_ID_BUG": 0,
    "MSIE_SSLV2_RSA_PADDING": 0,
    "NETSCAPE_CA_DN_BUG": 0,
    "NETSCAPE_CHALLENGE_BUG": 0,
    "NETSCAPE_DEMO_CIPHER_CHANGE_BUG": 0,
    "NETSCAPE_REUSE_CIPHER_CHANGE_BUG": 0,
    "NO_SSLv2": 0,
    "PKCS1_CHECK_1": 0,
    "PKCS1_CHECK_2": 0,
    "SINGLE_DH_USE": 0,
    "SINGLE_ECDH_USE": 0,
    "SSLEAY_080_CLIENT_DH_BUG": 0,
    "SSLREF2_REUSE_CERT_TYPE_BUG": 0,
    "TLS_BLOCK_PADDING_BUG": 0,
    "TLS_D5_BUG": 0,
}


def allowedVersions(config: TLSConfig) -> list[TLSVersion]:
    """The versions that are left between the lowest and the highest after all C{NO_} flags."""
    return [
        version
        for version in TLSVersion
        if config.minimum <= version <= config.maximum
        and not config.options & SSL_OPS[f"NO_{version.name}"]
    ]
