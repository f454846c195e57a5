"""A DICOM server: dcmtk's storescp, one for each association, as a super server would start it.

storescp itself can only listen on every address of the machine; here nothing leaves loopback.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys


def serve(host: str) -> None:
    """Accept at C{host}, on a port of the kernel's choice that is told, until it is ended."""
    argv = ["storescp", "--inetd", "--ignore", "--quiet"]
    running: list[subprocess.Popen[bytes]] = []
    with socket.create_server((host, 0), backlog=512) as server, selectors.DefaultSelector() as s:
        s.register(server, selectors.EVENT_READ)
        print(json.dumps({"port": server.getsockname()[1]}), flush=True)
        while True:
            s.select(1.0)
            server.setblocking(False)
            try:
                connection = server.accept()[0]
            except BlockingIOError:
                running = [each for each in running if each.poll() is None]
                continue
            connection.setblocking(True)
            with connection:
                running.append(subprocess.Popen(argv, stdin=connection, stdout=subprocess.DEVNULL))


if __name__ == "__main__":
    serve(json.loads(sys.argv[1])["host"])
