"""Tests for L{appliance.cli.phantom} and L{appliance.cli.ultrasound}."""

from __future__ import annotations

import subprocess
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from twisted.trial.unittest import SynchronousTestCase

from appliance.cli import ultrasound
from appliance.cli.phantom import study
from tests.peers import directoryFor, phantom, program

FRAMES = 3


class StudyTests(SynchronousTestCase):
    """The objects of a study."""

    def setUp(self) -> None:
        """Read the objects back with pydicom."""
        self.objects = [pydicom.dcmread(path) for path in phantom(FRAMES)]

    def test_kinds(self) -> None:
        """There are single frames and cines, uncompressed in both codings and as JPEG."""
        kinds = {(o.SOPClassUID.name, o.file_meta.TransferSyntaxUID.name) for o in self.objects}
        self.assertEqual(
            kinds,
            {
                ("Ultrasound Image Storage", "Explicit VR Little Endian"),
                ("Ultrasound Image Storage", "Implicit VR Little Endian"),
                ("Ultrasound Image Storage", "JPEG Baseline (Process 1)"),
                ("Ultrasound Multi-frame Image Storage", "Explicit VR Little Endian"),
                ("Ultrasound Multi-frame Image Storage", "JPEG Baseline (Process 1)"),
            },
        )

    def test_nobody(self) -> None:
        """Every object is of the phantom and of nobody else."""
        for each in self.objects:
            self.assertEqual(each.PatientName, "PHANTOM^ULTRASOUND")
            self.assertEqual(each.PatientID, "PHANTOM-1")
            self.assertEqual(each.PatientBirthDate, "")

    def test_identifiers(self) -> None:
        """One study and one series; every instance has a valid identifier of its own."""
        self.assertEqual(len({o.StudyInstanceUID for o in self.objects}), 1)
        self.assertEqual(len({o.SeriesInstanceUID for o in self.objects}), 1)
        instances = {o.SOPInstanceUID for o in self.objects}
        self.assertEqual(len(instances), len(self.objects))
        for uid in instances:
            self.assertTrue(uid.is_valid)

    def test_pixels(self) -> None:
        """Uncompressed pixels have the length that the attributes promise, and show something."""
        for each in self.objects:
            if not each.file_meta.TransferSyntaxUID.is_encapsulated:
                self.assertGreater(each.pixel_array.std(), 10)

    def test_jpeg(self) -> None:
        """Each encapsulated frame is a JPEG baseline image of the right size, in colour."""
        for each in self.objects:
            if each.file_meta.TransferSyntaxUID.is_encapsulated:
                count = int(each.get("NumberOfFrames", 1))
                frames = list(generate_frames(each.PixelData, number_of_frames=count))
                self.assertEqual(len(frames), count)
                for frame in frames:
                    image = Image.open(BytesIO(frame))
                    image.load()
                    self.assertEqual((image.size, image.mode), ((each.Columns, each.Rows), "RGB"))
                self.assertEqual(each.LossyImageCompression, "01")
                self.assertGreater(float(each.LossyImageCompressionRatio), 2)
                self.assertEqual(each.PhotometricInterpretation, "YBR_FULL_422")

    def test_cine(self) -> None:
        """A multi-frame object says how many frames it has and how long each is shown."""
        cines = [o for o in self.objects if "Multi-frame" in o.SOPClassUID.name]
        for each in cines:
            self.assertEqual(each.NumberOfFrames, FRAMES)
            self.assertEqual(each.FrameIncrementPointer, 0x00181063)
            self.assertAlmostEqual(float(each.FrameTime), 33.33)
        self.assertEqual(len(cines), 2)

    def test_calibration(self) -> None:
        """The region says in centimetres how large the image is."""
        for each in self.objects:
            (region,) = each.SequenceOfUltrasoundRegions
            self.assertEqual(region.PhysicalUnitsXDirection, 3)
            height = region.PhysicalDeltaY * (each.Rows - region.ReferencePixelY0)
            self.assertTrue(ultrasound.DEPTH < height < 1.2 * ultrasound.DEPTH)

    def test_seed(self) -> None:
        """The same seed gives the same bytes, another one other objects."""
        again = study(directoryFor(self), frames=1)
        self.assertEqual(again[0].read_bytes(), phantom(FRAMES)[0].read_bytes())
        other = study(directoryFor(self), seed=2, frames=1)
        self.assertNotEqual(
            pydicom.dcmread(other[0]).SOPInstanceUID, self.objects[0].SOPInstanceUID
        )

    @pytest.mark.real
    def test_dcmtk(self) -> None:
        """Dcmtk reads every object to its end without a complaint."""
        for path in phantom(FRAMES):
            made = subprocess.run(
                [program("dcmdump"), "-q", "--load-all", path],
                capture_output=True,
                text=True,
                errors="replace",
                check=True,
                timeout=60,
            )
            self.assertEqual(made.stderr, "")


class CineTests(SynchronousTestCase):
    """The moving picture."""

    def test_moves(self) -> None:
        """Neighbouring frames differ, and the loop has as many as were asked for."""
        where = ultrasound.fan(160, 120)
        frames = list(ultrasound.cine(where, 4, np.random.default_rng(1)))
        self.assertEqual(len(frames), 4)
        self.assertTrue((frames[0] != frames[1]).any())

    def test_fan(self) -> None:
        """Outside the fan the image is black, but for what the scanner draws around it."""
        where = ultrasound.fan(320, 240)
        image = ultrasound.scan(where, ultrasound.tissue(where, np.random.default_rng(1)), 0.0)
        outside = ~where.inside & (ultrasound.furniture(where) == 0)
        self.assertEqual(int(image[outside].max()), 0)
        self.assertGreater(int(image[where.inside].mean()), 20)
