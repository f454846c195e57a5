"""What outsiders' scanners find at a section's port: sslyze, testssl.sh, nmap and OpenSSL's client.

They judge by their own knowledge of TLS, so that we need not take our own word for it. What none of
them can see, such as where secrets go, is not here, but for the keys of connections.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from attrs import frozen

from appliance.cli.child import Child
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_ocsp import (
    Hospital,
    hospital,  # noqa: F401  # a fixture
    plainWord,
)
from tests.integration.test_peers import openssl
from tests.integration.test_workers import awaitLines, echoes
from tests.peers import freePort, program

pytestmark = pytest.mark.real

ROOT: Final = Path(__file__).parents[2]

PROFILES: Final = ("bcp195", "bcp195-modified", "extended", "non-downgrading")

LEGACY: Final = "legacy"
"""A section for modalities that can do no better than RSA key exchange."""

OLD: Final = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")


@frozen
class Sections:
    """One appliance, and where its sections serve, by what is special about each."""

    child: Child
    ports: dict[str, int]


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sections]:
    """A section as it is pasted, one for each profile, and others."""
    directory = tmp_path_factory.mktemp("sections")
    keyPair(directory)
    special: dict[str, tuple[str, ...]] = {
        "default": (),
        **{profile: (f"tlsProfile = {profile}",) for profile in PROFILES},
        LEGACY: ("ciphers = AES256-GCM-SHA384:AES128-SHA", "sslVersionMax = TLSv1.2"),
        "unresumed": ("sessionResume = no",),
    }
    ports = {name: freePort() for name in special}
    with echoes() as behind:
        text = "".join(
            section(ports[name], behind, *lines, name=name) for name, lines in special.items()
        )
        with serving(directory, text) as child:
            yield Sections(child, ports)
            # Whatever they have tried, it is whole.
            assert not any("LOG2" in line for line in child.lines)
            assert child.process.poll() is None


# --- sslyze -----------------------------------------------------------------------------------


def sslyze() -> str:
    """It has an environment of its own, since it takes no new cryptography ('make scanners')."""
    own = ROOT / ".scanners" / "bin" / "sslyze"
    return str(own) if own.exists() else program("sslyze")


SCANS: Final = (
    *("--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"),
    *("--compression", "--early_data", "--resum", "--reneg", "--fallback", "--ems"),
    *("--heartbleed", "--openssl_ccs", "--robot", "--elliptic_curves"),
)


def scan(directory: Path, *ports: int, scans: tuple[str, ...] = SCANS) -> list[dict[str, Any]]:
    """What sslyze finds at each of C{ports}; each scan must have been completed."""
    out = directory / "sslyze.json"
    targets = [f"127.0.0.1:{port}" for port in ports]
    argv = [sslyze(), "--quiet", "--mozilla_config=disable", *scans, f"--json_out={out}", *targets]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert out.exists(), done.stdout + done.stderr
    found = {}
    for server in json.loads(out.read_text())["server_scan_results"]:
        assert server["scan_status"] == "COMPLETED", server
        results = {
            name: each["result"]
            for name, each in server["scan_result"].items()
            if each is not None and each["status"] != "NOT_SCHEDULED"
        }
        assert None not in results.values(), results
        found[server["server_location"]["port"]] = results
    return [found[port] for port in ports]


@pytest.fixture(scope="module")
def scanned(
    sections: Sections, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What sslyze finds, by section."""
    found = scan(tmp_path_factory.mktemp("scan"), *sections.ports.values())
    return dict(zip(sections.ports, found, strict=True))


def suites(found: dict[str, Any], version: str) -> set[str]:
    """The suites that a section accepts with one version of TLS, by their names of RFCs."""
    accepted = found[f"{version}_cipher_suites"]["accepted_cipher_suites"]
    return {each["cipher_suite"]["name"] for each in accepted}


class TestSslyze:
    """What sslyze says."""

    def test_versions(self, scanned: dict[str, dict[str, Any]]) -> None:
        """TLS 1.2 and 1.3, and nothing older, whichever profile there is."""
        for name, found in scanned.items():
            for version in OLD:
                assert not found[f"{version}_cipher_suites"]["is_tls_version_supported"], name
            assert found["tls_1_2_cipher_suites"]["is_tls_version_supported"], name
            newest = found["tls_1_3_cipher_suites"]["is_tls_version_supported"]
            assert newest is (name not in ("extended", LEGACY)), name

    def test_suites(self, scanned: dict[str, dict[str, Any]]) -> None:
        """Only what keeps secrets that were recorded (forward secrecy), and authenticates data."""
        modern = re.compile(r"TLS_(ECDHE|DHE)_RSA_WITH_(AES_\d+_[GC]CM|CHACHA20)_\w+")
        for name, found in scanned.items():
            assert {suite for suite in suites(found, "tls_1_3") if "_CCM_8" in suite} == set()
            if name != LEGACY:
                others = {s for s in suites(found, "tls_1_2") if not modern.fullmatch(s)}
                assert others == set(), name
        expected = {"TLS_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"}
        assert suites(scanned[LEGACY], "tls_1_2") == expected

    def test_curves(self, scanned: dict[str, dict[str, Any]]) -> None:
        """No curve that is weaker than 128 bits."""
        for name, found in scanned.items():
            for curve in found["elliptic_curves"]["supported_curves"] or ():
                size = re.search(r"\d+", curve["name"])
                assert curve["name"] in ("X25519", "X448") or (size and int(size[0]) >= 256), name

    @pytest.mark.parametrize(
        ("scan", "fact", "expected"),
        [
            ("tls_compression", "supports_compression", False),
            ("tls_1_3_early_data", "supports_early_data", False),
            ("heartbleed", "is_vulnerable_to_heartbleed", False),
            ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", False),
            ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", False),
            ("session_renegotiation", "client_renegotiations_success_count", 0),
            ("session_renegotiation", "supports_secure_renegotiation", True),
            ("tls_extended_master_secret", "supports_ems_extension", True),
        ],
    )
    def test_holes(
        self, scanned: dict[str, dict[str, Any]], scan: str, fact: str, expected: object
    ) -> None:
        """Old holes are closed in every section, the one for old modalities among them."""
        assert {name: found[scan][fact] for name, found in scanned.items()} == dict.fromkeys(
            scanned, expected
        )

    def test_robot(self, scanned: dict[str, dict[str, Any]]) -> None:
        """No oracle where RSA key exchange is allowed, and no such exchange elsewhere."""
        results = {name: found["robot"]["robot_result"] for name, found in scanned.items()}
        assert results.pop(LEGACY) == "NOT_VULNERABLE_NO_ORACLE"
        assert set(results.values()) == {"NOT_VULNERABLE_RSA_NOT_SUPPORTED"}

    def test_resumption(self, scanned: dict[str, dict[str, Any]]) -> None:
        """Sessions are resumed by ID and by ticket, or not at all with C{sessionResume = no}."""
        kinds = ("session_id_resumption_result", "tls_ticket_resumption_result")
        for name, expected in (("default", "FULLY_SUPPORTED"), ("unresumed", "NOT_SUPPORTED")):
            result = scanned[name]["session_resumption"]
            assert [result[kind] for kind in kinds] == [expected] * 2, name

    def test_stapling(self, hospital: Hospital, tmp_path: Path) -> None:  # noqa: F811
        """A section that is to staple does, and the answer is about its certificate."""
        hospital.enter(hospital.pair("served"))
        hospital.listen()
        child, port = hospital.serve(hospital.server(own="served"))
        child.waitFor(r"has an OCSP answer to staple", READY)
        trusted = f"--certinfo_ca_file={hospital.directory / 'ca.pem'}"
        (found,) = scan(tmp_path, port, scans=("--certinfo", trusted))
        (deployment,) = found["certificate_info"]["certificate_deployments"]
        assert deployment["ocsp_response"]["certificate_status"] == "GOOD"


# --- testssl.sh -------------------------------------------------------------------------------

SOUND: Final = {
    **dict.fromkeys(("SSLv2", "SSLv3", "TLS1_2", "TLS1_3"), "OK"),
    **dict.fromkeys(("TLS1", "TLS1_1"), "INFO"),
    **dict.fromkeys(("heartbleed", "CCS", "ROBOT", "secure_renego", "secure_client_renego"), "OK"),
    "CRIME_TLS": "OK",
}
"""What testssl.sh is to find, and how severe that is in its words."""


class TestTestssl:
    """What testssl.sh says, which speaks TLS without any library."""

    def test_default(self, sections: Sections, tmp_path: Path) -> None:
        """Nothing worse than information, in what concerns versions and holes."""
        out = tmp_path / "testssl.json"
        checks = ["-p", "-H", "-I", "-R", "-C", "-BB"]
        quiet = ["--quiet", "--warnings", "batch", "--color", "0", "--jsonfile", str(out)]
        where = f"127.0.0.1:{sections.ports['default']}"
        argv = [program("testssl"), *quiet, *checks, where]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        assert out.exists(), done.stdout + done.stderr
        found = {each["id"]: each for each in json.loads(out.read_text())}
        assert {name: found.get(name, {}).get("severity") for name in SOUND} == SOUND
        worse = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL")
        assert [each for each in found.values() if each["severity"] in worse] == []
        assert "not vulnerable" in found["secure_client_renego"]["finding"]


# --- nmap -------------------------------------------------------------------------------------


class TestNmap:
    """What nmap says."""

    def test_default(self, sections: Sections, tmp_path: Path) -> None:
        """Its best grade for each suite, no compression, and none of the holes that it knows."""
        out = tmp_path / "nmap.xml"
        scripts = "ssl-enum-ciphers,ssl-heartbleed,ssl-ccs-injection,ssl-poodle,ssl-dh-params,sslv2"
        where = ["-p", str(sections.ports["default"]), "127.0.0.1"]
        argv = [program("nmap"), "-Pn", "-n", "--script", scripts, "-oX", str(out), *where]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        told = {each.get("id"): each for each in _parsed(out).iter("script")}
        # The others speak only where there is a hole.
        assert set(told) == {"ssl-enum-ciphers"}
        grades = {
            each.text for each in told["ssl-enum-ciphers"].iter("elem") if _is(each, "strength")
        }
        assert grades == {"A"}
        versions = {each.get("key") for each in told["ssl-enum-ciphers"].findall("table")}
        assert "TLSv1.2" in versions
        assert versions <= {"TLSv1.2", "TLSv1.3"}
        compressors = [
            each.text
            for table in told["ssl-enum-ciphers"].iter("table")
            if _is(table, "compressors")
            for each in table
        ]
        assert set(compressors) == {"NULL"}


def _parsed(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()  # noqa: S314  # we have just had it written


def _is(element: ElementTree.Element, key: str) -> bool:
    return element.get("key") == key


# --- OpenSSL's client, and what scanners cannot see --------------------------------------------


def ticket(port: int, session: Path) -> str:
    """How much early data the first ticket allows, whose session is written to C{session}."""
    where = ["-connect", f"127.0.0.1:{port}", "-tls1_3", "-sess_out", str(session)]
    argv = [program("openssl"), "s_client", "-quiet", *where]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere) as child:
        deadline = monotonic() + READY
        while not (session.exists() and b"-----END" in session.read_bytes()):
            assert monotonic() < deadline, "there was no ticket"
            sleep(0.01)
        child.terminate()
    shown = [program("openssl"), "sess_id", "-in", str(session), "-noout", "-text"]
    said = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    allowed = re.search(r"Max Early Data: (\d+)", said)
    assert allowed, said
    return allowed[1]


class TestOpenSSL:
    """What OpenSSL's own client finds."""

    def test_earlyData(self, sections: Sections, tmp_path: Path) -> None:
        """Tickets allow none, so that a client that wants to send some does not."""
        port, session, early = sections.ports["default"], tmp_path / "s.pem", tmp_path / "early"
        early.write_bytes(b"GET / HTTP/1.1\r\n\r\n")
        assert ticket(port, session) == "0"
        again = ("-tls1_3", "-sess_in", str(session), "-early_data", str(early))
        done = openssl(port, *again, said=b"Q\n")
        assert b"Early data was not sent" in done.stdout, done.stdout
        assert b"Reused, TLSv1.3" in done.stdout

    def test_ALPN(self, sections: Sections) -> None:
        """Who asks for an application protocol is served without one, and so is who does not."""
        for options in ((), ("-alpn", "h2,http/1.1")):
            done = openssl(sections.ports["default"], *options, said=b"Q\n")
            assert done.returncode == 0, done.stderr
            assert b"No ALPN negotiated" in done.stdout

    def test_renegotiation(self, sections: Sections) -> None:
        """A client that asks to renegotiate is told no, and others are served."""
        done = openssl(sections.ports["default"], "-tls1_2", said=b"R\nhello\n")
        assert b"RENEGOTIATING" in done.stderr
        assert b"no renegotiation" in done.stderr
        assert openssl(sections.ports["default"], said=b"Q\n").returncode == 0


class TestKeys:
    """Keys of connections."""

    def test_notLogged(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are written nowhere because of a variable in the environment, in neither role."""
        keyPair(tmp_path)
        written, ports = tmp_path / "keys", (freePort(), freePort())
        with ExitStack() as stack:
            behind = stack.enter_context(echoes())
            plain = (f"[in]\naccept = 127.0.0.1:{ports[0]}\nconnect = 127.0.0.1:{ports[1]}\n",)
            text = "".join((*plain, "client = yes\n", section(ports[1], behind)))
            monkeypatch.setenv("SSLKEYLOGFILE", str(written))
            child = stack.enter_context(serving(tmp_path, text))
            assert plainWord(ports[0]) == b"word"
            awaitLines(child, r"TLSv1\.3 ciphersuite: ", 2)
        assert not written.exists()
        # It is the variable: Python's own contexts heed it.
        assert ssl.create_default_context().keylog_filename == str(written)
