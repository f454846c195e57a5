"""Our side of TLS when we call a server to see whether it is well.

It shows us its certificate whatever we think of it; whether we go on is decided here.
"""

from __future__ import annotations

from typing import Any, Final

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocolFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from appliance.tls.binding import setVerifier, verifyErrorText
from appliance.tls.pem import FileError, loadAuthorities, loadCertificate, loadKey

_OK: Final = 0
_HOSTNAME_MISMATCH: Final = 62
"""OpenSSL's X509_V_OK and X509_V_ERR_HOSTNAME_MISMATCH."""


def buildContext(ca: str | None, cert: str | None, key: str | None) -> SSL.Context:
    """A client's context for TLS 1.2 and above.

    C{ca}, C{cert} and C{key} are files of authorities to trust, of our own certificate and of its
    private key; without C{key} that is in the file C{cert}.

    @raise FileError: if one of them cannot be used.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    store = context.get_cert_store()
    if ca is not None and store is not None:
        for authority in loadAuthorities(ca):
            store.add_cert(crypto.X509.from_cryptography(authority))
        # The server's own certificate is as good an anchor as its authority's.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    if cert is not None:
        own, *further = loadCertificate(cert).chain
        context.use_certificate(own)
        for certificate in further:
            context.add_extra_chain_cert(certificate)
        try:
            context.use_privatekey(loadKey(key or cert))
            context.check_privatekey()
        except SSL.Error as error:
            raise FileError(f"the key in {key or cert} is not that of {cert}") from error
    return context


@implementer(IOpenSSLClientConnectionCreator)
class Caller:
    """Makes one connection with C{context}, judges the peer's certificate and keeps both.

    C{name} is the host name or address that we call and that the certificate must have. If
    C{verifies} is false any certificate will do; if C{lenient} is true, too, but C{trouble} says
    why it cannot be trusted.

    @raise UnicodeError: if C{name} cannot be a host name.
    """

    def __init__(
        self, context: SSL.Context, name: str, *, verifies: bool, lenient: bool = False
    ) -> None:
        self.verifies = verifies
        self.trouble = ""
        self.connection: SSL.Connection | None = None
        self.certificate: crypto.X509 | None = None
        self._context = context
        self._name = name
        # RFC 6066 3: SNI is for host names only.
        self._serverName = None if _isAddress(name) else name.encode("idna")
        self._lenient = lenient
        setVerifier(context, SSL.VERIFY_PEER, self._judge)

    @property
    def trust(self) -> str:
        """What became of the verification, in words."""
        return self.trouble or ("verified" if self.verifies else "not verified (--ca FILE does)")

    def wrap(self, factory: IProtocolFactory) -> IProtocolFactory:
        """C{factory} with TLS beneath."""
        return TLSMemoryBIOFactory(self, True, factory)

    def clientConnectionForTLS(self, _protocol: Any) -> SSL.Connection:
        """The connection for a dialled socket."""
        self.connection = SSL.Connection(self._context, None)
        if self._serverName is not None:
            self.connection.set_tlsext_host_name(self._serverName)
        return self.connection

    def _judge(
        self, _connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int
    ) -> int:
        if depth == 0:
            self.certificate = certificate
        if not self.verifies:
            return _OK
        if depth == 0 and error == _OK and not _isFor(certificate, self._name):
            error = _HOSTNAME_MISMATCH
        if error != _OK:
            self.trouble = self.trouble or verifyErrorText(error)
        return _OK if self._lenient else error


def _isAddress(name: str) -> bool:
    return isIPAddress(name) or isIPv6Address(name)


def _isFor(certificate: crypto.X509, name: str) -> bool:
    """True when C{certificate} has C{name} among its alternative names (RFC 6125)."""
    try:
        patterns = extract_patterns(certificate.to_cryptography())
        wanted = IPAddress_ID(name) if _isAddress(name) else DNS_ID(name)
        verify_service_identity(patterns, [wanted], [])
    except (CertificateError, VerificationError, ValueError, x509.DuplicateExtension):
        return False
    return True
