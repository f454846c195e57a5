"""The TLS leg: one connection's records between a socket and a protocol of ours.

It stands where Twisted's own C{TLSMemoryBIOFactory} would and keeps its interfaces, with three
differences: it decrypts into one shared buffer and writes straight to the socket, so that bulk
costs little beside the cipher; it knows half-close in both ways; and it never cuts what was
received before an abrupt end. It decides nothing about certificates, timeouts or logging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import providedBy

from appliance.config.model import SocketOption
from appliance.tls.binding import Outcome, Scratch, decrypt, drain, tune
from appliance.tls.wire import Wire

PLAIN = Scratch(256 * 1024)
CIPHER = Scratch(256 * 1024)

WRITE_SIZE = 64 * 1024
"""Bytes encrypted before they are flushed to the socket: bounds the connection's own buffer."""

MOST_ANSWERS = 64 * 1024
"""Bytes that may wait for a peer in answer to its own TLS messages, beside any data."""

FIRST_BYTES = 16 * 1024
"""How much of what the peer said before the handshake ended is kept, to explain a failure."""


class TLSWire(Wire):
    """A L{Wire} whose carried protocol speaks and hears plaintext.

    The carried protocol's C{handshakeCompleted} is called when it provides
    C{IHandshakeListener}. A failed handshake ends in C{connectionLost} with the C{SSL.Error};
    C{firstBytes} then still holds what the peer said.

    C{choose}, where there is one, makes another connection out of what a client says first, or
    gives C{None} to hear more of it before OpenSSL does.
    """

    def __init__(
        self,
        carried: IProtocol,
        connection: Callable[[TLSWire], SSL.Connection],
        isClient: bool,
        options: Iterable[SocketOption] = (),
        choose: Callable[[bytes], SSL.Connection | None] | None = None,
    ) -> None:
        super().__init__(carried, options)
        self._makeConnection = connection
        self._isClient = isClient
        self._choose = choose
        self._unchosen = b""
        self._ready = False
        self._delivering = False
        self._writeEnded = False
        self._goodbye: Callable[[], None] | None = None
        self._unencrypted: list[bytes] = []
        self._failure: Failure | None = None
        self._answered = 0
        self.cleanEnd = False
        self.firstBytes = b""

    @property
    def connection(self) -> SSL.Connection:
        """The OpenSSL connection, for reading facts from."""
        return self._tls

    # --- reading ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Connect the carried protocol and, as a client, say hello."""
        self._use(self._makeConnection(self))
        super().begin()
        if not self.lost:
            self._shakeHands()

    def _use(self, connection: SSL.Connection) -> None:
        self._tls = connection
        tune(connection)
        if self._isClient:
            connection.set_connect_state()
        else:
            connection.set_accept_state()

    def dataReceived(self, data: bytes) -> None:
        """Take ciphertext from the socket."""
        self._acknowledge()
        if self._failure is not None or self._readEnded:
            return
        if not self._ready and len(self.firstBytes) < FIRST_BYTES:
            self.firstBytes += data[: FIRST_BYTES - len(self.firstBytes)]
        if self._choose is not None:
            self._unchosen += data
            chosen = self._choose(self._unchosen)
            if chosen is None:
                return
            data, self._unchosen, self._choose = self._unchosen, b"", None
            self._use(chosen)
        self._tls.bio_write(data)
        if not self._ready:
            self._shakeHands()
        self.deliverHeld()

    def _shakeHands(self) -> None:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return
        except SSL.Error:
            self._fail(Failure())
            return
        self._flush()
        self._ready = True
        self.firstBytes = b""
        if IHandshakeListener in providedBy(self.carried):
            self.carried.handshakeCompleted()  # type: ignore[attr-defined]
        self._encryptWaiting()

    def deliverHeld(self) -> None:
        """Decrypt and pass on until there is no more, or until we are paused."""
        if self._delivering or not self._ready:
            return
        self._delivering = True
        try:
            while not (self._paused or self._readEnded or self.lost or self.disconnecting):
                filled, outcome = decrypt(self._tls, PLAIN)
                if filled:
                    self.deliver(PLAIN.view[:filled])
                if outcome is Outcome.FULL:
                    continue
                if outcome is Outcome.WANT and not self._receivedFIN:
                    break
                if isinstance(outcome, SSL.Error):
                    self._fail(Failure(outcome))
                elif not self.lost:
                    self._endTLSRead(clean=outcome is Outcome.END)
        finally:
            self._delivering = False
        self._answer()
        if self._unencrypted:
            self._encryptWaiting()

    def readConnectionLost(self) -> None:
        """The peer's FIN: deliver what came before it; the other direction goes on."""
        self._receivedFIN = True
        if self._readEnded or self._failure is not None:
            self._closeIfDone()
        elif self._ready:
            self.deliverHeld()
        else:
            self._fail(Failure(SSL.SysCallError(-1, "Unexpected EOF")))

    def _endTLSRead(self, clean: bool) -> None:
        self.cleanEnd = clean
        self.endRead()
        self._closeIfDone()

    def _fail(self, failure: Failure) -> None:
        """Say why, if TLS has an alert for it, and close; the carried protocol hears C{failure}."""
        if self._failure is None:
            self._failure = failure
            self._flush()
            self._writeEnded = True
            if self._queued:
                # An alert behind what the peer does not read would never leave.
                super().abortConnection()
            else:
                super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The socket is gone; a TLS failure before that is the better reason."""
        self._unencrypted.clear()
        super().connectionLost(self._failure or reason)

    # --- writing ---------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Encrypt and send C{data} (any buffer); before the handshake ends it is kept."""
        if self.lost or self._writeEnded or self._goodbye is not None:
            return
        if self._ready and not self._unencrypted:
            self._encrypt(data)
        else:
            self._unencrypted.append(bytes(data))

    def _encrypt(self, data: Any) -> None:
        view = memoryview(data)
        for at in range(0, len(view), WRITE_SIZE):
            try:
                self._tls.send(view[at : at + WRITE_SIZE])
            except SSL.WantReadError:
                # Renegotiation (TLS 1.2): OpenSSL wants the same piece again after a read.
                pieces = [bytes(view[k : k + WRITE_SIZE]) for k in range(at, len(view), WRITE_SIZE)]
                self._unencrypted[:0] = pieces
                break
            except SSL.Error:
                self._fail(Failure())
                return
            self._flush()
        else:
            return
        self._flush()

    def _encryptWaiting(self) -> None:
        waiting, self._unencrypted = self._unencrypted, []
        while waiting and not self.lost:
            self._encrypt(waiting.pop(0))
            if self._unencrypted:
                self._unencrypted.extend(waiting)
                return
        goodbye, self._goodbye = self._goodbye, None
        if goodbye is not None:
            goodbye()

    def _flush(self) -> None:
        """Send the ciphertext that OpenSSL has ready."""
        while got := drain(self._tls, CIPHER):
            if not self.lost:
                self.send(CIPHER.view[:got])

    def _answer(self) -> None:
        """Send what OpenSSL has to say to what was read: alerts, key updates."""
        before = self._queued
        self._flush()
        self._answered += self._queued - before
        if self._answered > MOST_ANSWERS:
            # It makes us talk and does not listen: what waits for it would grow without end.
            self._fail(Failure(SSL.Error([("", "", "peer does not read")])))

    def drained(self) -> None:
        """All that was queued is with the kernel."""
        self._answered = 0
        super().drained()

    # --- ending ----------------------------------------------------------------------------

    def loseWriteConnection(self) -> None:
        """Say that no more will be written (close_notify); reading goes on."""
        if self.lost or self._writeEnded or self._goodbye is not None:
            return
        if not self._ready or self._unencrypted:
            self._goodbye = self.loseWriteConnection
            return
        self._writeEnded = True
        self._sayGoodbye()
        self.writeConnectionLost()
        self._closeIfDone()

    def _sayGoodbye(self) -> None:
        try:
            self._tls.shutdown()
        except SSL.Error:
            # Already broken: there is nobody to say it to.
            return
        self._flush()

    def _closeIfDone(self) -> None:
        if self._readEnded and self._writeEnded and not self.disconnecting:
            super().loseConnection()

    def loseConnection(self) -> None:
        """Send what is queued and close_notify, then close without waiting for the peer's."""
        if self.lost or self.disconnecting:
            return
        if self._unencrypted:
            self._goodbye = self.loseConnection
            return
        if self._ready and not self._writeEnded:
            self._writeEnded = True
            self._sayGoodbye()
        super().loseConnection()

    # --- facts -----------------------------------------------------------------------------

    def getPeerCertificate(self) -> crypto.X509 | None:
        """The peer's own certificate, if it sent one."""
        return self._tls.get_peer_certificate()


class WireFactory(Factory):
    """Puts a L{Wire} below each protocol of C{carried}: the plain leg."""

    noisy = False

    def __init__(self, carried: IProtocolFactory, options: Iterable[SocketOption] = ()) -> None:
        self.carried = carried
        self.options = tuple(options)

    def buildProtocol(self, addr: IAddress | None) -> Wire | None:
        """Build the carried protocol and its wire; C{None} when the carried factory refuses."""
        carried = self.carried.buildProtocol(addr)  # type: ignore[arg-type]
        return None if carried is None else self.wire(carried)

    def wire(self, carried: IProtocol) -> Wire:
        """The wire for one connection."""
        return Wire(carried, self.options)

    def doStart(self) -> None:
        """Start the carried factory with this one."""
        super().doStart()
        self.carried.doStart()

    def doStop(self) -> None:
        """Stop the carried factory with this one."""
        self.carried.doStop()
        super().doStop()


class TLSWireFactory(WireFactory):
    """Puts a L{TLSWire} below each protocol of C{carried}, as C{TLSMemoryBIOFactory} does."""

    def __init__(
        self,
        creator: IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator,
        isClient: bool,
        carried: IProtocolFactory,
        options: Iterable[SocketOption] = (),
    ) -> None:
        super().__init__(carried, options)
        self.isClient = isClient
        self._creator = creator
        self._connection: Callable[[Any], SSL.Connection] = (
            creator.clientConnectionForTLS  # type: ignore[union-attr]
            if isClient
            else creator.serverConnectionForTLS  # type: ignore[union-attr]
        )

    def wire(self, carried: IProtocol) -> Wire:
        """The TLS wire for one connection."""
        choose = None if self.isClient else getattr(self._creator, "chooser", None)
        return TLSWire(carried, self._connection, self.isClient, self.options, choose)
