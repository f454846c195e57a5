"""Tests of L{appliance.config.overlay}: what a second file says of the first one's sections."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.build import build, load
from appliance.config.model import Config, HealthCheck, Problem, Severity, Where
from appliance.config.overlay import overlaid
from appliance.config.source import Header, Setting, Source
from tests.config.memory import CONF, HOME, files, section

OVERLAY = "/etc/other/overlay.conf"
SECOND = section(header="[DICOM DMWL]").replace("2761", "2762")


def both(text: str, overlay: str) -> tuple[Config | None, tuple[Problem, ...]]:
    """What comes of C{text} with C{overlay}."""
    disk = files(text)
    disk.content[OVERLAY] = overlay.encode()
    return build(CONF, disk, overlay=OVERLAY)


class OverlayTests(SynchronousTestCase):
    """A file and its overlay."""

    def good(self, text: str, overlay: str) -> Config:
        """The configuration that both make, without a single problem."""
        config, problems = both(text, overlay)
        assert config is not None, problems
        self.assertEqual(problems, ())
        return config

    def only(self, text: str, overlay: str) -> Problem:
        """The one problem that both have."""
        (problem,) = both(text, overlay)[1]
        return problem

    def test_nothing(self) -> None:
        """An empty overlay changes nothing, and is known as one of the files."""
        config = self.good(section(), "; nothing yet\n")
        alone = load(CONF, files(section()))
        self.assertEqual(config.sections, alone.sections)
        self.assertEqual((config.path, config.overlay), (CONF, OVERLAY))
        self.assertEqual(config.files, (CONF, OVERLAY))
        self.assertIsNone(alone.overlay)

    def test_section(self) -> None:
        """A section of the overlay is about the section of its name and no other."""
        config = self.good(section() + SECOND, "[DICOM DMWL]\nhealthCheck = none\n")
        found = [each.health.check for each in config.sections]
        self.assertEqual(found, [HealthCheck.AUTO, HealthCheck.NONE])

    def test_process(self) -> None:
        """What stands before its first section is about the process."""
        self.assertEqual(self.good(section(), "workers = 3\n").process.workers, 3)

    def test_defaults(self) -> None:
        """Or the default for every section, which one of the file may have for itself."""
        text = section() + SECOND + "healthInterval = 10\n"
        found = [each.health.interval for each in self.good(text, "healthInterval = 20\n").sections]
        self.assertEqual(found, [20, 10])

    def test_sectionBeatsItsDefaults(self) -> None:
        """In the overlay too the section's own word counts more."""
        overlay = "healthInterval = 20\n[DICOM STORE]\nhealthInterval = 10\n"
        (one,) = self.good(section(), overlay).sections
        self.assertEqual(one.health.interval, 10)

    def test_wins(self) -> None:
        """Where both have an option the overlay counts, and the line that does not is told."""
        config, problems = both(section("healthFall = 5"), "[DICOM STORE]\nHEALTHFALL = 7\n")
        assert config is not None
        self.assertEqual(config.sections[0].health.fall, 7)
        (problem,) = problems
        self.assertEqual((problem.severity, problem.where), (Severity.WARNING, Where(CONF, 5)))
        self.assertEqual((problem.section, problem.option), ("DICOM STORE", "healthFall"))
        self.assertIn(f"{OVERLAY}:2", problem.found)

    def test_winsForTheProcess(self) -> None:
        """So it is before the first section."""
        config, (problem,) = both("workers = 2\n" + section(), "workers = 3\n")
        assert config is not None
        self.assertEqual((config.process.workers, problem.where), (3, Where(CONF, 1)))

    def test_lists(self) -> None:
        """A list grows, and nothing is overruled."""
        text = section("dicom = yes", "allowCallingAET = A")
        config = self.good(text, "[DICOM STORE]\nallowCallingAET = B\n")
        self.assertEqual(config.sections[0].dicom.allowCalling, ("A", "B"))

    def test_twice(self) -> None:
        """A section may stand in the overlay more than once."""
        overlay = "[DICOM STORE]\nhealthRise = 3\n[DICOM STORE]\nhealthFall = 4\n"
        (one,) = self.good(section(), overlay).sections
        self.assertEqual((one.health.rise, one.health.fall), (3, 4))

    def test_included(self) -> None:
        """Sections that the file includes have a place in the overlay, and it may include too."""
        disk = files("include = conf.d\n")
        disk.content[f"{HOME}/conf.d/pacs.conf"] = section("CAfile = ca.pem").encode()
        disk.content[OVERLAY] = b"[DICOM STORE]\ninclude = more\n"
        disk.content["/etc/other/more/health.conf"] = b"healthFall = 4\n"
        config, problems = build(CONF, disk, overlay=OVERLAY)
        assert config is not None, problems
        self.assertEqual(config.sections[0].health.fall, 4)
        self.assertEqual(config.sections[0].tls.caFile, f"{HOME}/ca.pem")
        paths = (CONF, f"{HOME}/conf.d/pacs.conf", OVERLAY, "/etc/other/more/health.conf")
        self.assertEqual(config.files, paths)

    def test_names(self) -> None:
        """Files that the overlay names are looked up from its own directory."""
        config = self.good(section(), "journal = journal.jsonl\n")
        self.assertEqual(config.process.journal, "/etc/other/journal.jsonl")
        self.assertEqual(config.sections[0].tls.cert, f"{HOME}/Butterfly_SCP_Cert.pem")

    def test_noSuchSection(self) -> None:
        """A section that the file has not is an error with the nearest name."""
        problem = self.only(section(), "\n[DICOM STOR]\nhealthFall = 4\n")
        self.assertTrue(problem.fatal)
        self.assertEqual((problem.where, problem.section), (Where(OVERLAY, 2), "DICOM STOR"))
        self.assertIn(f"no section of this name in {CONF}", problem.found)
        self.assertIn("perhaps [DICOM STORE] is meant", problem.advice)

    def test_nothingLike(self) -> None:
        """Where no name is near none is guessed at."""
        self.assertIn("as it is there", self.only(section(), "[xyz]\n").advice)

    def test_fileWithoutSections(self) -> None:
        """A file without sections is the mistake then, and not the overlay."""
        self.assertIn("nothing to serve", self.only("debug = 7\n", "[DICOM STORE]\n").found)
        disk = files(section())
        del disk.content[CONF]
        disk.content[OVERLAY] = b"[DICOM STORE]\n"
        (problem,) = build(CONF, disk, overlay=OVERLAY)[1]
        self.assertIn(f"cannot read {CONF}", problem.found)

    def test_stunnels(self) -> None:
        """An option of stunnel's is refused, by any of its names, with the file it belongs in."""
        for overlay, where in {
            "[DICOM STORE]\nconnect = pacs:105\n": Where(OVERLAY, 2),
            "debug = 7\n": Where(OVERLAY, 1),
            "[DICOM STORE]\n\nCurve = P-256\n": Where(OVERLAY, 3),
        }.items():
            problem = self.only(section(), overlay)
            self.assertTrue(problem.fatal)
            self.assertEqual(problem.where, where)
            self.assertIn("an option of stunnel's", problem.found)
            self.assertIn("to the configuration file itself", problem.advice)

    def test_mistakes(self) -> None:
        """Whatever is wrong with a line of the overlay is told with its place there."""
        for overlay, expected in {
            "[DICOM STORE]\nhealthChek = none\n": "perhaps healthCheck is meant",
            "[DICOM STORE]\nhealthCheck = maybe\n": "auto, echo, tcp or none",
            "[DICOM STORE]\nworkers = 2\n": "before the first [section]",
            "\nhello\n": "neither a setting nor a section header",
        }.items():
            problem = self.only(section(), overlay)
            self.assertEqual(problem.where, Where(OVERLAY, 2))
            self.assertIn(expected, str(problem))

    def test_missing(self) -> None:
        """An overlay that is not there is an error of its own, beside those of the file."""
        found = build(CONF, files(section("TIMEOUTidel = 5")), overlay=OVERLAY)[1]
        self.assertEqual([each.where for each in found], [Where(OVERLAY), Where(CONF, 5)])
        self.assertIn("cannot read", found[0].found)

    def test_order(self) -> None:
        """Problems come file by file."""
        text = section("healthFall = x")
        found = both(text, "[DICOM STORE]\nhealthRise = x\nhealthTimeout = x\n")[1]
        places = [Where(CONF, 5), Where(OVERLAY, 2), Where(OVERLAY, 3)]
        self.assertEqual([each.where for each in found], places)


names = st.sampled_from(["a", "b", "c"])
options = st.sampled_from(["healthFall", "route", "cert", "nonsense"])
parts = st.lists(st.tuples(names, st.lists(options, max_size=3)), max_size=4)


def source(path: str, first: list[str], sections: list[tuple[str, list[str]]]) -> Source:
    """A source with settings of these names; values tell where they come from."""
    items: list[Header | Setting] = []
    for header, settings in ((None, first), *sections):
        if header is not None:
            items.append(Header(Where(path, len(items) + 1), header))
        for each in settings:
            items.append(Setting(Where(path, len(items) + 1), each, path))
    return Source(tuple(items), (), (path,))


class MergeTests(SynchronousTestCase):
    """What laying one over the other does to any two files."""

    @given(st.lists(options), parts, st.lists(options), parts)
    def test_order(
        self,
        first: list[str],
        sections: list[tuple[str, list[str]]],
        more: list[str],
        others: list[tuple[str, list[str]]],
    ) -> None:
        """The file keeps all its lines and their order; only lines of the overlay are added."""
        below, above = source("/f", first, sections), source("/o", more, others)
        made = overlaid(below, above).items
        self.assertEqual(tuple(i for i in made if i.where.path == "/f"), below.items)
        self.assertLessEqual({i for i in made if i.where.path == "/o"}, set(above.items))

    @given(st.lists(options), parts)
    def test_alone(self, first: list[str], sections: list[tuple[str, list[str]]]) -> None:
        """An overlay with nothing in it adds nothing and finds nothing."""
        below = source("/f", first, sections)
        made = overlaid(below, source("/o", [], []))
        self.assertEqual((made.items, made.problems), (below.items, ()))
