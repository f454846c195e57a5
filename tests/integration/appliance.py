"""The appliance as a process of its own, started as a user would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.cli.child import Child, environment, running
from tests import material as m

TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
"""C{twistd} of this interpreter, whatever its file is called (Debian's is C{twistd3})."""

READY = 20.0
"""Seconds that the appliance may take to serve."""

GUIDE = """\
sslVersion = TLSv1.2

[DICOM STORE]
accept = {host}{store}
connect = 127.0.0.1:{pacs}
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem

[DICOM DMWL]
accept = {host}{worklist}
connect = 127.0.0.1:{pacs}
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem
"""


def keyPair(directory: Path) -> None:
    """What the cloud's Generate button gives: two files, one oddly spelt."""
    m.write(directory, "Butterfly_SCP", m.server())


def section(accept: object, connect: object, *more: str, name: str = "DICOM STORE") -> str:
    """One section with the certificate of L{keyPair}."""
    lines = [
        f"[{name}]",
        f"accept = 127.0.0.1:{accept}",
        f"connect = 127.0.0.1:{connect}",
        "cert = Butterfly_SCP_Cert.pem",
        "key = Butterfly_SCP_key.pem",
        *more,
    ]
    return "\n".join(lines) + "\n"


def configure(directory: Path, text: str) -> Path:
    """Write C{text} as the configuration file."""
    path = directory / "butterfly-tls.conf"
    path.write_text(text)
    return path


@contextmanager
def serving(directory: Path, text: str, level: int = 6) -> Iterator[Child]:
    """The appliance with the configuration C{text}, once it serves.

    Unless C{text} says otherwise, connections that are open at its end are not waited for.
    """
    path = configure(directory, f"debug = {level}\ndrainTimeout = 0\n{text}")
    command = [*TWISTD, "-n", "--pidfile=", "butterfly-tls", "--config", str(path)]
    with running("the appliance", command, directory) as child:
        child.waitFor(r"Accepting new connections", READY)
        yield child


def start(
    directory: Path, *plugin: str, twistd: tuple[str, ...] = ("-n",)
) -> subprocess.CompletedProcess[str]:
    """Start the appliance where it is bound to end by itself."""
    command = [*TWISTD, *twistd, "butterfly-tls", *plugin]
    return subprocess.run(
        command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=60
    )


def descriptors(pid: int) -> int:
    """How many descriptors the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
