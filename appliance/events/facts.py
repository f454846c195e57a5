"""What events are made of: the peer's TLS, the legs, the limits, the reasons for an end."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


@frozen
class Peer:
    """The TLS peer as known once the handshake has ended; C{None} where it did not say.

    C{group} is C{"unknown"} where the OpenSSL binding has no call for it. C{psk}: the handshake
    rests on a pre-shared key; C{resumed}: on an earlier session. C{names} are the common name
    and the alternative names of its certificate.
    """

    version: str
    cipher: str
    bits: int
    group: str = "unknown"
    serverName: str | None = None
    subject: str | None = None
    resumed: bool = False
    issuer: str | None = None
    psk: bool = False
    names: tuple[str, ...] = ()


class End(Enum):
    """How one direction of a connection came to its end."""

    CLOSE_NOTIFY = "close_notify"
    FIN = "fin"


class Leg(Enum):
    """One of the two legs of a connection: the encrypted one or the plain one."""

    TLS = "TLS"
    SOCKET = "socket"

    # Enum's own hashes the name, in Python, and the legs are keys all along the data path.
    __hash__ = object.__hash__

    @property
    def other(self) -> Leg:
        """The opposite leg."""
        return Leg.SOCKET if self is Leg.TLS else Leg.TLS


class Timer(Enum):
    """The time limits of a connection, named as the options that set them."""

    BUSY = "TIMEOUTbusy"
    IDLE = "TIMEOUTidle"
    CLOSE = "TIMEOUTclose"


class Reason(Enum):
    """Why a connection ended. Every connection ends for exactly one of these."""

    COMPLETED = "completed"
    """Both directions came to their end by themselves."""
    PROBE = "probe"
    """The client went without sending a byte: a load balancer's or a scanner's bare connect."""
    UNANNOUNCED = "no PROXY header"
    """Who must say for whom it connects did not."""
    HANDSHAKE = "handshake"
    """The TLS handshake with the peer failed."""
    HANDSHAKE_TIMEOUT = "handshake timeout"
    REFUSED = "refused"
    """The handshake ended well, and still the peer was not let in."""
    NO_BACKEND = "no backend"
    """No backend could be connected."""
    LIMIT = "limit"
    """A limit of the section kept the client out, which was to hear so in DICOM."""
    TLS_RESET = "TLS reset"
    """The encrypted leg was reset, or broke the protocol."""
    SOCKET_RESET = "socket reset"
    """The plain leg was reset."""
    IDLE = "idle"
    CLOSE_TIMEOUT = "close timeout"
    """One direction had ended and the other did not follow within TIMEOUTclose."""
    STOPPED = "stopped"
    """The appliance stopped."""
    WORKER_LOST = "worker lost"
    """The process that had the connection died."""
    CUT = "cut short"
    """The plain leg ended in the middle of an association, though without a reset."""
    NOT_DICOM = "not DICOM"
    """The client of a section with C{dicom = yes} did not ask for an association."""
    INTERNAL = "internal error"
