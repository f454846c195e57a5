"""The journal tells the truth of several values in a PDU, of fragments, and of what is pipelined.

The clients and the server here are written by hand, on pynetdicom's PDUs.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")

from attrs import frozen
from pynetdicom.sop_class import Verification

from tests import objects
from tests.integration import archive as a
from tests.integration import packing as p
from tests.integration.appliance import READY
from tests.integration.archive import Archive, archive, identifier, instance
from tests.integration.clients import Client, anyServer
from tests.integration.test_dicom import storescp
from tests.integration.test_pacs import dataSetSize
from tests.integration.truth import Stand, operations, standing
from tests.peers import answering, program

pytestmark = pytest.mark.real

IMPLICIT, EXPLICIT, *_ = a.SYNTAXES
CT, US, *_ = a.STORES
KINDS = ((CT, IMPLICIT), (US, EXPLICIT), (Verification, IMPLICIT))
STATUSES = [0x0000, 0xB000, 0xA700, 0xC000, 0x0000, 0x0122]


def messages() -> list[list[p.Value]]:
    """Six requests in three contexts."""
    return [
        p.store(1, 1, instance(1, 3000)),
        p.store(3, 2, instance(2, 0, US, EXPLICIT)),
        p.store(1, 3, instance(3, 20_000)),
        p.store(3, 4, instance(4, 1, US, EXPLICIT)),
        p.echo(5, 5),
        p.echo(5, 6),
    ]


@contextmanager
def dialled(port: int) -> Iterator[p.Line]:
    """A connection by TLS."""
    with (
        socket.create_connection(("127.0.0.1", port), READY) as plain,
        anyServer().wrap_socket(plain) as secured,
    ):
        yield p.Line(secured)


@frozen
class Setting:
    """The stand, and the PACS behind it."""

    stand: Stand
    pacs: Archive

    def assertTrue(self, title: str) -> dict[str, Any]:
        """Assert that the PACS and the journal have counted the same; the line of the journal."""
        line = self.stand.line(title)
        account = self.pacs.accounts.wait(title, "released")
        assert operations(line) == account.operations()
        assert sum(each["bytes"] for each in line["operations"]) == account.fragments
        assert line["outcome"] == "released"
        return line


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """One for all tests, which tell each other apart by their calling titles."""
    with (
        standing(tmp_path_factory.mktemp("truth")) as stand,
        archive(stand.behind) as pacs,
    ):
        pacs.entity.maximum_pdu_size = 0
        yield Setting(stand, pacs)


class TestClients:
    """What a client may send."""

    def converse(self, setting: Setting, title: str, *pdus: list[bytes], piece: int = 0) -> None:
        """Send the PDUs of each message in one write, and wait for its answer."""
        setting.pacs.answers[title] = list(STATUSES)
        with dialled(setting.stand.port) as line:
            line.connection.sendall(p.request(title, KINDS))
            assert line.pdu()[:1] == b"\2"
            for number, each in enumerate(pdus, 1):
                data = b"".join(each)
                for at in range(0, len(data), piece or len(data)):
                    line.connection.sendall(data[at : at + (piece or len(data))])
                line.answers(number)
            assert line.statuses == STATUSES
            line.connection.sendall(p.release())
            assert line.pdu()[:1] == b"\6"

    @pytest.mark.parametrize("maximum", [64, 4096, 16378, 131072])
    def test_packed(self, setting: Setting, maximum: int) -> None:
        """A command set and its data set, or as much of it as fits, in one PDU, as of dcm4che."""
        title = f"PACKED{maximum}"
        self.converse(setting, title, *(list(p.packed(each, maximum)) for each in messages()))
        setting.assertTrue(title)
        assert setting.pacs.accounts[title].most > 1

    @pytest.mark.parametrize("size", [1, 7, 100])
    def test_fragments(self, setting: Setting, size: int) -> None:
        """Command sets and data sets in many fragments, a PDU for each."""
        title = f"FRAGMENT{size}"
        short = [message for message in messages() if sum(len(d) for _, d in message) < 5000]
        several = [list(p.fragmented(each, size)) for each in (*short, messages()[0])]
        self.converse(setting, title, *several)
        setting.assertTrue(title)

    def test_bytes(self, setting: Setting) -> None:
        """Byte by byte, in a TLS record each."""
        short = [p.store(1, 1, instance(1, 300)), *(p.echo(5, number) for number in range(2, 7))]
        several = (list(p.packed(each, 128)) for each in short)
        self.converse(setting, "BYTES", *several, piece=1)
        setting.assertTrue("BYTES")

    @pytest.mark.parametrize("mode", ["auto", "yes"])
    def test_pipelined(self, tmp_path: Path, mode: str) -> None:
        """Request, messages and release in one write, before anything was accepted."""
        each = [pdu for message in messages() for pdu in p.packed(message, 16378)]
        with (
            standing(tmp_path, f"dicom = {mode}") as stand,
            storescp(tmp_path, port=stand.behind),
            dialled(stand.port) as line,
        ):
            data = b"".join((p.request("PIPELINED", KINDS), *each, p.release()))
            line.connection.sendall(data)
            assert line.pdu()[:1] == b"\2"
            assert line.answers(6) == [0] * 6
            assert line.pdu()[:1] == b"\6"
            found = operations(stand.line("PIPELINED"))
        received = list((tmp_path / "received").iterdir())
        assert len(received) == 4
        assert sum(each[2] for each in found.values()) == sum(map(dataSetSize, received))
        assert {kind: each[:2] for kind, each in found.items()} == {
            ("C-STORE", str(CT)): (2, {"0000H": 2}),
            ("C-STORE", str(US)): (2, {"0000H": 2}),
            ("C-ECHO", str(Verification)): (2, {"0000H": 2}),
        }

    def test_cutShort(self, setting: Setting) -> None:
        """A client that is gone in the middle of an object: the bytes that it had sent."""
        message = p.store(1, 1, instance(1, 50_000))
        first, *rest = p.packed(message, 16378)
        with dialled(setting.stand.port) as line:
            line.connection.sendall(p.request("GONE", KINDS))
            assert line.pdu()[:1] == b"\2"
            line.connection.sendall(first + rest[0][:1000])
            line.connection.unwrap()
        said = setting.stand.line("GONE")
        assert said["outcome"] == "cut by the client"
        requests, statuses, passed = operations(said)["C-STORE", str(CT)]
        assert (requests, statuses) == (1, {})
        # The first PDU has two values, of the second there is the beginning of one.
        command = len(message[0][1]) - 1
        assert passed == (len(first) - 6 - 2 * 6 - command) + (1000 - 6 - 6)


class TestOdil:
    """A client of another make, which fills PDUs as dcm4che does."""

    @pytest.mark.parametrize("work", ["echo", "store", "find"])
    def test_odil(self, setting: Setting, tmp_path: Path, work: str) -> None:
        """All that it asks for is counted, through both sections."""
        title = f"ODIL{work.upper()}"
        more = {
            "echo": [],
            "store": objects.write(tmp_path / "study", 2, 100_000),
            "find": ["study", "QueryRetrieveLevel=STUDY", "StudyInstanceUID"],
        }
        where = ("127.0.0.1", setting.stand.plain, title, a.TITLE)
        command = [program("odil"), work, *map(str, (*where, *more[work]))]
        subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
        line = setting.assertTrue(title)
        assert operations(setting.stand.line(title, "OUT")) == operations(line)
        assert setting.pacs.accounts[title].most == (1 if work == "echo" else 2)


class TestServer:
    """What a server may send."""

    def test_packed(self, tmp_path: Path) -> None:
        """Each answer to a query in one PDU, command and data set together."""
        client = Client("ASKS", (a.FIND, IMPLICIT))
        answers = [p.found(1, 1, 0xFF00, identifier(10 * each)) for each in range(5)]
        answers.append(p.found(1, 1, 0x0000))
        pdus = [pdu for answer in answers for pdu in p.packed(answer, 16378)]

        with answering(serve(2, pdus)) as port, standing(tmp_path, behind=port) as stand:
            link = client.associate(stand)
            heard = [each.Status for each, _ in link.send_c_find(identifier(), a.FIND)]
            link.release()
            line = stand.line(client.title)
        assert heard == [0xFF00] * 5 + [0x0000]
        account = client.accounts[client.title]
        assert account.most == 2
        assert operations(line) == account.operations()

    @pytest.mark.parametrize("maximum", [50, 700, 1 << 20])
    def test_together(self, tmp_path: Path, maximum: int) -> None:
        """Requests of several messages in one PDU, and so their answers, all of them at a time."""
        several = [p.store(1, number, instance(number, 100 * number)) for number in range(1, 6)]
        asked = list(p.packed([value for each in several for value in each], maximum))
        answers = [p.stored(1, number, 0xB000 + number % 2) for number in (2, 1, 5, 3, 4)]
        said = list(p.packed([value for each in answers for value in each], maximum))
        with (
            answering(serve(10, said)) as port,
            standing(tmp_path, behind=port) as stand,
            dialled(stand.port) as line,
        ):
            line.connection.sendall(p.request("TOGETHER", KINDS))
            assert line.pdu()[:1] == b"\2"
            line.connection.sendall(b"".join(asked))
            assert sorted(line.answers(5)) == [0xB000] * 2 + [0xB001] * 3
            line.connection.sendall(p.release())
            assert line.pdu() == p.release(answer=True)
            found = operations(stand.line("TOGETHER"))
        size = sum(len(value) - 1 for each in several for _, value in each[1:])
        assert found == {("C-STORE", str(CT)): (5, {"B000H": 2, "B001H": 3}, size)}


class TestGarbage:
    """What is no DICOM, or no longer."""

    @pytest.mark.parametrize("garbage", [bytes(50), b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe" * 40])
    def test_behindAMessage(self, setting: Setting, garbage: bytes) -> None:
        """What came before is counted, the fault is told once, and so is the PACS's abort."""
        title = f"GARBAGE{garbage[0]}"
        with dialled(setting.stand.port) as line:
            line.connection.sendall(p.request(title, KINDS))
            assert line.pdu()[:1] == b"\2"
            line.connection.sendall(b"".join(p.packed(p.store(1, 1, instance(1, 900)), 16378)))
            assert line.answers(1) == [0]
            line.connection.sendall(garbage)
            assert line.pdu()[:1] == b"\7"
        said = setting.stand.line(title)
        account = setting.pacs.accounts.wait(title, "aborted", "closed")
        assert operations(said) == account.operations()
        assert said["outcome"] == "aborted by the backend"
        told = rf"LOG6\[{said['connection']}\].* cannot read the association any further"
        assert len(re.findall(told, "\n".join(setting.stand.child.lines))) == 1

    def test_passes(self, tmp_path: Path) -> None:
        """Bytes that are nothing to us arrive as they are, both ways, and are no association."""
        sent, answer = bytes(range(255, 5, -1)) * 4000, bytes(range(250, 0, -1)) * 4000
        got = Queue[bytes]()

        def behave(connection: socket.socket) -> None:
            line = p.Line(connection)
            got.put(line.read(len(sent)))
            connection.sendall(answer)

        with (
            answering(behave) as port,
            standing(tmp_path, behind=port) as stand,
            dialled(stand.port) as line,
        ):
            line.connection.sendall(sent)
            assert line.read(len(answer)) == answer
            assert got.get(timeout=READY) == sent
            line.connection.unwrap()
            stand.child.waitFor("Connection (closed|reset)", READY)
        assert (tmp_path / "journal").read_text() == ""


def serve(values: int, answers: list[bytes]) -> Callable[[socket.socket], None]:
    """A server by hand that says C{answers} once it has heard so many whole command or data sets.

    It accepts any association, and its release.
    """

    def behave(connection: socket.socket) -> None:
        line = p.Line(connection)
        connection.sendall(p.acceptance(line.pdu()))
        line.requests(values, lambda: connection.sendall(b"".join(answers)))
        assert line.pdu() == p.release()
        connection.sendall(p.release(answer=True))
        # The client closes (PS3.8 9.2.2).
        assert line.pdu() == b""

    return behave
