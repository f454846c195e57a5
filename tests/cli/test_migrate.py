"""C{butterfly-tls migrate}: what it says of stunnel's files, and what it writes."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from attrs import evolve

from appliance.config.build import DISK, build
from appliance.config.files import Given
from appliance.config.migration import plan
from appliance.config.model import Config
from appliance.config.rewriting import rewritten
from tests import material as m
from tests.differential import files as made
from tests.differential import layout, mixtures, optionvalues, together
from tests.integration.appliance import keyPair, section
from tests.peers import Said, runCommand

CORPUS = (*layout.CASES, *optionvalues.CASES, *together.CASES, *mixtures.CASES)


def stunnels(directory: Path, **texts: str) -> list[Path]:
    """Files of stunnel's with C{texts}, by their stems, and the key pair beside them."""
    keyPair(directory)
    paths = [directory / f"{stem}.conf" for stem in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    return paths


def migrate(*argv: str | Path) -> Said:
    """What the command says."""
    return runCommand("migrate", *argv)


def test_plan(tmp_path: Path) -> None:
    """Each section is told with its way, and nothing is written."""
    paths = stunnels(tmp_path, a=section(2761, 104), b=section(2762, 105))
    before = set(tmp_path.iterdir())
    said = migrate(*paths)
    assert said.status == 0
    assert f"{paths[0]}\n  [DICOM STORE] 127.0.0.1:2761 for 127.0.0.1:104\n" in said.out
    assert "127.0.0.1:2762 for 127.0.0.1:105, becomes [DICOM STORE b]\n" in said.out
    assert "--write DIR" in said.out
    assert set(tmp_path.iterdir()) == before


def test_write(tmp_path: Path) -> None:
    """What is written passes a check, is the user's own to read, and names every next step."""
    paths = stunnels(tmp_path, a=section(2761, 104), b=section(2762, 105))
    old = [path.read_bytes() for path in paths]
    new = tmp_path / "new" / "place"
    said = migrate(*paths, "--write", new)
    assert said.status == 0, said
    assert sorted(path.name for path in new.iterdir()) == ["butterfly-tls.conf", "overlay.conf"]
    assert stat.S_IMODE((new / "butterfly-tls.conf").stat().st_mode) == 0o644
    assert f"butterfly-tls check {new}/butterfly-tls.conf --overlay {new}/overlay.conf" in said.out
    drop = f"[Service]\n  Environment=CONFIG={new}/butterfly-tls.conf OVERLAY={new}/overlay.conf\n"
    assert drop in said.out
    check = ("check", "--offline", new / "butterfly-tls.conf", "--overlay", new / "overlay.conf")
    assert runCommand(*map(str, check)).status == 0
    assert [path.read_bytes() for path in paths] == old


def test_quoted(tmp_path: Path) -> None:
    """In the lines for the unit stands a name as systemd reads it."""
    (path,) = stunnels(tmp_path, a=section(2761, 104))
    said = migrate(path, "--write", tmp_path / "a place")
    quoted = f"Environment='CONFIG={tmp_path}/a place/butterfly-tls.conf' 'OVERLAY={tmp_path}/a"
    assert quoted in said.out


def test_secret(tmp_path: Path) -> None:
    """A file with a password in it is for its owner alone."""
    lines = (
        "client = yes",
        "protocol = connect",
        "protocolHost = a:1",
        "protocolUsername = u",
        "protocolPassword = p",
    )
    (path,) = stunnels(tmp_path, a=section(2761, 104, *lines))
    said = migrate(path, "--write", tmp_path / "new")
    assert said.status == 0, said
    for path in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["butterfly-tls.conf", "overlay.conf"])
def test_overwrite(tmp_path: Path, name: str) -> None:
    """A file that is there stays as it is, and the other is not written either."""
    (path,) = stunnels(tmp_path, a=section(2761, 104))
    new = tmp_path / "new"
    new.mkdir()
    (new / name).write_text("mine")
    said = migrate(path, "--write", new)
    assert said.status == 1
    assert f"{name} exists already" in said.err
    assert "were written" not in said.out
    assert [(each.name, each.read_text()) for each in new.iterdir()] == [(name, "mine")]


def test_unwritable(tmp_path: Path) -> None:
    """A directory that cannot be made is told."""
    (path,) = stunnels(tmp_path, a=section(2761, 104))
    said = migrate(path, "--write", path / "below")
    assert said.status == 1
    assert "cannot write" in said.err


def test_errors(tmp_path: Path) -> None:
    """What has to be settled is told with its line, and nothing is written."""
    (path,) = stunnels(tmp_path, a=section(2761, 104, "libwrap = yes"))
    said = migrate(path, "--write", tmp_path / "new")
    assert said.status == 1
    assert f"\nSettle first:\n{path}:6: error: [DICOM STORE] libwrap: " in said.out
    assert "Nothing was written" in said.out
    assert not (tmp_path / "new").exists()


def test_certificates(tmp_path: Path) -> None:
    """So is a certificate that stunnel shows although it has expired."""
    (path,) = stunnels(tmp_path, a=section(2761, 104))
    m.write(tmp_path, "Butterfly_SCP", m.client(expired=True))
    said = migrate(path)
    assert said.status == 1
    assert re.search(rf"{path}:4: error: \[DICOM STORE\] cert: .*expired", said.out)


def test_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stunnel has no file there is nothing to take over."""
    monkeypatch.setattr("appliance.cli.migrate.USUAL", str(tmp_path / "*.conf"))
    said = migrate()
    assert said.status == 1
    assert "name stunnel's files" in said.err


def test_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name it is all the files that stunnel usually has."""
    monkeypatch.setattr("appliance.cli.migrate.USUAL", str(tmp_path / "*.conf"))
    stunnels(tmp_path, b=section(2762, 105, name="b"), a=section(2761, 104))
    said = migrate()
    assert said.status == 0
    assert re.findall("^/.*/(.)\\.conf$", said.out, re.MULTILINE) == ["a", "b"]


def test_json(tmp_path: Path) -> None:
    """Programs get the same, the texts of the files included."""
    paths = stunnels(tmp_path, a=section(2761, 104), b=section(2762, 105, "taskbar = no"))
    said = migrate(*paths, "--json")
    facts = json.loads(said.out)
    assert said.status == 1
    assert facts["possible"] is False
    assert facts["files"][0] == {
        "path": str(paths[0]),
        "sections": [
            {
                "name": "DICOM STORE",
                "becomes": "DICOM STORE",
                "accept": ["127.0.0.1:2761"],
                "connect": ["127.0.0.1:104"],
            }
        ],
    }
    (problem,) = facts["problems"]
    assert (problem["file"], problem["line"]) == (str(paths[1]), 6)
    assert (problem["severity"], problem["option"]) == ("error", "taskbar")
    said = migrate(paths[0], "--json", "--write", tmp_path / "new")
    facts = json.loads(said.out)
    assert facts["written"] == [
        str(tmp_path / "new" / "butterfly-tls.conf"),
        str(tmp_path / "new" / "overlay.conf"),
    ]
    assert facts["texts"] == {Path(path).name: Path(path).read_text() for path in facts["written"]}


def meaning(config: Config, home: Path) -> str:
    """All that a configuration means, without where its lines stand."""
    text = repr(evolve(config, path="", files=(), warnings=()))
    return re.sub(r"Where\(path='[^']*', line=\d+\)", "", text).replace(f"{home}/new/", f"{home}/")


def test_corpus(tmp_path: Path) -> None:
    """Of all the files that the differential test has, each that can be taken over means the same.

    They are made for stunnel, with every option in every place.
    """
    made.write(tmp_path)
    path, new = str(tmp_path / "old.conf"), str(tmp_path / "new" / "butterfly-tls.conf")
    taken = 0
    for case in CORPUS:
        files = Given(path, case.at((20001, 20002, 20003, 20004), str(tmp_path)), DISK)
        old = plan([path], files)
        if not old.possible:
            continue
        before = old.files[0].config
        after, problems = build(new, Given(new, rewritten(old, files).encode(), files))
        assert after is not None, (case.name, problems)
        assert meaning(after, tmp_path) == meaning(before, tmp_path), case.name
        taken += 1
    assert taken > 100, taken
