"""The options of a section that its TLS context is made of."""

from __future__ import annotations

from typing import Any

from appliance.config import values
from appliance.config.model import KeyPermissions, TLSVersion
from appliance.config.vocabulary import Option, PathKind, Repeat, Scope

_VERSIONS = "all, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3"

CERT = Option(
    "cert",
    Scope.SERVICE,
    "FILE",
    "none; a section with client = no needs one",
    "The certificate to show, followed in the same file by those that lead from it to the CA.",
    values.fileName,
    path=PathKind.FILE,
)
KEY = Option(
    "key",
    Scope.SERVICE,
    "FILE",
    "the file in cert",
    "The private key of the certificate.",
    values.fileName,
    path=PathKind.FILE,
)
CA_FILE = Option(
    "CAfile",
    Scope.SERVICE,
    "FILE",
    "none",
    "Certificates to trust: CAs for verifyChain, the peers' own for verifyPeer. An empty value "
    "means none.",
    values.orNothing(values.fileName),
    path=PathKind.FILE,
)
CA_PATH = Option(
    "CApath",
    Scope.SERVICE,
    "DIRECTORY",
    "none",
    "Like CAfile, with one certificate a file, each named by its hash as openssl rehash does. An "
    "empty value means none.",
    values.orNothing(values.fileName),
    path=PathKind.DIRECTORY,
)
REQUIRE_CERT = Option(
    "requireCert",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether a peer that shows no certificate is turned away. What the certificate says is checked "
    "only by verifyChain and verifyPeer.",
    values.yesNo,
)
VERIFY_CHAIN = Option(
    "verifyChain",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether the peer must show a certificate that leads to a CA in CAfile or CApath.",
    values.yesNo,
)
VERIFY_PEER = Option(
    "verifyPeer",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether the peer must show a certificate that is itself in CAfile or CApath.",
    values.yesNo,
)
VERIFY = Option(
    "verify",
    Scope.SERVICE,
    "0 to 4",
    "none",
    "The old way to write requireCert, verifyChain and verifyPeer: 0 checks nothing, 1 and 2 check "
    "the chain, 3 the chain and the peer, 4 the peer alone.",
    values.verifyLevel,
)
CHECK_HOST = Option(
    "checkHost",
    Scope.SERVICE,
    "HOST",
    "any name will do",
    "A name that the peer's certificate must be for. With several, one of them is enough.",
    values.word("a host name"),
    Repeat.LIST,
)
SNI = Option(
    "sni",
    Scope.SERVICE,
    "HOST",
    "the host in the first connect",
    "With client = yes the server name to ask for; an empty value means to ask for none.",
    str,
)
SSL_VERSION_MIN = Option(
    "sslVersionMin",
    Scope.SERVICE,
    _VERSIONS,
    "TLSv1.2",
    "The oldest version of TLS to speak. Those before TLSv1.2 also need securityLevel = 0.",
    values.version(all_=TLSVersion.TLSv1),
)
SSL_VERSION_MAX = Option(
    "sslVersionMax",
    Scope.SERVICE,
    _VERSIONS,
    "TLSv1.3",
    "The newest version of TLS to speak.",
    values.version(all_=TLSVersion.TLSv1_3),
)
SSL_VERSION = Option(
    "sslVersion",
    Scope.SERVICE,
    _VERSIONS,
    "TLSv1.2 and TLSv1.3",
    "The one version of TLS to speak: short for sslVersionMin and sslVersionMax.",
    values.version(all_=TLSVersion.TLSv1_3),
    standsFor=(SSL_VERSION_MIN, SSL_VERSION_MAX),
)
CIPHERS = Option(
    "ciphers",
    Scope.SERVICE,
    "LIST",
    "strong ones",
    "The ciphers to offer up to TLSv1.2, in OpenSSL's own notation.",
    values.text("a list of ciphers in OpenSSL's notation"),
)
CIPHERSUITES = Option(
    "ciphersuites",
    Scope.SERVICE,
    "LIST",
    "those of OpenSSL",
    "The cipher suites to offer with TLSv1.3, with colons between them.",
    values.text("a list of cipher suites with colons between them"),
)
CURVES = Option(
    "curves",
    Scope.SERVICE,
    "LIST",
    "those of OpenSSL",
    "The groups to agree keys with, the favourite first and with colons between them.",
    values.text("a list of groups with colons between them"),
    aliases=("curve",),
)
SECURITY_LEVEL = Option(
    "securityLevel",
    Scope.SERVICE,
    "0 to 5",
    "that of OpenSSL, which is 2",
    "How strong keys, signatures and ciphers must be. 1 and 0 let old modalities in.",
    values.securityLevel,
)
FLAGS = Option(
    "options",
    Scope.SERVICE,
    "[-]NAME",
    "none",
    "Sets one of OpenSSL's SSL_OP_ flags, or clears it after a minus sign.",
    values.flag,
    Repeat.FLAGS,
)
KEY_PERMISSIONS = Option(
    "keyPermissions",
    Scope.SERVICE,
    "warn or strict",
    "warn",
    "What to do about a private key that others than its owner can read: warn if everybody can, or "
    "with strict refuse it even if only its group can. One that everybody can write is refused.",
    values.choice({"warn": KeyPermissions.WARN, "strict": KeyPermissions.STRICT}),
)

OPTIONS: tuple[Option[Any], ...] = (
    *(CERT, KEY, KEY_PERMISSIONS, CA_FILE, CA_PATH),
    *(REQUIRE_CERT, VERIFY_CHAIN, VERIFY_PEER, VERIFY, CHECK_HOST, SNI),
    *(SSL_VERSION, SSL_VERSION_MIN, SSL_VERSION_MAX),
    *(CIPHERS, CIPHERSUITES, CURVES, SECURITY_LEVEL, FLAGS),
)
