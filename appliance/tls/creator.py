"""Makes one OpenSSL connection per TCP connection, from a section's current context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from zope.interface import implementer

from appliance.config.model import TLSConfig
from appliance.tls.certificate import Certificate
from appliance.tls.context import resumable
from appliance.tls.names import Names
from appliance.tls.stapled import wantsStaple
from appliance.tls.verify import Verdicts


def encoded(name: str) -> bytes:
    """C{name} as a greeting has it: without a last dot, letters of other scripts in ASCII."""
    try:
        return name.rstrip(".").encode("idna")
    except UnicodeError:
        return name.encode()


TARGETS = 64
"""For how many addresses a session is kept; a backend's name may lead to many in time."""


@implementer(IOpenSSLServerConnectionCreator, IOpenSSLClientConnectionCreator)
class Creator:
    """Makes connections from one context; a reload makes another creator with another context.

    C{serverName} is what a client says in SNI (RFC 6066 3, host names only); empty or C{None} for
    nothing. C{tls} and C{certificate} are what the context was built from, C{section} is its name.
    C{names}, set once all sections are there, lead to the sections that serve under other names.

    As a client it takes up the last session that it had with the same address.
    """

    def __init__(
        self,
        context: SSL.Context,
        serverName: str | None = None,
        *,
        tls: TLSConfig | None = None,
        certificate: Certificate | None = None,
        section: str | None = None,
    ) -> None:
        self.names: Names | None = None
        self._context = context
        self._serverName = serverName
        self._tls = TLSConfig() if tls is None else tls
        self._certificate = certificate
        self._section = section
        # One connection for each address, dead or alive: TLS 1.3 brings its tickets late, and
        # OpenSSL's callback that tells of them is not to be had.
        self._last: dict[str, SSL.Connection] = {}

    def serverConnectionForTLS(self, _tlsProtocol: Any) -> SSL.Connection:
        """A connection for an accepted socket."""
        return self._connection(None)

    @property
    def chooser(self) -> Callable[[bytes], SSL.Connection | None] | None:
        """Makes the connection out of what a client said first, or C{None} to hear more of it.

        C{None} where there is but one section to choose.
        """
        return None if self.names is None else self._chosen

    def _chosen(self, said: bytes) -> SSL.Connection | None:
        creator = self if self.names is None else self.names.creator(said, self)
        if creator is None:
            return None
        return creator._connection(None if creator is self else creator._section)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """A connection for a dialled socket."""
        connection = self._connection(None)
        if self._serverName:
            connection.set_tlsext_host_name(encoded(self._serverName))
        if wantsStaple(self._tls):
            connection.request_ocsp()
        if resumable(self._tls) and self._tls.pskSecrets is None:
            self._resume(connection, tlsProtocol)
        return connection

    def _resume(self, connection: SSL.Connection, tlsProtocol: Any) -> None:
        getPeer = getattr(getattr(tlsProtocol, "transport", None), "getPeer", None)
        if getPeer is None:
            return
        target = str(getPeer())
        known = self._last.pop(target, None)
        self._last[target] = connection
        if len(self._last) > TARGETS:
            del self._last[next(iter(self._last))]
        # A handshake that failed, or has not ended, leaves nothing that may be trusted.
        if known is not None and known.get_peer_finished() is not None:
            session = known.get_session()
            if session is not None:
                connection.set_session(session)

    def _connection(self, section: str | None) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(
            Verdicts(tls=self._tls, certificate=self._certificate, section=section)
        )
        return connection
