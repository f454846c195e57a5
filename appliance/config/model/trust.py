"""What a section's TLS context is built from."""

from __future__ import annotations

from enum import Enum, IntEnum

from attrs import field, frozen

from appliance.config.model.problems import NOWHERE, Where


class TLSVersion(IntEnum):
    """Protocol versions by their number on the wire."""

    SSLv3 = 0x0300
    TLSv1 = 0x0301
    TLSv1_1 = 0x0302
    TLSv1_2 = 0x0303
    TLSv1_3 = 0x0304

    @property
    def text(self) -> str:
        """The version as stunnel.conf spells it: C{TLSv1.2}."""
        return self.name.replace("_", ".")


class Profile(Enum):
    """A TLS profile of DICOM (C{tlsProfile}); what each says is in L{appliance.config.profiles}."""

    MODIFIED = "bcp195-modified"
    BCP195 = "bcp195"
    EXTENDED = "extended"
    NON_DOWNGRADING = "non-downgrading"


class KeyPermissions(Enum):
    """What to do about private keys that others can read (C{keyPermissions})."""

    WARN = "warn"
    STRICT = "strict"


@frozen
class OCSPConfig:
    """How a peer's certificate is checked by OCSP (RFC 6960), beside its chain.

    C{url} is asked for the leaf, C{aia} asks the responders that the certificates themselves name.
    C{timeout} is seconds for one responder. C{required} refuses a peer when there is no answer.
    C{staple} false keeps a server from fetching answers about its own certificate.
    """

    url: str | None = None
    aia: bool = False
    flags: tuple[str, ...] = ()
    nonce: bool = False
    required: bool = True
    timeout: float = 5.0
    staple: bool = True


@frozen
class NameRule:
    """A server section's C{sni = PRIMARY:PATTERN}: it serves those who ask the primary for it."""

    primary: str
    pattern: str


@frozen
class TLSConfig:
    """What one section's TLS context is built from; file names are absolute and exist.

    C{certWhere}, C{keyWhere} and C{caWhere} are where the names were written, for messages, and
    C{places} where the options were whose values only OpenSSL can judge. C{options} and
    C{clearOptions} are OpenSSL's C{SSL_OP_} flags to set and to leave unset. C{profile} says what
    holds where C{ciphers} and C{ciphersuites} say nothing, and what they must keep to.
    C{sni} is the name a client asks for: empty for none, C{None} for the host it connects to.
    C{requestCert} asks for a certificate without needing one, C{verifyIfSent} checks the chain of
    one that was sent, and C{forgives} lets a peer that fails the checks end its handshake (it is
    redirected then). C{pskSecrets} and C{keyPassphrase} are files.
    """

    client: bool = False
    cert: str | None = None
    key: str | None = None
    certWhere: Where = NOWHERE
    keyWhere: Where = NOWHERE
    caFile: str | None = None
    caPath: str | None = None
    requireCert: bool = False
    verifyChain: bool = False
    verifyPeer: bool = False
    checkHost: tuple[str, ...] = ()
    ciphers: str | None = None
    ciphersuites: str | None = None
    curves: str | None = None
    options: int = 0
    clearOptions: int = 0
    minimum: TLSVersion = TLSVersion.TLSv1_2
    maximum: TLSVersion = TLSVersion.TLSv1_3
    securityLevel: int | None = None
    sni: str | None = None
    caWhere: Where = NOWHERE
    places: tuple[tuple[str, Where], ...] = field(default=(), eq=False)
    crlFile: str | None = None
    crlPath: str | None = None
    requestCert: bool = False
    verifyIfSent: bool = False
    checkEmail: tuple[str, ...] = ()
    checkIP: tuple[str, ...] = ()
    ocsp: OCSPConfig = OCSPConfig()
    pskSecrets: str | None = None
    pskIdentity: str | None = None
    keyPassphrase: str | None = None
    sessionResume: bool = True
    sessionTimeout: int = 300
    signatureAlgorithms: str | None = None
    forgives: bool = False
    keyPermissions: KeyPermissions = KeyPermissions.WARN
    profile: Profile | None = None

    @property
    def verifies(self) -> bool:
        """True when the peer's certificate is checked against something."""
        return self.verifyChain or self.verifyPeer

    @property
    def wantsCertificate(self) -> bool:
        """True when a peer without a certificate is refused."""
        return self.requireCert or self.verifies
