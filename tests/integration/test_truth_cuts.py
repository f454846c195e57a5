"""Real conversations, caught on the wire, cut at every byte: the inspector's facts do not change.

There is no appliance here: what dcmtk, pynetdicom and clients by hand say to a server is caught by
a relay of bytes, and read again by inspectors in memory.
"""

from __future__ import annotations

import select
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import Verification

from appliance.cli.steady import steady
from appliance.dicom.inspect import Inspector
from appliance.events import AssociationEnded, AssociationRequested, Outcome, Unreadable
from tests.dicom.test_framer import cutAt
from tests.integration import archive as a
from tests.integration import packing as p
from tests.integration.appliance import READY
from tests.integration.archive import Archive, archive, identifier, instance
from tests.integration.truth import Kind
from tests.peers import freePort, phantom, program

pytestmark = pytest.mark.real

Turn = tuple[bool, bytes]
Facts = list[tuple[Any, ...]]
IMPLICIT, *_ = a.SYNTAXES
CT, *_ = a.STORES


@contextmanager
def wiretap(behind: int) -> Iterator[tuple[int, list[Turn]]]:
    """A relay to the port C{behind} for one connection: its port, and who said what in turn."""
    heard: list[Turn] = []

    def relay(server: socket.socket) -> None:
        client, _ = server.accept()
        backend = socket.create_connection(("127.0.0.1", behind), READY)
        with client, backend:
            while True:
                for each in select.select([client, backend], [], [], READY)[0]:
                    data = each.recv(65536)
                    if not data:
                        return
                    heard.append((each is client, data))
                    (backend if each is client else client).sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=relay, args=[server], daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(READY)
        assert not thread.is_alive()


def dcmtk(name: str, *options: object) -> Callable[[int, str], None]:
    """One of dcmtk's clients; files stand behind C{--}."""
    ahead = [str(each) for each in options if each != "--"]
    files = [str(phantom()[3])] if "--" in options else []

    def run(port: int, title: str) -> None:
        argv = [program(name), "-aet", title, "-aec", a.TITLE, *ahead, "127.0.0.1", str(port)]
        subprocess.run([*argv, *files], timeout=60, check=False, capture_output=True)

    return run


def stores(port: int, title: str) -> None:
    """Pynetdicom stores three small objects, one of which is refused."""
    contexts = [build_context(CT, IMPLICIT)]
    link = steady(AE(title).associate("127.0.0.1", port, contexts=contexts))
    for number in range(3):
        link.send_c_store(instance(number, 700 * number))
    link.release()


def gets(port: int, title: str) -> None:
    """Pynetdicom retrieves by C-GET."""
    roles = [build_role(CT, scp_role=True)]
    contexts = [build_context(a.GET, IMPLICIT), build_context(CT, IMPLICIT)]
    handlers = [(evt.EVT_C_STORE, lambda _: 0xB007)]
    link = AE(title).associate(
        "127.0.0.1", port, contexts=contexts, ext_neg=roles, evt_handlers=handlers
    )
    steady(link)
    assert list(link.send_c_get(identifier(), a.GET))
    link.release()


def packs(port: int, title: str) -> None:
    """A client by hand stores as dcm4che does."""
    with socket.create_connection(("127.0.0.1", port), READY) as plain:
        line = p.Line(plain)
        plain.sendall(p.request(title, ((CT, IMPLICIT), (Verification, IMPLICIT))))
        line.pdu()
        several = (p.store(1, 1, instance(1, 2000)), p.echo(3, 2), p.store(1, 3, instance(2, 5)))
        for number, message in enumerate(several, 1):
            plain.sendall(b"".join(p.packed(message, 900)))
            line.answers(number)
        plain.sendall(p.release())
        line.pdu()


QUERY = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
CLIENTS: dict[str, Callable[[int, str], None]] = {
    "ECHOSCU": dcmtk("echoscu", "--repeat", 3),
    "FINDSCU": dcmtk("findscu", *QUERY),
    "CANCELS": dcmtk("findscu", "--cancel", 1, *QUERY),
    "MOVESCU": dcmtk("movescu", "-aem", a.TITLE, *QUERY),
    "ABORTS": dcmtk("echoscu", "--abort"),
    "STORES": stores,
    "GETS": gets,
    "PACKS": packs,
}
LARGE: dict[str, Callable[[int, str], None]] = {
    "GETSCU": dcmtk("getscu", "--ignore", *QUERY),
    "STORESCU": dcmtk("storescu", "-xy", "--"),
}
"""With a hundred contexts, so that to read them once for each byte would take minutes."""

small = pytest.mark.parametrize("caught", CLIENTS, indirect=True, scope="module")
all_ = pytest.mark.parametrize("caught", CLIENTS | LARGE, indirect=True, scope="module")


@pytest.fixture(scope="module")
def pacs() -> Iterator[Archive]:
    """The PACS that all of them call."""
    port = freePort()
    with archive(port) as pacs:
        pacs.answers["STORES"] = [0x0000, 0xC000, 0xB000]
        pacs.destination = port
        yield pacs


@pytest.fixture(scope="module")
def caught(request: pytest.FixtureRequest, pacs: Archive) -> tuple[list[Turn], dict[Kind, Any]]:
    """One conversation, and what the PACS has counted in it."""
    title = request.param
    port = pacs.server.server_address[1]
    with wiretap(port) as (tap, heard):
        (CLIENTS | LARGE)[title](tap, title)
    account = pacs.accounts.wait(title, "released", "aborted", "closed")
    return heard, account.operations()


def inspected(turns: list[tuple[bool, list[bytes]]]) -> Facts:
    """What an inspector tells of C{turns}, each in pieces."""
    facts: Facts = []
    inspector = Inspector(lambda *fact: facts.append(fact), lambda: 0.0)
    for who, pieces in turns:
        for piece in pieces:
            (inspector.fromClient if who else inspector.fromBackend)(memoryview(piece))
    inspector.connectionEnded(Outcome.CUT_BY_CLIENT, "")
    return facts


def whole(turns: list[Turn]) -> Facts:
    """What an inspector tells of C{turns} as they were caught."""
    return inspected([(who, [said]) for who, said in turns])


@all_
def test_true(caught: tuple[list[Turn], dict[Kind, Any]]) -> None:
    """As they were caught, conversations have as many messages and bytes as the PACS has seen."""
    turns, counted = caught
    *_, (kind, association) = whole(turns)
    assert kind is AssociationEnded
    found = {
        (each.operation, each.sopClass): (
            each.requests,
            {f"{status:04X}H": count for status, count in each.statuses},
            each.bytes,
        )
        for each in association.tallies
    }
    assert found == counted


@small
def test_everyCut(caught: tuple[list[Turn], dict[Kind, Any]]) -> None:
    """Cut at any one byte, and byte by byte, the facts are the same."""
    turns, _ = caught
    expected = whole(turns)
    pieces = [(who, [said]) for who, said in turns]
    for number, (who, said) in enumerate(turns):
        for at in range(1, len(said)):
            cut = (who, [said[:at], said[at:]])
            assert inspected([*pieces[:number], cut, *pieces[number + 1 :]]) == expected
    each = [(who, [said[at : at + 1] for at in range(len(said))]) for who, said in turns]
    assert inspected(each) == expected


@small
def test_everyEnd(caught: tuple[list[Turn], dict[Kind, Any]]) -> None:
    """Ended at any byte, what has been told before stays true, and each association has one end."""
    turns, _ = caught
    *before, (_, association) = whole(turns)
    for number, (who, said) in enumerate(turns):
        for at in range(len(said)):
            facts = whole([*turns[:number], (who, said[:at])])
            kinds = [fact[0] for fact in facts]
            assert kinds.count(AssociationEnded) == kinds.count(AssociationRequested)
            assert Unreadable not in kinds
            told = [fact for fact in facts if fact[0] is not AssociationEnded]
            assert told == before[: len(told)]
            if kinds and kinds[-1] is AssociationEnded:
                sizes = sum(each.bytes for each in facts[-1][1].tallies)
                assert sizes <= sum(each.bytes for each in association.tallies)


@all_
@given(st.data())
@settings(deadline=None, max_examples=60)
def test_manyCuts(caught: tuple[list[Turn], dict[Kind, Any]], drawn: st.DataObject) -> None:
    """Cut at any number of bytes, the facts are the same."""
    turns, _ = caught
    cuts = st.lists(st.integers(0, 70_000), max_size=6)
    pieces = [(who, cutAt(said, drawn.draw(cuts))) for who, said in turns]
    assert inspected(pieces) == whole(turns)


@all_
@given(st.data())
@settings(deadline=None, max_examples=60)
def test_damaged(caught: tuple[list[Turn], dict[Kind, Any]], drawn: st.DataObject) -> None:
    """With some bytes changed nothing is raised, cuts make no difference, and there is one end."""
    turns, _ = caught
    damaged = [(who, bytearray(said)) for who, said in turns]
    for _ in range(drawn.draw(st.integers(1, 4))):
        _, said = damaged[drawn.draw(st.integers(0, len(damaged) - 1))]
        said[drawn.draw(st.integers(0, len(said) - 1))] = drawn.draw(st.integers(0, 255))
    facts = whole([(who, bytes(said)) for who, said in damaged])
    cuts = st.lists(st.integers(0, 70_000), max_size=3)
    pieces = [(who, cutAt(bytes(said), drawn.draw(cuts))) for who, said in damaged]
    assert inspected(pieces) == facts
    kinds = [fact[0] for fact in facts]
    assert kinds.count(AssociationEnded) == kinds.count(AssociationRequested)
    assert kinds.count(Unreadable) <= 2
    assert "a defect" not in repr(facts)
