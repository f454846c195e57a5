"""C{butterfly-tls check} on the TLS profiles of DICOM."""

from __future__ import annotations

from pathlib import Path

from appliance.tls.issue import KeyType
from tests import material as m
from tests.integration.appliance import configure, section
from tests.peers import Said, runCommand


def check(directory: Path, *lines: str, kind: KeyType = KeyType.RSA) -> Said:
    """What it says about a section with C{lines} and a key of C{kind}."""
    m.write(directory, "Butterfly_SCP", m.server(kind))
    return runCommand("check", "--offline", configure(directory, section(2762, 104, *lines)))


def profile(said: Said) -> list[str]:
    """The lines about the profile."""
    lines = said.out.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("  profile "))
    more = [line for line in lines[begin + 1 :] if line.startswith(" " * 15)]
    return [line.strip() for line in (lines[begin].replace("profile", ""), *more)]


def test_byDefault(tmp_path: Path) -> None:
    """Without options it is BCP 195, and what to write for the modified one is said."""
    said = check(tmp_path)
    kept, missing = profile(said)
    assert said.status == 0
    assert kept == "BCP 195 (RFC 8996, 9325), PS3.15 B.12"
    assert missing.startswith("not modified BCP 195 (RFC 8996, 9325), since TLS_AES_128_CCM_SHA256")
    assert missing.endswith(': write "tlsProfile = bcp195-modified"')


def test_modified(tmp_path: Path) -> None:
    """The modified one is kept to; what OpenSSL has not at this level is named."""
    said = check(tmp_path, "tlsProfile = bcp195-modified", kind=KeyType.ECDSA)
    (kept,) = profile(said)
    assert said.out.splitlines()[-1] == "All is well."
    assert kept.startswith(
        "modified BCP 195 (RFC 8996, 9325), PS3.15 B.13; without TLS_AES_128_CCM_8"
    )


def test_oldVersions(tmp_path: Path) -> None:
    """A section for an old modality keeps to none, and it is said what would have to change."""
    said = check(tmp_path, "sslVersionMin = TLSv1", "securityLevel = 0", "ciphers = ALL")
    first, *rest = profile(said)
    assert first == "none of DICOM's (PS3.15 annex B)"
    assert any('write "sslVersionMin = TLSv1.2"' in line for line in rest)
    assert any('write "securityLevel = 2"' in line for line in rest)


def test_weakened(tmp_path: Path) -> None:
    """A list that weakens the profile would stop the start; both lines are named."""
    said = check(tmp_path, "tlsProfile = bcp195", "ciphers = HIGH")
    assert said.status == 1
    assert f"{tmp_path}/butterfly-tls.conf:7: error: [DICOM STORE] ciphers: " in said.out
    assert f'against "tlsProfile = bcp195" at {tmp_path}/butterfly-tls.conf:6' in said.out


def test_withoutCertificate(tmp_path: Path) -> None:
    """A missing certificate does not hide what OpenSSL has against the options."""
    path = configure(tmp_path, section(2762, 104, "ciphers = NONSENSE"))
    said = runCommand("check", "--offline", path)
    assert said.status == 1
    assert "ciphers: OpenSSL finds no cipher in 'NONSENSE" in said.out
