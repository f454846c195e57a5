"""The TLS profiles of DICOM, PS3.15 annex B: what each says, as a table.

Suites go by OpenSSL's names and stand in our order of preference (RFC 9325 4.2.1). Whether a
section keeps to a profile is for L{appliance.config.profilerules}.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from appliance.config.model import Profile, TLSVersion

_GCM: Final = ("AES256-GCM-SHA384", "AES128-GCM-SHA256")
_CCM: Final = ("ECDHE-ECDSA-AES256-CCM", "ECDHE-ECDSA-AES128-CCM")
_CCM8: Final = ("ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-AES128-CCM8")
_ECDHE: Final = tuple(
    f"ECDHE-{kind}-{cipher}" for cipher in (*_GCM, "CHACHA20-POLY1305") for kind in ("ECDSA", "RSA")
)
_RSA: Final = tuple(f"{kind}-RSA-{cipher}" for cipher in _GCM for kind in ("ECDHE", "DHE"))
_USUAL13: Final = (
    *("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"),
)
_CCM13: Final = ("TLS_AES_128_CCM_SHA256",)
_CCM8_13: Final = ("TLS_AES_128_CCM_8_SHA256",)

_V12: Final = (TLSVersion.TLSv1_2,)
_V13: Final = (TLSVersion.TLSv1_3,)


@frozen
class Facts:
    """What one profile says.

    C{title} is its name in words and C{clause} its place in PS3.15. A section that names it offers
    C{ciphers} up to TLS 1.2 and C{ciphersuites} with TLS 1.3; what is C{tolerated} may be offered
    beside them. C{servers} and C{clients} have to speak those versions, and a server that is to be
    C{whole} has to offer all of the suites. Curves have C{curveBits} or more.
    """

    title: str
    clause: str
    ciphers: tuple[str, ...]
    ciphersuites: tuple[str, ...] = _USUAL13
    tolerated: tuple[str, ...] = ()
    servers: tuple[TLSVersion, ...] = _V12
    clients: tuple[TLSVersion, ...] = _V12
    newest: TLSVersion = TLSVersion.TLSv1_3
    whole: bool = False
    curveBits: int = 224
    retired: bool = False

    @property
    def suites(self) -> tuple[str, ...]:
        """All suites that a section offers by it."""
        return (*self.ciphersuites, *self.ciphers)


PROFILES: Final[dict[Profile, Facts]] = {
    Profile.MODIFIED: Facts(
        "modified BCP 195 (RFC 8996, 9325)",
        "B.13",
        ciphers=(*_ECDHE, *_CCM, *_CCM8),
        ciphersuites=(*_USUAL13, *_CCM13, *_CCM8_13),
        servers=(*_V12, *_V13),
        clients=_V13,
        whole=True,
        curveBits=256,
    ),
    Profile.BCP195: Facts(
        "BCP 195 (RFC 8996, 9325)",
        "B.12",
        ciphers=_ECDHE,
        tolerated=(*_CCM, *_CCM13),
        clients=(*_V12, *_V13),
    ),
    Profile.EXTENDED: Facts(
        "extended BCP 195",
        "B.11",
        ciphers=(*_RSA, *(f"ECDHE-ECDSA-{cipher}" for cipher in _GCM)),
        ciphersuites=(),
        newest=TLSVersion.TLSv1_2,
        curveBits=256,
        retired=True,
    ),
    Profile.NON_DOWNGRADING: Facts(
        "non-downgrading BCP 195",
        "B.10",
        ciphers=_RSA,
        # Others of the same strength may be offered beside them, it says.
        tolerated=(*_ECDHE, *_CCM, *_CCM13),
        whole=True,
        retired=True,
    ),
}
"""All profiles, the strictest first."""
