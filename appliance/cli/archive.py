"""What the embedded PACS does: takes objects in and answers worklist queries, on pynetdicom.

It keeps a data set exactly as it was sent and never reads what it says about a patient; C{tell}
gets one line per association and per request, of SOP classes, sizes and statuses only.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from attrs import define, field
from pydicom.dataset import Dataset
from pynetdicom import (
    AE,
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    evt,
)
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification
from pynetdicom.transport import ThreadedAssociationServer

from appliance.cli.progress import inWords
from appliance.cli.worklist import answers, entries

SUCCESS, PENDING, CANCEL = 0x0000, 0xFF00, 0xFE00  # PS3.7 annex C
OUT_OF_RESOURCES, INVALID_INSTANCE, CANNOT_UNDERSTAND = 0xA700, 0x0117, 0xC000
LONGEST_PDU = 131072  # bytes; fewer, larger PDUs are cheaper, and dcmtk sends no longer ones
MOST_ASSOCIATIONS = 100
SAFE_UID = re.compile(r"[0-9.]{1,64}")  # no file name but a harmless one


@define
class Archive:
    """An embedded PACS: storage, verification and modality worklist.

    With C{directory} None the objects are counted and dropped. The counts are of this run;
    C{stored} and C{octets} of what was answered with success.
    """

    title: str
    directory: Path | None
    worklist: int
    tell: Callable[[str], None]
    associations: int = field(default=0, init=False)
    stored: int = field(default=0, init=False)
    octets: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def listen(self, host: str, port: int, *, strict: bool = False) -> ThreadedAssociationServer:
        """Start to serve, on threads of pynetdicom's; C{strict} refuses other called AE titles.

        @raise OSError: The address cannot be had.
        """
        entity = AE(self.title)
        entity.require_called_aet = strict
        entity.maximum_associations = MOST_ASSOCIATIONS
        entity.maximum_pdu_size = LONGEST_PDU
        entity.add_supported_context(Verification)
        entity.add_supported_context(ModalityWorklistInformationFind)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
        handlers = [
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_RELEASED, self._ended, ["released"]),
            (evt.EVT_ABORTED, self._ended, ["aborted"]),
            (evt.EVT_REJECTED, self._ended, ["rejected"]),
        ]
        return entity.start_server((host, port), block=False, evt_handlers=handlers)

    def summary(self) -> str:
        """What happened in this run, as one line."""
        return (
            f"{self.associations} associations, {self.stored} objects stored "
            f"({inWords(self.octets)}), {self.failed} failed"
        )

    def _ended(self, event: Event, how: str) -> None:
        with self._lock:
            self.associations += 1
        peer = event.assoc.requestor
        self.tell(f"association {peer.ae_title} from {peer.address}: {how}")

    def _echo(self, event: Event) -> int:
        self.tell(f"echo from {event.assoc.requestor.ae_title}: Success")
        return SUCCESS

    def _store(self, event: Event) -> int:
        size = event.request.DataSet.getbuffer().nbytes
        status = self._keep(event)
        with self._lock:
            if status == SUCCESS:
                self.stored += 1
                self.octets += size
            else:
                self.failed += 1
        kind = f"{event.request.AffectedSOPClassUID.name}, {event.context.transfer_syntax.name}"
        words = "Success" if status == SUCCESS else f"Failure 0x{status:04X}"
        self.tell(f"store {kind}, {inWords(size)}: {words}")
        return status

    def _keep(self, event: Event) -> int:
        """Write the object as a Part 10 file, which appears under its name when it is whole."""
        instance = str(event.request.AffectedSOPInstanceUID)
        if not SAFE_UID.fullmatch(instance):
            return INVALID_INSTANCE
        if self.directory is None:
            return SUCCESS
        unfinished = self.directory / f".{instance}.{threading.get_ident()}"
        try:
            unfinished.write_bytes(event.encoded_dataset())
            os.replace(unfinished, self.directory / f"{instance}.dcm")
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            self.tell(f"cannot write into {self.directory}: {error.strerror}")
            return OUT_OF_RESOURCES
        return SUCCESS

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        found = 0
        for answer in answers(event.identifier, entries(self.worklist, date.today())):
            if event.is_cancelled:
                yield CANCEL, None
                return
            found += 1
            yield PENDING, answer
        self.tell(f"worklist query from {event.assoc.requestor.ae_title}: {found} matches")
