"""A synthetic ultrasound study as DICOM files: what a scanner sends, of nobody.

Single frames and cine loops, colour and monochrome, uncompressed and JPEG baseline, with the
attributes that the US Image and US Multi-frame Image IODs ask for (PS3.3 A.6, A.7). The same seed
gives the same study, identifiers included.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TypeAlias
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from appliance import __version__
from appliance.cli.ultrasound import Fan, cine, fan, scan, tissue

Pixels: TypeAlias = NDArray[np.uint8]  # frames, rows, columns and, in colour, 3

DATE, TIME = "20240229", "101500"
FRAME_TIME = 33.33  # milliseconds
JPEG_QUALITY = 85


def study(directory: Path, *, seed: int = 1, frames: int = 64) -> tuple[Path, ...]:
    """Write the study's Part 10 files into C{directory} (made if need be) and return them.

    With the default C{frames} the uncompressed cine holds 59 MB of pixels.
    """
    directory.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    still, moving = fan(1024, 768), fan(640, 480)
    echoes = tissue(still, random)
    first, second, third = (scan(still, echoes, phase)[None] for phase in (0.0, 2.0, 4.0))
    loop = np.stack(list(cine(moving, frames, random)))
    objects = (
        ("colour", still, first, ExplicitVRLittleEndian),
        ("colour-implicit", still, second, ImplicitVRLittleEndian),
        ("monochrome", still, _grey(third), ExplicitVRLittleEndian),
        ("colour-jpeg", still, third, JPEGBaseline8Bit),
        ("cine", moving, loop, ExplicitVRLittleEndian),
        ("cine-jpeg", moving, loop, JPEGBaseline8Bit),
    )
    written = []
    for number, (name, where, pixels, transferSyntax) in enumerate(objects, start=1):
        path = directory / f"us-{number}-{name}.dcm"
        dataset = _instance(where, pixels, transferSyntax, seed, number)
        dataset.save_as(path, enforce_file_format=True)
        written.append(path)
    return tuple(written)


def _uid(seed: int, what: str) -> UID:
    """A UUID-derived UID (PS3.5 B.2) that depends on its arguments only."""
    return UID(f"2.25.{uuid5(NAMESPACE_OID, f'butterfly-tls phantom {seed} {what}').int}")


def _grey(pixels: Pixels) -> Pixels:
    return np.stack([np.asarray(Image.fromarray(frame).convert("L")) for frame in pixels])


def _instance(where: Fan, pixels: Pixels, transferSyntax: UID, seed: int, number: int) -> Dataset:
    """One whole object, ready to be written."""
    multiFrame = len(pixels) > 1
    sopClass = UltrasoundMultiFrameImageStorage if multiFrame else UltrasoundImageStorage
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transferSyntax
    dataset.SOPClassUID = sopClass
    dataset.SOPInstanceUID = _uid(seed, f"instance {number}")
    dataset.InstanceNumber = number
    _describeStudy(dataset, seed)
    _describeImage(dataset, where, colour=pixels.ndim == 4)
    if multiFrame:
        dataset.NumberOfFrames = len(pixels)
        dataset.FrameIncrementPointer = 0x00181063  # FrameTime
        dataset.FrameTime = str(FRAME_TIME)
        dataset.CineRate = round(1000 / FRAME_TIME)
    if transferSyntax.is_encapsulated:
        _putJPEG(dataset, pixels)
    else:
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW" if transferSyntax.is_implicit_VR else "OB"
    return dataset


def _describeStudy(dataset: Dataset, seed: int) -> None:
    """Patient, General Study, General Series and General Equipment modules."""
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "PHANTOM^ULTRASOUND"
    dataset.PatientID = "PHANTOM-1"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.StudyInstanceUID = _uid(seed, "study")
    dataset.StudyID = "1"
    dataset.StudyDescription = "Synthetic ultrasound"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesInstanceUID = _uid(seed, "series")
    dataset.SeriesNumber = 1
    dataset.Modality = "US"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = TIME
    dataset.Manufacturer = "Butterfly-TLS"
    dataset.ManufacturerModelName = "Phantom"
    dataset.SoftwareVersions = __version__


def _describeImage(dataset: Dataset, where: Fan, *, colour: bool) -> None:
    """US Image, Image Pixel and US Region Calibration modules."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0011" if colour else "0001"]
    dataset.PatientOrientation = ""
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.TransducerType = "CURVED LINEAR"
    dataset.UltrasoundColorDataPresent = int(colour)
    dataset.Rows, dataset.Columns = where.rows, where.columns
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    region = Dataset()
    region.RegionSpatialFormat = 1  # two-dimensional
    region.RegionDataType = 1  # tissue
    region.RegionFlags = 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1 = where.columns - 1
    region.RegionLocationMaxY1 = where.rows - 1
    region.ReferencePixelX0, region.ReferencePixelY0 = where.columns // 2, where.top
    region.ReferencePixelPhysicalValueX = region.ReferencePixelPhysicalValueY = 0.0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # centimetres
    region.PhysicalDeltaX = region.PhysicalDeltaY = 1 / where.pixelsPerCentimetre
    dataset.SequenceOfUltrasoundRegions = [region]


def _putJPEG(dataset: Dataset, pixels: Pixels) -> None:
    """Compress and encapsulate, and say so (PS3.3 C.7.6.1.1.5, PS3.5 8.2.1)."""
    frames = []
    for frame in pixels:
        stream = BytesIO()
        Image.fromarray(frame).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:2")
        frames.append(stream.getvalue())
    if dataset.SamplesPerPixel == 3:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = f"{pixels.nbytes / sum(map(len, frames)):.2f}"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
