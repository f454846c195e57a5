"""A PACS on pynetdicom that answers as a test tells it.

It needs pynetdicom, and so does every module that imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
from pynetdicom import AE, build_context, evt
from pynetdicom import sop_class as s

from tests.integration.truth import Accounts
from tests.objects import ROOT
from tests.peers import awaitThat

TITLE = "ARCHIVE"
STORES = (
    s.CTImageStorage,
    s.UltrasoundImageStorage,
    s.UltrasoundMultiFrameImageStorage,
    s.SecondaryCaptureImageStorage,
)
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
FIND = s.StudyRootQueryRetrieveInformationModelFind
GET = s.StudyRootQueryRetrieveInformationModelGet
MOVE = s.StudyRootQueryRetrieveInformationModelMove
MPPS = s.ModalityPerformedProcedureStep
PRINT = s.BasicGrayscalePrintManagementMeta
COMMITMENT = s.StorageCommitmentPushModel
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"


def instance(
    number: int, size: int, kind: UID = s.CTImageStorage, syntax: UID = ImplicitVRLittleEndian
) -> Dataset:
    """An object of nobody's with C{size} bytes of pixels."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = kind, f"{ROOT}.5.{number}"
    dataset.Modality = "OT"
    pixels = bytes(at % 251 for at in range(size))
    encapsulated = syntax == JPEGBaseline8Bit
    dataset.add_new(0x7FE00010, "OB", encapsulate([pixels]) if encapsulated else pixels)
    dataset["PixelData"].is_undefined_length = encapsulated
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def identifier(size: int = 0) -> Dataset:
    """A query, or what matches one, with C{size} bytes to tell answers apart by length."""
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.StudyInstanceUID = f"{ROOT}.6"
    dataset.ImageComments = "x" * size
    return dataset


class Archive:
    """The PACS; C{accounts} is its own count.

    C{answers} has the statuses of final answers to come, by the calling title, and success after
    these; C{matches} how many answers a query or a retrieval has, the last of which waits for the
    client to give up if it C{holds}.
    """

    def __init__(self, port: int) -> None:
        self.accounts = Accounts()
        self.answers: dict[str, list[int]] = {}
        self.matches = 3
        self.holds = False
        self.destination = 0
        self.entity = AE(TITLE)
        self.entity.maximum_associations = 100
        self.entity.acse_timeout = self.entity.dimse_timeout = self.entity.network_timeout = 20
        for kind in (s.Verification, FIND, MOVE, GET, MPPS, COMMITMENT, PRINT):
            self.entity.add_supported_context(kind, scu_role=True, scp_role=True)
        for kind in STORES:
            self.entity.add_supported_context(kind, SYNTAXES, scu_role=True, scp_role=True)
        handlers = [
            *self.accounts.handlers,
            (evt.EVT_C_ECHO, self._answer),
            (evt.EVT_C_STORE, self._answer),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_N_CREATE, self._managed),
            (evt.EVT_N_SET, self._managed),
            (evt.EVT_N_GET, self._managed),
            (evt.EVT_N_ACTION, self._managed),
            (evt.EVT_N_EVENT_REPORT, self._managed),
            (evt.EVT_N_DELETE, self._answer),
        ]
        self.server = self.entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=handlers
        )

    def _status(self, event: Any) -> int:
        answers = self.answers.get(event.assoc.requestor.ae_title)
        return answers.pop(0) if answers else 0x0000

    def _answer(self, event: Any) -> int:
        status = self._status(event)
        if status == ABORT:
            event.assoc.abort()
        elif status == VANISH:
            event.assoc.dul.socket.close()
        return status

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        final = self._status(event)
        if final:
            yield final, None
            return
        for number in range(self.matches):
            if event.is_cancelled or (self.holds and number == self.matches - 1 and givenUp(event)):
                yield 0xFE00, None
                return
            yield 0xFF00 + number % 2, identifier(number % 100)

    def _get(self, event: Any) -> Iterator[Any]:
        yield self.matches
        final = self._status(event)
        for number in range(self.matches):
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield (final or 0xFF00), instance(number, 500 * number)

    def _move(self, event: Any) -> Iterator[Any]:
        contexts = [build_context(instance(0, 0).SOPClassUID, ImplicitVRLittleEndian)]
        yield "127.0.0.1", self.destination, {"contexts": contexts}
        yield self.matches
        for number in range(self.matches):
            yield 0xFF00, instance(number, 500 * number)

    def _managed(self, event: Any) -> tuple[int, Dataset | None]:
        status = self._status(event)
        return status, None if status else identifier(30)


def givenUp(event: Any) -> bool:
    """True once the client gives the query up, which pynetdicom does not hear while it answers."""
    awaitThat(lambda: event.is_cancelled)
    return True


ABORT, VANISH = -1, -2
"""In place of a status: the archive aborts the association, or its socket is gone."""


@contextmanager
def archive(port: int) -> Iterator[Archive]:
    """The PACS at C{port}."""
    pacs = Archive(port)
    try:
        yield pacs
    finally:
        pacs.server.shutdown()
        pacs.entity.shutdown()
