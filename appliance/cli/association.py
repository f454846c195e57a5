"""An association with a DICOM server, over TLS or plain, and why there is none, in plain words.

The requestor's side of C{send} and C{demo}, on pynetdicom.
"""

from __future__ import annotations

import logging
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from attrs import frozen
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

# A-ASSOCIATE-RJ by (source, reason), PS3.8 table 9-21: what to do next.
ADVICE = {
    (1, 2): "it is not a DICOM application that answers there",
    (1, 3): "let the PACS know this calling AE title, or give one that it knows with --calling",
    (1, 7): "give the PACS's own AE title with --called",
    (2, 2): "it speaks another version of the DICOM protocol",
    (3, 1): "the PACS behind it is busy or down: see the appliance's log, then try again",
    (3, 2): "it has as many associations as it allows: try again later",
}

ABORTED = (
    "the server aborted the association or closed the connection; "
    "see the logs of the appliance and of the PACS"
)

Handlers = list[tuple[Any, ...]]


class AssociationError(Exception):
    """Why there is no association (any more) and what to do next, as one line for people."""


class LostError(Exception):
    """An answer did not come; the argument, where there is one, says why."""


@frozen
class Destination:
    """Whom to call and how. C{tls} None means plain; C{timeout} is seconds.

    C{name} is what the server's certificate must say, and the SNI name (empty: the host).
    """

    host: str
    port: int
    called: str = "ANY-SCP"
    calling: str = "BUTTERFLY"
    tls: ssl.SSLContext | None = None
    name: str = ""
    timeout: float = 30.0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def clientContext(
    ca: str | None = None, cert: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """A TLS client's context; without C{ca} the server's certificate is not verified.

    C{ca} may be an authority or the server's own certificate.

    @raise OSError: A file cannot be read, or is not what it should be (C{ssl.SSLError}).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(ca)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


class _Overheard(logging.Handler):
    """Keeps the last error of the network: pynetdicom logs it and then forgets it."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """Take the exception that is being handled where this is logged."""
        self.error = sys.exc_info()[1] or self.error


@contextmanager
def associated(
    destination: Destination, contexts: list[PresentationContext], handlers: Handlers | None = None
) -> Iterator[Association]:
    """An association that is released when the block ends, and cut when it raises.

    @raise AssociationError: There is none, or the block raised L{LostError}; with the reason.
    """
    overheard = _Overheard()
    log = logging.getLogger("pynetdicom")
    log.addHandler(overheard)
    try:
        association = _request(destination, contexts, handlers or [])
        if not association.is_established:
            raise AssociationError(_refusal(association, overheard.error, destination))
        transport = association.dul.socket.socket
        try:
            yield association
        except BaseException:
            disconnect(association)
            association.kill()
            raise
        else:
            association.release()
        finally:
            transport.close()  # pynetdicom leaves it open where the peer was gone first
    except LostError as lost:
        raise AssociationError(_loss(lost, overheard.error, destination)) from lost
    finally:
        log.removeHandler(overheard)


def _request(
    destination: Destination, contexts: list[PresentationContext], handlers: Handlers
) -> Association:
    """Connect and ask for the association."""
    entity = AE(destination.calling)
    entity.connection_timeout = entity.acse_timeout = destination.timeout
    entity.dimse_timeout = destination.timeout
    try:
        return entity.associate(
            destination.host,
            destination.port,
            contexts=contexts,
            ae_title=destination.called,
            evt_handlers=handlers,
            tls_args=destination.tls and (destination.tls, destination.name or destination.host),
        )
    except OSError as error:
        raise AssociationError(explain(error, destination)) from error


def protection(association: Association) -> str:
    """How the association's connection is protected: C{TLSv1.3, TLS_AES_256_GCM_SHA384}."""
    transport = association.dul.socket.socket
    if not isinstance(transport, ssl.SSLSocket):
        return "no TLS"
    cipher, _, _ = transport.cipher() or ("unknown cipher", "", 0)
    return f"{transport.version()}, {cipher}"


def disconnect(association: Association) -> None:
    """End the connection at once, whatever still waits to be sent; from any thread."""
    transport = association.dul.socket and association.dul.socket.socket
    if transport is not None:
        with suppress(OSError):  # it had ended already
            socket.socket.shutdown(transport, socket.SHUT_RDWR)


def _refusal(
    association: Association, error: BaseException | None, destination: Destination
) -> str:
    """Why an association was not established."""
    if association.is_rejected:
        answer = association.acceptor.primitive
        words = f"{destination}: {answer.result_str.lower()}: {answer.reason_str.lower()}"
        advice = ADVICE.get((answer.result_source, answer.diagnostic))
        return f"{words}; {advice}" if advice else words
    if association.rejected_contexts:
        return (
            f"{destination}: it accepts none of the object types offered; "
            "enable these SOP classes and transfer syntaxes at the PACS"
        )
    if error is not None:
        return explain(error, destination)
    if association.is_aborted:
        return explain(ConnectionResetError(), destination)
    return (
        f"{destination}: connected, but no answer to the association request; "
        "see whether the port wants TLS (--tls or --plain) and the server's log"
    )


def _loss(lost: LostError, error: BaseException | None, destination: Destination) -> str:
    """Why an association ended before its time."""
    if lost.args:
        return f"{destination}: {lost}; see the logs of the appliance and of the PACS"
    if error is not None:
        return explain(error, destination)
    return f"{destination}: {ABORTED}"


def explain(error: BaseException, destination: Destination) -> str:
    """What C{error} means for a person who wanted to reach C{destination}."""
    match error:
        case ssl.SSLCertVerificationError():
            found = f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
            advice = "check --ca (its certificate or authority) and --name (a name in it)"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
            found = "it does not speak TLS"
            advice = "use --plain, or the port that speaks TLS"
        case ssl.SSLError() if "CERTIFICATE" in (error.reason or ""):
            found = "it refused our certificate, or the lack of one"
            advice = "give --cert and --key that it trusts"
        case ssl.SSLEOFError() | ConnectionResetError() | BrokenPipeError():
            found = "it closed the connection"
            other = (
                "without TLS (try --plain)" if destination.tls else "with TLS (leave out --plain)"
            )
            advice = f"see its log; a port {other} or an address filter looks like this"
        case ssl.SSLError():
            found = f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
            advice = "see the appliance's log for its side"
        case ConnectionRefusedError():
            found, advice = "nothing listens there", "check the port and that the appliance runs"
        case TimeoutError():
            found = f"no answer within {destination.timeout:g} s"
            advice = "check the address, the firewall and whether the port wants TLS"
        case socket.gaierror():
            found, advice = "no such host name", "check the spelling and the name server"
        case _:
            found, advice = str(error), "check the address and the network"
    return f"{destination}: {found}; {advice}"
