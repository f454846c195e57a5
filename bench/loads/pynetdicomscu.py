"""A DICOM client: pynetdicom sends one object over and over in one association."""

from __future__ import annotations

import time
from typing import Any

from bench.loads.wire import Steps, main, specified


def load(spec: dict[str, Any]) -> Steps:
    """Each step sends the file C{path} C{count} times in an association of its own."""
    from pydicom import dcmread
    from pynetdicom import AE

    data, tls = dcmread(spec["path"]), specified(spec)
    ae = AE("BENCH")
    ae.add_requested_context(data.SOPClassUID, data.file_meta.TransferSyntaxUID)
    step = yield {}
    while True:
        start, stored = time.monotonic(), 0
        arguments = (tls, None) if tls else None
        association = ae.associate(spec["host"], spec["port"], tls_args=arguments)
        for number in range(step["count"]):
            data.SOPInstanceUID = f"{spec['root']}.{number}"
            status = association.send_c_store(data)
            stored += "Status" in status and status.Status == 0
        association.release()
        step = yield {"seconds": time.monotonic() - start, "stored": stored}


if __name__ == "__main__":
    main(load)
