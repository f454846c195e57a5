"""DICOM objects as bytes, written by hand (PS3.10): no patient, no library, any size."""

from __future__ import annotations

import struct
from hashlib import sha256
from itertools import count
from pathlib import Path

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
ROOT = "1.2.826.0.1.3680043.10.1604"
"""A prefix for the UIDs of tests."""

_numbers = count(1)
_LONG = {"OB", "OW", "UN"}


def element(group: int, number: int, vr: str, value: bytes | str) -> bytes:
    """One element, Explicit VR Little Endian (PS3.5 7.1.2)."""
    data = value.encode("ascii") if isinstance(value, str) else value
    if len(data) % 2:
        data += b"\0" if vr in ("UI", "OB") else b" "
    header = struct.pack("<HH2s", group, number, vr.encode())
    length = struct.pack("<HI", 0, len(data)) if vr in _LONG else struct.pack("<H", len(data))
    return header + length + data


def dataSet(pixels: bytes) -> bytes:
    """A synthetic ultrasound image's data set, 8 bit, as one row of pixels after the other."""
    number = next(_numbers)
    rows, columns = 64, 64
    frames = max(1, len(pixels) // (rows * columns))
    u16 = struct.Struct("<H").pack
    return b"".join(
        (
            element(0x0008, 0x0016, "UI", US_IMAGE),
            element(0x0008, 0x0018, "UI", f"{ROOT}.3.{number}"),
            element(0x0008, 0x0060, "CS", "US"),
            element(0x0010, 0x0010, "PN", "PHANTOM^ULTRASOUND"),
            element(0x0010, 0x0020, "LO", "PHANTOM-1"),
            element(0x0020, 0x000D, "UI", f"{ROOT}.1"),
            element(0x0020, 0x000E, "UI", f"{ROOT}.2"),
            element(0x0028, 0x0002, "US", u16(1)),
            element(0x0028, 0x0004, "CS", "MONOCHROME2"),
            element(0x0028, 0x0008, "IS", str(frames)),
            element(0x0028, 0x0010, "US", u16(rows)),
            element(0x0028, 0x0011, "US", u16(columns)),
            element(0x0028, 0x0100, "US", u16(8)),
            element(0x0028, 0x0101, "US", u16(8)),
            element(0x0028, 0x0102, "US", u16(7)),
            element(0x0028, 0x0103, "US", u16(0)),
            element(0x7FE0, 0x0010, "OB", pixels),
        )
    )


def part10(data: bytes) -> bytes:
    """A Part 10 file around a data set."""
    instance = data.split(f"{ROOT}.3.".encode(), 1)[1].split(b"\0", 1)[0].split(b"\x08", 1)[0]
    meta = b"".join(
        (
            element(0x0002, 0x0001, "OB", b"\0\1"),
            element(0x0002, 0x0002, "UI", US_IMAGE),
            element(0x0002, 0x0003, "UI", f"{ROOT}.3.{instance.decode()}"),
            element(0x0002, 0x0010, "UI", EXPLICIT_LE),
            element(0x0002, 0x0012, "UI", f"{ROOT}.4"),
        )
    )
    length = element(0x0002, 0x0000, "UL", struct.pack("<I", len(meta)))
    return b"\0" * 128 + b"DICM" + length + meta + data


def write(directory: Path, number: int, size: int) -> list[Path]:
    """Write C{number} objects of C{size} bytes of pixels each."""
    directory.mkdir(exist_ok=True)
    paths = []
    for each in range(number):
        block = bytes((each + k) % 251 for k in range(4096))
        pixels = (block * (size // len(block) + 1))[:size]
        path = directory / f"{each:04d}.dcm"
        path.write_bytes(part10(dataSet(pixels)))
        paths.append(path)
    return paths


def digest(path: Path) -> str:
    """A digest of the data set in a Part 10 file: what C-STORE transfers."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 140)
    return sha256(data[144 + length :]).hexdigest()
