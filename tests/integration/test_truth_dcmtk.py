"""The journal tells what happened where dcmtk's clients call a server that has counted itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")

from attrs import frozen

from tests.integration import archive as a
from tests.integration.archive import Archive, archive
from tests.integration.test_dicom import ANY_SERVER
from tests.integration.test_pacs import dataSetSize
from tests.integration.truth import Stand, operations, standing
from tests.peers import phantom, program

pytestmark = pytest.mark.real

CT, US, CINE, _ = map(str, a.STORES)
QUERY = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")


@frozen
class Setting:
    """The stand, and the PACS behind it."""

    stand: Stand
    pacs: Archive

    def run(
        self,
        name: str,
        title: str,
        *options: object,
        files: tuple[Path, ...] = (),
        plain: bool = False,
    ) -> str:
        """Let one of dcmtk's clients call itself C{title}; what it said."""
        port = self.stand.plain if plain else self.stand.port
        argv = (
            *(program(name), "-d", *(() if plain else ANY_SERVER), "-aet", title),
            *("-aec", a.TITLE, *options, "127.0.0.1", port, *files),
        )
        done = subprocess.run(
            list(map(str, argv)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout

    def assertTrue(self, title: str, how: str = "released", *sections: str) -> dict[str, Any]:
        """Assert that the PACS and the journal have counted the same; the line of the journal."""
        theirs = self.pacs.accounts.wait(title, how)
        for name in ("IN", *sections):
            line = self.stand.line(title, name)
            assert operations(line) == theirs.operations()
            assert sum(each["bytes"] for each in line["operations"]) == theirs.fragments
        return line


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """One for all tests, which tell each other apart by their calling titles."""
    with (
        standing(tmp_path_factory.mktemp("truth")) as stand,
        archive(stand.behind) as pacs,
    ):
        yield Setting(stand, pacs)


def assertContexts(said: str, line: dict[str, Any]) -> None:
    """Assert that the journal has as many contexts as dcmtk's client says in its dump."""
    assert line["contexts"]["proposed"] == len(re.findall(r"Context ID: +\d+ \(Proposed\)", said))
    assert line["contexts"]["accepted"] == len(re.findall(r"Context ID: +\d+ \(Accepted\)", said))


class TestStorescu:
    """C-STORE."""

    @pytest.mark.parametrize(("ours", "theirs"), [(4096, 131072), (16384, 4096), (131072, 0)])
    def test_sizes(self, setting: Setting, ours: int, theirs: int) -> None:
        """Objects of two classes in three transfer syntaxes, some of them refused."""
        title = f"SCU{ours}"
        setting.pacs.entity.maximum_pdu_size = theirs
        setting.pacs.answers[title] = [0x0000, 0xB000, 0xA700, 0xC000]
        said = setting.run("storescu", title, "-nh", "-xy", "-pdu", ours, "-R", files=phantom())
        line = setting.assertTrue(title)
        assertContexts(said, line)
        found = operations(line)
        assert found["C-STORE", US][0] == 4
        assert found["C-STORE", CINE][0] == 2
        assert line["requestor"]["maximumLength"] == ours
        assert len(re.findall("Received Store Response", said)) == 6

    def test_manyContexts(self, setting: Setting) -> None:
        """With all that storescu proposes by itself: as many contexts as there can be."""
        said = setting.run("storescu", "CONTEXTS", files=phantom()[:1])
        line = setting.assertTrue("CONTEXTS")
        assertContexts(said, line)
        assert line["contexts"]["proposed"] > 100

    def test_aborts(self, setting: Setting) -> None:
        """A client that aborts where others release."""
        setting.run("storescu", "ABORTER", "--abort", files=phantom()[:1])
        assert setting.assertTrue("ABORTER", "aborted")["outcome"] == "aborted by the client"


class TestOthers:
    """Everything else that dcmtk's clients ask for."""

    def test_echo(self, setting: Setting) -> None:
        """Echoes in the last of ten contexts, one of which fails."""
        setting.pacs.answers["ECHOES"] = [0x0000, 0x0122]
        setting.run("echoscu", "ECHOES", "-ppc", 10, "--repeat", 5)
        found = operations(setting.assertTrue("ECHOES"))
        ((_, count),) = found.items()
        assert count == (5, {"0000H": 4, "0122H": 1}, 0)

    def test_find(self, setting: Setting) -> None:
        """A query and its answers, as many as findscu shows."""
        said = setting.run("findscu", "FINDER", "-pdu", 4096, *QUERY)
        setting.assertTrue("FINDER")
        assert len(re.findall("0xff0[01]: Pending", said)) == setting.pacs.matches

    def test_cancelled(self, setting: Setting) -> None:
        """A query that findscu gives up."""
        setting.pacs.holds = True
        try:
            setting.run("findscu", "CANCELLER", "--cancel", 2, *QUERY)
        finally:
            setting.pacs.holds = False
        found = operations(setting.assertTrue("CANCELLER"))
        assert found["C-CANCEL", str(a.FIND)] == (1, {}, 0)
        assert found["C-FIND", str(a.FIND)][1] == {"FE00H": 1}

    def test_get(self, setting: Setting, tmp_path: Path) -> None:
        """A retrieval in the same association, through both sections."""
        setting.run("getscu", "GETTER", "-od", tmp_path, "+B", *QUERY, plain=True)
        found = operations(setting.assertTrue("GETTER", "released", "OUT"))
        assert found["C-STORE", CT][:2] == (3, {"0000H": 3})
        assert found["C-STORE", CT][2] == sum(map(dataSetSize, tmp_path.iterdir()))

    def test_move(self, setting: Setting) -> None:
        """A retrieval by another association, which passes both sections, too."""
        setting.pacs.destination = setting.stand.plain
        setting.pacs.entity.ae_title = "FETCHED"
        try:
            setting.run("movescu", "MOVER", "-aem", a.TITLE, *QUERY, plain=True)
        finally:
            setting.pacs.entity.ae_title = a.TITLE
        setting.assertTrue("MOVER", "released", "OUT")
        found = operations(setting.assertTrue("FETCHED", "released", "OUT"))
        assert found["C-STORE", CT][:2] == (3, {"0000H": 3})
