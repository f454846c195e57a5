"""The kinds of failed handshake, and what is said of one."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class RefusalKind(Enum):
    """Why a handshake failed, in a word or two for metrics and searches."""

    PLAIN_DICOM = "plain DICOM"
    """The peer speaks DICOM without TLS."""
    HTTP = "HTTP"
    """The peer speaks HTTP without TLS."""
    PROXY_HEADER = "PROXY header"
    """The peer announces somebody in a section that expects no such thing."""
    NOT_TLS = "not TLS"
    """The peer speaks something else."""
    OLD_VERSION = "version"
    """No TLS version is common to both; mostly the peer's are too old."""
    NO_SHARED_CIPHER = "cipher"
    """No cipher suite, key exchange group or signature algorithm is common to both."""
    NO_CERTIFICATE = "no certificate"
    """One side asked for the other's certificate and got none."""
    CERTIFICATE_EXPIRED = "certificate expired"
    """The peer's certificate has expired."""
    CERTIFICATE_UNTRUSTED = "certificate untrusted"
    """The peer's certificate comes from nobody whom we trust."""
    CERTIFICATE_INVALID = "certificate invalid"
    """The peer's certificate is not acceptable for another reason."""
    PEER_DISTRUSTS_US = "peer distrusts us"
    """The peer does not accept our certificate."""
    PROBE = "probe"
    """The peer connected and left without a byte."""
    GONE = "gone"
    """The peer left in the middle of the handshake."""
    OTHER = "other"
    """None of these."""


@frozen
class Refusal:
    """A failed handshake, for people.

    C{found} is what the peer did, with the peer as its subject (C{"speaks HTTP"}), C{advice} what
    to do about it; each is one short sentence without a full stop.
    """

    kind: RefusalKind
    found: str
    advice: str
