"""What happens to one section."""

from __future__ import annotations

from attrs import frozen

from appliance.events.base import SectionEvent


@frozen
class Initializing(SectionEvent):
    """The section's certificate, key and context are about to be built."""


@frozen
class CertificateLoaded(SectionEvent):
    """The section's certificate was read from C{path}."""

    path: str


@frozen
class KeyLoaded(SectionEvent):
    """The section's private key was read from C{path}."""

    path: str


@frozen
class KeyMatched(SectionEvent):
    """The private key belongs to the certificate."""


@frozen
class FilesChanged(SectionEvent):
    """C{files} of the section have changed on the disk, and new connections are served with them.

    C{certificate} is the subject of its own one and C{serial} its number in hexadecimal digits,
    both empty where it has none.
    """

    files: tuple[str, ...]
    certificate: str
    serial: str


@frozen
class FilesRefused(SectionEvent):
    """Files of the section have changed on the disk and cannot be used, so the old ones stay.

    C{problems} is all that is wrong; announced once, not for each time that it is found.
    """

    problems: tuple[str, ...]


@frozen
class Bound(SectionEvent):
    """The section listens at C{address} on descriptor C{descriptor}."""

    address: str
    descriptor: int


@frozen
class BindFailed(SectionEvent):
    """The section could not listen at C{address}; another address of it may still do."""

    address: str
    error: str


@frozen
class Ready(SectionEvent):
    """The section serves: where, to which backends, with which certificate, for how long.

    C{notAfter} is when the certificate expires (seconds since 1970); C{targets} are the addresses
    of the backends one by one, as configured.
    """

    addresses: str
    backends: str
    certificate: str
    daysLeft: int | None
    notAfter: float | None = None
    targets: tuple[str, ...] = ()


@frozen
class ResolveDelayed(SectionEvent):
    """A backend's name is not known when the section starts; each connection asks again."""


@frozen
class ChildEnded(SectionEvent):
    """A program of the section ended with C{code}, or by C{signal}."""

    pid: int
    code: int | None
    signal: int | None = None


@frozen
class Unbound(SectionEvent):
    """The section stopped listening."""


@frozen
class AcceptFailed(SectionEvent):
    """The kernel could give us no connection: out of descriptors or memory."""

    error: str


@frozen
class BareConnects(SectionEvent):
    """So many connections came and went without a byte since the last such count."""

    count: int
    clients: int


@frozen
class Repeated(SectionEvent):
    """C{count} more connections of C{client} failed like others before, all for C{why}.

    That was within C{seconds}, and no more is told of them in the log, which alone hears of this.
    C{client} is an address. C{level} is how urgent each of them would have been there.
    """

    client: str
    count: int
    seconds: float
    why: str
    level: int


@frozen
class StapleFetching(SectionEvent):
    """The OCSP responder at C{url} is about to be asked about the section's own certificate."""

    url: str


@frozen
class StapleFetched(SectionEvent):
    """The section has an OCSP answer to staple, good until C{until} (seconds since 1970)."""

    until: float


@frozen
class StapleFailed(SectionEvent):
    """There is no new OCSP answer to staple; announced once for each C{why}, not for each try."""

    why: str
