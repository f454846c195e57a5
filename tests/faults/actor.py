"""A client or a PACS that goes through an association to a stage, and waits there for its fate.

The client stores one object through the appliance, the PACS behind it takes it, in the clear or
by TLS. At its stage an actor says C{at}, and then does what it is told: C{go} on to the end,
C{reset} the connection, C{fin}: say no more but listen, C{notify}: the same by TLS, C{alert}: a
fatal one in the clear, C{close}. What was stored and released it says too. It is a process of its
own so that it can be killed and stopped, made by a fork of one that has loaded all of this.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from multiprocessing.connection import Connection
from typing import Any, Final

from appliance.dicom import uids
from appliance.dicom.command import C_STORE_RQ, RESPONSE, SUCCESS, Command
from appliance.dicom.framer import Framer
from appliance.dicom.items import ProposedContext
from appliance.dicom.pdu import (
    PDU,
    AssociateAC,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from tests.integration.traffic import CONTEXT, LONGEST, accepting, message
from tests.objects import US_IMAGE

CLIENT: Final = (
    "connected",  # no byte was said
    "greeting",  # half of the ClientHello
    "handshake",  # the server has said all, our Finished is missing
    "shaken",  # nothing was asked for
    "asked",  # the association request is on its way, and nobody has answered
    "associated",  # between two PDUs
    "middle",  # in the middle of a PDU of the object
    "waiting",  # the whole object was sent, and nobody has answered
    "releasing",  # the release is asked for, and nobody has answered
)
"""The stages of a client, in their order."""

PACS: Final = (
    "listening",  # the kernel has accepted, we have not
    "accepted",  # nothing was read
    "asked",  # the association request was read, and not answered
    "associated",  # between two PDUs
    "middle",  # in the middle of a PDU of the object
    "waiting",  # the whole object was read, and not answered
    "answering",  # half of the answer was sent
    "releasing",  # the release was asked for, and not answered
)
"""The stages of a PACS."""

SECURE: Final = (
    "listening",  # the kernel has accepted, we have not
    "accepted",  # nothing was read
    "greeted",  # the ClientHello was read, and not answered
    "handshake",  # half of what a server says first
    "shaken",  # nothing but the handshake was read
    *PACS[2:],
)
"""The stages of a PACS that speaks TLS."""

ALERT: Final = b"\x15\x03\x03\0\x02\x02\x28"
"""A fatal alert in the clear: handshake_failure."""

SIZE: Final = 200_000
"""Bytes of the object."""

CUT: Final = 700
"""Bytes of the command and the object after which a PACS stops reading: within its data."""

RESET: Final = struct.pack("ii", 1, 0)

Steps = Iterator[str]

Say = Callable[[str, object], None]

Files = tuple[str, str]
"""Names of files: a certificate and its key."""


class Line:
    """A connection, in TLS or not, that can be cut off anywhere: PDUs out and in."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._framer = Framer(LONGEST)
        self._come: list[PDU] = []

    # --- TLS -------------------------------------------------------------------------------

    def shake(self) -> Steps:
        """Shake hands as a client."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._tls = context.wrap_bio(self._in, self._out)
        self._try(self._tls.do_handshake)
        hello = self._out.read()
        self.raw.sendall(hello[: len(hello) // 2])
        yield "greeting"
        self.raw.sendall(hello[len(hello) // 2 :])
        while not self._try(self._tls.do_handshake):
            self._in.write(self._received())
        yield "handshake"
        self._flush()
        yield "shaken"

    def welcome(self, files: Files) -> Steps:
        """Shake hands as a server that has its certificate and its key in C{files}."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        hello = self._received()
        yield "greeted"
        self._in.write(hello)
        while not self._try(self._tls.do_handshake):
            if flight := self._out.read():
                self.raw.sendall(flight[: len(flight) // 2])
                yield "handshake"
                self.raw.sendall(flight[len(flight) // 2 :])
            self._in.write(self._received())
        self._flush()
        yield "shaken"

    def _try(self, do: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return do(*arguments) or True
        except ssl.SSLWantReadError:
            return False

    def _flush(self) -> None:
        self.raw.sendall(self._out.read())

    def _received(self) -> bytes:
        data = self.raw.recv(65536)
        if not data:
            raise EOFError("the other end has said its last")
        return data

    def notify(self) -> None:
        """Say close_notify, and wait for nothing."""
        assert self._tls is not None
        # It is said even where something unread lies before the other side's.
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def hearOut(self) -> None:
        """Read up to the other side's close_notify: to close before that is a reset."""
        assert self._tls is not None
        with suppress(ssl.SSLZeroReturnError):
            while (found := self._try(self._tls.read)) is not True:
                if not found:
                    self._in.write(self._received())

    # --- PDUs ------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send C{data}."""
        if self._tls is None:
            self.raw.sendall(data)
        else:
            self._tls.write(data)
            self._flush()

    def read(self, most: int = 65536) -> bytes:
        """Some bytes, at most so many."""
        if self._tls is None:
            data = self.raw.recv(most)
            if not data:
                raise EOFError("the other end has said its last")
            return data
        while not (found := self._try(self._tls.read, most)):
            self._in.write(self._received())
        return bytes(found)

    def receive(self) -> PDU:
        """The next PDU."""
        while not self._come:
            self._come.extend(self._framer.feed(self.read()))
        return self._come.pop(0)


# --- the client ---------------------------------------------------------------------------------


def client(port: int, stage: str, say: Say, files: Files | None = None) -> tuple[Line, Steps]:
    """A client of the appliance at C{port}; by its own title the PACS knows its C{stage}."""
    raw = socket.create_connection(("127.0.0.1", port))
    say("from", raw.getsockname()[1])
    line = Line(raw)
    return line, _client(line, stage, say)


def _client(line: Line, stage: str, say: Say) -> Steps:
    yield "connected"
    yield from line.shake()
    proposed = ProposedContext(CONTEXT, US_IMAGE, (uids.EXPLICIT_VR_LITTLE_ENDIAN,))
    line.send(AssociateRQ("ARCHIVE", stage.upper(), (proposed,)).encode())
    yield "asked"
    expect(line.receive(), AssociateAC)
    yield "associated"
    data = os.urandom(SIZE)
    command = Command(C_STORE_RQ, US_IMAGE, messageID=1, hasDataSet=True)
    whole = b"".join(pdu.encode() for pdu in message(command, data))
    line.send(whole[: len(whole) // 2])
    yield "middle"
    line.send(whole[len(whole) // 2 :])
    yield "waiting"
    answer = line.receive()
    expect(answer, PDataTF)
    assert isinstance(answer, PDataTF)
    response = Command.decode(b"".join(value.data for value in answer.values))
    if (response.respondedTo, response.status) == (1, SUCCESS):
        say("stored", sha256(data).hexdigest())
    line.send(ReleaseRQ().encode())
    yield "releasing"
    expect(line.receive(), ReleaseRP)
    say("released", True)
    line.hearOut()


def expect(pdu: PDU, kind: type[PDU]) -> None:
    """Raise C{EOFError} unless C{pdu} is of C{kind}."""
    if not isinstance(pdu, kind):
        raise EOFError(f"{pdu} instead of {kind.__name__}")


# --- the PACS -----------------------------------------------------------------------------------


def pacs(port: int, stage: str, say: Say, files: Files | None = None) -> tuple[Line, Steps]:
    """The PACS at C{port}, for one association; with C{files} it speaks TLS."""
    server = socket.create_server(("127.0.0.1", port))
    say("listens", True)
    # The kernel accepts by itself: wait until somebody is there.
    select.select([server], [], [])
    line = Line(server)
    return line, _pacs(line, server, say, files)


def _pacs(line: Line, server: socket.socket, say: Say, files: Files | None) -> Steps:
    yield "listening"
    line.raw, _ = server.accept()
    server.close()
    yield "accepted"
    if files is not None:
        yield from line.welcome(files)
    request = line.receive()
    expect(request, AssociateRQ)
    assert isinstance(request, AssociateRQ)
    yield "asked"
    line.send(accepting(request).encode())
    yield "associated"
    kept = b""
    while len(kept) < CUT:
        kept += line.read(CUT - len(kept))
    yield "middle"
    line._come.extend(line._framer.feed(kept))
    data, last = b"", False
    while not last:
        pdu = line.receive()
        expect(pdu, PDataTF)
        assert isinstance(pdu, PDataTF)
        for value in pdu.values:
            if not value.command:
                data, last = data + value.data, value.last
    yield "waiting"
    say("received", sha256(data).hexdigest())
    done = Command(C_STORE_RQ | RESPONSE, US_IMAGE, respondedTo=1, status=SUCCESS)
    answer = b"".join(pdu.encode() for pdu in message(done))
    line.send(answer[: len(answer) // 2])
    yield "answering"
    line.send(answer[len(answer) // 2 :])
    expect(line.receive(), ReleaseRQ)
    yield "releasing"
    line.send(ReleaseRP().encode())
    say("released", True)


# --- fate ---------------------------------------------------------------------------------------


def suffer(line: Line, fate: str) -> None:
    """Let C{fate} happen to the connection of C{line}."""
    if fate == "reset":
        line.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        line.raw.close()
    elif fate == "close":
        line.raw.close()
    elif fate == "fin":
        line.raw.shutdown(socket.SHUT_WR)
    elif fate == "notify":
        line.notify()
    elif fate == "alert":
        line.raw.sendall(ALERT)


def act(pipe: Connection, who: str, port: int, stage: str, files: Files | None) -> None:
    """Be a C{"client"} or a C{"pacs"} up to C{stage}; words go over C{pipe}."""
    # A terminal's interrupt is for the tests, which end us themselves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def say(word: str, fact: object) -> None:
        pipe.send((word, fact))

    line, steps = {"client": client, "pacs": pacs}[who](port, stage, say, files)
    try:
        for step in steps:
            if step != stage:
                continue
            say("at", step)
            fate = pipe.recv()
            if fate != "go":
                suffer(line, fate)
                say("done", fate)
                pipe.recv()
    except (EOFError, OSError) as error:
        say("cut", repr(error))
    line.raw.close()
