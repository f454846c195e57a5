"""A synthetic modality worklist and the matching of queries against it (PS3.4 C.2.2.2, annex K).

Matching is on single values, lists of UIDs, wildcards, ranges and one item of a sequence. A key
that the entries do not have does not restrict; an answer holds the keys that were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from uuid import NAMESPACE_OID, uuid5

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

STATION = "BUTTERFLY"  # the AE title that the steps are scheduled for
SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
RANGES = frozenset({"DA", "TM", "DT"})
WILDCARDS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


def entries(count: int, day: date) -> list[Dataset]:
    """C{count} scheduled ultrasound examinations of nobody on C{day}, half an hour apart."""
    return [_entry(number, day) for number in range(1, count + 1)]


def _entry(number: int, day: date) -> Dataset:
    minutes = 8 * 60 + 30 * (number - 1)
    step = Dataset()
    step.ScheduledStationAETitle = STATION
    step.ScheduledProcedureStepStartDate = f"{day:%Y%m%d}"
    step.ScheduledProcedureStepStartTime = f"{minutes // 60 % 24:02}{minutes % 60:02}00"
    step.Modality = "US"
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = "Ultrasound of a phantom"
    step.ScheduledProcedureStepID = f"STEP-{number}"
    entry = Dataset()
    entry.AccessionNumber = f"ACC-{number}"
    entry.ReferringPhysicianName = ""
    entry.PatientName = "PHANTOM^ULTRASOUND"
    entry.PatientID = f"PHANTOM-{number}"
    entry.PatientBirthDate = ""
    entry.PatientSex = ""
    study = uuid5(NAMESPACE_OID, f"butterfly-tls worklist {day} {number}").int
    entry.StudyInstanceUID = f"2.25.{study}"
    entry.RequestedProcedureDescription = "Ultrasound of a phantom"
    entry.RequestedProcedureID = f"PROC-{number}"
    entry.ScheduledProcedureStepSequence = [step]
    return entry


def answers(query: Dataset, worklist: list[Dataset]) -> Iterator[Dataset]:
    """What to answer C{query} with: the matching entries, each with the keys asked for."""
    for entry in worklist:
        if matches(query, entry):
            yield project(query, entry)


def _keys(query: Dataset) -> Iterator[DataElement]:
    """What C{query} asks for: without its character set and old group lengths."""
    return (key for key in query if key.tag != SPECIFIC_CHARACTER_SET and key.tag.element != 0x0000)


def matches(query: Dataset, entry: Dataset) -> bool:
    """True when C{entry} matches each key of C{query}."""
    return all(_matches(key, entry) for key in _keys(query))


def _matches(key: DataElement, entry: Dataset) -> bool:
    found = entry.get(key.tag)
    if found is None:
        return True
    if key.VR == "SQ":
        return not key.value or any(matches(key.value[0], item) for item in found.value)
    wanted = _text(key.value)
    # Universal matching; a lone asterisk also matches what has no value.
    return wanted in ("", "*") or _valueMatches(key.VR, wanted, _text(found.value))


def _text(value: object) -> str:
    """A value as the text it is on the wire."""
    if value is None:
        return ""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value).strip()
    return "\\".join(str(part).strip() for part in value)


def _valueMatches(representation: str, wanted: str, found: str) -> bool:
    if not found:
        return False
    if representation in RANGES and "-" in wanted:
        first, _, last = wanted.partition("-")
        # A shorter end means the whole of it: 20240131 holds all that begins with it.
        return first <= found and (not last or found[: len(last)] <= last)
    if representation == "UI":
        return found in wanted.split("\\")
    if representation == "PN":
        wanted, found = wanted.casefold().rstrip("^="), found.casefold()
    if representation in WILDCARDS and ("*" in wanted or "?" in wanted):
        return fnmatchcase(found, wanted.replace("[", "[[]"))
    return found == wanted


def project(query: Dataset, entry: Dataset) -> Dataset:
    """The attributes of C{entry} that C{query} asks for; empty where C{entry} has none."""
    answer = Dataset()
    for key in _keys(query):
        found = entry.get(key.tag)
        if found is None:
            answer.add(DataElement(key.tag, key.VR, [] if key.VR == "SQ" else None))
        elif key.VR == "SQ" and key.value and len(key.value[0]):
            items = [project(key.value[0], item) for item in found.value]
            answer.add(DataElement(key.tag, "SQ", items))
        else:
            answer.add(found)
    return answer
