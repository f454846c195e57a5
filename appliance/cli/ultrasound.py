"""Pixels of a made-up ultrasound scan: speckle in a fan, a vessel that pulsates, a depth scale.

Only pixels are made here; L{appliance.cli.phantom} puts them into DICOM objects. Nothing comes
from a patient: the echoes are random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Grey: TypeAlias = NDArray[np.uint8]  # rows, columns
Colour: TypeAlias = NDArray[np.uint8]  # rows, columns, (red, green, blue)
Echoes: TypeAlias = NDArray[np.float32]  # samples (depth), lines (angle)

DEPTH = 16.0  # centimetres from the skin to the bottom of the fan
HALF_ANGLE = 0.5  # radians to either side
PROBE_RADIUS = 0.35  # of the depth
SAMPLES, LINES = 1024, 768  # echoes along a scan line, scan lines in the fan
DYNAMIC_RANGE = 50.0  # decibels from black to white
FLOW_WINDOW = 3.0  # centimetres to either side of the middle in which flow is coloured


@frozen(eq=False)
class Fan:
    """The fan's place in an image, in pixels, and the maps between pixels and echoes.

    C{echoAt} holds for each pixel the flat index of its echo and C{inside} whether it has one;
    C{across} and C{down} are each echo's own place in centimetres.
    """

    columns: int
    rows: int
    top: int
    pixelsPerCentimetre: float
    echoAt: NDArray[np.int64]
    inside: NDArray[np.bool_]
    across: Echoes
    down: Echoes

    @property
    def bottom(self) -> int:
        """The row of the deepest echo in the middle of the fan."""
        return self.top + round(DEPTH * self.pixelsPerCentimetre)


def fan(columns: int, rows: int) -> Fan:
    """Fit a fan into an image of C{columns} by C{rows} pixels (scan conversion, nearest echo)."""
    top = rows // 16
    scale = (rows - 2 * top) / DEPTH
    probe = PROBE_RADIUS * DEPTH
    row, column = np.mgrid[0:rows, 0:columns]
    x = (column - columns / 2) / scale
    z = (row - top) / scale + probe
    depth = (np.hypot(x, z) - probe) / DEPTH
    turn = np.arctan2(x, z) / HALF_ANGLE
    inside = (depth >= 0) & (depth < 1) & (np.abs(turn) < 1)
    sample = np.where(inside, depth * SAMPLES, 0).astype(np.int64)
    line = np.where(inside, (turn + 1) / 2 * LINES, 0).astype(np.int64)
    distance = np.linspace(0, DEPTH, SAMPLES, dtype=np.float32)[:, None] + np.float32(probe)
    angle = np.linspace(-HALF_ANGLE, HALF_ANGLE, LINES, dtype=np.float32)[None, :]
    return Fan(
        columns=columns,
        rows=rows,
        top=top,
        pixelsPerCentimetre=scale,
        echoAt=sample * LINES + line,
        inside=inside,
        across=distance * np.sin(angle),
        down=distance * np.cos(angle) - np.float32(probe),
    )


def speckle(random: np.random.Generator) -> Echoes:
    """Fully developed speckle in decibels: many scatterers seen through the probe's pulse."""
    shape = (SAMPLES, LINES)
    scatterers = random.standard_normal(shape) + 1j * random.standard_normal(shape)
    along = np.exp(-((np.fft.fftfreq(SAMPLES) * 2.0) ** 2) * 20)  # a short pulse
    sideways = np.exp(-((np.fft.fftfreq(LINES) * 5.0) ** 2) * 20)  # a wider beam
    field = np.abs(np.fft.ifft2(np.fft.fft2(scatterers) * along[:, None] * sideways[None, :]))
    return (20 * np.log10(field / field.mean() + 1e-3)).astype(np.float32)


def tissue(where: Fan, random: np.random.Generator) -> Echoes:
    """Speckle with skin, muscle layers and a cyst, in decibels below white."""
    depth = np.linspace(0, DEPTH, SAMPLES, dtype=np.float32)[:, None]
    echoes = speckle(random) - 22 - 0.6 * depth
    for layer in (0.2, 1.1, 2.6):
        echoes += 14 * np.exp(-(((depth - layer) / 0.12) ** 2))
    cyst = np.hypot(where.across + 2.2, where.down - 11.0) < 1.4
    return np.where(cyst, echoes - 35, echoes)


def scan(where: Fan, echoes: Echoes, phase: float) -> Colour:
    """One frame at C{phase} (radians) of the heart's cycle."""
    pulse = 0.5 + 0.5 * np.sin(phase)
    radius = 0.75 + 0.12 * pulse
    off = np.abs(where.down - 5.5 - 0.25 * where.across)  # from the vessel's middle
    moved = np.roll(echoes, round(4 * pulse), axis=0)
    moved = moved + 16 * np.exp(-(((off - radius) / 0.08) ** 2)) - 32 * (off < radius)
    grey = np.clip(255 + moved * (255 / DYNAMIC_RANGE), 0, 255).astype(np.uint8)
    flow = (0.3 + 0.7 * pulse) * (1 - (off / radius) ** 2)
    flow = np.where(np.abs(where.across) < FLOW_WINDOW, np.clip(flow, 0, 1), 0)
    coloured = (flow * 255).astype(np.uint8)
    image = np.repeat(_converted(where, grey)[:, :, None], 3, axis=2)
    speed = _converted(where, coloured)
    moving = speed > 30
    image[moving] = np.stack([120 + speed // 2, speed // 2, speed // 8], axis=2)[moving]
    return np.maximum(image, furniture(where)[:, :, None])


def _converted(where: Fan, echoes: Grey) -> Grey:
    """The image of C{echoes}, black outside the fan."""
    return np.where(where.inside, echoes.ravel()[where.echoAt], 0).astype(np.uint8)


def furniture(where: Fan) -> Grey:
    """What a scanner draws around the fan: the depth scale, the grey bar and a label."""
    image = Image.new("L", (where.columns, where.rows))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default()
    right = where.columns - where.columns // 24
    for centimetre in range(round(DEPTH) + 1):
        row = where.top + centimetre * where.pixelsPerCentimetre
        major = centimetre % 5 == 0
        draw.line((right - (12 if major else 6), row, right, row), fill=200)
        if major:
            draw.text((right + 4, row - 6), str(centimetre), fill=200, font=font)
    draw.text((12, 8), "PHANTOM", fill=200, font=font)
    bar = np.linspace(255, 0, where.rows // 3).astype(np.uint8)
    pixels = np.array(image)
    pixels[where.top + 24 : where.top + 24 + bar.size, 14:26] = bar[:, None]
    return pixels


def cine(where: Fan, frames: int, random: np.random.Generator) -> Iterator[Colour]:
    """C{frames} frames over whole heart cycles, so that the loop has no seam."""
    echoes = tissue(where, random)
    cycles = max(1, frames // 30)
    for number in range(frames):
        yield scan(where, echoes, 2 * np.pi * cycles * number / frames)
