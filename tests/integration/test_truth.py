"""The journal tells what pynetdicom's clients and servers have counted themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="pynetdicom (the [demo] extra) is not installed")

from attrs import frozen
from pynetdicom.sop_class import Verification

from appliance.cli.steady import steady
from tests.integration import archive as a
from tests.integration.archive import Archive, archive, identifier, instance
from tests.integration.clients import Client
from tests.integration.truth import Account, Stand, operations, standing

pytestmark = pytest.mark.real

IMPLICIT, EXPLICIT, DEFLATED, JPEG = a.SYNTAXES
CT, US, CINE, CAPTURE = a.STORES
MAXIMA = (4096, 16384, 131072)


@frozen
class Setting:
    """The stand, and the PACS behind it."""

    stand: Stand
    pacs: Archive


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """One for all tests, which tell each other apart by their calling titles."""
    with (
        standing(tmp_path_factory.mktemp("truth")) as stand,
        archive(stand.behind) as pacs,
    ):
        yield Setting(stand, pacs)


def assertTrue(
    setting: Setting, client: Client, outcome: str, *how: str, sides: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Assert that client, PACS and journal have counted the same; the line of the journal.

    C{how} are the PACS's words for the C{outcome}. C{sides}: only these have all there was.
    """
    line = setting.stand.line(client.title)
    theirs = setting.pacs.accounts.wait(client.title, *how)
    ours = client.accounts[client.title]
    counted: dict[str, Account] = {"client": ours, "PACS": theirs}
    for side in sides or counted:
        assert operations(line) == counted[side].operations(), side
    assert sum(each["bytes"] for each in line["operations"]) == max(
        ours.fragments, theirs.fragments
    )
    assert line["outcome"] == outcome
    assert line["calling"] == client.title
    assert line["called"] == a.TITLE
    return line


class TestStore:
    """C-STORE."""

    @pytest.mark.parametrize("theirs", MAXIMA)
    @pytest.mark.parametrize("ours", MAXIMA)
    def test_sizes(self, setting: Setting, ours: int, theirs: int) -> None:
        """Whatever PDUs are agreed on, classes, statuses and bytes are those that both have."""
        setting.pacs.entity.maximum_pdu_size = theirs
        client = Client(
            f"S{ours}_{theirs}",
            *((CT, IMPLICIT), (US, EXPLICIT), (CINE, JPEG), (CAPTURE, DEFLATED)),
        )
        setting.pacs.answers[client.title] = [0x0000, 0xB000, 0xA700, 0xC000, 0x0000, 0xB006]
        link = client.associate(setting.stand, ours)
        for number, (size, kind, syntax) in enumerate(
            (
                (0, CT, IMPLICIT),
                (4083, CT, IMPLICIT),
                (16400, US, EXPLICIT),
                (200_000, CINE, JPEG),
                (131_071, CAPTURE, DEFLATED),
                (1, US, EXPLICIT),
            )
        ):
            link.send_c_store(instance(number, size, kind, syntax))
        link.release()
        line = assertTrue(setting, client, "released", "released")
        assert line["requestor"]["maximumLength"] == ours
        assert line["acceptor"]["maximumLength"] == theirs
        assert line["contexts"]["list"] == [
            {"sopClass": str(kind), "transferSyntax": str(syntax)}
            for kind, syntax in ((CT, IMPLICIT), (US, EXPLICIT), (CINE, JPEG), (CAPTURE, DEFLATED))
        ]

    def test_unlimited(self, setting: Setting) -> None:
        """An object in one PDU of megabytes, where both allow any length."""
        setting.pacs.entity.maximum_pdu_size = 0
        client = Client("UNLIMITED", (CT, IMPLICIT))
        link = client.associate(setting.stand, 0)
        link.send_c_store(instance(1, 3_000_001))
        link.release()
        assertTrue(setting, client, "released", "released")

    def test_refusedContexts(self, setting: Setting) -> None:
        """A context that the PACS refuses is proposed and not accepted."""
        client = Client("REFUSED", (CT, IMPLICIT), (a.s.RTImageStorage, IMPLICIT))
        link = client.associate(setting.stand)
        link.send_c_store(instance(1, 10))
        link.release()
        line = assertTrue(setting, client, "released", "released")
        assert (line["contexts"]["proposed"], line["contexts"]["accepted"]) == (2, 1)

    def test_nothing(self, setting: Setting) -> None:
        """An association in which nothing is asked for has no operations."""
        client = Client("NOTHING", (CT, IMPLICIT))
        client.associate(setting.stand).release()
        line = assertTrue(setting, client, "released", "released")
        assert line["operations"] == []


class TestQuery:
    """C-ECHO, C-FIND, C-GET and C-MOVE."""

    def test_echo(self, setting: Setting) -> None:
        """Echoes, of which some fail."""
        client = Client("ECHO", (Verification, IMPLICIT))
        setting.pacs.answers[client.title] = [0x0000, 0x0122, 0x0210, 0x0211, 0x0212]
        link = client.associate(setting.stand)
        for _ in range(6):
            link.send_c_echo()
        link.release()
        line = assertTrue(setting, client, "released", "released")
        assert operations(line)["C-ECHO", str(Verification)][1]["0000H"] == 2

    @pytest.mark.parametrize("final", [0x0000, 0xA700, 0xA900, 0xC001])
    def test_find(self, setting: Setting, final: int) -> None:
        """A query with pending answers, all of whose bytes count, or with a failure."""
        client = Client(f"FIND{final:04X}", (a.FIND, EXPLICIT))
        setting.pacs.answers[client.title] = [final]
        link = client.associate(setting.stand)
        answers = [status.Status for status, _ in link.send_c_find(identifier(7), a.FIND)]
        link.release()
        assert answers[-1] == final
        assert len(answers) == (1 if final else 4)
        assertTrue(setting, client, "released", "released")

    def test_cancelled(self, setting: Setting) -> None:
        """A query that the client cancels: the C-CANCEL has no answer, the query's is FE00H."""
        client = Client("CANCELLED", (a.FIND, IMPLICIT))
        setting.pacs.holds = True
        try:
            link = client.associate(setting.stand)
            answers = []
            for status, _ in link.send_c_find(identifier(), a.FIND, msg_id=77):
                answers.append(status.Status)
                if len(answers) == 2:
                    link.send_c_cancel(77, query_model=a.FIND)
            link.release()
        finally:
            setting.pacs.holds = False
        assert answers[-1] == 0xFE00
        line = assertTrue(setting, client, "released", "released")
        assert operations(line)["C-CANCEL", str(a.FIND)] == (1, {}, 0)

    @pytest.mark.parametrize("final", [0x0000, 0xA701, 0xC002])
    def test_get(self, setting: Setting, final: int) -> None:
        """A retrieval by C-GET: the PACS asks for C-STOREs, which the client answers."""
        client = Client(f"GET{final:04X}", (a.GET, IMPLICIT), (CT, IMPLICIT), accepts=True)
        setting.pacs.answers[client.title] = [final]
        link = client.associate(setting.stand)
        last = [status.Status for status, _ in link.send_c_get(identifier(), a.GET)][-1]
        link.release()
        line = assertTrue(setting, client, "released", "released")
        assert operations(line)["C-GET", str(a.GET)][1] == {f"{last:04X}H": 1}
        if not final:
            # Both that the client has warned and that it was asked three times.
            assert operations(line)["C-STORE", str(CT)][:2] == (3, {"B007H": 3})

    def test_move(self, setting: Setting) -> None:
        """A retrieval by C-MOVE, which brings the objects by another association."""
        client = Client("MOVE", (a.MOVE, IMPLICIT))
        setting.pacs.destination = setting.stand.plain
        setting.pacs.entity.ae_title = "MOVER"
        try:
            link = client.associate(setting.stand)
            answers = [each for each, _ in link.send_c_move(identifier(), a.TITLE, a.MOVE)]
            link.release()
        finally:
            setting.pacs.entity.ae_title = a.TITLE
        assert answers[-1].Status == 0x0000
        assertTrue(setting, client, "released", "released")
        moved = setting.pacs.accounts.wait("MOVER", "released").operations()
        for name in ("IN", "OUT"):
            assert operations(setting.stand.line("MOVER", name)) == moved
        assert moved["C-STORE", str(CT)][:2] == (3, {"0000H": 3})


class TestNormalized:
    """N-CREATE, N-SET, N-GET, N-ACTION, N-DELETE and N-EVENT-REPORT."""

    def test_procedureStep(self, setting: Setting) -> None:
        """A modality performed procedure step, some of it against the PACS's will."""
        client = Client("MPPS", (a.MPPS, EXPLICIT))
        setting.pacs.answers[client.title] = [0x0000, 0x0111, 0x0107, 0x0110, 0x0116]
        link = client.associate(setting.stand)
        for size in (5, 50):
            link.send_n_create(identifier(size), a.MPPS, f"{a.ROOT}.7")
        for size in (6, 60):
            link.send_n_set(identifier(size), a.MPPS, f"{a.ROOT}.7")
        link.send_n_get([0x00080060, 0x00081030], a.MPPS, f"{a.ROOT}.7")
        link.release()
        line = assertTrue(setting, client, "released", "released")
        statuses = {kind[0]: each[1] for kind, each in operations(line).items()}
        assert statuses == {
            "N-CREATE": {"0000H": 1, "0111H": 1},
            "N-SET": {"0107H": 1, "0110H": 1},
            "N-GET": {"0116H": 1},
        }

    def test_print(self, setting: Setting) -> None:
        """Classes are those of the messages, also where their context is that of a whole family."""
        client = Client("PRINT", (a.PRINT, IMPLICIT))
        setting.pacs.answers[client.title] = [0x0000, 0xB600, 0x0110, 0x0112]
        link = client.associate(setting.stand)
        session, film = a.s.BasicFilmSession, a.s.BasicFilmBox
        for kind in (session, film):
            link.send_n_create(identifier(3), kind, f"{a.ROOT}.8", meta_uid=a.PRINT)
        link.send_n_action(identifier(4), 1, film, f"{a.ROOT}.8", meta_uid=a.PRINT)
        link.send_n_delete(session, f"{a.ROOT}.8", meta_uid=a.PRINT)
        link.release()
        line = assertTrue(setting, client, "released", "released")
        assert {kind: each[1] for kind, each in operations(line).items()} == {
            ("N-CREATE", str(session)): {"0000H": 1},
            ("N-CREATE", str(film)): {"B600H": 1},
            ("N-ACTION", str(film)): {"0110H": 1},
            ("N-DELETE", str(session)): {"0112H": 1},
        }

    def test_commitment(self, setting: Setting) -> None:
        """Storage commitment, with the PACS's report in the same association."""
        client = Client("COMMITMENT", (a.COMMITMENT, IMPLICIT), accepts=True)
        link = client.associate(setting.stand)
        link.send_n_action(identifier(9), 1, a.COMMITMENT, a.COMMITMENT_INSTANCE)
        (served,) = setting.pacs.server.active_associations
        report = (identifier(99), 1, a.COMMITMENT, a.COMMITMENT_INSTANCE)
        assert steady(served).send_n_event_report(*report)[0].Status == 0
        link.release()
        line = assertTrue(setting, client, "released", "released")
        assert [kind[0] for kind in operations(line)] == ["N-ACTION", "N-EVENT-REPORT"]

    def test_reportByRole(self, setting: Setting) -> None:
        """The same report over an association that its sender has asked for."""
        client = Client("REPORT", (a.COMMITMENT, IMPLICIT), accepts=True)
        setting.pacs.answers[client.title] = [0x0113]
        link = client.associate(setting.stand)
        link.send_n_event_report(identifier(1), 2, a.COMMITMENT, a.COMMITMENT_INSTANCE)
        link.release()
        assertTrue(setting, client, "released", "released")


class TestEnds:
    """How associations end other than well."""

    def test_abortedByClient(self, setting: Setting) -> None:
        """The client aborts between two stores."""
        client = Client("ABORTS", (CT, IMPLICIT))
        link = client.associate(setting.stand)
        link.send_c_store(instance(1, 1000))
        link.abort()
        assertTrue(setting, client, "aborted by the client", "aborted", "closed")

    def test_abortedByPACS(self, setting: Setting) -> None:
        """The PACS aborts in place of an answer."""
        client = Client("ABORTED", (CT, IMPLICIT))
        setting.pacs.answers[client.title] = [0x0000, a.ABORT]
        link = client.associate(setting.stand)
        for number in range(2):
            link.send_c_store(instance(number, 1000))
        line = assertTrue(setting, client, "aborted by the backend", "aborted", sides=("client",))
        assert operations(line)["C-STORE", str(CT)][:2] == (2, {"0000H": 1})

    def test_vanished(self, setting: Setting) -> None:
        """The PACS is gone in place of an answer: the client is told by an abort of ours."""
        client = Client("VANISHED", (CT, IMPLICIT))
        setting.pacs.answers[client.title] = [0x0000, a.VANISH]
        link = client.associate(setting.stand)
        for number in range(2):
            link.send_c_store(instance(number, 1000))
        line = setting.stand.line(client.title)
        assert operations(line) == client.accounts[client.title].operations()
        assert operations(line)["C-STORE", str(CT)][:2] == (2, {"0000H": 1})
        assert line["outcome"] == "cut by the backend"
        client.accounts.wait(client.title, "aborted")

    def test_rejected(self, setting: Setting) -> None:
        """The PACS rejects whoever calls it by another name."""
        client = Client("REJECTED", (CT, IMPLICIT))
        setting.pacs.entity.require_called_aet = True
        try:
            link = client.associate(setting.stand, called="SOMEBODY")
        finally:
            setting.pacs.entity.require_called_aet = False
        assert link.is_rejected
        line = setting.stand.line(client.title)
        setting.pacs.accounts.wait(client.title, "rejected")
        assert (line["outcome"], line["acceptor"], line["operations"]) == ("rejected", None, [])
        assert "called AE title not recognized" in line["why"]
