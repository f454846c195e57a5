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
from time import monotonic
from typing import Any

from attrs import frozen
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.presentation import PresentationContext

from appliance.cli.steady import steady

PERMANENT = 1
"""A result of an A-ASSOCIATE-RJ, PS3.8 table 9-21."""

# A-ASSOCIATE-RJ by (source, reason), PS3.8 table 9-21: what to do next.
ADVICE = {
    (1, 2): "it is not a DICOM application that answers there",
    (1, 3): "let the PACS know this calling AE title, or give one that it knows with --calling",
    (1, 7): "give the PACS's own AE title with --called",
    (2, 2): "it speaks another version of the DICOM protocol",
    (3, 1): "the PACS behind it is busy or down: see the appliance's log, then try again",
    (3, 2): "it has as many associations as it allows: try again later",
}

SEE_LOGS = "see the logs of the appliance and of the PACS"

Handlers = list[tuple[Any, ...]]


class AssociationError(Exception):
    """Why there is no association (any more) and what to do next, as one line for people."""


class LostError(Exception):
    """An answer did not come, and why."""

    def __init__(self, why: str = "the server aborted or closed the connection") -> None:
        super().__init__(why)


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
    """Keeps what pynetdicom hears and forgets: the last error of the network, and a rejection.

    Where the server hangs up right after that, it may say no more than that there is nobody.
    """

    error: BaseException | None = None
    rejection: A_ASSOCIATE_RJ | None = None

    def hear(self, event: evt.Event) -> None:
        """Take a PDU that has come in."""
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self.rejection = event.pdu

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """Take the exception that is being handled where this is logged."""
        error = sys.exc_info()[1]
        if error is not None:
            self.error = error.with_traceback(None)  # which would keep the socket from its end


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
    begun = monotonic()
    try:
        hearing = [*(handlers or []), (evt.EVT_PDU_RECV, overheard.hear)]
        association = steady(_request(destination, contexts, hearing))
        transport = association.dul.socket and association.dul.socket.socket
        if not association.is_established or transport is None:
            late = monotonic() - begun >= destination.timeout
            error = overheard.error or (TimeoutError() if late else ConnectionAbortedError())
            raise AssociationError(_refusal(association, overheard.rejection, error, destination))
        # Command and data leave as two small writes: the second must not wait for an ACK.
        transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            yield association
        except BaseException:
            _end(association)
            raise
        else:
            association.release()
        finally:
            transport.close()  # pynetdicom leaves it open where the peer was gone first
    except LostError as lost:
        raise AssociationError(f"{destination}: {lost}; {SEE_LOGS}") from lost
    finally:
        log.removeHandler(overheard)


def _request(
    destination: Destination, contexts: list[PresentationContext], handlers: Handlers
) -> Association:
    """Connect and ask for the association."""
    entity = AE(destination.calling)
    entity.connection_timeout = entity.acse_timeout = destination.timeout
    entity.dimse_timeout = destination.timeout
    requested: list[Association] = []
    try:
        return entity.associate(
            destination.host,
            destination.port,
            contexts=contexts,
            ae_title=destination.called,
            evt_handlers=[*handlers, (evt.EVT_REQUESTED, lambda e: requested.append(e.assoc))],
            tls_args=destination.tls and (destination.tls, destination.name or destination.host),
        )
    except OSError as error:
        raise AssociationError(explain(error, destination)) from error
    except KeyboardInterrupt:
        for association in requested:
            _end(association)
        raise


def _end(association: Association) -> None:
    """End the association and its threads, whatever they wait for."""
    disconnect(association)
    association.kill()


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
    association: Association,
    rejection: A_ASSOCIATE_RJ | None,
    error: BaseException,
    destination: Destination,
) -> str:
    """Why an association was not established, which is C{error} if the server gave no reason."""
    if rejection is not None:
        result = "permanent" if rejection.result == PERMANENT else "transient"
        words = f"{destination}: rejected {result}: {rejection.reason_str.lower()}"
        advice = ADVICE.get((rejection.source or 0, rejection.reason_diagnostic or 0))
        return f"{words}; {advice}" if advice else words
    if association.rejected_contexts:
        return (
            f"{destination}: it accepts none of the object types offered; "
            "enable these SOP classes and transfer syntaxes at the PACS"
        )
    return explain(error, destination)


def explain(error: BaseException, destination: Destination) -> str:
    """What C{error} means for a person who wanted to reach C{destination}."""
    match error:
        case ConnectionRefusedError():
            found, advice = "nothing listens there", "check the port and that the appliance runs"
        case TimeoutError():
            found = f"no answer within {destination.timeout:g} s"
            advice = "check the address, the firewall and whether the port wants TLS"
        case socket.gaierror():
            found, advice = "no such host name", "check the spelling and the name server"
        case ssl.SSLEOFError() | ConnectionError():
            found = "it aborted the association or closed the connection"
            other = "without TLS (try --plain)" if destination.tls else "with TLS (omit --plain)"
            advice = f"see its log; a port {other} or an address filter looks like this"
        case ssl.SSLCertVerificationError():
            found = f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
            advice = "check --ca (its certificate or authority) and --name (a name in it)"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
            found, advice = "it does not speak TLS", "use --plain, or the port that speaks TLS"
        case ssl.SSLError() if "CERTIFICATE" in (error.reason or ""):
            found = "it refused our certificate, or the lack of one"
            advice = "give --cert and --key that it trusts"
        case ssl.SSLError():
            found = f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
            advice = "see the appliance's log for its side"
        case _:
            found = getattr(error, "strerror", None) or str(error)
            advice = "check the address and the network"
    return f"{destination}: {found}; {advice}"
