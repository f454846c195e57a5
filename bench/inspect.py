"""What it costs to read an association along while it is relayed.

C{python -m bench.inspect}: a stream of P-DATA-TF of one fragment each goes through the walker, and
then through the whole inspector as objects with their commands and responses. CPU time, best of
some rounds; the data are zeros.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from appliance.dicom.command import C_STORE_RQ, RESPONSE, Command
from appliance.dicom.inspect import Inspector
from appliance.dicom.items import AnsweredContext, ContextResult, ProposedContext
from appliance.dicom.pdu import AssociateAC, AssociateRQ, PDataTF
from appliance.dicom.pdv import PDV
from appliance.dicom.walker import Walker

KIB = 1024
US = "1.2.840.10008.5.1.4.1.1.6.1"
IMPLICIT = "1.2.840.10008.1.2"

Feed = Callable[[memoryview], None]


def data(size: int, last: bool = False) -> bytes:
    """A P-DATA-TF of C{size} bytes with a fragment of a data set."""
    return PDataTF((PDV(1, command=False, last=last, data=bytes(size - 12)),)).encode()


def command(message: Command) -> bytes:
    """A P-DATA-TF with a whole command set."""
    return PDataTF((PDV(1, command=True, last=True, data=message.encode()),)).encode()


def chunks(stream: bytes, size: int) -> list[memoryview]:
    """C{stream} as it would be read."""
    view = memoryview(stream)
    return [view[at : at + size] for at in range(0, len(view), size)]


def seconds(rounds: int, run: Callable[[], None]) -> float:
    """CPU seconds of the fastest of so many runs."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        run()
        best = min(best, time.process_time() - begun)
    return best


def feeding(feed: Feed, pieces: list[memoryview]) -> Callable[[], None]:
    """Feeds all C{pieces}, in order."""

    def run() -> None:
        for piece in pieces:
            feed(piece)

    return run


def ignored(*_: object) -> None:
    """Hear nothing."""


def walked(arguments: argparse.Namespace) -> None:
    """Data sets through the walker alone."""
    total = arguments.mib * KIB * KIB
    for size in (4, 16, 64, 256):
        count = total // (size * KIB)
        pieces = chunks(data(size * KIB) * count, arguments.chunk * KIB)
        walker = Walker(ignored, ignored, ignored)
        spent = seconds(arguments.rounds, feeding(walker.feed, pieces))
        if walker.fault is not None:
            raise SystemExit(walker.fault)
        print(
            f"walker    {size:4} KiB PDUs   {spent / count * 1e9:8.0f} ns a PDU "
            f"{total / spent / 1e9:8.1f} GB/s {spent / total * 2**30 * 1e3:8.2f} ms a GiB"
        )


def inspected(arguments: argparse.Namespace) -> None:
    """Whole objects with their commands and responses through the inspector."""
    total = arguments.mib * KIB * KIB
    store = command(Command(C_STORE_RQ, US, messageID=1, hasDataSet=True))
    response = memoryview(command(Command(C_STORE_RQ | RESPONSE, US, respondedTo=1, status=0)))
    for size in (64, 512, 4096):
        inspector = Inspector(ignored, time.monotonic)
        inspector.fromClient(
            AssociateRQ("PACS", "BENCH", (ProposedContext(1, US, (IMPLICIT,)),)).encode()
        )
        accepted = AnsweredContext(1, ContextResult.ACCEPTED, IMPLICIT)
        inspector.fromBackend(AssociateAC("PACS", "BENCH", (accepted,)).encode())
        stored = data(16 * KIB) * (size // 16 - 1) + data(16 * KIB, last=True)
        pieces = chunks(store + stored, arguments.chunk * KIB)
        count = total // (size * KIB)

        def run(pieces: list[memoryview] = pieces, count: int = count) -> None:
            for _ in range(count):
                for piece in pieces:
                    inspector.fromClient(piece)  # noqa: B023
                inspector.fromBackend(response)  # noqa: B023

        spent = seconds(arguments.rounds, run)
        association = inspector.association
        if association is None or association.tallies[0].requests != count * arguments.rounds:
            raise SystemExit("the inspector has not seen it all")
        print(
            f"inspector {size:4} KiB objects {spent / count * 1e6:5.1f} us each   "
            f"{total / spent / 1e9:8.1f} GB/s {spent / total * 2**30 * 1e3:8.2f} ms a GiB"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.inspect", description=__doc__)
    parser.add_argument("--chunk", type=int, default=256, help="KiB that are read at once")
    parser.add_argument("--mib", type=int, default=128, help="size of the stream")
    parser.add_argument("--rounds", type=int, default=7, help="of which the fastest counts")
    arguments = parser.parse_args()
    walked(arguments)
    inspected(arguments)


if __name__ == "__main__":
    main()
