"""The demo's ultrasound scanner: calls a PACS through the appliance, over TLS.

It stands for the modality, and knows nothing of the programs behind the ports that it calls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from time import perf_counter

from attrs import frozen
from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification

from appliance.cli.association import (
    Destination,
    LostError,
    associated,
    clientContext,
    protection,
)
from appliance.cli.progress import Progress
from appliance.cli.report import Step
from appliance.cli.store import StoredObject, deliver
from appliance.cli.worklist import STATION

TIMEOUT = 20.0  # seconds without any progress


@frozen
class Scanner:
    """Whom to call for what; C{certificate} is the one that the appliance must have.

    Each call raises L{appliance.cli.association.AssociationError} when it fails.
    """

    host: str
    certificate: Path
    storePort: int
    worklistPort: int

    def destination(self, port: int) -> Destination:
        """Where and how to call the appliance, whose certificate is verified."""
        return Destination(
            host=self.host,
            port=port,
            called="PACS",
            calling=STATION,
            tls=clientContext(ca=str(self.certificate)),
            timeout=TIMEOUT,
        )

    def echo(self) -> str:
        """Ask whether the PACS is there (C-ECHO); says how the connection was protected."""
        contexts = [build_context(Verification)]
        with associated(self.destination(self.storePort), contexts) as association:
            if association.send_c_echo().get("Status") != 0:
                raise LostError("the echo was not answered with success")
            return protection(association)

    def store(self, objects: Sequence[StoredObject]) -> Iterator[tuple[StoredObject, Step]]:
        """Send C{objects} (C-STORE); yields each with its step, as it is answered."""
        progress = Progress(sum(each.size for each in objects), sys.stdout)
        begun = perf_counter()
        for each, outcome in deliver(self.destination(self.storePort), objects, progress):
            now = perf_counter()
            yield each, Step(f"  {each}", outcome.status, now - begun, outcome.good)
            begun = now

    def worklist(self) -> int:
        """The number of today's examinations that are scheduled for us (C-FIND)."""
        scheduled = Dataset()
        scheduled.ScheduledStationAETitle = STATION
        scheduled.ScheduledProcedureStepStartDate = f"{date.today():%Y%m%d}"
        scheduled.Modality = "US"
        query = Dataset()
        query.PatientName = ""
        query.PatientID = ""
        query.ScheduledProcedureStepSequence = [scheduled]
        model = ModalityWorklistInformationFind
        with associated(self.destination(self.worklistPort), [build_context(model)]) as association:
            answers = list(association.send_c_find(query, model))
        return sum(1 for status, found in answers if found is not None)
