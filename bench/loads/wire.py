"""What the loads have in common: steps by JSON lines, TLS clients, and the backend's protocol.

A client begins each exchange with C{KIND LENGTH} (nine bytes): C{u} sends LENGTH bytes and hears
one back, C{d} receives LENGTH bytes, C{e} has whatever it sends echoed from then on, C{h} hears
one byte and is never read again, C{i} hears one byte and idles.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Generator
from typing import Any

HEADER = struct.Struct(">cQ")
_BIND_ADDRESS_NO_PORT = 24
Steps = Generator[dict[str, Any], dict[str, Any], None]


def main(load: Callable[[dict[str, Any]], Steps]) -> None:
    """Run C{load} with the JSON of the command line, a step for each line of standard input."""
    steps = load(json.loads(sys.argv[1]))
    said = next(steps)
    try:
        while True:
            print(json.dumps(said), flush=True)
            line = sys.stdin.readline()
            if not line:
                return
            said = steps.send(json.loads(line))
    except StopIteration:
        return


def context(version: str) -> ssl.SSLContext:
    """A client that speaks C{version} alone and believes every certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    number = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[version]
    made.minimum_version = made.maximum_version = number
    return made


def connect(spec: dict[str, Any], number: int = 0) -> socket.socket:
    """A blocking TCP connection; C{number} spreads many of them over source addresses."""
    raw = socket.socket()
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    raw.bind((f"127.0.1.{number // 2000 + 1}", 0))
    raw.settimeout(30)
    raw.connect((spec["host"], spec["port"]))
    return raw


def dial(
    spec: dict[str, Any],
    tls: ssl.SSLContext | None,
    number: int = 0,
    session: ssl.SSLSession | None = None,
) -> socket.socket:
    """A connection of C{spec}, in TLS unless C{tls} is C{None}."""
    raw = connect(spec, number)
    if tls is None:
        return raw
    return tls.wrap_socket(raw, session=session)


def specified(spec: dict[str, Any]) -> ssl.SSLContext | None:
    """The TLS context of C{spec}; C{None} where it asks for plain TCP."""
    return context(spec["version"]) if spec.get("version") else None


def begin(connection: socket.socket, kind: bytes, length: int = 0) -> None:
    """Say what is to come."""
    connection.sendall(HEADER.pack(kind, length))
