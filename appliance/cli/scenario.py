"""The story of C{butterfly-tls demo}: an examination, through the appliance, into a small PACS.

The scanner is this process; the appliance and the PACS are programs of their own, as in life.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pynetdicom.dsutils import split_dataset

from appliance.cli.association import AssociationError
from appliance.cli.child import ChildError, environment, running
from appliance.cli.phantom import study
from appliance.cli.progress import inWords
from appliance.cli.report import Report
from appliance.cli.scanner import Scanner
from appliance.cli.store import StoredObject, readObject

HOST = "127.0.0.1"
STORE_PORT, WORKLIST_PORT = 2761, 2762  # the guide's
ENTRIES = 3  # of the worklist
READY = 20.0  # seconds that a program may take until it is ready

CERTIFICATE = "Butterfly_SCP_Cert.pem"
CONFIGURATION = "butterfly-tls.conf"
GUIDE = """\
sslVersion = TLSv1.2

[DICOM STORE]
accept = 127.0.0.1:{store}
connect = 127.0.0.1:{pacs}
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem

[DICOM DMWL]
accept = 127.0.0.1:{worklist}
connect = 127.0.0.1:{pacs}
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem
"""

BUTTERFLY_TLS = (sys.executable, "-m", "appliance.cli")


class ScenarioError(Exception):
    """Why the demo could not go on, for people."""


def play(directory: Path) -> bool:
    """Play the scenario in the empty C{directory}; true when all went well.

    @raise ScenarioError: It could not be played to its end.
    """
    report = Report()
    received = directory / "received"
    try:
        with report.step("key pair (butterfly-tls cert)"):
            makeKeyPair(directory)
        with report.step("synthetic ultrasound study") as step:
            objects = [each for each in map(readObject, study(directory / "study")) if each]
            step.detail = f"{len(objects)} objects, {inWords(sum(each.size for each in objects))}"
        pacsCommand = (*BUTTERFLY_TLS, "pacs", "--port", "0", "--worklist", str(ENTRIES), "--out")
        with running("the PACS", (*pacsCommand, str(received)), directory) as pacs:
            with report.step("PACS ready (butterfly-tls pacs)") as step:
                pacsPort = int(pacs.waitFor(r"^listening on .*:(\d+)$", READY)[1])
                step.detail = f"{HOST}:{pacsPort}"
            store, worklist = freePort(STORE_PORT), freePort(WORKLIST_PORT)
            configuration = GUIDE.format(store=store, worklist=worklist, pacs=pacsPort)
            (directory / CONFIGURATION).write_text(configuration)
            with running("the appliance", applianceCommand(), directory) as appliance:
                with report.step("appliance ready (twistd butterfly-tls)") as step:
                    for section in ("DICOM STORE", "DICOM DMWL"):
                        appliance.waitFor(rf"Service \[{section}\] serves", READY)
                    step.detail = f"{HOST}:{store} and {HOST}:{worklist}"
                scanner = Scanner(HOST, directory / CERTIFICATE, store, worklist)
                examine(scanner, objects, received, report)
    except ChildError as error:
        raise ScenarioError(str(error)) from error
    except AssociationError as error:
        raise ScenarioError(f"{error}\nthe appliance said:\n{appliance.tail()}") from error
    print(f"\nThe appliance's log:\n{appliance.tail()}\n\n{report.table()}")
    return report.good


def makeKeyPair(directory: Path) -> None:
    """Let C{butterfly-tls cert} put a key pair into C{directory}."""
    command = (*BUTTERFLY_TLS, "cert", "--name", HOST, "--out", str(directory))
    made = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise ScenarioError(f"no key pair was made; it said:\n{made.stdout}{made.stderr}")


def freePort(wanted: int) -> int:
    """C{wanted} where it can be listened at, else any free port, which is said."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
        if found != wanted:
            print(f"  port {wanted} is in use: taking {found}")
        return found
    raise ScenarioError(f"no free port on {HOST}")


def applianceCommand() -> tuple[str, ...]:
    """The appliance as a service would start it, in the foreground."""
    besidePython = Path(sys.executable).parent
    twistd = shutil.which("twistd", path=besidePython) or shutil.which("twistd3") or "twistd"
    return (twistd, "-n", "--pidfile=", "butterfly-tls", "--config", CONFIGURATION)


def examine(
    scanner: Scanner, objects: Sequence[StoredObject], received: Path, report: Report
) -> None:
    """Do what a scanner does in an examination, and look at what arrived."""
    with report.step(f"C-ECHO through port {scanner.storePort}") as step:
        step.detail = scanner.echo()
    with report.step(f"worklist query through port {scanner.worklistPort}") as step:
        found = scanner.worklist()
        step.detail = f"{found} of {ENTRIES} examinations"
        step.good = found == ENTRIES
    with report.step(f"study through port {scanner.storePort}, over TLS") as whole:
        stored = list(scanner.store(objects))
        whole.good = len(stored) == len(objects)
    whole.detail = f"{sum(each.size for each in objects) / whole.seconds / 1e6:.0f} MB/s"
    for each, step in stored:
        arrived = received / f"{each.instance}.dcm"
        identical = arrived.exists() and dataSetDigest(arrived) == dataSetDigest(each.path)
        step.good = step.good and identical
        step.detail += ", arrived identical" if identical else ", DID NOT ARRIVE IDENTICAL"
        report.add(step)


def dataSetDigest(path: Path) -> str:
    """SHA-256 of the data set in a Part 10 file, without the header that each side writes."""
    _, offset = split_dataset(path)
    with path.open("rb") as stream:
        stream.seek(offset)
        return hashlib.file_digest(stream, "sha256").hexdigest()
