"""Every example in docs/dicom.md, tried: configurations, commands, what clients hear, the log."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import define, field

from appliance.cli.child import Child
from tests import material as m
from tests import objects
from tests.integration.appliance import READY, keyPair, serving
from tests.integration.test_dicom import storescp
from tests.peers import freePort, program

pytestmark = pytest.mark.real

PAGE = Path(__file__).parents[2] / "docs" / "dicom.md"
ADDRESS = r"\d+\.\d+\.\d+\.\d+:\d+|\[[0-9a-f:]+\]:\d+"


@define
class Step:
    """A command, what it says, and what the log and the PACS say then."""

    command: str
    said: list[str] = field(factory=list)
    logged: list[str] = field(factory=list)
    pacs: list[str] = field(factory=list)


@define
class Example:
    """A configuration, and the commands that are tried with it."""

    title: str
    text: str
    steps: list[Step] = field(factory=list)


def examples(page: str) -> Iterator[Example]:
    """Those in C{page}; a configuration ends where the next one or the next title is."""
    for part in page.split("\n## ")[1:]:
        title = part.partition("\n")[0]
        for text in part.split("```ini\n")[1:]:
            config, _, rest = text.partition("```\n")
            example = Example(title, config)
            for line in re.findall(r"^    (.*)$", rest, re.MULTILINE):
                _read(example, line)
            yield example


def _read(example: Example, line: str) -> None:
    """Take the next line of an example's transcript in."""
    if line.startswith("$ "):
        example.steps.append(Step(line[2:]))
        return
    step = example.steps[-1]
    if re.match(r"LOG\d\[\d+\]: ", line):
        step.logged.append(line.partition(": ")[2])
    elif step.logged:
        step.logged[-1] += f" {line}"
    elif line.startswith("PACS: "):
        step.pacs.append(line.removeprefix("PACS: "))
    else:
        step.said.append(line)


def pattern(text: str) -> str:
    """What matches C{text}, in which [...] stands for whatever is left out."""
    return ".*".join(map(re.escape, text.split("[...]")))


EXAMPLES = list(examples(PAGE.read_text()))


def test_complete() -> None:
    """There is an example for each option of the page."""
    options = {
        option for example in EXAMPLES for option in re.findall(r"^(\w+) =", example.text, re.M)
    }
    assert options == {
        *("accept", "connect", "cert", "key", "verifyChain", "CAfile", "dicom", "policy"),
        *("allowCallingAET", "allowCalledAET", "certificateAET", "allowSOPClass"),
        *("denySOPClass", "route", "rewriteCallingAET", "rewriteCalledAET"),
    }
    assert all(example.steps for example in EXAMPLES)
    assert all(step.said for example in EXAMPLES for step in example.steps)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.title)
def test_example(example: Example, tmp_path: Path) -> None:
    """The clients hear what stands there, and so does the log."""
    keyPair(tmp_path)
    m.writeAuthority(tmp_path, "ca", m.ca())
    cert, key = m.write(tmp_path, "modality", m.client("ct01.hospital.example"))
    cert.rename(tmp_path / "cert.pem")
    key.rename(tmp_path / "key.pem")
    (image,) = objects.write(tmp_path / "study", 1, 1000)
    image.rename(tmp_path / "image.dcm")
    port = freePort()
    with ExitStack() as stack:
        behind: dict[str, str] = {}
        archives: list[Child] = []
        for address in dict.fromkeys(re.findall(ADDRESS, example.text)):
            directory = tmp_path / f"pacs{len(behind)}"
            directory.mkdir()
            child, at = stack.enter_context(storescp(directory, "-d"))
            archives.append(child)
            behind[address] = f"127.0.0.1:{at}"

        def here(text: str) -> str:
            """C{text} with the addresses of this test."""
            return re.sub(ADDRESS, lambda found: behind[found[0]], text)

        text = here(example.text).replace("accept = 2762", f"accept = 127.0.0.1:{port}")
        appliance = stack.enter_context(serving(tmp_path, text))
        for step in example.steps:
            name, *argv = shlex.split(step.command.replace("gateway 2762", f"127.0.0.1 {port}"))
            done = subprocess.run(
                [program(name), *argv],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            # Versions of dcmtk differ in how bad they find it.
            heard = {line[3:].rstrip() for line in done.stdout.splitlines()}
            for line in step.said:
                assert line[3:] in heard, (step.command, done.stdout)
            for line in step.logged:
                appliance.waitFor(rf"LOG\d\[\d+\]: {pattern(here(line))}$", READY)
            for line in step.pacs:
                archives[0].waitFor(pattern(line), READY)
