"""Tests of L{appliance.config.source} and L{appliance.config.paste}."""

from __future__ import annotations

import os
import socket
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import build
from appliance.config.model import Where
from appliance.config.options import BY_NAME
from appliance.config.source import Disk, Header, Item, Setting, Source, readSource
from tests.config.memory import CONF, GUIDE, HOME, PASTED, Memory, files, problems

BANNER = ";********************************* Example TLS server mode services "


def read(text: str | bytes, **others: str) -> Source:
    """Read C{text} as the configuration file."""
    return readSource(CONF, files(text, **others))


def plain(source: Source) -> list[str | tuple[str, str]]:
    """Items without their places: names of sections, and pairs of names and values."""
    return [
        item.name if isinstance(item, Header) else (item.name, item.value) for item in source.items
    ]


class LinesTests(SynchronousTestCase):
    """What one line means."""

    def test_settingsAndHeadersHavePlaces(self) -> None:
        """Every item knows its file and its line, counted from one."""
        source = read("\ndebug = 7\n[a]\naccept=1\n")
        self.assertEqual(
            source.items,
            (
                Setting(Where(CONF, 2), "debug", "7"),
                Header(Where(CONF, 3), "a"),
                Setting(Where(CONF, 4), "accept", "1"),
            ),
        )
        self.assertEqual(source.problems, ())

    def test_splitsAtTheFirstEqualsSign(self) -> None:
        """The value may hold further equals signs, and blanks round the first do not matter."""
        self.assertEqual(
            plain(read(" socket\t=  l:SO_KEEPALIVE=1  ")), [("socket", "l:SO_KEEPALIVE=1")]
        )

    def test_commentsStartALine(self) -> None:
        """A C{;} or C{#} makes a comment only as the first character that is not blank."""
        self.assertEqual(
            plain(read("; a = 1\n  # b = 2\nservice = x ; y # z")), [("service", "x ; y # z")]
        )

    def test_sectionNamesAreVerbatim(self) -> None:
        """A section's name keeps the blanks inside its brackets, as stunnel has it."""
        self.assertEqual(plain(read("[ DICOM STORE ]")), [" DICOM STORE "])

    def test_byteOrderMarkAndCRLF(self) -> None:
        """Windows' line ends and its byte order mark are not part of any item."""
        data = b"\xef\xbb\xbfdebug = 7\r\n[a]\r\naccept = 1\r\n"
        self.assertEqual(plain(read(data)), [("debug", "7"), "a", ("accept", "1")])

    def test_lastLineNeedsNoEnd(self) -> None:
        """A file may end in the middle of a line."""
        self.assertEqual(plain(read("[a]\naccept = 1")), ["a", ("accept", "1")])

    def test_noEqualsSign(self) -> None:
        """A line that is nothing we know is told with its text and what it could be."""
        (problem,) = read("[a]\nhello world\n").problems
        self.assertEqual(problem.where, Where(CONF, 2))
        self.assertIn('"hello world"', problem.found)
        self.assertIn("option = value", problem.expected)

    def test_textAfterAHeader(self) -> None:
        """A comment after a header is told, and the section begins all the same."""
        source = read("[a] ; mine\naccept = 1\n")
        self.assertEqual(plain(source), ["a", ("accept", "1")])
        self.assertIn("nothing after it", source.problems[0].expected)

    def test_headerWithoutEnd(self) -> None:
        """A header that lacks its bracket still parts what follows from what went before."""
        source = read("[a\naccept = 1\n")
        self.assertEqual(plain(source), ["a", ("accept", "1")])
        self.assertEqual(len(source.problems), 1)

    def test_headerWithoutName(self) -> None:
        """A section needs a name."""
        self.assertEqual(len(read("[]\n").problems), 1)

    def test_invalidUTF8(self) -> None:
        """Bytes that are no UTF-8 are told with their line and how to save the file."""
        (problem,) = read(b"[a]\ncert = M\xfcller.pem\n").problems
        self.assertEqual(problem.where, Where(CONF, 2))
        self.assertIn("UTF-8", problem.advice)

    def test_invalidUTF8InAComment(self) -> None:
        """Comments may be in any encoding."""
        self.assertEqual(read(b"; M\xfcller\n").problems, ())

    def test_UTF16(self) -> None:
        """A file in UTF-16, as an editor on Windows may write it, is recognised as a whole."""
        (problem,) = read("debug = 7\n[a]\n".encode("utf-16")).problems
        self.assertIn("UTF-16", problem.found)

    def test_terminalCodesAreMadeVisible(self) -> None:
        """A message never carries control characters from the file."""
        (problem,) = read("\x1b[31mred").problems
        self.assertIn("<U+001B>", problem.found)


class PasteTests(SynchronousTestCase):
    """The guide's block, pasted on one line."""

    layout = (
        "sslVersion = TLSv1.2",
        "[DICOM STORE]",
        "accept = 2761",
        "connect = 192.168.1.100:104",
        "cert = Butterfly_SCP_Cert.pem",
        "key = Butterfly_SCP_Key.pem",
    )

    def test_oneLine(self) -> None:
        """The block on one line is one error that shows every line as it should be."""
        (problem,) = problems(PASTED)
        self.assertTrue(problem.fatal)
        self.assertEqual(problem.where, Where(CONF, 1))
        self.assertIn("pasted on one line", problem.found)
        self.assertEqual(tuple(problem.advice.split("\n    ")[1:]), self.layout)

    def test_behindTheBanner(self) -> None:
        """Behind the guide's comment it would all be a comment; it is the same one error."""
        (problem,) = problems(BANNER + PASTED)
        self.assertTrue(problem.fatal)
        self.assertIn("comment", problem.found)
        self.assertEqual(tuple(problem.advice.split("\n    ")[1:]), self.layout)

    def test_besideOtherSections(self) -> None:
        """It is an error too in a file that has something else to serve."""
        text = GUIDE + BANNER + PASTED.replace("STORE", "THIRD") + "\n"
        (problem,) = problems(text)
        self.assertEqual(problem.where, Where(CONF, 15))

    def test_withoutBreakSpaces(self) -> None:
        """The blanks that web pages use are blanks."""
        (problem,) = problems(PASTED.replace(" ", "\N{NO-BREAK SPACE}"))
        self.assertEqual(tuple(problem.advice.split("\n    ")[1:]), self.layout)

    def test_optionsInCommentsArePeoplesOwn(self) -> None:
        """A comment that names options, but no whole section, is a comment."""
        self.assertEqual(read("; accept = 2761 connect = 192.168.1.100:104\n").problems, ())

    def test_valuesMayHoldEqualsSigns(self) -> None:
        """An equals sign in a value is no sign of a paste."""
        self.assertEqual(read("cert = my key=1.pem\nsetEnv = TZ=UTC\n").problems, ())


class IncludeTests(SynchronousTestCase):
    """Directories of configuration files."""

    def test_filesInTheOrderOfTheirBytes(self) -> None:
        """Every regular file is read in place, whatever its suffix, capitals before small."""
        source = read(
            "include = conf.d\n[z]\n",
            **{"conf.d/b.bak": "[b]\n", "conf.d/a": "[a]\n", "conf.d/Z": "[Z]\n"},
        )
        self.assertEqual(plain(source), ["Z", "a", "b", "z"])
        self.assertEqual(
            source.files, (CONF, *(f"{HOME}/conf.d/{name}" for name in ("Z", "a", "b.bak")))
        )

    def test_sectionsStayOpen(self) -> None:
        """A section that an included file opens goes on after the include."""
        source = read("include = conf.d\naccept = 1\n", **{"conf.d/a": "[a]\nconnect = 2"})
        self.assertEqual(plain(source), ["a", ("connect", "2"), ("accept", "1")])

    def test_placesAreInTheIncludedFile(self) -> None:
        """What was read from an included file says so."""
        source = read("include = /etc/butterfly-tls/conf.d", **{"conf.d/a": "\n[a]"})
        self.assertEqual(source.items[0].where, Where(f"{HOME}/conf.d/a", 2))

    def test_noRecursion(self) -> None:
        """Directories within the directory are passed over."""
        self.assertEqual(plain(read("include = conf.d", **{"conf.d/sub/a": "[a]"})), [])

    def test_missingDirectory(self) -> None:
        """A directory that is not there is an error that names it in full."""
        (problem,) = read("\ninclude = conf.d").problems
        self.assertEqual(problem.where, Where(CONF, 2))
        self.assertIn(f"{HOME}/conf.d: No such file or directory", problem.found)

    def test_unreadableFile(self) -> None:
        """A file that cannot be read is an error where the include is written."""

        class Unreadable(Memory):
            def read(self, path: str) -> bytes:
                if path.endswith("/a"):
                    raise PermissionError(13, "Permission denied")
                return super().read(path)

        content = files("include = conf.d", **{"conf.d/a": "", "conf.d/b": "[b]"}).content
        source = readSource(CONF, Unreadable(content))
        self.assertEqual(plain(source), ["b"])
        self.assertIn(f"{HOME}/conf.d/a: Permission denied", source.problems[0].found)
        self.assertEqual(source.problems[0].where, Where(CONF, 1))

    def test_includingItself(self) -> None:
        """A directory whose files include it again is an error and has an end."""
        (problem,) = read("include = conf.d", **{"conf.d/a": "include = conf.d"}).problems
        self.assertIn("includes itself", problem.found)

    def test_windowsDirectory(self) -> None:
        """A directory on Windows is the one of that name beside the file, which is told."""
        source = read(r"include = C:\stunnel\conf.d", **{"conf.d/a": "[a]"})
        self.assertEqual(plain(source), ["a"])
        self.assertIn(f"{HOME}/conf.d is used", source.problems[0].advice)
        self.assertFalse(source.problems[0].fatal)

    def test_windowsDirectoryToNothing(self) -> None:
        """A directory on Windows that is not here is an error like any other."""
        (problem,) = read(r"include = C:\nix.d").problems
        self.assertTrue(problem.fatal)

    def test_emptyName(self) -> None:
        """An include without a directory is an error."""
        self.assertEqual(len(read("include =").problems), 1)


class FilesTests(SynchronousTestCase):
    """The configuration file itself, and the real disk."""

    def test_missing(self) -> None:
        """A file that is not there is the only problem, and is named in full."""
        config, (problem,) = build(CONF, Memory({}))
        self.assertIsNone(config)
        self.assertEqual(problem.where, Where(CONF))
        self.assertIn(f"{CONF}: No such file or directory", problem.found)

    def test_disk(self) -> None:
        """L{Disk} reads, lists and looks at the real file system."""
        disk = Disk()
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "a.conf")
            with open(path, "wb") as file:
                file.write(b"[a]\n")
            self.assertEqual(disk.read(path), b"[a]\n")
            self.assertEqual(disk.names(directory), ["a.conf"])
            self.assertTrue(disk.exists(directory))
            self.assertFalse(disk.isFile(directory))
            self.assertTrue(disk.isFile(path))

    def test_diskGivesADirectory(self) -> None:
        """A directory in place of the configuration file is an error, not a crash."""
        with tempfile.TemporaryDirectory() as directory:
            config, (problem,) = build(directory, Disk())
        self.assertIsNone(config)
        self.assertIn("Is a directory", problem.found)


word = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
value = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=30)
headers = st.builds(Header, st.just(Where(CONF)), word)
settingItems = st.builds(Setting, st.just(Where(CONF)), word, value)
pieces = st.sampled_from([*GUIDE.split(), *BY_NAME, "=", "[", "]", "/", ":", ";", "-", "0", "yes"])
anySettings = st.builds("{} = {}".format, st.sampled_from(list(BY_NAME)), pieces | st.text())
anyLines = st.lists(anySettings | st.lists(pieces).map(" ".join) | st.text()).map("\n".join)


class PropertyTests(SynchronousTestCase):
    """What holds for any file."""

    def setUp(self) -> None:
        """Nobody is asked for the names that come up."""

        def unknown(*arguments: object, **keywords: object) -> None:
            raise OSError

        self.patch(socket, "getaddrinfo", unknown)

    @settings(deadline=None)
    @given(st.binary() | anyLines.map(str.encode))
    def test_anythingCanBeRead(self, data: bytes) -> None:
        """No file makes the parser raise, and every problem is placed within what was read."""
        memory = files(data)
        lines = len(memory.content[CONF].splitlines()) + 1
        config, found = build(CONF, memory)
        self.assertEqual(config is None, any(problem.fatal for problem in found))
        for problem in found:
            self.assertEqual(problem.where.path, CONF)
            self.assertTrue(0 <= problem.where.line <= lines)
            self.assertTrue(str(problem).startswith(f"{CONF}:"))
            self.assertTrue(str(problem).replace("\n", "").isprintable())

    @settings(deadline=None)
    @given(st.lists(headers | settingItems))
    def test_whatIsWrittenIsRead(self, items: list[Item]) -> None:
        """Items that are written out one a line come back as they were."""
        items = [item for item in items if item.name.lower() != "include"]
        text = "\n".join(
            f"[{item.name}]" if isinstance(item, Header) else f"{item.name} = {item.value}"
            for item in items
        )
        source = read(text)
        self.assertEqual(source.problems, ())
        self.assertEqual(plain(source), plain(Source(tuple(items), (), ())))
        self.assertEqual([item.where.line for item in source.items], [*range(1, len(items) + 1)])
