"""Genba's own destinations: what reaches them, what becomes of one that fails, and that a queue has an end."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import genba
from genba import running
from genba.recording.ledger import OVERLOADED
from support.spans import Spans


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    genba.uninstrument()


def ask(text: str = "Because.") -> None:
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages="Why?")
        invocation.response(text)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_jsonl_file_has_one_span_a_line_with_its_content_as_json(tmp_path: Path) -> None:
    genba.init(export="jsonl:deep/spans.jsonl")
    with genba.agent("planner"):
        ask()
    assert genba.flush(timeout=5)
    inner, outer = lines(tmp_path / "deep" / "spans.jsonl")
    assert (outer["name"], inner["name"]) == ("invoke_agent planner", "chat acme-1")
    assert inner["parent_span_id"] == outer["span_id"]
    assert inner["trace_id"] == outer["trace_id"]
    assert inner["attributes"]["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Because."}]
    assert inner["end_time_unix_nano"] >= inner["start_time_unix_nano"]
    assert inner["run_id"] == outer["run_id"]


def test_a_jsonl_file_is_added_to_and_private(tmp_path: Path) -> None:
    for _ in range(2):
        genba.init(export="jsonl:spans.jsonl")
        ask()
        genba.shutdown()
    assert len(lines(tmp_path / "spans.jsonl")) == 2
    assert (tmp_path / "spans.jsonl").stat().st_mode & 0o077 == 0


def test_a_jsonl_line_is_whole_however_many_threads_write(tmp_path: Path) -> None:
    genba.init(export="jsonl:spans.jsonl")
    threads = [threading.Thread(target=lambda: [ask("x" * 5000) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert genba.flush(timeout=10)
    assert len(lines(tmp_path / "spans.jsonl")) == 80


def test_the_console_prints_a_readable_tree_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    genba.init(export="console")
    with genba.agent("planner"):
        ask()
    assert genba.flush(timeout=5)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.index("planner") < said.err.index("acme-1")
    assert "Why?" in said.err
    assert "Because." in said.err
    assert not said.err.lstrip().startswith(("{", "["))


def test_the_console_is_quiet_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)  # as in a process without a terminal
    genba.init(export="console")
    ask()
    assert genba.flush(timeout=5)


def test_the_store_holds_each_span_once(tmp_path: Path) -> None:
    genba.init()
    ask()
    ask()
    assert genba.flush(timeout=5)
    database = sqlite3.connect(tmp_path / ".genba" / "genba.db")
    try:
        assert database.execute("SELECT count(*) FROM spans").fetchone() == (2,)
    finally:
        database.close()
    assert genba.doctor().counts["exported to store"] == 2


@pytest.mark.parametrize("way", ["option", "variable"])
def test_the_store_may_lie_elsewhere(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "elsewhere" / "traces.db"
    if way == "variable":
        monkeypatch.setenv("GENBA_STORE", str(place))
        genba.init()
    else:
        genba.init(store=place)
    ask()
    assert genba.flush(timeout=5)
    assert place.exists()
    assert not (tmp_path / ".genba").exists()


def test_several_destinations_get_the_same_spans(tmp_path: Path) -> None:
    mine = InMemorySpanExporter()
    genba.init(export=["store", "jsonl:spans.jsonl", mine])
    ask()
    assert genba.flush(timeout=5)
    assert len(lines(tmp_path / "spans.jsonl")) == 1
    assert [span.name for span in mine.get_finished_spans()] == ["chat acme-1"]
    assert genba.doctor().counts["exported to store"] == 1


@pytest.mark.parametrize("options", [{"store": "off"}, {"export": "none"}, {"export": []}])
def test_nowhere_is_a_choice(options: dict[str, Any], tmp_path: Path) -> None:
    genba.init(**options)
    ask()
    assert genba.flush(timeout=5)
    assert list(tmp_path.iterdir()) == []
    assert "nowhere" in str(genba.doctor())


def test_the_app_s_pipeline_is_not_joined_unless_asked(tmp_path: Path) -> None:
    spans = Spans()
    genba.init(tracer_provider=spans.provider)
    ask()
    assert genba.flush(timeout=5)
    assert len(spans.all()) == 1
    assert list(tmp_path.iterdir()) == []


def test_beside_the_app_s_pipeline_a_destination_gets_genba_s_spans_only(tmp_path: Path) -> None:
    spans = Spans()
    genba.init(tracer_provider=spans.provider, export="jsonl:spans.jsonl")
    with spans.app.start_as_current_span("the host's"):
        ask()
    assert genba.flush(timeout=5)
    assert [span["name"] for span in lines(tmp_path / "spans.jsonl")] == ["chat acme-1"]
    assert [span.name for span in spans.everything()] == ["chat acme-1", "the host's"]


def test_beside_the_app_s_pipeline_an_exporter_that_was_passed_gets_genba_s_spans_too() -> None:
    spans, mine = Spans(), InMemorySpanExporter()
    genba.init(tracer_provider=spans.provider, export=mine)
    with spans.app.start_as_current_span("the host's"):
        ask()
    assert genba.flush(timeout=5)
    assert [span.name for span in mine.get_finished_spans()] == ["chat acme-1"]


def test_after_uninstrument_the_app_s_pipeline_brings_nothing_more(tmp_path: Path) -> None:
    spans = Spans()
    for number in range(3):
        genba.init(tracer_provider=spans.provider, export=f"jsonl:{number}.jsonl")
        ask()
        genba.uninstrument()
    assert [len(lines(tmp_path / f"{number}.jsonl")) for number in range(3)] == [1, 1, 1]


def test_a_span_that_is_not_sampled_goes_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    genba.init(export="jsonl:spans.jsonl")
    ask()
    assert genba.flush(timeout=5)
    assert not (tmp_path / "spans.jsonl").exists()
    assert genba.doctor().counts["sampled out"] == 1


def odd_name() -> None:
    with genba.observe("\ud800"):
        pass


def odd_model() -> None:
    with genba.inference("\ud800"):
        pass


def odd_conversation() -> None:
    with genba.conversation(id="\ud800"), genba.observe("step"):
        pass


def odd_option() -> None:
    with genba.observe("step", attributes={"app.part": "\ud800"}):
        pass


def odd_number() -> None:
    with genba.observe("step") as invocation:
        invocation.span.set_attribute("app.part", 2**70)


def odd_bytes() -> None:
    with genba.observe("step") as invocation:
        invocation.span.set_attribute("app.part", b"\xff")


def odd_event() -> None:
    with genba.observe("step") as invocation:
        invocation.span.add_event("happened", {"app.part": "\ud800"})


def odd_content() -> None:
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=["\ud800", b"\xff", 2**70, float("nan")])
        invocation.response("\ud800")


@pytest.mark.hostile
@pytest.mark.parametrize("destination", ["store", "console", "jsonl:spans.jsonl"])
@pytest.mark.parametrize(
    "odd",
    [odd_name, odd_model, odd_conversation, odd_option, odd_number, odd_bytes, odd_event, odd_content],
    ids=lambda odd: odd.__name__,
)
def test_one_odd_span_does_not_cost_its_batch(
    odd: Callable[[], None], destination: str, capsys: pytest.CaptureFixture[str]
) -> None:
    genba.init(export=destination)
    ask()
    odd()
    ask()
    assert genba.flush(timeout=5)
    doctor = genba.doctor()
    assert doctor.counts.get(f"exported to {destination}", 0) == 3, doctor.dropped
    assert doctor.dropped == {}


class Destination:
    """A destination of the test's own, put among genba's."""

    def __init__(self, name: str, write: Callable[[Sequence[ReadableSpan]], Any]) -> None:
        self.name = name
        self._write = write

    def write(self, spans: Sequence[ReadableSpan]) -> Any:
        return self._write(spans) or {}

    def close(self) -> None:
        if self.name == "broken":
            raise OSError("cannot even be closed")


def put_first(destination: Destination) -> None:
    assert running._running is not None
    running._running.pipeline.own.insert(0, destination)


def broken(spans: Sequence[ReadableSpan]) -> None:
    raise OSError("the disk is gone")


@pytest.mark.hostile
def test_a_destination_that_fails_says_so_once_counts_and_leaves_the_others_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    genba.init(export="jsonl:spans.jsonl")
    put_first(Destination("broken", broken))
    for _ in range(3):
        ask()
        assert genba.flush(timeout=5)
    warnings = [record.getMessage() for record in caplog.records if "broken" in record.getMessage()]
    assert len(warnings) == 1
    assert "the disk is gone" in warnings[0]
    assert len(lines(tmp_path / "spans.jsonl")) == 3
    doctor = genba.doctor()
    assert sum(doctor.dropped.values()) == 3
    assert "broken" in str(doctor)
    assert genba.shutdown()


@pytest.mark.hostile
@pytest.mark.parametrize("name", ["spans.jsonl", "genba.db"])
def test_a_place_that_becomes_unwritable_while_running_is_one_warning_and_a_count(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "sub"
    genba.init(**({"export": f"jsonl:{folder / name}"} if name.endswith("jsonl") else {"store": folder / name}))
    folder.write_text("a file where the folder should be")
    for _ in range(3):
        ask()
        genba.flush(timeout=5)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    assert sum(genba.doctor().dropped.values()) == 3


def test_what_no_longer_fits_in_the_queue_is_counted_and_the_oldest_makes_room(tmp_path: Path) -> None:
    genba.init(export="jsonl:spans.jsonl")
    assert running._running is not None
    background = running._running.signals.background
    background._limit = background._crowded = 5
    release, entered = threading.Event(), threading.Event()
    background.put(held(release, entered), None)
    assert entered.wait(20)  # the thread is busy until it is released: nothing is taken out of the queue
    for _ in range(8):
        ask()
    counted = genba.doctor()
    release.set()
    assert counted.dropped == {OVERLOADED: 3}
    assert counted.counts["waiting"] == 5
    assert genba.flush(timeout=5)
    assert [span["attributes"]["genba.call.sequence"] for span in lines(tmp_path / "spans.jsonl")] == [4, 5, 6, 7, 8]
    assert f"dropped 3: {OVERLOADED}" in str(genba.doctor())


def held(release: threading.Event, entered: threading.Event) -> Callable[[Sequence[ReadableSpan]], None]:
    def write(spans: Sequence[ReadableSpan]) -> None:
        entered.set()
        release.wait(30)

    return write


def returns_while(release: threading.Event, work: Callable[[], Any]) -> list[Any]:
    """What `work` returned before `release` was set; empty if it waited for it."""
    returned: list[Any] = []
    thread = threading.Thread(target=lambda: returned.append(work()))
    thread.start()
    thread.join(5)
    before = list(returned)
    release.set()
    thread.join(10)
    return before


def test_flush_does_not_wait_longer_than_it_was_told_for_a_destination_that_hangs() -> None:
    genba.init(export="jsonl:spans.jsonl")
    release, entered = threading.Event(), threading.Event()
    put_first(Destination("hanging", held(release, entered)))
    ask()
    (flushed,) = returns_while(release, lambda: genba.flush(timeout=0.2)) or [None]
    assert flushed is not None, "flush waited for the destination"
    assert not flushed


class Hanging(SpanExporter):
    """An exporter whose network has gone."""

    def __init__(self, release: threading.Event) -> None:
        self._release = release

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._release.wait(30)
        return SpanExportResult.SUCCESS


@pytest.mark.parametrize("ending", ["flush", "shutdown"])
def test_an_exporter_that_hangs_does_not_hold_the_host(ending: str) -> None:
    # The SDK's batch processor does not look at the timeout that `force_flush` is given.
    release = threading.Event()
    genba.init(export=Hanging(release))
    ask()
    assert returns_while(release, lambda: getattr(genba, ending)(timeout=0.2)), "the host waited for the exporter"


def test_flush_tells_that_everything_was_handed_over() -> None:
    genba.init(export="jsonl:spans.jsonl")
    for _ in range(10):
        ask()
    flushed = genba.flush(timeout=5)
    assert flushed
    assert flushed.complete
    assert not flushed.waiting


def test_the_default_store_is_not_begun_beside_a_provider_that_comes_later(tmp_path: Path) -> None:
    genba.init(tracer_provider=TracerProvider())
    ask()
    genba.shutdown()
    assert not (tmp_path / ".genba").exists()
