from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import buildText
from tests.config.memory import CONF, HOME
from tests.fuzz import (
    config,
    configtarget,
    control,
    controltarget,
    http,
    httptarget,
    ssh,
    sshtarget,
    texts,
)

TARGETS: dict[Any, Any] = {
    config.CORPUS: configtarget,
    control.CORPUS: controltarget,
    ssh.CORPUS: sshtarget,
    http.CORPUS: httptarget,
}


class TextTests(SynchronousTestCase):
    """The inputs that are words, without the fuzzer."""

    def test_every(self) -> None:
        """Of every input in a corpus all holds that must."""
        for corpus, target in TARGETS.items():
            inputs = sorted(corpus.iterdir())
            self.assertNotEqual(inputs, [])
            for path in inputs:
                target.check(path.read_bytes())

    def test_halves(self) -> None:
        """And of those that are cut."""
        for corpus, made in texts.SEEDS:
            for data in made.values():
                for parts in (2, 3, 5, 7):
                    TARGETS[corpus].check(data[: len(data) * (parts - 1) // parts])

    def test_seeds(self) -> None:
        """The seeds are there as they are made."""
        for corpus, made in texts.SEEDS:
            for name, data in made.items():
                self.assertEqual((corpus / name).read_bytes(), data, "python -m tests.fuzz.seeds")

    def test_meaning(self) -> None:
        """They mean something: most are taken, some are refused."""
        built = [
            buildText(CONF, text.encode(), HOME, configtarget.DISK)[0] is not None
            for text in texts.CONFIGS.values()
        ]
        self.assertGreater(sum(built), len(built) // 2)
        self.assertFalse(all(built))
        answers = controltarget.answered(texts.CONTROL["all"], 1 << 16)
        self.assertEqual(len(answers), len(texts.COMMANDS))
        self.assertGreater(sum(each.ok for each in answers), len(answers) // 2)
        asked = {name: httptarget.asked(data, 1 << 16)[9:12] for name, data in texts.WEB.items()}
        self.assertLessEqual({b"200", b"400", b"413"}, set(asked.values()), asked)
        said, heard = sshtarget.outcome(sshtarget.KEYS, texts.TYPED["keys"][1:], 1)
        self.assertIn(b"All is well", said)
        self.assertNotEqual(heard, [])


class FindTests(SynchronousTestCase):
    """What does not hold is found."""

    def test_config(self) -> None:
        """Here: a configuration that is not usable, and nothing that says why."""
        self.assertRaises(AssertionError, configtarget.judged, None, ())

    def test_control(self) -> None:
        """Here: a command that breaks."""
        self.patch(controltarget, "FakeOperator", lambda: Broken())
        self.assertRaises(AssertionError, controltarget.check, texts.CONTROL["twice"])

    def test_ssh(self) -> None:
        """The same for the shell."""
        self.patch(sshtarget, "FakeOperator", lambda: Broken())
        for face in (sshtarget.ONCE, sshtarget.LINES, sshtarget.KEYS):
            self.assertRaises(AssertionError, sshtarget.check, face + b"status\r\n")

    def test_http(self) -> None:
        """Here: an answer that cannot be made."""
        self.patch(httptarget, "STATE", None)
        self.assertRaises(AssertionError, httptarget.check, texts.WEB["page"])
        self.flushLoggedErrors()


class Broken(controltarget.FakeOperator):
    """An appliance that cannot say how it is."""

    def status(self) -> Any:
        raise ZeroDivisionError
