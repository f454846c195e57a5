"""The plain TCP server behind the terminators; it does what each client asks for.

What it receives it discards in the kernel (MSG_TRUNC), so that it costs as little as can be.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys

from bench.loads.wire import HEADER

BUFFER = memoryview(bytearray(1 << 20))
HELD: set[Conversation] = set()
TURN = 4 << 20
"""Bytes after which the next connection has its turn."""


class Conversation:
    """One connection and where it stands in the protocol of L{bench.loads.wire}."""

    def __init__(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        self._socket, self._selector = connection, selector
        self._head = b""
        self._sink = self._source = 0
        self._kind = b""
        self._events = selectors.EVENT_READ
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, self._events, self)

    def ready(self, events: int) -> None:
        """Go on as far as the socket allows."""
        try:
            if events & selectors.EVENT_READ:
                self._read()
            if events & selectors.EVENT_WRITE:
                self._write()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def close(self) -> None:
        """Forget the connection."""
        if self._events:
            self._selector.unregister(self._socket)
            self._events = 0
        self._socket.close()
        HELD.discard(self)

    def _watch(self, events: int) -> None:
        if events and self._events:
            self._selector.modify(self._socket, events, self)
        elif self._events:
            self._selector.unregister(self._socket)
        self._events = events

    def _read(self) -> None:
        done = 0
        while done < TURN:
            if self._kind == b"e":
                data = self._socket.recv(65536)
                self._socket.send(data)
                got = len(data)
            elif self._sink:
                want = min(self._sink, len(BUFFER))
                got = self._socket.recv_into(BUFFER, want, socket.MSG_TRUNC)
                self._sink -= got
                if got and not self._sink:
                    self._socket.send(b"k")
            else:
                data = self._socket.recv(HEADER.size - len(self._head))
                got = len(data)
                self._head += data
                if len(self._head) == HEADER.size:
                    self._begin(*HEADER.unpack(self._head))
                    self._head = b""
            if not got:
                self.close()
                return
            done += got
            if self._events != selectors.EVENT_READ:
                return

    def _begin(self, kind: bytes, length: int) -> None:
        self._kind = kind
        if kind == b"u":
            self._sink = length
        elif kind == b"d":
            self._source = length
            self._watch(selectors.EVENT_WRITE)
        elif kind in (b"h", b"i"):
            self._socket.send(b"k")
            if kind == b"h":
                self._watch(0)

    def _write(self) -> None:
        done = 0
        while self._source and done < TURN:
            sent = self._socket.send(BUFFER[: min(self._source, 256 * 1024)])
            self._source -= sent
            done += sent
        if not self._source:
            self._watch(selectors.EVENT_READ)


def serve(host: str) -> None:
    """Serve at C{host}, on a port of the kernel's choice that is told, until it is ended."""
    selector = selectors.DefaultSelector()
    with socket.create_server((host, 0), backlog=4096) as server:
        server.setblocking(False)
        selector.register(server, selectors.EVENT_READ)
        print(json.dumps({"port": server.getsockname()[1]}), flush=True)
        while True:
            for key, events in selector.select():
                if key.data is not None:
                    key.data.ready(events)
                    continue
                try:
                    while True:
                        accepted, _ = server.accept()
                        # Held here too: one that is not watched would else be closed.
                        HELD.add(Conversation(accepted, selector))
                except OSError:
                    # BlockingIOError: all are accepted. EMFILE: the client will time out.
                    continue


if __name__ == "__main__":
    serve(json.loads(sys.argv[1])["host"])
