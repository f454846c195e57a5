"""A soak does what it says, and its page tells what was seen. Nothing here is timed."""

from __future__ import annotations

import os
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from bench import soaking
from bench.processes import Processes
from bench.scene import Scene, Shape
from bench.soak import workersFor
from tests.peers import directoryFor


def sample(phase: str, at: float, **changes: Any) -> dict[str, Any]:
    """What was seen at a second."""
    usual = {
        **dict.fromkeys(("MiB", "p50Ms", "p99Ms", "worstMs", "visitMs", "cores"), 1.0),
        **dict.fromkeys(("descriptors", "objects", "visits", "processes"), 10),
        "storm": {},
        "problems": {},
        "phase": phase,
        "at": at,
    }
    return {**usual, **changes}


def run(*samples: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The results of a soak."""
    shape = {"seconds": 120.0, "idle": 90, "active": 10, "workers": 2}
    shape |= {"handshakes": 1000.0, "addresses": 4, "rate": "5:10"}
    return {
        "command": "--name x",
        "at": "2026-11-24",
        "shape": shape,
        "rise": 3.0,
        "stored": 5000,
        "missing": 0,
        "problems": {},
        "reloads": 2,
        "upgrades": 1,
        "first": sample("empty", 0, MiB=50.0),
        "last": sample("empty again", 9),
        "samples": list(samples),
        **changes,
    }


class PageTests(SynchronousTestCase):
    """The page of a run."""

    def text(self, *samples: dict[str, Any], **changes: Any) -> str:
        """The part of the page about such a run."""
        calm = [sample("calm", at, MiB=60.0) for at in range(3)]
        return "\n".join(soaking.part("x", run(*calm, *samples, **changes)))

    def test_facts(self) -> None:
        """It tells what the associations cost, and what was lost."""
        text = self.text(missing=1, problems={"OSError: x": 2, "guest: y": 5})
        self.assertIn("## 90 idle and 10 active associations, 2 minutes", text)
        self.assertIn("| memory: before, with all of them, after | 50, 60, 1 MiB |", text)
        self.assertIn("| that is for each association | 102 KiB |", text)
        self.assertIn("| 5,000, **1** |", text)
        self.assertIn("| associations cut | **2** |", text)

    def test_storm(self) -> None:
        """Rates are by the second, and the first second of a phase is not counted."""
        storm = [
            sample("storm", 10, storm={"offered": 500}),
            sample("storm", 11, storm={"offered": 900, "served": 90}),
            sample("storm", 12, storm={"offered": 1000, "served": 100}, worstMs=7.0),
            sample("storm", 13, storm={"offered": 1200, "served": 110}, problems={"guest: x": 3}),
        ]
        text = self.text(*storm)
        self.assertIn("| handshakes offered a second | 0 | 1100 | 0 |", text)
        self.assertIn("| served a second | 0 | 105 | 0 |", text)
        self.assertIn("| the longest, ms | 1 | 7 | - |", text)
        self.assertIn("| guests who were turned away | 0 | 3 | 0 |", text)

    def test_workers(self) -> None:
        """So many processes are used as have files enough for all."""
        self.assertEqual(workersFor(9000, 20_000), 1)
        self.assertEqual(workersFor(10_200, 20_000), 2)


@pytest.mark.real
class SceneTests(SynchronousTestCase):
    """A small soak, with everything in it but the numbers."""

    def test_small(self) -> None:
        """All come, all stay through a storm, a reload and an upgrade, all go; nothing is lost."""
        directory = directoryFor(self)
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.patch(os, "environ", {**os.environ, "PYTHONPATH": root})
        shape = Shape(4.0, 8, 2, 0.1, 40.0, 4, "5:10", reload=2.0, upgrade=3.0)
        with Processes(directory) as processes:
            scene = Scene(processes, directory, shape)
            try:
                scene.play()
            finally:
                scene.end()
        self.assertEqual(scene.faults, [])
        self.assertEqual(scene.result["missing"], 0)
        self.assertGreater(scene.result["stored"], 0)
        self.assertGreater(scene.result["reloads"], 0)
        self.assertGreater(scene.result["upgrades"], 0)
        page = "\n".join(soaking.part("small", scene.result | {"command": ""}))
        self.assertIn("**0**", page)
