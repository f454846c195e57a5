"""The TLS leg: one connection's records between a socket and a protocol of ours.

It stands where Twisted's own C{TLSMemoryBIOFactory} would and keeps its interfaces, with three
differences: it decrypts into one shared buffer and writes straight to the socket, so that bulk
costs little beside the cipher; it knows half-close in both ways; and it never cuts what was
received before an abrupt end. It decides nothing about certificates, timeouts or logging.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.tls.binding import (
    Outcome,
    Scratch,
    decrypt,
    drain,
    encrypt,
    feed,
    shakeHands,
    tune,
)
from appliance.tls.layer import Layer

PLAIN = Scratch(256 * 1024)
CIPHER = Scratch(256 * 1024)

WRITE_SIZE = 64 * 1024
"""Bytes encrypted before they are flushed to the socket: bounds the connection's own buffer."""

MOST_ANSWERS = 64 * 1024
"""Bytes that may wait for a peer in answer to its own TLS messages, beside any data."""

FIRST_BYTES = 16 * 1024
"""How much of what the peer said before the handshake ended is kept, to explain a failure."""


@implementer(IHalfCloseableProtocol, ITransport, IPushProducer)
class TLSWire(Layer):
    """A protocol to the L{appliance.system.wire.Wire} below, a transport to what it carries.

    The carried protocol speaks and hears plaintext, by views if it takes them, as it would of a
    L{appliance.system.wire.Wire}. Its C{handshakeCompleted} is called when it provides
    C{IHandshakeListener}. A failed handshake ends in C{connectionLost} with the C{SSL.Error};
    C{firstBytes} then still holds what the peer said.

    C{choose}, where there is one, makes another connection out of what a client says first, or
    gives C{None} to hear more of it before OpenSSL does. A client says in the clear what is in
    C{ahead} once the carried protocol is connected, and then hello.
    """

    disconnecting = False
    lost = False
    cleanEnd = False
    firstBytes = b""
    ahead = b""

    def __init__(
        self,
        carried: IProtocol,
        connection: Callable[[TLSWire], SSL.Connection],
        isClient: bool,
        choose: Callable[[bytes], SSL.Connection | None] | None = None,
    ) -> None:
        self.carried = carried
        self._makeConnection = connection
        self._isClient = isClient
        self._choose = choose
        self._unchosen = b""
        # There is none until it is needed: who says nothing costs nothing.
        self._tls: Any = None
        self._ready = False
        self._paused = False
        self._delivering = False
        self._receivedFIN = False
        self._readEnded = False
        self._writeEnded = False
        self._goodbye: Callable[[], None] | None = None
        self._unencrypted: list[bytes] = []
        self._failure: Failure | None = None
        self._answered = 0

    @property
    def connection(self) -> SSL.Connection:
        """The OpenSSL connection, for reading facts from."""
        if self._tls is None:
            self._use(self._makeConnection(self))
        return self._tls  # type: ignore[no-any-return]

    def _use(self, connection: SSL.Connection) -> None:
        self._tls = connection
        tune(connection)
        if self._isClient:
            connection.set_connect_state()
        else:
            connection.set_accept_state()

    # --- reading ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Connect the carried protocol and, as a client, say hello."""
        if self._isClient:
            self._use(self._makeConnection(self))
        self.carried.makeConnection(self)
        if self._isClient and not self.lost:
            if self.ahead:
                self.transport.write(self.ahead)
            self._shakeHands()

    def dataReceived(self, data: bytes) -> None:
        """Take ciphertext from a transport that knows no views."""
        self.viewReceived(data)

    def viewReceived(self, view: Any) -> None:
        """Take ciphertext from the socket."""
        if self._failure is not None or self._readEnded:
            return
        if not self._ready:
            self._hear(view)
            if self._unchosen:
                return
        else:
            feed(self._tls, view)
        self._deliverAll()

    def _hear(self, view: Any) -> None:
        if len(self.firstBytes) < FIRST_BYTES:
            self.firstBytes += view[: FIRST_BYTES - len(self.firstBytes)]
        if self._choose is not None:
            self._unchosen += view
            chosen = self._choose(self._unchosen)
            if chosen is None:
                return
            view, self._unchosen, self._choose = self._unchosen, b"", None
            self._use(chosen)
        elif self._tls is None:
            self._use(self._makeConnection(self))
        feed(self._tls, view)
        self._shakeHands()

    def _shakeHands(self) -> None:
        try:
            ready = shakeHands(self._tls)
        except SSL.Error:
            self._fail(Failure())
            return
        self._flush()
        if not ready:
            return
        self._ready = True
        self.firstBytes = b""
        if IHandshakeListener.providedBy(self.carried):
            self.carried.handshakeCompleted()
        self._encryptWaiting()

    def _deliverAll(self) -> None:
        """Decrypt and pass on until there is no more, or until we are paused."""
        if self._delivering or not self._ready:
            return
        self._delivering = True
        try:
            while not (self._paused or self._readEnded or self.lost or self.disconnecting):
                filled, outcome = decrypt(self._tls, PLAIN)
                if filled:
                    self._deliver(PLAIN.view[:filled])
                if outcome is Outcome.FULL:
                    continue
                if outcome is Outcome.WANT and not self._receivedFIN:
                    break
                if isinstance(outcome, SSL.Error):
                    self._fail(Failure(outcome))
                elif not self.lost:
                    self._endRead(clean=outcome is Outcome.END)
        finally:
            self._delivering = False
        self._answer()
        if self._unencrypted:
            self._encryptWaiting()

    def _deliver(self, view: memoryview) -> None:
        receive = getattr(self.carried, "viewReceived", None)
        if receive is not None:
            receive(view)
        else:
            self.carried.dataReceived(bytes(view))

    def readConnectionLost(self) -> None:
        """The peer's FIN: deliver what came before it; the other direction goes on."""
        self._receivedFIN = True
        if self._readEnded or self._failure is not None:
            self._closeIfDone()
        elif self._ready:
            self._deliverAll()
        else:
            self._fail(Failure(SSL.SysCallError(-1, "Unexpected EOF")))

    def _endRead(self, clean: bool) -> None:
        self.cleanEnd = clean
        self._readEnded = True
        if IHalfCloseableProtocol.providedBy(self.carried):
            self.carried.readConnectionLost()
        else:
            self.loseConnection()
        self._closeIfDone()

    def _fail(self, failure: Failure) -> None:
        """Say why, if TLS has an alert for it, and close; the carried protocol hears C{failure}."""
        if self._failure is None:
            self._failure = failure
            if self._tls is not None:
                self._flush()
            self._writeEnded = self.disconnecting = True
            if self.transport.unsent:
                # An alert behind what the peer does not read would never leave.
                self.abortConnection()
            else:
                self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The socket is gone; a TLS failure before that is the better reason."""
        self.lost = True
        self._unencrypted.clear()
        self.carried.connectionLost(self._failure or reason)

    # --- writing ---------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Encrypt and send C{data} (any buffer); before the handshake ends it is kept."""
        if self.lost or self._writeEnded or self._goodbye is not None:
            return
        if self._ready and not self._unencrypted:
            self._encrypt(data)
        else:
            self._unencrypted.append(bytes(data))

    def writeSequence(self, data: Any) -> None:
        """Send several pieces as one."""
        self.write(b"".join(data))

    def _encrypt(self, data: Any) -> None:
        view = memoryview(data)
        for at in range(0, len(view), WRITE_SIZE):
            try:
                encrypted = encrypt(self._tls, view[at : at + WRITE_SIZE])
            except SSL.Error:
                self._fail(Failure())
                return
            self._flush()
            if not encrypted:
                # Renegotiation (TLS 1.2): OpenSSL wants the same piece again after a read.
                pieces = [bytes(view[k : k + WRITE_SIZE]) for k in range(at, len(view), WRITE_SIZE)]
                self._unencrypted[:0] = pieces
                return

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

    def _flush(self) -> int:
        """Send the ciphertext that OpenSSL has ready; returns how many bytes that was."""
        sent, got = 0, CIPHER.size
        while got == CIPHER.size:
            got = drain(self._tls, CIPHER)
            if got:
                sent += got
                self.transport.write(CIPHER.view[:got])
        return sent

    def _answer(self) -> None:
        """Send what OpenSSL has to say to what was read: alerts, key updates."""
        said = self._flush()
        if not said:
            return
        self._answered = self._answered + said if self.transport.unsent else 0
        if self._answered > MOST_ANSWERS:
            # It makes us talk and does not listen: what waits for it would grow without end.
            self._fail(Failure(SSL.Error([("", "", "peer does not read")])))

    # --- pausing ---------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Deliver no more, and read no more of the socket."""
        self._paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Deliver what was received meanwhile, then read from the peer again."""
        self._paused = False
        self._deliverAll()
        if not self._paused:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Close, since whoever consumes us is gone."""
        self.loseConnection()

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

    def writeConnectionLost(self) -> None:
        """Our side has no more to say."""
        if IHalfCloseableProtocol.providedBy(self.carried):
            self.carried.writeConnectionLost()

    def _sayGoodbye(self) -> None:
        try:
            self._tls.shutdown()
        except SSL.Error:
            # Already broken: there is nobody to say it to.
            return
        self._flush()

    def _closeIfDone(self) -> None:
        if self._readEnded and self._writeEnded and not self.disconnecting:
            self.disconnecting = True
            self.transport.loseConnection()

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
        self.disconnecting = True
        self.transport.loseConnection()

    def dropConnection(self) -> None:
        """Close at once with a FIN and no goodbye of TLS's: what is queued is not sent."""
        if not self.lost:
            self.disconnecting = self._writeEnded = True
            self.transport.dropConnection()

    def abortConnection(self) -> None:
        """Reset the connection at once; nothing queued is sent."""
        if not self.lost:
            self.lost = True
            self.transport.abortConnection()

    # --- facts -----------------------------------------------------------------------------

    def getPeerCertificate(self) -> crypto.X509 | None:
        """The peer's own certificate, if it sent one."""
        return self.connection.get_peer_certificate()


class TLSWireFactory(Factory):
    """Puts a L{TLSWire} below each protocol of C{carried}, as C{TLSMemoryBIOFactory} does.

    A client says C{ahead} in the clear before its hello.
    """

    noisy = False

    def __init__(
        self,
        creator: IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator,
        isClient: bool,
        carried: IProtocolFactory,
        ahead: bytes = b"",
    ) -> None:
        self.carried = carried
        self.isClient = isClient
        self._ahead = ahead
        self._creator = creator
        self._connection: Callable[[Any], SSL.Connection] = (
            creator.clientConnectionForTLS  # type: ignore[union-attr]
            if isClient
            else creator.serverConnectionForTLS  # type: ignore[union-attr]
        )

    def buildProtocol(self, addr: IAddress | None) -> TLSWire | None:
        """Build the carried protocol and its wire; C{None} when the carried factory refuses."""
        carried = self.carried.buildProtocol(addr)  # type: ignore[arg-type]
        return None if carried is None else self.wire(carried)

    def wire(self, carried: IProtocol) -> TLSWire:
        """The wire for one connection."""
        choose = None if self.isClient else getattr(self._creator, "chooser", None)
        wire = TLSWire(carried, self._connection, self.isClient, choose)
        wire.ahead = self._ahead
        return wire

    def doStart(self) -> None:
        """Start the carried factory with this one."""
        super().doStart()
        self.carried.doStart()

    def doStop(self) -> None:
        """Stop the carried factory with this one."""
        self.carried.doStop()
        super().doStop()
