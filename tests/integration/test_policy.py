"""Rules, routes and titles, as dcmtk's clients and servers see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.child import Child
from tests import material as m
from tests import objects
from tests.integration.appliance import READY, keyPair, section, serving
from tests.integration.test_dicom import ANY_SERVER, client, received, storescp, tool
from tests.peers import freePort

pytestmark = pytest.mark.real

CT01 = ("-aet", "CT01")
CALLED = "Rejected Permanent.*Service User.*Called AE Title Not Recognized"
CALLING = "Rejected Permanent.*Service User.*Calling AE Title Not Recognized"
NO_REASON = "Rejected Permanent.*Service User.*No Reason"


@contextmanager
def ruled(directory: Path, *lines: str) -> Iterator[tuple[int, Child, Child]]:
    """The port of a section with C{dicom = yes} and C{lines}; the PACS behind it, and itself."""
    keyPair(directory)
    port = freePort()
    with (
        storescp(directory, "-d") as (pacs, behind),
        serving(directory, section(port, behind, "dicom = yes", *lines)) as child,
    ):
        yield port, pacs, child


def rejected(name: str, port: int, words: str, *argv: str, options: tuple[str, ...]) -> None:
    """Assert that dcmtk's client is rejected, and says so in C{words}."""
    done = client(name, port, *argv, options=options)
    assert done.returncode != 0
    assert re.search(words, " ".join(done.stdout.split())), done.stdout


def assertOne(pacs: Child) -> None:
    """Assert that all that the PACS has heard of is one association, which was released."""
    pacs.waitFor("Association Release", READY)
    # One more is this test's own look whether it listens.
    assert sum("I: Association Received" in line for line in pacs.lines) == 2


class TestRules:
    """Who gets through."""

    def test_called(self, tmp_path: Path) -> None:
        """A wrong called title is rejected as such, is told, and never reaches the PACS."""
        with ruled(tmp_path, "allowCalledAET = PACS") as (port, pacs, child):
            rejected("echoscu", port, CALLED, options=(*ANY_SERVER, *CT01, "-aec", "PACS9"))
            child.waitFor(
                r"LOG4\[0\]: Service \[DICOM STORE\] rejected the association of CT01 with PACS9: "
                r"PACS9 is not among the AE titles that may be called; .*allowCalledAET",
                READY,
            )
            tool("echoscu", port, options=(*ANY_SERVER, *CT01, "-aec", "PACS"))
            assertOne(pacs)

    def test_calling(self, tmp_path: Path) -> None:
        """So is a wrong calling title; a pattern lets in a whole family of them."""
        with ruled(tmp_path, "allowCallingAET = CT*,US01") as (port, _, child):
            rejected("echoscu", port, CALLING, options=(*ANY_SERVER, "-aet", "MR01"))
            child.waitFor(r"LOG4\[0\].*MR01 is not among the AE titles that may call", READY)
            tool("echoscu", port, options=(*ANY_SERVER, *CT01))

    def test_denied(self, tmp_path: Path) -> None:
        """Who wants to take data out is rejected; who brings some, or tests, is not."""
        (image,) = objects.write(tmp_path / "study", 1, 10_000)
        with ruled(tmp_path, "denySOPClass = query,retrieve") as (port, pacs, child):
            query = ("-S", "-k", "QueryRetrieveLevel=STUDY")
            rejected("findscu", port, NO_REASON, options=(*ANY_SERVER, *query))
            child.waitFor(r"it may not propose Study Root Query/Retrieve - FIND;", READY)
            tool("storescu", port, image)
            assertOne(pacs)
            tool("echoscu", port)
        assert received(tmp_path) == {objects.digest(image)}

    def test_allowed(self, tmp_path: Path) -> None:
        """Where ultrasound is all that is allowed, who proposes anything else is rejected."""
        (image,) = objects.write(tmp_path / "study", 1, 10_000)
        with ruled(tmp_path, "allowSOPClass = ultrasound") as (port, _, child):
            # By itself storescu proposes all that it knows, with -R what its files need.
            rejected("storescu", port, NO_REASON, str(image), options=ANY_SERVER)
            child.waitFor(r"it may not propose Ambulatory ECG .* and \d+ more;", READY)
            tool("storescu", port, image, options=(*ANY_SERVER, "-R"))
        assert received(tmp_path) == {objects.digest(image)}

    def test_report(self, tmp_path: Path) -> None:
        """With policy = report the same is told, and goes through."""
        lines = ("policy = report", "allowCalledAET = PACS")
        with ruled(tmp_path, *lines) as (port, _, child):
            tool("echoscu", port, options=(*ANY_SERVER, *CT01, "-aec", "PACS9"))
            child.waitFor(r"LOG4\[0\].* would reject the association of CT01 with PACS9", READY)
            assert not any("rejected the association" in line for line in child.lines)

    def test_workers(self, tmp_path: Path) -> None:
        """Workers hold to the rules as well, and tell of it in the one log."""
        keyPair(tmp_path)
        port = freePort()
        with storescp(tmp_path) as (_, behind):
            text = section(port, behind, "dicom = yes", "allowCalledAET = PACS")
            with serving(tmp_path, f"workers = 2\n{text}") as child:
                rejected("echoscu", port, CALLED, options=(*ANY_SERVER, *CT01, "-aec", "PACS9"))
                child.waitFor(r"LOG4\[0\].* rejected the association of CT01 with PACS9", READY)
                tool("echoscu", port, options=(*ANY_SERVER, "-aec", "PACS"))

    def test_certificate(self, tmp_path: Path) -> None:
        """Each certificate may use its own titles only."""
        ca = m.writeAuthority(tmp_path, "ca", m.ca())
        cert, key = m.write(tmp_path, "modality", m.client())
        verified = ("+tls", str(key), str(cert), "-ic")
        lines = (
            *("verifyChain = yes", f"CAfile = {ca.name}"),
            *("certificateAET = Modality.EXAMPLE:CT01", "certificateAET = other:MR01"),
        )
        with ruled(tmp_path, *lines) as (port, pacs, child):
            rejected("echoscu", port, CALLING, options=(*verified, "-aet", "MR01"))
            child.waitFor(r"the certificate of Modality.EXAMPLE is not for MR01;", READY)
            tool("echoscu", port, options=(*verified, *CT01))
            assertOne(pacs)


class TestRoutes:
    """Where associations go."""

    def test_route(self, tmp_path: Path) -> None:
        """Each title leads to its own PACS, all others to the one in connect."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        one, two = objects.write(tmp_path / "study", 2, 10_000)
        with (
            storescp(elsewhere) as (_, second),
            ruled(tmp_path, f"route = PACS2:127.0.0.1:{second}") as (port, _, child),
        ):
            tool("storescu", port, one, options=(*ANY_SERVER, "-aec", "PACS2"))
            tool("storescu", port, two, options=(*ANY_SERVER, "-aec", "PACS1"))
            child.waitFor(rf"connected 127\.0\.0\.1:{second}$", READY)
        assert received(elsewhere) == {objects.digest(one)}
        assert received(tmp_path) == {objects.digest(two)}

    def test_routesAlone(self, tmp_path: Path) -> None:
        """Without connect a title that has no route is not recognized."""
        keyPair(tmp_path)
        port = freePort()
        with storescp(tmp_path) as (_, behind):
            routes = ("dicom = yes", f"route = PACS2:127.0.0.1:{behind}")
            text = section(port, behind, *routes).replace(f"connect = 127.0.0.1:{behind}\n", "")
            with serving(tmp_path, text) as child:
                child.waitFor(rf"serves .* for 127\.0\.0\.1:{behind} for PACS2", READY)
                tool("echoscu", port, options=(*ANY_SERVER, "-aec", "PACS2"))
                rejected("echoscu", port, CALLED, options=(*ANY_SERVER, "-aec", "PACS3"))
                child.waitFor("there is no route for PACS3, and no connect; add a route", READY)


class TestTitles:
    """By which titles associations go."""

    def test_rewritten(self, tmp_path: Path) -> None:
        """The PACS sees the new titles, the client its own, and the study arrives."""
        (image,) = objects.write(tmp_path / "study", 1, 10_000)
        lines = ("rewriteCallingAET = CT01:GATEWAY", "rewriteCalledAET = ARCHIVE")
        options = (*ANY_SERVER, "-d", *CT01, "-aec", "ANYTHING")
        with ruled(tmp_path, *lines) as (port, pacs, _):
            said = tool("storescu", port, image, options=options)
            pacs.waitFor(r"Calling Application Name: +GATEWAY$", READY)
            pacs.waitFor(r"Called Application Name: +ARCHIVE$", READY)
        assert set(re.findall(r"Calling Application Name: +(\w+)", said)) == {"CT01"}
        assert set(re.findall(r"Called Application Name: +(\w+)", said)) == {"ANYTHING"}
        assert received(tmp_path) == {objects.digest(image)}
