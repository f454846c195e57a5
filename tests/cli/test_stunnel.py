"""C{butterfly-tls stunnel} without a process: its command line, its sources, what it tells."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from pathlib import Path

import pytest

from appliance import events as e
from appliance.cli import stunnel
from appliance.cli.main import main
from appliance.cli.stunnelsource import DescriptorSource, FileSource, Source
from appliance.config.model import ConfigError
from appliance.config.options import TABLE
from appliance.config.stunnelwords import stunnelForm
from appliance.config.vocabulary import Status
from appliance.events import Events
from appliance.logs.held import Held
from appliance.system.process import ProcessError
from tests import material as m

SECTION = "[a]\naccept = 127.0.0.1:34\nconnect = 127.0.0.1:35\ncert = x_Cert.pem\nkey = x_key.pem\n"
QUIET = "foreground = quiet\n"


def told(*words: str) -> tuple[str, str]:
    """What an informing command line prints to standard output and to standard error."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        assert main(["stunnel", *words]) == 0
    return out.getvalue(), err.getvalue()


def configured(directory: Path, text: str) -> Path:
    """A configuration file, with the pair that L{SECTION} names beside it."""
    m.write(directory, "x", m.server())
    path = directory / "stunnel.conf"
    path.write_text(text)
    return path


def read(source: Source) -> tuple[e.Event, ...]:
    """The events of reading C{source}."""
    seen: list[e.Event] = []
    events = Events()
    events.subscribe(seen.append)
    source.read(events)
    return tuple(seen)


def complaints(source: Source) -> list[str]:
    """What stunnel would say of the configuration in C{source}."""
    with pytest.raises(ConfigError) as caught:
        source.read(Events())
    return [stunnelForm(problem) for problem in caught.value.problems if problem.fatal]


class TestInformation:
    """Words that ask for information."""

    @pytest.mark.parametrize("word", ["-help", "-version", "-sockets", "-options"])
    def test_whereTo(self, word: str) -> None:
        """It all goes to standard error, however the word is spelt."""
        out, err = told(word)
        assert out == ""
        assert err.startswith("butterfly-tls ")
        assert told(word.upper()) == (out, err)

    def test_help(self) -> None:
        """The help lists every option of the table."""
        err = told("-help")[1]
        for option in TABLE:
            if option.status is Status.SUPPORTED:
                assert f"\n{option.name:<22} = {option.syntax}" in err
            else:
                assert option.name in err

    def test_todaysHelp(self) -> None:
        """C{--help} helps too."""
        assert told("--help") == told("-help")

    def test_version(self) -> None:
        """The version comes with the defaults, and claims to be nothing else."""
        err = told("-version")[1]
        assert "\nTIMEOUTidle            = 43200" in err
        assert "stunnel" not in err.splitlines()[0]

    def test_sockets(self) -> None:
        """Options of sockets are shown with our values and the system's."""
        err = told("-sockets")[1]
        assert "\n    TCP_NODELAY         |    --    |       yes|       yes|        no\n" in err
        assert "\n    SO_LINGER           |    --    |    --    |    --    |       0:0\n" in err

    def test_options(self) -> None:
        """Flags are listed as they are written in a file."""
        assert "\noptions = NO_SSLv3\n" in told("-options")[1]


class TestCommandLine:
    """Where the configuration is."""

    def source(self, *words: str) -> Source:
        """The source that C{words} name."""
        return stunnel.sourceFor(words, "/somewhere")

    def why(self, *words: str) -> str:
        """Why there is none."""
        with pytest.raises(ProcessError) as caught:
            self.source(*words)
        return str(caught.value)

    def test_file(self, tmp_path: Path) -> None:
        """A file goes by its real path; what follows it is passed over."""
        path = configured(tmp_path, SECTION)
        link = tmp_path / "link.conf"
        link.symlink_to(path)
        real = FileSource(os.path.realpath(path), "/somewhere")
        assert self.source(str(link), "x", "y") == real

    def test_noFile(self) -> None:
        """A name of nothing is told in stunnel's words."""
        assert self.why("none.conf") == (
            'Invalid configuration file name "none.conf"\nrealpath: No such file or directory (2)'
        )

    def test_defaultFile(self) -> None:
        """Without arguments stunnel's own file is looked for."""
        if os.path.exists(stunnel.DEFAULT_FILE):
            assert self.source() == FileSource(os.path.realpath(stunnel.DEFAULT_FILE), "/somewhere")
        else:
            assert stunnel.DEFAULT_FILE in self.why()

    def test_descriptor(self) -> None:
        """C{-fd N}, in any case, and a dash for standard input."""
        assert self.source("-FD", "7") == DescriptorSource(7, "/somewhere")
        assert self.source("-") == DescriptorSource(0, "/somewhere")

    def test_noDescriptor(self) -> None:
        """A descriptor has a number."""
        assert self.why("-fd").startswith("No file descriptor specified\n")
        for word in ("x", "-1", "", "²"):
            assert self.why("-fd", word).startswith("Invalid file descriptor number\n")

    def test_windows(self) -> None:
        """What stunnel takes on Windows alone is answered."""
        assert "systemd" in self.why("-install")

    def test_documented(self) -> None:
        """The parser that the documentation is made from knows the same words."""
        parser = argparse.ArgumentParser()
        stunnel.addArguments(parser)
        known = {word for action in parser._actions for word in action.option_strings}
        assert {"-fd", *stunnel.INFORMATION} <= known


class TestSource:
    """What is read, and by which rules."""

    def test_announced(self, tmp_path: Path) -> None:
        """Reading announces the file and its byte order mark."""
        path = str(configured(tmp_path, QUIET + SECTION))
        seen = read(FileSource(path, str(tmp_path)))
        assert seen == (e.Reading(path), e.ByteOrderMark(found=False))
        Path(path).write_bytes(b"\xef\xbb\xbf" + Path(path).read_bytes())
        assert e.ByteOrderMark(found=True) in read(FileSource(path, str(tmp_path)))

    def test_startedElsewhere(self, tmp_path: Path) -> None:
        """Names are looked up where the program was started, and otherwise beside the file."""
        path = str(configured(tmp_path, QUIET + SECTION))
        other = tmp_path / "other"
        other.mkdir()
        (section,) = FileSource(path, str(other)).read(Events()).sections
        assert section.tls.cert == str(tmp_path / "x_Cert.pem")
        m.write(other, "x", m.server())
        (section,) = FileSource(path, str(other)).read(Events()).sections
        assert section.tls.cert == str(other / "x_Cert.pem")

    def test_duplicates(self, tmp_path: Path) -> None:
        """Two sections of one name are two sections, with a warning."""
        second = SECTION.replace(":34", ":36")
        path = str(configured(tmp_path, QUIET + SECTION + second))
        config = FileSource(path, str(tmp_path)).read(Events())
        assert len(config.sections) == 2
        assert len(config.warnings) == 1

    def test_noSection(self, tmp_path: Path) -> None:
        """A file without sections is for one connection, in a section that listens nowhere."""
        lines = SECTION.splitlines()[2:]
        path = str(configured(tmp_path, QUIET + "\n".join(lines)))
        config = FileSource(path, str(tmp_path)).read(Events())
        assert config.inetd is not None
        assert config.sections == (config.inetd,)
        assert config.inetd.accept == ()

    @pytest.mark.parametrize("option", ["output", "pid"])
    @pytest.mark.parametrize("foreground", ["", "foreground = no\n"])
    def test_partialPath(self, tmp_path: Path, option: str, foreground: str) -> None:
        """A daemon's log and pid file need full paths."""
        path = str(configured(tmp_path, f"{foreground}{option} = x\n" + SECTION))
        file = {"output": "Log", "pid": "Pid"}[option]
        assert complaints(FileSource(path, str(tmp_path))) == [
            f"Global options: {file} file must include full path name"
        ]

    def test_partialPathInTheForeground(self, tmp_path: Path) -> None:
        """In the foreground they are where the program was started."""
        path = str(configured(tmp_path, QUIET + "output = x\npid =\n" + SECTION))
        config = FileSource(path, str(tmp_path)).read(Events())
        assert config.process.output == str(tmp_path / "x")

    def test_gone(self, tmp_path: Path) -> None:
        """A file that went since is told in stunnel's words."""
        source = FileSource(str(tmp_path / "gone.conf"), str(tmp_path))
        assert complaints(source) == ["Cannot open configuration file"]

    def test_descriptorOnce(self, tmp_path: Path) -> None:
        """A descriptor is read once, since its number may be something else's later."""
        number = os.open(configured(tmp_path, QUIET + SECTION), os.O_RDONLY)
        source = DescriptorSource(number, str(tmp_path))
        assert read(source)[0] == e.Reading(str(number), descriptor=True)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
        assert complaints(source) == ["Cannot open configuration file"]


class TestHeld:
    """What is held back until there is a log."""

    def test_marks(self) -> None:
        """Lines of every level are shown with stunnel's marks, and nothing that could fake one."""
        held = Held()
        for event in (
            e.Initializing("a"),
            e.ByteOrderMark(found=False),
            e.Warned("careful\nnow"),
            e.Refused(("x.conf:1: bad",)),
        ):
            held(event)
        assert list(held.marked()) == [
            "[ ] Initializing service [a]",
            "[.] UTF-8 byte order mark not detected",
            "[:] careful.now",
            "[!] x.conf:1: bad",
            "[!] Configuration failed",
        ]

    def test_release(self) -> None:
        """Once released it passes on what it has, and all that comes."""
        held, seen = Held(), []
        held(e.Configured())
        held.release(seen.append)
        held(e.Accepting())
        assert seen == [e.Configured(), e.Accepting()]
        assert list(held.marked()) == []
