"""What a release consists of: one version everywhere, and nothing in it that is not pinned."""

from __future__ import annotations

import configparser
import re
import runpy
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from appliance import __version__

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    """The text of a file of ours."""
    return (ROOT / name).read_text("utf-8")


def setup() -> configparser.ConfigParser:
    """C{setup.cfg}."""
    parser = configparser.ConfigParser()
    parser.read_string(read("setup.cfg"))
    return parser


def plain(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class VersionTests(SynchronousTestCase):
    """The version is written once."""

    def test_form(self) -> None:
        """It has three numbers, as Semantic Versioning wants it."""
        self.assertRegex(__version__, r"^\d+\.\d+\.\d+$")

    def test_package(self) -> None:
        """The Python package has it from the code."""
        self.assertEqual(setup()["metadata"]["version"], "attr: appliance.__version__")

    def test_debian(self) -> None:
        """The newest entry of Debian's changelog is of it."""
        (version,) = re.findall(r"^butterfly-tls \(([^)]+)\)", read("debian/changelog"), re.M)[:1]
        self.assertEqual(version.partition("-")[0], __version__)

    def test_changes(self) -> None:
        """The newest heading of the changes is of it."""
        (version,) = re.findall(r"^## \[([^]]+)\]", read("CHANGES.md"), re.MULTILINE)[:1]
        self.assertEqual(version, __version__)

    def test_kubernetes(self) -> None:
        """The manifests take the image of it."""
        text = read("etc/kubernetes/kustomization.yaml")
        self.assertEqual(re.findall(r"newTag: (\S+)", text), [__version__])


class LockTests(SynchronousTestCase):
    """C{debian/requirements.txt}, of which bundles and the image are made."""

    def setUp(self) -> None:
        lines = read("debian/requirements.txt").replace("\\\n", " ").splitlines()
        self.lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]

    def test_pinned(self) -> None:
        """Every release is named by its number and by the hashes of its files."""
        for line in self.lines:
            self.assertRegex(line, r"^[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b")

    def test_whole(self) -> None:
        """All that we need is there, in a release that we take."""
        pinned = dict(re.findall(r"^([^=]+)==(\S+)", "\n".join(self.lines), re.MULTILINE))
        for line in filter(None, setup()["options"]["install_requires"].splitlines()):
            name, least = re.findall(r"^([\w-]+)(?:\[\w+\])? >= ([\d.]+)$", line)[0]
            found = pinned[plain(name)]
            self.assertGreaterEqual(numbers(found), numbers(least), name)


def numbers(version: str) -> list[int]:
    """The numbers of a version, to be compared."""
    return [int(number) for number in re.findall(r"\d+", version)]


class ComponentTests(SynchronousTestCase):
    """The list of components."""

    def setUp(self) -> None:
        self.completed = runpy.run_path(str(ROOT / "packaging" / "sbom.py"))["completed"]
        self.found: dict[str, Any] = {
            "metadata": {"tools": []},
            "components": [
                {"bom-ref": "x==1", "type": "library", "name": "x", "version": "1"},
                {"bom-ref": "c==2", "type": "library", "name": "cryptography", "version": "2"},
                {
                    "bom-ref": "b==3",
                    "type": "library",
                    "name": "butterfly-tls",
                    "version": "3",
                    "externalReferences": [
                        {"type": "distribution", "url": "file:///home/me/checkout"},
                        {"type": "website", "url": "https://example.org"},
                    ],
                },
            ],
            "dependencies": [{"ref": "c==2", "dependsOn": ["x==1"]}, {"ref": "x==1"}],
        }

    def test_about(self) -> None:
        """It is about us, and does not tell where it was made."""
        about = self.completed(self.found, "4.0.3")["metadata"]["component"]
        self.assertEqual((about["name"], about["type"]), ("butterfly-tls", "application"))
        self.assertEqual([each["type"] for each in about["externalReferences"]], ["website"])

    def test_openssl(self) -> None:
        """The OpenSSL within the wheel is a part, and the wheel depends on it."""
        bom = self.completed(self.found, "4.0.3")
        names = [each["name"] for each in bom["components"]]
        self.assertEqual(names, ["cryptography", "openssl", "x"])
        (openssl,) = (each for each in bom["components"] if each["name"] == "openssl")
        self.assertEqual(openssl["purl"], "pkg:generic/openssl@4.0.3")
        self.assertEqual(
            bom["dependencies"],
            [
                {"ref": "c==2", "dependsOn": ["openssl==4.0.3", "x==1"]},
                {"ref": "x==1"},
                {"ref": "openssl==4.0.3"},
            ],
        )

    def test_incomplete(self) -> None:
        """A list without us, or without the wheel, is refused."""
        for name in ("butterfly-tls", "cryptography"):
            rest = [each for each in self.found["components"] if each["name"] != name]
            self.assertRaises(ValueError, self.completed, {"components": rest}, "4.0.3")
