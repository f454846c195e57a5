"""Everything that is wrong is told in one go, whoever it is that can judge it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config.model import ConfigError, Problem
from appliance.section import settingsFor
from appliance.section.reading import load
from tests import material as m
from tests.integration.appliance import configure, keyPair, section

NONSENSE = ("ciphers = NONSENSE", "curves = nonsense", "ciphersuites = TLS_NONSENSE")


def refusal(directory: Path, text: str) -> list[Problem]:
    """The errors about the configuration C{text}."""
    with pytest.raises(ConfigError) as caught:
        load(str(configure(directory, text)))
    return [problem for problem in caught.value.problems if problem.fatal]


def test_good(tmp_path: Path) -> None:
    """A configuration that can be used is given as it is."""
    keyPair(tmp_path)
    assert load(str(configure(tmp_path, section(2762, 104)))).sections[0].name == "DICOM STORE"


def test_missingCertificate(tmp_path: Path) -> None:
    """A missing certificate does not hide what OpenSSL has against the options, line by line."""
    found = refusal(tmp_path, section(2762, 104, *NONSENSE))
    assert [problem.option for problem in found] == [
        *("cert", "key", "ciphers", "ciphersuites", "curves"),
    ]
    assert [problem.where.line for problem in found] == [4, 5, 6, 8, 7]


def test_otherSection(tmp_path: Path) -> None:
    """A mistake in one section does not hide what OpenSSL has against another."""
    keyPair(tmp_path)
    wrong = section(2762, 104, "TIMEOUTidel = 5")
    lax = section(2763, 104, "tlsProfile = bcp195", "ciphers = HIGH", name="DICOM DMWL")
    found = refusal(tmp_path, wrong + lax)
    assert [problem.option for problem in found] == ["TIMEOUTidel", "ciphers"]


def test_noVersions(tmp_path: Path) -> None:
    """Where no version is left to speak, a profile is not held against that as well."""
    text = section(2762, 104, "sslVersionMin = TLSv1.3", "sslVersionMax = TLSv1.2")
    keyPair(tmp_path)
    assert len(refusal(tmp_path, text.replace("cert =", "tlsProfile = bcp195\ncert =", 1))) == 1


def test_unreadableKey(tmp_path: Path) -> None:
    """Nor does a certificate that is there but cannot be used hide it."""
    m.write(tmp_path, "Butterfly_SCP", m.client(expired=True))
    config = load(str(configure(tmp_path, section(2762, 104, *NONSENSE))))
    settings, problems = settingsFor(config.sections[0], m.now())
    assert settings is None
    found = [problem.option for problem in problems if problem.fatal]
    assert found == ["cert", "ciphers", "ciphersuites", "curves"]
