"""The counts behind the metrics, with labels that cannot grow without bound.

It counts what it is told by the table and knows nothing of events.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from attrs import define, field
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.utils import floatToGoString

from appliance.status.table import FOLDED, Kind, Metric

OTHER: Final = "other"

LIMITS: Final = {"section": 1000, "backend": 1000}
LIMIT: Final = 64
"""Values that a label may have, those of the configuration and all others; more are L{OTHER}."""

Labels = tuple[str, ...]


@define
class Observed:
    """A histogram of one set of labels: counts by bucket, the last for what is beyond, and sum."""

    counts: list[int]
    sum: float = 0.0


@define
class Store:
    """Counters and histograms by their labels."""

    _counters: dict[Metric, dict[Labels, float]] = field(factory=dict, init=False)
    _histograms: dict[Metric, dict[Labels, Observed]] = field(factory=dict, init=False)
    _values: dict[str, set[str]] = field(factory=dict, init=False)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Count C{metric} for C{labels}, in the order of the table."""
        series = self._counters.setdefault(metric, {})
        folded = self._folded(metric, labels)
        series[folded] = series.get(folded, 0) + by

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Take C{value} into a histogram."""
        series = self._histograms.setdefault(metric, {})
        folded = self._folded(metric, labels)
        observed = series.get(folded)
        if observed is None:
            observed = series[folded] = Observed([0] * (len(metric.buckets) + 1))
        observed.counts[bisect_left(metric.buckets, value)] += 1
        observed.sum += value

    def _folded(self, metric: Metric, labels: Labels) -> Labels:
        """C{labels}, but L{OTHER} in the place of a value too many."""
        return tuple(map(self._fold, metric.labels, labels))

    def _fold(self, label: str, value: str) -> str:
        known = self._values.setdefault(label, set())
        if value in known:
            return value
        if len(known) < LIMITS.get(label, LIMIT):
            known.add(value)
            return value
        self.count(FOLDED, label)
        return OTHER

    def family(self, metric: Metric) -> Family:
        """All that was counted of a counter or a histogram."""
        if metric.kind is Kind.HISTOGRAM:
            return self._histogram(metric)
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in self._counters.get(metric, {}).items():
            counter.add_metric(labels, value)
        return counter

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, observed in self._histograms.get(metric, {}).items():
            family.add_metric(labels, list(_cumulative(metric, observed)), observed.sum)
        return family


def _cumulative(metric: Metric, observed: Observed) -> Iterator[tuple[str, float]]:
    """Each bucket's upper bound, and how many values were not above it."""
    total = 0
    for bound, count in zip((*metric.buckets, float("inf")), observed.counts, strict=True):
        total += count
        yield floatToGoString(bound), total


def gauge(metric: Metric, values: Iterator[tuple[Labels, float]]) -> Family:
    """A gauge, or a counter that somebody else counts, with the C{values} that it has now."""
    family: GaugeMetricFamily | CounterMetricFamily
    if metric.kind is Kind.COUNTER:
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    else:
        family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family
