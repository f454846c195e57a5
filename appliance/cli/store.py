"""DICOM objects in files and the C-STORE that sends them (PS3.4 annex B), byte for byte.

Nothing is decoded or transcoded: a data set leaves as it stands in its file, so each pair of SOP
class and transfer syntax gets a presentation context of its own. What an object says about a
patient is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from attrs import frozen
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, MediaStorageDirectoryStorage
from pynetdicom import _config, build_context, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS, code_to_category

from appliance.cli.association import (
    Destination,
    LostError,
    associated,
    disconnect,
    protection,
)
from appliance.cli.progress import Progress, every, inWords
from appliance.cli.steady import rouse

# pynetdicom's name for: send the file's own bytes and read them while sending.
_config.STORE_SEND_CHUNKED_DATASET = True

MOST_CONTEXTS = 128  # of an association: their identifiers are the odd numbers below 256
UID_CHARACTERS = re.compile(r"[0-9.]{1,64}")
TICK = 0.2  # seconds between two looks at the progress
ACCEPTED = ("Success", "Warning")


@frozen
class StoredObject:
    """A DICOM object in a Part 10 file; C{size} is the file's, in bytes."""

    path: Path
    instance: UID
    sopClass: UID
    transferSyntax: UID
    size: int

    @property
    def context(self) -> tuple[UID, UID]:
        """What a presentation context for it must hold."""
        return self.sopClass, self.transferSyntax

    def __str__(self) -> str:
        return f"{self.sopClass.name}, {self.transferSyntax.name}, {inWords(self.size)}"


@frozen
class Outcome:
    """What became of an object: C{status} is for people, C{good} is Success or Warning."""

    good: bool
    status: str


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The C{paths} with each directory replaced by the files below it, in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(below for below in path.rglob("*") if below.is_file())
        else:
            yield path


def readObject(path: Path) -> StoredObject | None:
    """The object in C{path}; None for a file that is no storable DICOM object.

    @raise OSError: The file cannot be read.
    """
    try:
        meta = read_file_meta_info(path)
        instance = meta.MediaStorageSOPInstanceUID
        sopClass, transferSyntax = meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
    except OSError:
        raise
    except Exception:  # pydicom has no error of its own for a header that is damaged
        return None
    if not all(map(_isUID, (instance, sopClass, transferSyntax))):
        return None
    if sopClass == MediaStorageDirectoryStorage:
        return None
    return StoredObject(path, instance, sopClass, transferSyntax, path.stat().st_size)


def _isUID(value: object) -> bool:
    """True for what can stand in a presentation context; the fine print is the PACS's to judge."""
    return isinstance(value, UID) and UID_CHARACTERS.fullmatch(value) is not None


def batches(objects: Sequence[StoredObject]) -> Iterator[list[StoredObject]]:
    """Share C{objects} out so that each batch needs no more contexts than an association has."""
    contexts = list(dict.fromkeys(each.context for each in objects))
    for start in range(0, len(contexts), MOST_CONTEXTS):
        chosen = set(contexts[start : start + MOST_CONTEXTS])
        yield [each for each in objects if each.context in chosen]


def contextsFor(objects: Iterable[StoredObject]) -> list[PresentationContext]:
    """The presentation contexts to offer for C{objects}."""
    return [build_context(*context) for context in dict.fromkeys(o.context for o in objects)]


def deliver(
    destination: Destination, objects: Sequence[StoredObject], progress: Progress
) -> Iterator[tuple[StoredObject, Outcome]]:
    """Send C{objects} in as few associations as can be; yields each one with its outcome.

    @raise AssociationError: An association could not be made or was lost; nobody knows whether
        what was not yielded was stored.
    """
    handlers = [
        (evt.EVT_DATA_SENT, lambda event: progress.advance(len(event.data))),
        (evt.EVT_DATA_RECV, lambda event: progress.touch()),  # noqa: ARG005
    ]
    for batch in batches(objects):
        with associated(destination, contextsFor(batch), handlers) as association:
            # pynetdicom counts from when an object is queued, which is too early for a large one.
            association.dimse_timeout = None
            progress.say(f"associated with {destination.called}: {protection(association)}")
            with every(TICK, partial(_watch, association, destination, progress)):
                for stored in batch:
                    try:
                        outcome = store(association, stored)
                    except LostError as lost:
                        if progress.still <= destination.timeout:
                            raise
                        why = f"nothing moved for {destination.timeout:g} s"
                        raise LostError(why) from lost
                    yield stored, outcome
        progress.clear()


def _watch(association: Association, destination: Destination, progress: Progress) -> None:
    """Draw the progress, and end an association that stands still or that is lost."""
    progress.draw()
    if progress.still > destination.timeout:
        disconnect(association)
    rouse(association)


def store(association: Association, stored: StoredObject) -> Outcome:
    """Send one object and wait for the answer.

    @raise LostError: No answer came, or the file could not be read to its end.
    """
    accepted = {(c.abstract_syntax, *c.transfer_syntax) for c in association.accepted_contexts}
    if stored.context not in accepted:
        return Outcome(False, "not accepted: the PACS does not take this type in this encoding")
    try:
        answer = association.send_c_store(stored.path)
    except OSError as error:
        raise LostError(f"a file could not be read: {error.strerror}") from error
    except RuntimeError as error:  # pynetdicom's word for an association that ended before
        raise LostError from error
    if "Status" not in answer:
        raise LostError
    category = code_to_category(answer.Status)
    if answer.Status == 0:
        return Outcome(True, category)
    _, meaning = STORAGE_SERVICE_CLASS_STATUS.get(answer.Status, (category, ""))
    words = f"{category} 0x{answer.Status:04X}"
    return Outcome(category in ACCEPTED, f"{words} ({meaning})" if meaning else words)
