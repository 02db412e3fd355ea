"""What arrives at an OTLP server, whatever the server does: once if it can be, more often if it must be, never nothing unsaid."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

import genba
from genba.exporting.otlp.answers import LONGEST_WAIT, of_status, retry_after
from genba.spooling import dead
from support.otlp import TAKEN, Collector, partly
from support.stored import names
from support.wire import Answer

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Collector]:
    """A server at the address that the environment names; genba's folder is the test's own."""
    collector = Collector()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    for signal in ("METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    yield collector
    collector.close()
    genba.uninstrument()


def ask(said: str = "Why?", number: int = 1) -> None:
    for at in range(number):
        with genba.inference(provider="acme", model=f"acme-{at}") as invocation:
            invocation.request(messages=said)
            invocation.response("Because.")
            invocation.usage(input_tokens=3, output_tokens=2)


def until(what: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def counts() -> dict[str, int]:
    return genba.doctor().counts


def test_flush_brings_them_there_and_leaves_nothing_behind(collector: Collector, tmp_path: Path) -> None:
    genba.init()
    ask(number=3)
    assert handed(genba.flush(5)) == (True, 0, 0)
    assert [span["name"] for span in collector.spans()] == ["chat acme-0", "chat acme-1", "chat acme-2"]
    assert counts()["exported to otlp"] == 3
    assert len(collector.server.received) == 1, "in one request"
    genba.shutdown()
    assert [path.name for path in (tmp_path / ".genba" / "spool").iterdir()] == [".gitignore"]


def test_without_a_flush_they_arrive_too(collector: Collector) -> None:
    genba.init()
    ask()
    until(collector.spans)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_cannot_now_is_asked_again_with_the_same_spans(collector: Collector, status: int) -> None:
    collector.server.queue.append(Answer(b"", status))
    genba.init()
    ask()
    assert handed(genba.flush(0.3)) == (False, 0, 1), "it says that it waits in the spool"
    until(lambda: len(collector.server.received) == 2 and counts().get("exported to otlp"))
    first, again = (request.body for request in collector.server.received)
    assert first == again
    assert genba.doctor().dropped == {}


@pytest.mark.parametrize("then", ["cut", "stall"])
def test_an_answer_that_breaks_off_or_never_comes_is_asked_for_again(
    collector: Collector, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    collector.server.queue.append(Answer(b"0123456789", then=then))  # type: ignore[arg-type]
    genba.init()
    ask()
    until(lambda: counts().get("exported to otlp") == 1)
    assert len(collector.server.received) == 2


def test_a_server_that_was_down_gets_them_when_it_is_back(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    down = Collector()
    port = down.server.port
    down.close()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    genba.init()
    ask(number=2)
    assert genba.flush(1).spooled == 2
    from http.server import ThreadingHTTPServer

    from support import wire

    class There(wire._Listener):  # the same address as before
        pass

    server = collector.server
    listener = There(("127.0.0.1", port), wire._Handler)
    listener.owner = server
    threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
    assert isinstance(listener, ThreadingHTTPServer)
    until(lambda: counts().get("exported to otlp") == 2)
    listener.shutdown()
    listener.server_close()
    warnings = [record for record in caplog.records if "otlp does not take spans now" in record.getMessage()]
    assert len(warnings) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
def test_what_a_server_will_never_take_is_set_aside_with_the_reason_and_not_sent_again(
    collector: Collector, status: int, tmp_path: Path
) -> None:
    collector.server.queue.append(Answer(b"no such thing", status, content_type="text/plain"))
    genba.init()
    ask()
    assert genba.flush(5), "nothing waits any more"
    (letter,) = dead.letters(tmp_path / ".genba" / "spool")
    assert letter.destination == "otlp"
    assert letter.reason.startswith(f"HTTP {status}")
    assert "no such thing" in letter.reason
    assert genba.doctor().dropped == {f"otlp: {letter.reason}": 1}
    ask()
    assert genba.flush(5)
    assert len(collector.server.received) == 2
    assert collector.sizes()[1][1] == 1, "the one after it"


def test_spans_over_which_a_server_breaks_every_time_do_not_hold_up_the_others(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba.exporting.otlp.sender.FIRST_PAUSE", 0.01)
    collector.server.reply = lambda request: Answer(b"", 500) if b"poison" in request.body else TAKEN
    genba.init()
    ask("fine", 3)
    ask("poison")
    ask("fine", 3)
    until(lambda: counts().get("exported to otlp") == 6)
    until(lambda: genba.flush(1))
    (letter,) = dead.letters(tmp_path / ".genba" / "spool")
    assert b"poison" in letter.entry.span


def test_what_a_server_rejects_of_a_request_is_counted(collector: Collector) -> None:
    collector.server.queue.append(partly(2))
    genba.init()
    ask(number=5)
    assert genba.flush(5)
    assert counts()["exported to otlp"] == 3
    assert genba.doctor().dropped == {"otlp: rejected by the server": 2}


def test_retry_after_is_obeyed(collector: Collector) -> None:
    collector.server.queue.append(Answer(b"", 429, headers={"retry-after": "3600"}))
    genba.init()
    ask()
    assert genba.flush(1).spooled == 1
    ask()
    assert genba.flush(1).spooled == 2
    assert len(collector.server.received) == 1
    assert "HTTP 429" in str(genba.doctor())


def test_retry_after_has_seconds_or_a_date() -> None:
    assert retry_after("7") == 7
    assert retry_after("-1") == 0
    assert retry_after("999999") == LONGEST_WAIT
    assert 50 < (retry_after(formatdate(time.time() + 60, usegmt=True)) or 0) <= 61
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0
    assert [retry_after(said) for said in ("soon", "", "nan", None)] == [None] * 4
    assert of_status(503, "", "2").after == 2


def test_no_request_is_larger_than_the_limit_and_every_span_is_in_one(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", collector.url)
    small(monkeypatch, "phoenix", max_request_bytes=20_000)
    genba.init(export="phoenix")
    for size in (10, 3_000, 15_000, 100, 9_000) * 4:
        ask("x" * size)
    assert genba.flush(10)
    sizes = collector.sizes()
    assert max(size for size, _ in sizes) <= 20_000
    assert sum(number for _, number in sizes) == 20
    assert len({span["span_id"] for span in collector.spans()}) == 20
    assert len(sizes) < 20, "and they go together where they fit"


def test_a_server_that_finds_a_request_too_large_gets_smaller_ones(collector: Collector) -> None:
    collector.server.reply = lambda request: Answer(b"", 413) if len(request.body) > 12_000 else TAKEN
    genba.init()
    ask("x" * 2_000, 20)
    ask("x" * 30_000)
    assert genba.flush(10)
    assert counts()["exported to otlp"] == 21
    taken = [span for span in collector.spans() if "genba.content.shortened" in span["attributes"]]
    assert taken, "the one that is too large alone was shortened"
    assert genba.doctor().dropped == {}


def test_a_server_that_hangs_holds_up_nobody_else(collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = Collector()
    hanging.server.serve(Answer(b"", then="stall"))
    monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", hanging.url)
    genba.init(export=["store", "phoenix", "otlp"])
    ask()
    until(lambda: hanging.server.received)
    ask("later")
    until(lambda: counts().get("exported to otlp") == 2 and counts().get("exported to store") == 2)
    assert "exported to phoenix" not in counts()
    assert handed(genba.flush(0.5)) == (False, 0, 2)
    assert handed(genba.shutdown(0.5)) == (False, 0, 2), "and the end of the process does not wait for it either"
    assert len(names(tmp_path)) == 2
    hanging.close()


def test_it_is_all_done_by_one_thread(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", collector.url)

    genba.init(export=["store", "otlp", "phoenix"])
    ask(number=50)
    assert genba.flush(5)
    ours = [thread.name for thread in threading.enumerate() if "genba" in thread.name or "Otel" in thread.name]
    assert ours == ["genba"]


def test_without_a_spool_nothing_is_written_to_disk(collector: Collector, tmp_path: Path) -> None:
    collector.server.queue.append(Answer(b"", 503))
    genba.init(spool=False)
    ask()
    until(lambda: counts().get("exported to otlp") == 1)
    assert not list(tmp_path.iterdir())


def test_what_never_leaves_memory_is_counted_as_lost_at_the_end(collector: Collector) -> None:
    collector.server.serve(Answer(b"", 503))
    genba.init(spool=False)
    ask()
    genba.flush(0.5)
    ledger = genba.running.state().signals.ledger  # type: ignore[union-attr]
    genba.shutdown(0.5)
    assert ledger.dropped == {"otlp: not sent before the end of the process, and not in the spool": 1}


def test_no_content_means_none_in_the_spool(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", 503))
    genba.init(capture_content="none")
    ask("my secret")
    genba.flush(0.3)
    kept = b"".join(path.read_bytes() for path in (tmp_path / ".genba").rglob("*.spans"))
    assert b"acme-0" in kept
    assert b"my secret" not in kept
    assert b"Because." not in kept


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_the_standard_s_variables_are_obeyed(collector: Collector, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", encoding)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    genba.init()
    ask()
    assert genba.flush(5)
    (request,) = collector.server.received
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["content-encoding"] == encoding
    assert headers["authorization"] == "Bearer abc"
    assert request.path == "/v1/traces"


def test_an_app_s_own_pipeline_and_its_otlp_variables_are_the_app_s(collector: Collector) -> None:
    from support.spans import Spans

    spans = Spans()
    genba.init(tracer_provider=spans.provider)
    ask()
    genba.flush(2)
    assert not collector.server.received


def small(monkeypatch: pytest.MonkeyPatch, name: str, **limits: object) -> None:
    """Let that backend take less."""
    from genba.exporting.otlp import presets
    from genba.exporting.otlp.target import Limits

    changed = presets.PRESETS[name]._replace(limits=Limits(**limits))  # type: ignore[arg-type]
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, name: changed})


def handed(found: genba.Flushed) -> tuple[bool, int, int]:
    return found.complete, found.waiting, found.spooled
