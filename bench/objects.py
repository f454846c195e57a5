"""DICOM files to send: synthetic ultrasound without a patient."""

from __future__ import annotations

from pathlib import Path

ROOT = "1.2.826.0.1.3680043.10.1604.9"
"""A prefix for the UIDs of the benchmark."""

SINGLE, MULTI = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"


def write(path: Path, rows: int, columns: int, frames: int) -> Path:
    """Write an 8 bit image, or a cine where there are several C{frames}."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MULTI if frames > 1 else SINGLE
    meta.MediaStorageSOPInstanceUID = f"{ROOT}.3.{frames}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = f"{ROOT}.4"
    data: Dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, f"{ROOT}.3.{frames}"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.2"
    data.Modality, data.PatientName, data.PatientID = "US", "PHANTOM^BENCH", "PHANTOM-9"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns, data.NumberOfFrames = rows, columns, frames
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = bytes(k * 7 % 251 for k in range(rows * columns)) * frames
    data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)
    return path
