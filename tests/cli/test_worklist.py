"""Tests for L{appliance.cli.worklist}."""

from __future__ import annotations

from datetime import date

from pydicom.dataset import Dataset
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.worklist import STATION, answers, entries

DAY = date(2024, 2, 29)


def asked(**keys: object) -> Dataset:
    """A query with C{keys}; those of the scheduled step begin with C{step_}."""
    query, step = Dataset(), Dataset()
    for name, value in keys.items():
        if name.startswith("step_"):
            setattr(step, name.removeprefix("step_"), value)
        else:
            setattr(query, name, value)
    query.ScheduledProcedureStepSequence = [step]
    return query


class MatchingTests(SynchronousTestCase):
    """Which of the worklist's entries answer a query."""

    def found(self, query: Dataset) -> int:
        """How many of four entries match C{query}."""
        return len(list(answers(query, entries(4, DAY))))

    def test_everything(self) -> None:
        """Empty keys, and no keys at all, match every entry."""
        self.assertEqual(self.found(Dataset()), 4)
        self.assertEqual(self.found(asked(PatientName="", step_Modality="")), 4)
        self.assertEqual(self.found(asked(PatientName="*", AccessionNumber="*")), 4)

    def test_scanner(self) -> None:
        """The usual query of a scanner: its AE title, its modality, today."""
        usual = asked(
            step_ScheduledStationAETitle=STATION,
            step_Modality="US",
            step_ScheduledProcedureStepStartDate="20240229",
        )
        self.assertEqual(self.found(usual), 4)

    def test_others(self) -> None:
        """Another AE title, modality or day matches nothing."""
        self.assertEqual(self.found(asked(step_ScheduledStationAETitle="CT1")), 0)
        self.assertEqual(self.found(asked(step_Modality="CT")), 0)
        self.assertEqual(self.found(asked(step_ScheduledProcedureStepStartDate="20240301")), 0)

    def test_dateRange(self) -> None:
        """A range of dates includes both ends, and may be open at one."""
        for wanted, number in (
            ("20240228-20240301", 4),
            ("20240229-20240229", 4),
            ("20240229-", 4),
            ("-20240229", 4),
            ("20240301-", 0),
            ("-20240228", 0),
        ):
            query = asked(step_ScheduledProcedureStepStartDate=wanted)
            self.assertEqual(self.found(query), number, wanted)

    def test_timeRange(self) -> None:
        """A range of times holds what begins in it."""
        query = asked(step_ScheduledProcedureStepStartTime="0830-0900")
        self.assertEqual(self.found(query), 2)

    def test_wildcards(self) -> None:
        """An asterisk stands for any text, a question mark for one character."""
        self.assertEqual(self.found(asked(PatientID="PHANTOM-*")), 4)
        self.assertEqual(self.found(asked(PatientID="PHANTOM-?")), 4)
        self.assertEqual(self.found(asked(PatientID="PHANTOM-??")), 0)
        self.assertEqual(self.found(asked(PatientID="PHANTOM-2")), 1)
        self.assertEqual(self.found(asked(PatientID="[P]HANTOM-*")), 0)

    def test_name(self) -> None:
        """A name matches whatever its case."""
        self.assertEqual(self.found(asked(PatientName="phantom^*")), 4)
        self.assertEqual(self.found(asked(PatientName="Phantom^Ultrasound")), 4)
        self.assertEqual(self.found(asked(PatientName="Other*")), 0)

    def test_listOfIdentifiers(self) -> None:
        """A list of UIDs matches each of them."""
        studies = [entry.StudyInstanceUID for entry in entries(4, DAY)]
        self.assertEqual(self.found(asked(StudyInstanceUID=studies[:2])), 2)

    def test_unknownKey(self) -> None:
        """A key that no entry has does not restrict, and comes back empty."""
        query = asked(InstitutionName="Somewhere", SpecificCharacterSet="ISO_IR 192")
        first, *others = answers(query, entries(4, DAY))
        self.assertEqual(len(others), 3)
        self.assertFalse(first.InstitutionName)
        self.assertNotIn("SpecificCharacterSet", first)

    def test_answer(self) -> None:
        """An answer has the keys that were asked for and no others, within the step too."""
        (answer,) = answers(asked(PatientID="", step_Modality=""), entries(1, DAY))
        self.assertEqual(
            [each.keyword for each in answer], ["PatientID", "ScheduledProcedureStepSequence"]
        )
        (step,) = answer.ScheduledProcedureStepSequence
        self.assertEqual([each.keyword for each in step], ["Modality"])

    def test_wholeStep(self) -> None:
        """Who asks for the step as a whole gets all of it."""
        query = Dataset()
        query.ScheduledProcedureStepSequence = []
        (answer,) = answers(query, entries(1, DAY))
        (step,) = answer.ScheduledProcedureStepSequence
        self.assertEqual(step.ScheduledStationAETitle, STATION)
