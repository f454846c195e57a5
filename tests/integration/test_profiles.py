"""Who connects to a section with which TLS profile: OpenSSL's client and dcmtk's, on loopback."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from appliance.cli.child import Child
from appliance.config.model import Profile
from appliance.tls.issue import KeyType
from tests import material as m
from tests.integration.appliance import READY, section, serving
from tests.integration.test_dicom import ANY_SERVER, client, storescp
from tests.integration.test_peers import openssl
from tests.peers import freePort, program

pytestmark = pytest.mark.real

RSA, ECDSA = KeyType.RSA, KeyType.ECDSA
V12: Final = ("-tls1_2", "-cipher")

OPENSSL: Final = {
    "1.3": ("-tls1_3",),
    "1.3 CCM": ("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"),
    "1.3 CCM_8": (
        *("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256", "-cipher", "ALL:@SECLEVEL=0"),
    ),
    "ECDHE GCM": (*V12, "ECDHE+AESGCM"),
    "ECDHE-RSA GCM": (*V12, "ECDHE-RSA-AES128-GCM-SHA256"),
    "ECDHE CHACHA20": (*V12, "ECDHE+CHACHA20"),
    "ECDHE CCM": (*V12, "ECDHE-ECDSA-AES128-CCM"),
    "ECDHE CCM_8": (*V12, "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0"),
    "DHE GCM": (*V12, "DHE-RSA-AES256-GCM-SHA384"),
    "ECDHE CBC": (*V12, "ECDHE+SHA384:!AESGCM:!ARIAGCM:!CAMELLIA"),
    "RSA CBC": (*V12, "AES128-SHA"),
    "1.1": ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    "1.0": ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
}
"""Clients by what they offer, and nothing else."""

DCMTK: Final = ("+px", "+py", "+pz", "+pa", "+pg", "+pm")
"""dcmtk by its profiles; the last two come with 3.6.8."""

TLS13: Final = frozenset({"1.3", "+px", "+py", "+pg", "+pm"})
GCM: Final = frozenset({"ECDHE GCM", "+pz", "+pg", "+pm"})
GCM_RSA: Final = GCM | {"ECDHE-RSA GCM", "+px", "+py"}

SERVED: Final[dict[tuple[str, KeyType], frozenset[str]]] = {
    ("none", RSA): TLS13 | GCM_RSA | {"ECDHE CHACHA20"},
    ("none", ECDSA): TLS13 | GCM | {"ECDHE CHACHA20"},
    ("bcp195", RSA): TLS13 | GCM_RSA | {"ECDHE CHACHA20"},
    ("bcp195", ECDSA): TLS13 | GCM | {"ECDHE CHACHA20"},
    ("bcp195-modified", RSA): TLS13 | GCM_RSA | {"ECDHE CHACHA20", "1.3 CCM"},
    ("bcp195-modified", ECDSA): TLS13 | GCM | {"ECDHE CHACHA20", "ECDHE CCM", "1.3 CCM"},
    ("extended", RSA): GCM_RSA | {"DHE GCM"},
    ("extended", ECDSA): GCM,
    ("non-downgrading", RSA): TLS13 | GCM_RSA | {"DHE GCM"},
    ("non-downgrading", ECDSA): TLS13,
}
"""Who connects to a section with which profile and kind of key."""


@frozen
class Sections:
    """One appliance with a section for each of L{SERVED}, and where each serves."""

    child: Child
    ports: dict[tuple[str, KeyType], int]


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sections]:
    """The sections, in front of dcmtk's storage server."""
    directory = tmp_path_factory.mktemp("profiles")
    for kind in (RSA, ECDSA):
        m.write(directory, kind.name, m.server(kind))
    ports = {each: freePort() for each in SERVED}
    with storescp(directory) as (_, behind):
        text = "".join(
            section(port, behind, f"tlsProfile = {profile}", name=f"{profile} {kind.name}").replace(
                "Butterfly_SCP", kind.name
            )
            for (profile, kind), port in ports.items()
        )
        with serving(directory, text) as child:
            yield Sections(child, ports)


@cache
def knows(option: str) -> bool:
    """True when this dcmtk has C{option}."""
    usage = subprocess.run([program("echoscu"), "--help"], capture_output=True, text=True)
    return re.search(rf"^ +{re.escape(option)} ", usage.stdout, re.MULTILINE) is not None


@pytest.mark.parametrize(("profile", "kind"), SERVED, ids=lambda each: getattr(each, "name", each))
class TestServers:
    """Sections with client = no."""

    def test_openssl(self, sections: Sections, profile: str, kind: KeyType) -> None:
        """OpenSSL's client agrees with a section on what both have, and on nothing else."""
        port = sections.ports[profile, kind]
        served = {name for name, options in OPENSSL.items() if version(port, *options)}
        assert served == SERVED[profile, kind] & OPENSSL.keys()

    def test_dcmtk(self, sections: Sections, profile: str, kind: KeyType) -> None:
        """Dcmtk's echo, by dcmtk's own profiles, arrives or is turned away in the handshake."""
        port = sections.ports[profile, kind]
        known = {option for option in DCMTK if knows(option)}
        served = {
            option
            for option in known
            if not client("echoscu", port, options=(*ANY_SERVER, option)).returncode
        }
        assert served == SERVED[profile, kind] & known

    def test_newest(self, sections: Sections, profile: str, kind: KeyType) -> None:
        """A server prefers TLS 1.3 to older versions, whatever the client likes best."""
        newest = "TLSv1.2" if profile == "extended" else "TLSv1.3"
        assert version(sections.ports[profile, kind]) == newest


def version(port: int, *options: str) -> str | None:
    """What OpenSSL's client with C{options} and the section agree on, if on anything."""
    said = openssl(port, *options, "-no_ign_eof").stdout.decode("ascii", "replace")
    found = re.search(r"^New, (\S+), Cipher is", said, re.MULTILINE)
    assert found is not None, said
    return found[1] if found[1].startswith("TLS") else None


@pytest.mark.parametrize("profile", ["none", *(each.value for each in Profile)])
def test_clients(tmp_path: Path, profile: str) -> None:
    """Sections with client = yes attempt TLS 1.3, but for the profile that has none."""
    certificate, key = m.write(tmp_path, "pacs", m.server())
    entry = freePort()
    tls = ("+tls", str(key), str(certificate), "-ic")
    with storescp(tmp_path, *tls) as (_, behind):
        text = (
            f"[out]\nclient = yes\naccept = 127.0.0.1:{entry}\nconnect = 127.0.0.1:{behind}\n"
            f"verifyPeer = yes\nCAfile = {certificate}\ntlsProfile = {profile}\n"
        )
        with serving(tmp_path, text) as child:
            assert client("echoscu", entry, options=()).returncode == 0
            line = child.waitFor(r"(TLSv1\.\d) ciphersuite: \S+", READY)
    assert line[1] == ("TLSv1.2" if profile == "extended" else "TLSv1.3")
