"""What became of every call is told in the store, by flush and as metrics, also where the spans took another way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import genba
from genba.recording.ledger import ELSEWHERE, SAMPLED_OUT
from genba.store.reader import Store
from genba.store.standing import Missing, Standing
from support import stored
from support.programs import run
from support.spans import Spans

STEP = """
import genba
def step(name="step"):
    with genba.observe(name): pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    genba.uninstrument()


def only(folder: Path) -> Standing:
    with Store(folder / stored.PLACE) as store:
        (found,) = store.standings()
    return found


def test_sampled_out_calls_are_ranges_in_the_store(tmp_path: Path) -> None:
    program = STEP + "genba.init()\nfor _ in range(300): step()"
    run(program, folder=tmp_path, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.5")
    found = only(tmp_path)
    assert {piece.reason for piece in found.missing} == {SAMPLED_OUT}
    assert found.made == 300
    assert found.counts["sampled_out"] == 300 - found.stored > 0
    assert found.lost == {}


def test_where_everything_is_sampled_out_the_store_says_just_that(tmp_path: Path) -> None:
    run(STEP + "genba.init()\nfor _ in range(10_000): step()", folder=tmp_path, OTEL_TRACES_SAMPLER="always_off")
    found = only(tmp_path)
    assert (found.made, found.stored, found.missing) == (10_000, 0, [Missing(1, 10_000, SAMPLED_OUT)])


def test_calls_that_went_to_a_pipeline_of_the_app_s_that_came_later_are_not_missing(tmp_path: Path) -> None:
    program = (
        STEP
        + "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\ngenba.init()\nstep(); step()\n"
        + "trace.set_tracer_provider(TracerProvider())\nfor _ in range(5): step()"
    )
    run(program, folder=tmp_path)
    found = only(tmp_path)
    assert (found.made, found.stored, found.missing) == (7, 2, [Missing(3, 7, ELSEWHERE)])
    assert found.lost == {}


def test_what_an_exporter_refused_is_named_for_that_destination(folder: Path) -> None:
    class Refusing(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.FAILURE

    genba.init(export=["store", Refusing()])
    for _ in range(3):
        with genba.observe("step"):
            pass
    genba.flush(5)
    flushed = genba.shutdown(5)
    assert flushed.complete
    assert (flushed.made, flushed.in_flight, flushed.sampled_out) == (3, 0, 0)
    assert (flushed.exported, flushed.dropped) == ({"store": 3}, {"Refusing: export failed": 3})
    assert (only(folder).missing, only(folder).counts["dropped"]) == ([], {"Refusing: export failed": 3})
    with Store(folder / stored.PLACE) as store:
        rows = store._connection.execute("SELECT first_sequence, last_sequence, destination, reason FROM absences").fetchall()
    assert rows == [(1, 3, "Refusing", "export failed")]


def test_the_account_is_in_the_store_at_each_flush(folder: Path) -> None:
    genba.init()
    with genba.observe("outer"):
        with genba.observe("inner"):
            pass
        assert genba.flush(5)
        found = only(folder)
        assert (found.state, found.made, found.stored, found.counts["in_flight"]) == ("running", 2, 1, 1)


class Metrics:
    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])

    def points(self) -> dict[str, dict[str, int]]:
        data = self.reader.get_metrics_data()
        return {
            metric.name: {"".join(map(str, point.attributes.values())): point.value for point in metric.data.data_points}
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name.startswith("genba.")
        }


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    from genba.recording import counting

    monkeypatch.setattr(counting, "_ledgers", [])
    metrics = Metrics()
    yield metrics
    metrics.provider.shutdown()


def test_the_counts_are_metrics_where_there_is_a_meter(
    counted: Metrics, start_tracing: Callable[..., Spans], tmp_path: Path
) -> None:
    for _ in range(2):  # begun twice, the counts of the process go on
        start_tracing(meter_provider=counted.provider, export=f"jsonl:{tmp_path / 'a'}", store=None)
        with genba.observe("open"):
            for _ in range(3):
                with genba.observe("step"):
                    pass
            flushing = counted.points()["genba.calls.in_flight"]
        assert flushing == {"": 1}
        genba.shutdown(5)
    assert counted.points() == {
        "genba.calls": {"made": 8, "ended": 8, "sampled_out": 0},
        "genba.calls.in_flight": {"": 0},
        "genba.export.spans": {f"jsonl:{tmp_path / 'a'}": 8},
    }


def test_a_sampled_out_call_makes_no_file(folder: Path, counted: Metrics) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    genba.init(tracer_provider=TracerProvider(sampler=ALWAYS_OFF), meter_provider=counted.provider)
    with genba.observe("step"):
        pass
    assert genba.flush(5).sampled_out == 1
    assert not stored.PLACE.exists()
