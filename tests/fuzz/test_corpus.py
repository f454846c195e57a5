from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from appliance.events import AssociationEnded, OperationFailed, Unreadable
from appliance.relay.proxyline import Decoder, Hop
from tests.fuzz import proxy, proxytarget, seeds, target
from tests.fuzz.dicom import CORPUS


class CorpusTests(SynchronousTestCase):
    """The inputs of the fuzzer, without it."""

    def test_every(self) -> None:
        """Of every input in the corpus all holds that must."""
        inputs = sorted(CORPUS.iterdir())
        self.assertNotEqual(inputs, [])
        for path in inputs:
            target.check(path.read_bytes())

    def test_everyStart(self) -> None:
        """And of every input that one of them begins with."""
        for data in seeds.seeds().values():
            for end in range(len(data)):
                target.check(data[:end])

    def test_seeds(self) -> None:
        """The seeds are there as they are made, and mean something to the inspector."""
        kinds = set()
        for name, data in seeds.seeds().items():
            self.assertEqual((CORPUS / name).read_bytes(), data, "python -m tests.fuzz.seeds")
            kinds |= {fact[0] for fact in target.inspected(list(target.read(data)), 1 << 16)}
        self.assertLessEqual({AssociationEnded, OperationFailed, Unreadable}, kinds)

    def test_turns(self) -> None:
        """Turns come back as they were written, whatever is missing at their end."""
        turns = [(True, b"abc"), (False, b""), (True, b"d")]
        self.assertEqual(list(target.read(target.written(turns))), turns)
        self.assertEqual(list(target.read(target.written(turns)[:-1])), [*turns[:2], (True, b"")])

    def test_finds(self) -> None:
        """What does not hold is found: here, that the facts are those of other turns."""
        (first, *_) = turns = list(target.read(seeds.seeds()["echo"]))
        target.compare(turns, target.inspected(turns, 1 << 16))
        self.assertRaises(AssertionError, target.compare, [first], target.inspected(turns, 99))


class HeaderTests(SynchronousTestCase):
    """The same for PROXY headers."""

    def test_every(self) -> None:
        """Of every input in the corpus, and of all that it begins with, all holds that must."""
        inputs = sorted(proxy.CORPUS.iterdir())
        self.assertLessEqual(set(seeds.HEADERS), {path.name for path in inputs})
        for path in inputs:
            data = path.read_bytes()
            for end in range(len(data) + 1):
                proxytarget.check(data[:end])

    def test_seeds(self) -> None:
        """The seeds are there as they are made, some headers, some refused, some cut short."""
        kinds = set()
        for name, data in seeds.HEADERS.items():
            self.assertEqual((proxy.CORPUS / name).read_bytes(), data, "python -m tests.fuzz.seeds")
            kinds.add(type(proxytarget.decoded(data, 1 << 16)))
        self.assertEqual(kinds, {tuple, str, type(None)})

    def test_finds(self) -> None:
        """What does not hold is found: here, that a header is read where it was cut."""

        class Forgetful(Decoder):
            def feed(self, data: bytes) -> tuple[Hop, bytes] | None:
                found = super().feed(data)
                return None if found is None else (found[0], b"")

        self.patch(proxytarget, "Decoder", Forgetful)
        self.assertRaises(AssertionError, proxytarget.check, seeds.HEADERS["line4"])
