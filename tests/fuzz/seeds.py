"""The seeds in C{tests/corpus}: what our own codecs write, and some of what they refuse to read.

For C{dicom} they are short conversations without a patient, for C{proxy} the first bytes of
connections; those of L{tests.fuzz.texts} are words. C{python -m tests.fuzz.seeds} writes them anew.
"""

from __future__ import annotations

from appliance.dicom import uids
from appliance.dicom.command import (
    C_CANCEL_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    Command,
    echoRequest,
    echoResponse,
)
from appliance.dicom.items import AnsweredContext, ContextResult, ProposedContext, UserInformation
from appliance.dicom.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from appliance.dicom.pdv import PDV
from appliance.relay.proxyline import SIGNATURE, Hop, header, line
from tests.fuzz import dicom, proxy, texts
from tests.fuzz.target import Turn, written

US = "1.2.840.10008.5.1.4.1.1.6.1"
FIND, GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
COMMITMENT = "1.2.840.10008.1.20.1"
SYNTAXES = (uids.IMPLICIT_VR_LITTLE_ENDIAN, uids.EXPLICIT_VR_LITTLE_ENDIAN)
CLASSES = {1: uids.VERIFICATION, 3: US, 5: FIND, 7: GET, 9: COMMITMENT}
CLIENT, BACKEND = True, False


def request(*contexts: int) -> PDU:
    """An association request for these contexts."""
    proposed = tuple(ProposedContext(each, CLASSES[each], SYNTAXES) for each in contexts)
    return AssociateRQ("PACS", "US1", proposed, UserInformation(16384, "1.2.3", "SCANNER"))


def accept(*contexts: int) -> PDU:
    """Its acceptance; of several contexts the last is refused."""
    refused = contexts[-1] if len(contexts) > 1 else 0
    answered = tuple(
        AnsweredContext(each, ContextResult(3 * (each == refused)), SYNTAXES[0])
        for each in contexts
    )
    return AssociateAC("PACS", "US1", answered, UserInformation(0, "1.2.4", "ARCHIVE"))


def message(context: int, command: Command, size: int = 0, fragment: int = 0) -> PDU:
    """A command set, perhaps in fragments, and a data set of C{size} bytes in one PDU."""
    data = command.encode()
    fragment = fragment or len(data)
    values = [
        PDV(context, True, at + fragment >= len(data), data[at : at + fragment])
        for at in range(0, len(data), fragment)
    ]
    if size:
        values.append(PDV(context, False, True, bytes(size)))
    return PDataTF(tuple(values))


def asked(field: int, uid: str, number: int, data: bool = True) -> Command:
    """A request."""
    return Command(field, uid, messageID=number, hasDataSet=data)


def answered(field: int, uid: str, number: int, status: int = 0, data: bool = False) -> Command:
    """A response."""
    return Command(field | RESPONSE, uid, respondedTo=number, hasDataSet=data, status=status)


RELEASE = [(CLIENT, ReleaseRQ()), (BACKEND, ReleaseRP())]

SEEDS: dict[str, list[tuple[bool, PDU]]] = {
    "echo": [
        (CLIENT, request(1)),
        (BACKEND, accept(1)),
        (CLIENT, message(1, echoRequest(1))),
        (BACKEND, message(1, echoResponse(1))),
        *RELEASE,
    ],
    "store": [
        (CLIENT, request(3)),
        (BACKEND, accept(3)),
        (CLIENT, message(3, asked(C_STORE_RQ, US, 1))),
        (CLIENT, PDataTF((PDV(3, False, False, bytes(40)),))),
        (CLIENT, PDataTF((PDV(3, False, True, bytes(20)),))),
        (BACKEND, message(3, answered(C_STORE_RQ, US, 1))),
        (CLIENT, message(3, asked(C_STORE_RQ, US, 2), 30, fragment=11)),
        (BACKEND, message(3, answered(C_STORE_RQ, US, 2, 0xA700), fragment=20)),
        *RELEASE,
    ],
    "find": [
        (CLIENT, request(5)),
        (BACKEND, accept(5)),
        (CLIENT, message(5, asked(C_FIND_RQ, FIND, 1), 12)),
        (BACKEND, message(5, answered(C_FIND_RQ, FIND, 1, 0xFF00, True), 24)),
        (CLIENT, message(5, Command(C_CANCEL_RQ, respondedTo=1))),
        (BACKEND, message(5, answered(C_FIND_RQ, FIND, 1, 0xFE00))),
        (BACKEND, Abort(2, 6)),
    ],
    "get": [
        (CLIENT, request(3, 7, 1)),
        (BACKEND, accept(3, 7, 1)),
        (CLIENT, message(7, asked(C_GET_RQ, GET, 1), 12)),
        (BACKEND, message(3, asked(C_STORE_RQ, US, 1), 50)),
        (CLIENT, message(3, answered(C_STORE_RQ, US, 1, 0xB000))),
        (BACKEND, message(7, answered(C_GET_RQ, GET, 1, 0xB000))),
        *RELEASE,
    ],
    "commitment": [
        (CLIENT, request(9)),
        (BACKEND, accept(9)),
        (CLIENT, message(9, Command(N_ACTION_RQ, messageID=1, requestedClass=COMMITMENT), 20)),
        (BACKEND, message(9, answered(N_ACTION_RQ, COMMITMENT, 1))),
        (BACKEND, message(9, asked(N_EVENT_REPORT_RQ, COMMITMENT, 1), 20)),
        (CLIENT, message(9, answered(N_EVENT_REPORT_RQ, COMMITMENT, 1))),
        *RELEASE,
    ],
    "rejected": [(CLIENT, request(1)), (BACKEND, AssociateRJ(2, 3, 1)), (CLIENT, request(1))],
    "failures": [
        (CLIENT, request(3)),
        (BACKEND, accept(3)),
        (BACKEND, message(3, asked(C_STORE_RQ, US, 1))),
        (CLIENT, message(3, answered(C_STORE_RQ, US, 1, 0x0110))),
        (CLIENT, message(3, asked(C_STORE_RQ, US, 1), 10)),
        (BACKEND, message(3, answered(C_STORE_RQ, US, 1, 0x0110))),
    ],
    "interrupted": [
        (CLIENT, request(1)),
        (BACKEND, accept(1)),
        (CLIENT, PDataTF((PDV(1, True, False, bytes(5)),))),
        (CLIENT, Abort(0)),
        (CLIENT, request(1)),
        (BACKEND, accept(1)),
        (CLIENT, message(1, echoRequest(1))),
        (BACKEND, message(1, echoResponse(1))),
        *RELEASE,
    ],
    "aborted": [(CLIENT, request(1)), (CLIENT, Abort(0)), (CLIENT, request(1, 3))],
}

OTHERS: dict[str, list[Turn]] = {
    "tls": [(BACKEND, b"\x15\x03\x03\0\x02\x02\x28")],
    "http": [(CLIENT, b"GET / HTTP/1.1\r\n\r\n")],
    "endless": [
        (CLIENT, request(3).encode()),
        (CLIENT, b"\4\0\xff\xff\xff\xff\xff\xff\xff\xfb\3\0"),
    ],
}


def seeds() -> dict[str, bytes]:
    """Every seed by its name."""
    encoded = {name: [(who, pdu.encode()) for who, pdu in turns] for name, turns in SEEDS.items()}
    return {name: written(turns) for name, turns in (encoded | OTHERS).items()}


FOUR = Hop(("192.0.2.1", 56324), ("192.0.2.9", 104))
SIX = Hop(("2001:db8::1", 1), ("2001:db8::9", 65535), ((0x05, b"id"), (0x20, bytes(5))))
HELLO = b"\x16\x03\x01\0\x05\x01\0\0\x01\x03"

HEADERS: dict[str, bytes] = {
    "line4": line(FOUR) + HELLO,
    "line6": line(SIX) + HELLO,
    "lineMapped": b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.9 1 2\r\n",
    "lineUnknown": b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n" + HELLO,
    "lineEndless": b"PROXY UNKNOWN " + bytes(100),
    "lineOddPort": b"PROXY TCP4 192.0.2.1 192.0.2.9 00 65536\r\n",
    "header4": header(FOUR) + HELLO,
    "header6": header(SIX) + HELLO,
    "headerLocal": header(Hop()) + HELLO,
    "headerUnix": SIGNATURE + b"\x21\x31\0\xdb" + bytes(216) + b"\4\0\0" + HELLO,
    "headerDatagram": SIGNATURE + b"\x21\x12\0\x0c" + bytes(12),
    "headerShort": SIGNATURE + b"\x21\x21\0\x0c" + bytes(12),
    "headerEndless": SIGNATURE + b"\x21\x11\xff\xff",
    "headerCut": SIGNATURE + b"\x20\0\x10\0" + bytes(99),
    "tls": HELLO,
}


def main() -> None:
    """Write them."""
    for corpus, made in ((dicom.CORPUS, seeds()), (proxy.CORPUS, HEADERS), *texts.SEEDS):
        corpus.mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            (corpus / name).write_bytes(data)


if __name__ == "__main__":
    main()
