"""Makes one OpenSSL connection per TCP connection, from a section's current context."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from zope.interface import implementer

from appliance.tls.verify import Verdicts


@implementer(IOpenSSLServerConnectionCreator, IOpenSSLClientConnectionCreator)
class Creator:
    """Holds the current context; L{swap} replaces it for the connections to come.

    C{serverName} is what a client says in SNI (RFC 6066 3, host names only).
    """

    def __init__(self, context: SSL.Context, serverName: str | None = None) -> None:
        self._context = context
        self._serverName = serverName

    def swap(self, context: SSL.Context) -> None:
        """Use C{context} from now on; connections that exist keep theirs."""
        self._context = context

    def serverConnectionForTLS(self, _tlsProtocol: Any) -> SSL.Connection:
        """A connection for an accepted socket."""
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(Verdicts())
        return connection

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """A connection for a dialled socket."""
        connection = self.serverConnectionForTLS(tlsProtocol)
        if self._serverName is not None:
            connection.set_tlsext_host_name(self._serverName.encode("idna"))
        return connection
