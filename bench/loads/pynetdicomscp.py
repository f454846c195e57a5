"""A DICOM server: pynetdicom's, which takes every image and keeps none."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt


def stored(_event: Any) -> int:
    """Say that all is well."""
    return 0x0000


def serve(host: str) -> None:
    """Serve at C{host}, on a port of the kernel's choice that is told, until it is ended."""
    ae = AE("BENCH")
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    handlers = [(evt.EVT_C_STORE, stored)]
    server: Any = ae.start_server((host, 0), block=False, evt_handlers=handlers)
    print(json.dumps({"port": server.socket.getsockname()[1]}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1])["host"])
