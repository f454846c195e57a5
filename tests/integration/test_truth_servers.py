"""The journal tells what a client has counted that calls dcmtk's servers and Orthanc."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")

from tests.integration import archive as a
from tests.integration.archive import archive, identifier, instance
from tests.integration.clients import Client
from tests.integration.test_dicom import storescp
from tests.integration.test_pacs import dataSetSize, dcmqrscp, instances, orthanc
from tests.integration.truth import Stand, operations, standing

pytestmark = pytest.mark.real

IMPLICIT, EXPLICIT, _, JPEG = a.SYNTAXES
CT, US, CINE, _ = a.STORES
STORED = ((0, CT, IMPLICIT), (4083, CT, IMPLICIT), (16400, US, EXPLICIT), (70_001, CINE, JPEG))
FETCHER = "FETCHER"


@contextmanager
def receiving(directory: Path, *options: str) -> Iterator[Stand]:
    """Dcmtk's storage server behind a stand."""
    with (
        standing(directory) as stand,
        storescp(directory, *options, port=stand.behind),
    ):
        yield stand


def store(client: Client, stand: Stand, maximum: int = 16382) -> list[int]:
    """Store all of C{STORED} in one association, until there is no answer; the answers."""
    link = client.associate(stand, maximum)
    answers: list[int] = []
    for number, each in enumerate(STORED):
        status = link.send_c_store(instance(number, *each))
        if "Status" not in status:
            return answers
        answers.append(status.Status)
    link.release()
    return answers


def sender(title: str) -> Client:
    """A client that can store all of C{STORED}."""
    return Client(title, *dict.fromkeys((kind, syntax) for _, kind, syntax in STORED))


def assertTrue(stand: Stand, client: Client, name: str = "IN") -> dict[str, Any]:
    """Assert that client and journal have counted the same; the line of the journal."""
    line = stand.line(client.title, name)
    account = client.accounts[client.title]
    assert operations(line) == account.operations()
    assert sum(each["bytes"] for each in line["operations"]) == account.fragments
    return line


class TestStorescp:
    """dcmtk's storage server."""

    @pytest.mark.parametrize("maximum", [4096, 131072])
    def test_stores(self, tmp_path: Path, maximum: int) -> None:
        """Counts and statuses are the client's, bytes also those in the server's files."""
        client = sender("STORES")
        with receiving(tmp_path, "+xa", "-pdu", str(maximum)) as stand:
            assert store(client, stand, maximum) == [0] * len(STORED)
            line = assertTrue(stand, client)
        assert line["outcome"] == "released"
        assert line["acceptor"]["maximumLength"] == maximum
        received = list((tmp_path / "received").iterdir())
        assert len(received) == len(STORED)
        assert sum(each["bytes"] for each in line["operations"]) == sum(map(dataSetSize, received))

    def test_abortsAfter(self, tmp_path: Path) -> None:
        """A server that aborts in place of its answer has been sent a whole object."""
        client = sender("ABORTED")
        with receiving(tmp_path, "+xa", "--abort-after") as stand:
            assert store(client, stand) == []
            line = assertTrue(stand, client)
        assert line["outcome"] == "aborted by the backend"
        assert operations(line)["C-STORE", str(CT)][:2] == (1, {})

    def test_abortsDuring(self, tmp_path: Path) -> None:
        """Of an object that a server does not want to hear to its end, no more than was sent."""
        client = Client("MIDDLE", (CT, IMPLICIT))
        with receiving(tmp_path, "--abort-during") as stand:
            link = client.associate(stand, 4096)
            assert "Status" not in link.send_c_store(instance(1, 3_000_000))
            line = stand.line(client.title)
        requests, statuses, passed = operations(line)["C-STORE", str(CT)]
        assert (line["outcome"], requests, statuses) == ("aborted by the backend", 1, {})
        assert 0 < passed <= client.accounts[client.title].fragments

    def test_refuses(self, tmp_path: Path) -> None:
        """A server that rejects everybody."""
        client = sender("REJECTED")
        with receiving(tmp_path, "--refuse") as stand:
            assert client.associate(stand).is_rejected
            line = assertTrue(stand, client)
        assert (line["outcome"], line["operations"]) == ("rejected", [])


@contextmanager
def fetching(directory: Path) -> Iterator[tuple[Stand, a.Archive]]:
    """Where the archives send what is to be moved, behind a stand of its own."""
    (directory / "fetcher").mkdir()
    with (
        standing(directory / "fetcher") as stand,
        archive(stand.behind) as fetcher,
    ):
        yield stand, fetcher


@contextmanager
def orthancBehind(directory: Path, stand: Stand, fetcher: int) -> Iterator[int]:
    """Orthanc behind C{stand}, which moves to the port C{fetcher}; its port for HTTP."""
    allowed = dict.fromkeys((f"DicomAlwaysAllow{what}" for what in ("Find", "Get", "Move")), True)
    peers = {"fetcher": [FETCHER, "127.0.0.1", fetcher]}
    with orthanc(directory, stand.behind, DicomModalities=peers, **allowed) as (_, _, web):
        yield web


@contextmanager
def dcmqrscpBehind(directory: Path, stand: Stand, fetcher: int) -> Iterator[int]:
    """Dcmtk's archive behind C{stand}, which moves to the port C{fetcher}."""
    hosts = f"fetcher = ({FETCHER}, 127.0.0.1, {fetcher})\n"
    with dcmqrscp(directory, stand.behind, hosts):
        yield 0


class TestArchives:
    """Archives that keep what they are sent, and give it away again."""

    @pytest.mark.parametrize("behind", [orthancBehind, dcmqrscpBehind])
    def test_all(self, tmp_path: Path, behind: Any) -> None:
        """Stores, queries and both ways of retrieval, each in an association of its own."""
        storing, finding = sender("STORES"), Client("FINDS", (a.FIND, IMPLICIT))
        getting = Client("GETS", (a.GET, IMPLICIT), (CT, IMPLICIT), accepts=True)
        moving = Client("MOVES", (a.MOVE, IMPLICIT))
        query = identifier()
        with (
            fetching(tmp_path) as (other, fetcher),
            standing(tmp_path) as stand,
            behind(tmp_path, stand, other.plain) as web,
        ):
            link = storing.associate(stand)
            for number in range(3):
                status = link.send_c_store(identified(number))
                assert status.Status == 0
            link.release()
            assert operations(assertTrue(stand, storing))["C-STORE", str(CT)][0] == 3
            if web:
                assert instances(web) == 3

            link = finding.associate(stand)
            assert [each.Status for each, _ in link.send_c_find(query, a.FIND)] == [0xFF00, 0]
            link.release()
            assertTrue(stand, finding)

            link = getting.associate(stand)
            final = [each.Status for each, _ in link.send_c_get(query, a.GET)][-1]
            link.release()
            found = operations(assertTrue(stand, getting))
            assert found["C-STORE", str(CT)][:2] == (3, {"B007H": 3})
            assert found["C-GET", str(a.GET)][1] == {f"{final:04X}H": 1}

            link = moving.associate(stand)
            answers = [each.Status for each, _ in link.send_c_move(query, FETCHER, a.MOVE)]
            link.release()
            assert answers[-1] == 0
            assertTrue(stand, moving)
            moved = fetcher.accounts.wait(a.TITLE, "released").operations()
            for name in ("IN", "OUT"):
                assert operations(other.line(a.TITLE, name)) == moved
            assert moved["C-STORE", str(CT)][:2] == (3, {"0000H": 3})


def identified(number: int) -> Any:
    """An object that archives can file."""
    dataset = instance(number, 1000 + number)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = identifier().StudyInstanceUID, "1.2.3"
    dataset.PatientID, dataset.PatientName = "PHANTOM-1", "PHANTOM^CT"
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = ""
    return dataset
