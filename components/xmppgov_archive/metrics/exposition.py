"""The figures in Prometheus' text format: names, meanings, values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xmppgov_archive.log.store import ALARMS, COSIGNING, WitnessState
from xmppgov_archive.metrics.store import EmitterFigures

PREFIX = "xmppgov_archive"


class Figures(NamedTuple):
    """The archive at one moment; times and ages in seconds."""

    records: int
    entries: int
    checkpoint: int
    checkpoint_age: float
    cosigned: int
    unsigned_age: float
    alarms: int
    emitters: Sequence[EmitterFigures]
    witnesses: Sequence[WitnessState]
    now: float


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def exposition(figures: Figures) -> bytes:
    """Return the figures as Prometheus reads them."""
    registry = CollectorRegistry()
    families = [*_log(figures), *_emitters(figures), *_witnesses(figures)]
    registry.register(_Families(families))
    return generate_latest(registry)


def _log(figures: Figures) -> Iterator[Metric]:
    unsigned = max(figures.entries - figures.checkpoint, 0)
    for name, meaning, value in (
        ("records", "Records that are kept.", figures.records),
        ("entries", "Entries that are committed to the log.", figures.entries),
        ("checkpoint_entries", "Entries that the newest checkpoint covers.", figures.checkpoint),
        ("checkpoint_age_seconds", "Age of the newest checkpoint.", figures.checkpoint_age),
        ("cosigned_entries", "Entries that enough have cosigned.", figures.cosigned),
        ("unsigned_entries", "Committed entries that no checkpoint covers.", unsigned),
        ("unsigned_age_seconds", "For how long there are such entries.", figures.unsigned_age),
    ):
        yield GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value)
    yield CounterMetricFamily(
        f"{PREFIX}_alarms", "Records that came again with other content.", figures.alarms
    )


def _emitters(figures: Figures) -> Iterator[Metric]:
    last = _gauge("emitter_last", "Last number of the newest epoch.", "emitter", "epoch")
    missing = _gauge("emitter_missing", "Numbers that are declared missing.", "emitter")
    waiting = _gauge("spool_records", "Records that wait in the emitter's spool.", "emitter")
    oldest = _gauge("spool_age_seconds", "Age of the oldest of these.", "emitter")
    heard = _gauge(
        "emitter_silence_seconds",
        "Since when it was not heard; it says something every two minutes.",
        "emitter",
    )
    for one in figures.emitters:
        if one.last is not None:
            last.add_metric([one.emitter, str(one.epoch)], one.last)
            missing.add_metric([one.emitter], one.missing)
        if one.waiting is not None:
            waiting.add_metric([one.emitter], one.waiting)
            oldest.add_metric([one.emitter], _age(figures.now, one.oldest if one.waiting else None))
        if one.heard is not None:
            heard.add_metric([one.emitter], _age(figures.now, one.heard))
    yield from (last, missing, waiting, oldest, heard)


def _witnesses(figures: Figures) -> Iterator[Metric]:
    entries = _gauge("witness_entries", "Entries that the witness has cosigned.", "witness")
    age = _gauge("witness_age_seconds", "Age of its last cosignature.", "witness")
    cosigns = _gauge("witness_cosigning", "1 while it cosigns, else 0.", "witness")
    alarm = _gauge("witness_alarm", "1 where it has seen another history.", "witness")
    for one in figures.witnesses:
        entries.add_metric([one.name], one.size)
        if one.t:
            age.add_metric([one.name], _age(figures.now, one.t))
        cosigns.add_metric([one.name], one.state == COSIGNING)
        alarm.add_metric([one.name], one.state in ALARMS)
    yield from (entries, age, cosigns, alarm)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=labels)


def _age(now: float, t: int | None) -> float:
    return 0.0 if t is None else max(now - t / 1000, 0.0)
