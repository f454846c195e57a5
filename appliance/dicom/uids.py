"""DICOM unique identifiers: those we send ourselves, names of the common ones, and families.

The names are those of PS3.6 Annex A. A UID that is not here is shown as it is: an unknown UID is
never an error. A family is all SOP classes of one kind of work, by a word of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from appliance.dicom.sopclasses import SOP_CLASSES

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
"""The one application context there is (PS3.7 A.2.1)."""

VERIFICATION: Final = "1.2.840.10008.1.1"
"""The SOP class of C-ECHO (PS3.4 Annex A)."""

IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"

IMPLEMENTATION_CLASS: Final = "2.25.307704673454777580103853105534476323652"
"""What we call ourselves in an association (PS3.7 D.3.3.2); UUID-derived, PS3.5 B.2."""

IMPLEMENTATION_VERSION: Final = "BUTTERFLY_TLS"

_TRANSFER_SYNTAXES: Final = {
    IMPLICIT_VR_LITTLE_ENDIAN: "Implicit VR Little Endian",
    EXPLICIT_VR_LITTLE_ENDIAN: "Explicit VR Little Endian",
    "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless (Process 14)",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Lossy",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.100": "MPEG2 Main Profile / Main Level",
    "1.2.840.10008.1.2.4.102": "MPEG-4 AVC/H.264 High Profile / Level 4.1",
    "1.2.840.10008.1.2.4.107": "HEVC/H.265 Main Profile / Level 5.1",
    "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 RPCL Lossless",
    "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}

_NAMES: Final = {
    APPLICATION_CONTEXT: "DICOM Application Context",
    **SOP_CLASSES,
    **_TRANSFER_SYNTAXES,
}


def name(uid: str) -> str:
    """The name of C{uid} in words, or C{uid} itself where we know none."""
    return _NAMES.get(uid, uid)


def _folded(words: str) -> str:
    """C{words} as they are compared: any case, with or without what PS3.6 adds to all names."""
    plain = " ".join(words.casefold().split())
    return plain.replace(" information model", "").removesuffix(" sop class")


_BY_NAME: Final = {_folded(words): uid for uid, words in SOP_CLASSES.items()}


def byName(words: str) -> str | None:
    """The UID of the SOP class that is called C{words}, in any case; C{None} where we know none."""
    return _BY_NAME.get(_folded(words))


_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_PRINT: Final = "1.2.840.10008.5.1.1."
_WORKLIST: Final = "1.2.840.10008.5.1.4.31"


def _called(*endings: str) -> frozenset[str]:
    """The SOP classes whose names end so."""
    return frozenset(
        uid
        for uid, words in SOP_CLASSES.items()
        if words.removesuffix(" (Retired)").endswith(endings)
    )


_QUERY: Final = _called(" FIND", " Query") - {_WORKLIST}
_RETRIEVE: Final = _called(" MOVE", " GET")
_NO_STORAGE: Final = _QUERY | _RETRIEVE | _called(" Creation")


def _isStorage(uid: str) -> bool:
    # Every storage class of the future has this prefix too; some of it was given to queries.
    return uid.startswith(_STORAGE) and uid not in _NO_STORAGE


FAMILIES: Final[dict[str, Callable[[str], bool]]] = {
    "storage": _isStorage,
    "query": _QUERY.__contains__,
    "retrieve": _RETRIEVE.__contains__,
    "worklist": frozenset({_WORKLIST}).__contains__,
    "verification": frozenset({VERIFICATION}).__contains__,
    "mpps": frozenset(f"1.2.840.10008.3.1.2.3.{end}" for end in (3, 4, 5)).__contains__,
    "commitment": frozenset(f"1.2.840.10008.1.20.{end}" for end in (1, 2)).__contains__,
    "print": frozenset(uid for uid in SOP_CLASSES if uid.startswith(_PRINT)).__contains__,
    "ultrasound": frozenset(
        f"{_STORAGE}{end}" for end in ("3", "3.1", "6", "6.1", "6.2")
    ).__contains__,
}
"""By the name of each family, whether a UID belongs to it; those of ultrasound are storage too."""


def inFamily(uid: str, family: str) -> bool:
    """True when the SOP class C{uid} belongs to C{family}, a name in L{FAMILIES} in any case."""
    belongs = FAMILIES.get(family.casefold())
    return belongs is not None and belongs(uid)
