"""What monitoring is given: alert rules and a dashboard that ask for metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from appliance.status.table import METRICS, Metric
from tests.peers import directoryFor, program

ROOT = Path(__file__).parents[2]
RULES = ROOT / "etc" / "prometheus" / "butterfly-tls.rules.yml"
SCRAPE = ROOT / "etc" / "prometheus" / "butterfly-tls.scrape.yml"
DASHBOARD = ROOT / "etc" / "grafana" / "butterfly-tls.json"
ALERTS = Path(__file__).parent / "alerts.yml"

BY_SERIES: dict[str, Metric] = {series: each for each in METRICS for series in each.series}
OTHERS = (
    *("up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"),
)

NAMES = re.compile(r"\b(?:butterfly_tls|process)_\w+|\bup\b(?=\{)")
SELECTORS = re.compile(r"\b(butterfly_tls_\w+)\{([^}]*)\}")
LABELS = re.compile(r"(\w+)\s*[=!]~?")
FROM_SCRAPE = {"instance", "job", "le"}


def inRules() -> list[str]:
    """The expressions of the rules, each on one line."""
    text = RULES.read_text("utf-8")
    found = re.findall(r"^        expr: (?:\|\n((?:          .*\n)+)|(.*)\n)", text, re.M)
    return [" ".join((block or line).split()) for block, line in found]


def values(node: Any, key: str) -> Iterator[str]:
    """All values of C{key} anywhere in a JSON document."""
    if isinstance(node, dict):
        if isinstance(node.get(key), str):
            yield node[key]
        for each in node.values():
            yield from values(each, key)
    elif isinstance(node, list):
        for each in node:
            yield from values(each, key)


def inDashboard() -> list[str]:
    """The expressions of the dashboard."""
    return list(values(json.loads(DASHBOARD.read_text("utf-8")), "expr"))


class ExpressionTests(SynchronousTestCase):
    """Expressions ask for what is there."""

    def test_names(self) -> None:
        """Every metric that is asked for exists, under the name of its samples."""
        variables = list(values(json.loads(DASHBOARD.read_text("utf-8")), "definition"))
        expressions = [*inRules(), *inDashboard(), *variables]
        self.assertGreater(len(expressions), 40)
        for expression in expressions:
            asked = NAMES.findall(expression)
            self.assertTrue(asked, expression)
            self.assertEqual([n for n in asked if n not in BY_SERIES and n not in OTHERS], [])

    def test_labels(self) -> None:
        """Every label that is asked for is one of its metric."""
        for expression in (*inRules(), *inDashboard()):
            for name, selector in SELECTORS.findall(expression):
                asked = set(LABELS.findall(re.sub(r'"[^"]*"', "", selector)))
                self.assertLessEqual(asked, {*BY_SERIES[name].labels, *FROM_SCRAPE}, expression)

    def test_wanted(self) -> None:
        """There is an alert for each thing that somebody must be woken or told for."""
        told = set(re.findall(r"alert: ButterflyTLS(\w+)", RULES.read_text("utf-8")))
        self.assertLessEqual(
            {
                *("Down", "PACSDown", "CertificateExpiresSoon", "HandshakesFail"),
                *("AssociationsFail", "Late", "ReloadRefused", "CertificateStale"),
                "ClientBanned",
            },
            told,
        )

    def test_panels(self) -> None:
        """Panels have titles, numbers of their own and places that do not overlap."""
        panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            self.assertTrue(panel["title"])
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertTrue(all(x < 24 for x, _ in cells))
            taken |= cells


@pytest.mark.real
class PromtoolTests(SynchronousTestCase):
    """Prometheus's own tool takes them."""

    def promtool(self, *arguments: str | Path) -> None:
        """Assert that it is content."""
        said = run([program("promtool"), *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_rules(self) -> None:
        """The rules and the example of a scrape are valid."""
        self.promtool("check", "rules", RULES)
        self.promtool("check", "config", SCRAPE)

    def test_alerts(self) -> None:
        """Each alert fires when it should, and none on a quiet day."""
        file = directoryFor(self) / "alerts.yml"
        file.write_text(ALERTS.read_text("utf-8").replace("RULES", json.dumps(str(RULES))))
        self.promtool("test", "rules", file)

    def test_dashboard(self) -> None:
        """The dashboard's expressions are valid."""
        rules = [
            {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
            for number, expression in enumerate(inDashboard())
        ]
        file = directoryFor(self) / "dashboard.yml"
        # JSON is YAML too.
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        self.promtool("check", "rules", file)
