"""One SSH connection below its sessions: what is negotiated, who may go on, and for how long.

Somebody who has not logged in can hold a little memory for a little while, and nothing else.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.conch.ssh.transport import SSHServerTransport
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from appliance.console.ssh.keys import SIGNATURES

LOGIN_WITHIN: Final = 30.0
"""Seconds from the connection to the end of the login."""

IDLE: Final = 1800.0
"""Seconds without a word from somebody who has logged in."""

MOST_BEFORE_LOGIN: Final = 64 * 1024
"""Bytes of a message from somebody who has not."""

_LONGEST_REASON: Final = 100
"""Characters of a reason, which may repeat what the client has sent."""

KEY_EXCHANGES: Final = (
    b"mlkem768x25519-sha256",
    b"curve25519-sha256",
    b"curve25519-sha256@libssh.org",
)
CIPHERS: Final = (b"aes256-ctr", b"aes128-ctr")
MACS: Final = (b"hmac-sha2-512", b"hmac-sha2-256")
"""What of all that conch knows is offered, best first."""


class Transport(SSHServerTransport):
    """The connection of one client.

    C{user} is who has logged in, C{denied} who could not, and why, when he last tried.
    """

    ourVersionString = b"SSH-2.0-Butterfly-TLS"
    supportedKeyExchanges = [
        name for name in KEY_EXCHANGES if name in SSHServerTransport.supportedKeyExchanges
    ]
    supportedCiphers = [name for name in CIPHERS if name in SSHServerTransport.supportedCiphers]
    supportedMACs = list(MACS)
    # What is compressed can be small and become large.
    supportedCompressions = [b"none"]

    factory: Any
    transport: Any
    user: str | None = None
    denied: tuple[str, str] | None = None
    _refusal: str = ""
    _clock: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Begin, if this one may."""
        self.address = addressOf(self.transport.getPeer())
        if not self.factory.admit(self):
            self.transport.abortConnection()
            return
        self._clock = self.factory.reactor.callLater(LOGIN_WITHIN, self._late)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Take what came; whoever sends what is no SSH is let go."""
        if self._refusal:
            return
        if self.user is None and len(self.buf) + len(data) > MOST_BEFORE_LOGIN:
            self.refuse("it sent too much before it had logged in")
            return
        if self.user is not None and self._clock is not None:
            self._clock.reset(IDLE)
        try:
            super().dataReceived(data)
        # What bad input makes conch raise is not documented.
        except Exception as error:
            if self.user is not None:
                self.factory.defect(error)
            self.refuse("what it sent cannot be understood")

    def refuse(self, why: str) -> None:
        """Let the client go at once, for C{why}."""
        self._refusal = self._refusal or why
        self.transport.abortConnection()

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Part with the client, whom conch does not want any longer for the reason C{desc}."""
        self._refusal = self._refusal or desc.decode("utf-8", "replace")[:_LONGEST_REASON]
        super().sendDisconnect(reason, desc)

    def loggedIn(self, user: str) -> None:
        """It is C{user}, who from now on has more time."""
        self.user = user
        if self._clock is not None:
            self._clock.reset(IDLE)

    def sendExtInfo(self, extensions: list[tuple[bytes, bytes]]) -> None:
        """Say how clients may sign; conch names the kind of our host key alone (RFC 8308 3.1)."""
        _ = extensions
        accepted = b",".join(name for names in SIGNATURES.values() for name in names)
        super().sendExtInfo([(b"server-sig-algs", accepted)])

    def _late(self) -> None:
        self._clock = None
        if self.user is None:
            self.refuse(f"it had not logged in after {LOGIN_WITHIN:g} s")
        else:
            self.refuse(f"nothing was heard of it for {IDLE / 60:g} minutes")

    @property
    def silent(self) -> bool:
        """True when the client has said nothing at all, as one that only looks for open ports."""
        return not (self.gotVersion or self.buf or self._refusal)

    @property
    def refusal(self) -> str:
        """Why the client was let go, or did not come in; empty for one who left by himself."""
        if self.user is not None:
            return self._refusal
        if self.denied is not None:
            return self.denied[1]
        return self._refusal or "it left without having logged in"

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        """The client is gone."""
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        super().connectionLost(reason)
        self.factory.leave(self)


def addressOf(peer: Any) -> str:
    """C{"address:port"} of the other side, or C{"unix"}."""
    host = getattr(peer, "host", None)
    return "unix" if host is None else f"{host}:{peer.port}"
