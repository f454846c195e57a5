"""The options of a section that its TLS context is made of."""

from __future__ import annotations

from typing import Any

from appliance.config import values
from appliance.config.model import KeyPermissions, Profile, TLSVersion
from appliance.config.opensslconf import KNOWN, opensslCommand
from appliance.config.vocabulary import Option, PathKind, Repeat, Scope
from appliance.config.wording import anyOf

_VERSIONS = "all, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3"
_BAD_VERSION = "Invalid protocol version"

CERT = Option(
    "cert",
    Scope.SERVICE,
    "FILE",
    "none; a section with client = no needs one",
    "The certificate to show, followed in the same file by those that lead from it to the CA. DER "
    "and PKCS#12 files are read too.",
    values.fileName,
    path=PathKind.FILE,
    absent="Failed to load certificate from: {}",
)
KEY = Option(
    "key",
    Scope.SERVICE,
    "FILE",
    "the file in cert",
    "The private key of the certificate.",
    values.fileName,
    path=PathKind.FILE,
    absent="Failed to load private key from: {}",
)
KEY_PASSPHRASE = Option(
    "keyPassphrase",
    Scope.SERVICE,
    "FILE",
    "none",
    "The file whose first line opens an encrypted key, or a PKCS#12 file.",
    values.fileName,
    path=PathKind.FILE,
)
PSK_SECRETS = Option(
    "PSKsecrets",
    Scope.SERVICE,
    "FILE",
    "none",
    "Keys that both sides know beforehand, which stand in for certificates: lines of the form "
    "NAME:KEY, the key in hexadecimal or as text of 16 bytes or more.",
    values.fileName,
    path=PathKind.FILE,
    complaint="Failed to read PSK secrets",
)
PSK_IDENTITY = Option(
    "PSKidentity",
    Scope.SERVICE,
    "NAME",
    "the first in PSKsecrets",
    "With client = yes which of the keys in PSKsecrets to use.",
    values.text("a name in PSKsecrets"),
)
SNI = Option(
    "sni",
    Scope.SERVICE,
    "HOST, or SECTION:PATTERN",
    "the host in the first connect",
    "With client = yes the server name to ask for; an empty value means to ask for none. With "
    "client = no, instead of accept: this section serves those who come to that SECTION and ask "
    "for a name like PATTERN, which may begin with a *.",
    str,
)
PROFILE = Option(
    "tlsProfile",
    Scope.SERVICE,
    "NAME or none",
    "none",
    "The TLS profile of DICOM (PS3.15 annex B) to keep to, which chooses versions and ciphers: "
    "bcp195, bcp195-modified, or for old peers the retired extended and non-downgrading. Options "
    "beside it may ask for less, but not let in more.",
    values.choice({"none": None} | {profile.value: profile for profile in Profile}),
)
SSL_VERSION_MIN = Option(
    "sslVersionMin",
    Scope.SERVICE,
    _VERSIONS,
    "TLSv1.2",
    "The oldest version of TLS to speak. Those before TLSv1.2 also need securityLevel = 0.",
    values.version(all_=TLSVersion.TLSv1),
    complaint=_BAD_VERSION,
)
SSL_VERSION_MAX = Option(
    "sslVersionMax",
    Scope.SERVICE,
    _VERSIONS,
    "TLSv1.3; TLSv1.2 where tlsProfile = extended",
    "The newest version of TLS to speak.",
    values.version(all_=TLSVersion.TLSv1_3),
    complaint=_BAD_VERSION,
)
SSL_VERSION = Option(
    "sslVersion",
    Scope.SERVICE,
    _VERSIONS,
    "TLSv1.2 and TLSv1.3",
    "The one version of TLS to speak: short for sslVersionMin and sslVersionMax.",
    values.version(all_=TLSVersion.TLSv1_3),
    standsFor=(SSL_VERSION_MIN, SSL_VERSION_MAX),
    complaint=_BAD_VERSION,
)
CIPHERS = Option(
    "ciphers",
    Scope.SERVICE,
    "LIST",
    "strong ones, or those of tlsProfile",
    "The ciphers to offer up to TLSv1.2, in OpenSSL's own notation.",
    values.text("a list of ciphers in OpenSSL's notation"),
)
CIPHERSUITES = Option(
    "ciphersuites",
    Scope.SERVICE,
    "LIST",
    "those of OpenSSL, or of tlsProfile",
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
    complaint="Illegal security level",
)
FLAGS = Option(
    "options",
    Scope.SERVICE,
    "[-]NAME",
    "none",
    "Sets one of OpenSSL's SSL_OP_ flags, or clears it after a minus sign.",
    values.flag,
    Repeat.FLAGS,
    complaint="Illegal TLS option",
)
COMMANDS = Option(
    "config",
    Scope.SERVICE,
    "COMMAND:VALUE",
    "none",
    "A command of OpenSSL's own configuration, which beats the option that does the same: "
    f"{anyOf(KNOWN)}.",
    opensslCommand,
    Repeat.LIST,
)
RENEGOTIATION = Option(
    "renegotiation",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether a server that we connect to may renegotiate TLS in the middle of a connection, up to "
    "TLSv1.2. Clients never may.",
    values.yesNo,
)
SESSION_RESUME = Option(
    "sessionResume",
    Scope.SERVICE,
    "yes or no",
    "yes",
    "Whether a peer that comes back may go on with the TLS session it had, which saves time.",
    values.yesNo,
)
SESSION_TIMEOUT = Option(
    "sessionCacheTimeout",
    Scope.SERVICE,
    "SECONDS",
    "300",
    "How long a TLS session can be gone on with.",
    values.seconds,
    aliases=("session",),
    complaint="Illegal session cache timeout",
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
    *(CERT, KEY, KEY_PASSPHRASE, KEY_PERMISSIONS, PSK_SECRETS, PSK_IDENTITY, SNI),
    *(PROFILE, SSL_VERSION, SSL_VERSION_MIN, SSL_VERSION_MAX),
    *(CIPHERS, CIPHERSUITES, CURVES, SECURITY_LEVEL, FLAGS, COMMANDS),
    *(RENEGOTIATION, SESSION_RESUME, SESSION_TIMEOUT),
)
