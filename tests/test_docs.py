"""The documents say what the code does: generated pages, links, commands and examples."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from appliance.cli.main import COMMANDS
from appliance.config.build import build
from appliance.config.model import InetAddress, TLSVersion
from tests.config.memory import CONF, HOME, Memory

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTS = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("newsfragments/*.md"), *ROOT.glob("docs/**/*.md")}
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def read(path: Path) -> str:
    """The text of a document."""
    return path.read_text(encoding="utf-8")


def files(text: str, key: str) -> Memory:
    """A configuration C{text}, and beside it a certificate and the key file C{key}."""
    pair = {f"{HOME}/Butterfly_SCP_Cert.pem": b"", f"{HOME}/{key}": b""}
    return Memory({CONF: text.encode(), **pair})


def anchors(text: str) -> set[str]:
    """What a link into a document may name: its headings as GitHub spells them."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


class ReferenceTests(SynchronousTestCase):
    """C{docs/reference} is what C{docs/generate.py} makes of the code today."""

    maxDiff = None

    def test_upToDate(self) -> None:
        """Every page is there, none is left over, and each is what the code says."""
        made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
        self.assertEqual(sorted(made), sorted(path.name for path in REFERENCE.iterdir()))
        for name, text in made.items():
            self.assertTrue(read(REFERENCE / name) == text, f"{name} is out of date: make docs")

    def test_logWords(self) -> None:
        """Every line of the log is shown with its words, whatever they depend on."""
        self.assertEqual(re.findall(r"^\| \d \| *\|.*", read(REFERENCE / "log.md"), re.M), [])

    def test_commands(self) -> None:
        """Every subcommand has a section of its own."""
        text = read(REFERENCE / "commands.md")
        missing = [name for name in COMMANDS if f"\n## butterfly-tls {name}\n" not in text]
        self.assertEqual(missing, [])


class LinkTests(SynchronousTestCase):
    """What documents point to is there."""

    def test_relative(self) -> None:
        """A link within the repository names a file, and a heading in it where it has a '#'."""
        broken = []
        for document in DOCUMENTS:
            for link in LINK.findall(FENCE.sub("", read(document))):
                if re.match("[a-z]+:", link):
                    continue
                name, _, anchor = link.partition("#")
                target = document.parent / name if name else document
                if not target.exists() or (anchor and anchor not in anchors(read(target))):
                    broken.append(f"{document.relative_to(ROOT)}: {link}")
        self.assertEqual(broken, [])


class ConfigurationTests(SynchronousTestCase):
    """Examples of configurations are accepted as they stand."""

    def test_readme(self) -> None:
        """The README's block is the guide's and has nothing wrong with it."""
        (block,) = re.findall(r"^```ini\n(.*?)^```$", read(ROOT / "README.md"), re.M | re.S)
        config, problems = build(CONF, files(block, "Butterfly_SCP_Key.pem"))
        self.assertEqual(problems, ())
        assert config is not None
        self.assertEqual([s.name for s in config.sections], ["DICOM STORE", "DICOM DMWL"])
        first = config.sections[0]
        self.assertEqual(first.accept, (InetAddress("", 2761),))
        self.assertEqual(first.connect, (InetAddress("192.168.1.100", 104),))
        self.assertEqual({first.tls.minimum, first.tls.maximum}, {TLSVersion.TLSv1_2})

    def test_exampleUncommented(self) -> None:
        """The example file works once each ';' is taken away."""
        text = re.sub("^;", "", read(ROOT / "etc" / "butterfly-tls.conf"), flags=re.MULTILINE)
        config, problems = build(CONF, files(text, "Butterfly_SCP_key.pem"))
        self.assertEqual(problems, ())
        assert config is not None
        self.assertEqual([s.name for s in config.sections], ["DICOM STORE", "DICOM DMWL"])

    def test_exampleSection(self) -> None:
        """One section alone may be uncommented too, and nothing else."""
        example = read(ROOT / "etc" / "butterfly-tls.conf")
        (section,) = re.findall(r"^;\[DICOM STORE\]\n(?:;.*\n)+", example, re.MULTILINE)
        text = example.replace(section, section.replace(";", ""))
        config, problems = build(CONF, files(text, "Butterfly_SCP_key.pem"))
        self.assertEqual(problems, ())
        assert config is not None
        self.assertEqual(len(config.sections), 1)
