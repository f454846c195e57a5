"""Who may use a section's pre-shared keys, asked in the middle of a handshake.

Whether a key is right is OpenSSL's to find out, in constant time; here only identities are looked
up, which are no secret.
"""

from __future__ import annotations

import secrets

from attrs import frozen
from OpenSSL import SSL

from appliance.tls.psk import SHORTEST, Secrets
from appliance.tls.verify import verdicts


@frozen
class KeyRing:
    """Finds the key of a client for L{appliance.tls.binding.setPSKServer}.

    An unknown identity gets a key that nobody has, and fails just as a known one with a wrong key
    does: nobody learns here which identities there are (RFC 4279 2, RFC 8446 6.2). With TLS 1.3
    that is so only where nobody gets in without a key (C{alone}); elsewhere an unknown identity
    leads to a handshake with certificates.
    """

    secrets: Secrets
    alone: bool

    def find(self, connection: SSL.Connection, identity: bytes) -> bytes | None:
        """The key of C{identity}."""
        key = self.secrets.keys.get(identity)
        if key is not None:
            self.note(connection)
            return key
        if connection.get_protocol_version() < SSL.TLS1_3_VERSION:
            return secrets.token_bytes(2 * SHORTEST)
        # A ticket of ours looks like an identity too, but not like one that a person wrote.
        written = identity.isascii() and identity.decode("ascii").isprintable()
        return secrets.token_bytes(2 * SHORTEST) if self.alone and written else None

    def note(self, connection: SSL.Connection) -> None:
        """Remember that a key was found for this peer."""
        record = verdicts(connection)
        if record is not None:
            record.keyed = True
