"""What DICOM peers have counted themselves, to hold the lines of the journal against.

Peers count by what pynetdicom has decoded for them. Nothing of ours takes part in that; only the
shape of the result is the journal's.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from appliance.cli.child import Child, running
from tests.integration.appliance import READY, keyPair, section, serving
from tests.peers import butterfly, freePort

PENDING = (0xFF00, 0xFF01)
Kind = tuple[str, str]
"""An operation, and the UID of its SOP class."""


@define
class Count:
    """Messages of one kind: as many requests, final answers by status, bytes of data sets."""

    requests: int = 0
    statuses: Counter[str] = field(factory=Counter)
    bytes: int = 0


@define(eq=False)
class Account:
    """What one peer has seen of one association; C{ended} is how it ended, as pynetdicom says."""

    counts: dict[Kind, Count] = field(factory=dict)
    ended: list[str] = field(factory=list)
    fragments: int = 0
    """Bytes in all fragments of data sets, both ways, whole messages or not."""
    most: int = 0
    """The most presentation data values that have come or gone in one PDU."""
    _asked: dict[tuple[bool, int], Kind] = field(factory=dict)

    def message(self, ours: bool, context: str, message: Any) -> None:
        """Count a whole message, which is C{ours} or the peer's; C{context} is its SOP class."""
        command = message.command_set
        kind = self._kind(ours, context, message)
        count = self.counts.setdefault(kind, Count())
        count.bytes += 0 if message.data_set is None else len(message.data_set.getvalue())
        if not command.CommandField & 0x8000:
            count.requests += 1
        elif command.Status not in PENDING:
            count.statuses[f"{command.Status:04X}H"] += 1

    def _kind(self, ours: bool, context: str, message: Any) -> Kind:
        command = message.command_set
        if command.CommandField & 0x8000:
            return self._asked[not ours, command.MessageIDBeingRespondedTo]
        name = type(message).__name__.removesuffix("_RQ").replace("_", "-")
        uid = command.get("AffectedSOPClassUID") or command.get("RequestedSOPClassUID") or context
        if "MessageID" in command:
            self._asked[ours, command.MessageID] = (name, str(uid))
        return name, str(uid)

    def values(self, items: list[tuple[int, bytes]]) -> None:
        """Count the presentation data values of a PDU."""
        self.most = max(self.most, len(items))
        self.fragments += sum(len(data) - 1 for _, data in items if not data[0] & 1)

    def operations(self) -> dict[Kind, tuple[int, dict[str, int], int]]:
        """The counts, by kinds."""
        return {
            kind: (each.requests, dict(each.statuses), each.bytes)
            for kind, each in self.counts.items()
        }


class Accounts:
    """One peer's associations by their calling titles; C{handlers} are for pynetdicom."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._accounts: dict[str, Account] = {}

    def __getitem__(self, calling: str) -> Account:
        """The association of C{calling}."""
        with self._changed:
            return self._accounts.setdefault(calling, Account())

    @property
    def handlers(self) -> list[tuple[Any, ...]]:
        """What listens to an association."""
        from pynetdicom import evt

        ends = {
            evt.EVT_RELEASED: "released",
            evt.EVT_ABORTED: "aborted",
            evt.EVT_REJECTED: "rejected",
            evt.EVT_CONN_CLOSE: "closed",
        }
        return [
            (evt.EVT_DIMSE_SENT, self._message, [True]),
            (evt.EVT_DIMSE_RECV, self._message, [False]),
            (evt.EVT_PDU_SENT, self._pdu),
            (evt.EVT_PDU_RECV, self._pdu),
            *((event, self._ended, [how]) for event, how in ends.items()),
        ]

    def wait(self, calling: str, *how: str) -> Account:
        """The association of C{calling}, once it has ended in one of these ways."""
        account = self[calling]
        with self._changed:
            done = self._changed.wait_for(lambda: set(how) & set(account.ended), READY)
        assert done, f"{calling} has ended {account.ended}"
        return account

    def _account(self, event: Any) -> Account:
        return self[event.assoc.requestor.ae_title]

    def _message(self, event: Any, ours: bool) -> None:
        contexts = {each.context_id: each for each in event.assoc.accepted_contexts}
        context = str(contexts[event.message.context_id].abstract_syntax)
        self._account(event).message(ours, context, event.message)

    def _pdu(self, event: Any) -> None:
        items = getattr(event.pdu, "presentation_data_value_items", None)
        if items:
            self._account(event).values(
                [(each.presentation_context_id, each.presentation_data_value) for each in items]
            )

    def _ended(self, event: Any, how: str) -> None:
        account = self._account(event)
        with self._changed:
            account.ended.append(how)
            self._changed.notify_all()


def operations(line: dict[str, Any]) -> dict[Kind, tuple[int, dict[str, int], int]]:
    """The counts in a line of the journal, by kinds."""
    found = {
        (each["operation"], each["sopClass"]): (each["requests"], each["statuses"], each["bytes"])
        for each in line["operations"]
    }
    assert len(found) == len(line["operations"])
    return found


@define
class Stand:
    """An appliance in front of whatever listens at C{behind}.

    C{port} takes TLS, in the section C{IN}; C{plain} is for peers that have none: the section
    C{OUT} brings them to C{port}, so that such an association has a line in the journal for each.
    """

    port: int
    plain: int
    behind: int
    child: Child
    _reader: Child

    def line(self, calling: str, name: str = "IN") -> dict[str, Any]:
        """The line of the association of C{calling} through the section C{name}."""
        import json

        found = self._reader.waitFor(f'"section":"{name}".*"calling":"{calling}"', READY)
        line: dict[str, Any] = json.loads(found.string)
        return line


@contextmanager
def standing(directory: Path, *lines: str, behind: int | None = None) -> Iterator[Stand]:
    """A stand; C{lines} go into the section C{IN}."""
    keyPair(directory)
    port, plain, behind = freePort(), freePort(), behind or freePort()
    text = "journal = journal\n" + section(
        port, behind, "healthCheck = none", "TIMEOUTclose = 5", *lines, name="IN"
    )
    text += (
        f"[OUT]\naccept = 127.0.0.1:{plain}\nconnect = 127.0.0.1:{port}\nclient = yes\n"
        "healthCheck = none\nTIMEOUTclose = 5\n"
    )
    argv = butterfly("journal", "--json", "--follow", directory / "journal")
    with (
        serving(directory, text) as child,
        running("journal", argv, directory) as reader,
    ):
        yield Stand(port, plain, behind, child, reader)
