"""Token records and the provenance of counts, as they are told on spans: by level, from several sources, compared with what is reported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import genba
from genba import Response, Usage
from genba.conversation.tokens import Alternative, Source, Timings, Tokens
from genba.tokens import decode, decode_timeline
from support.spans import Spans, attributes

PIECES = [b"The", b" caf", b"\xc3", b"\xa9", b"<|im_end|>"]
IDS = [504, 38634, 7, 8, 2]
SAID = [{"role": "assistant", "parts": [{"type": "text", "content": "The café"}]}]


def tokens(source: str, **columns: Any) -> Tokens:
    return Tokens(side="output", source=source, **columns)


ENGINE = tokens(
    Source.ENGINE,
    ids=IDS,
    pieces=PIECES,
    special=[4],
    logprobs=[-0.1, -0.2, -0.3, -0.4, -0.5],
    entropies=[0.1, 0.2, 0.3, 0.4, 0.5],
    top=[[Alternative(504, b"The", -0.1)]] * 5,
)


@pytest.fixture
def spans() -> Iterator[Spans]:
    yield Spans()
    genba.uninstrument()


def told(spans: Spans, *known: Tokens, usage: Usage | None = None, **settings: Any) -> Mapping[str, Any]:
    genba.init(tracer_provider=spans.provider, store="off", **settings)
    with genba.inference(provider="acme", model="acme-1") as call:
        call.response(Response(messages=SAID, tokens=known, usage=usage, finish_reasons=["stop"]))
    return attributes(spans.only())


def output(said: Mapping[str, Any]) -> Tokens:
    [record] = decode(said["genba.tokens.output"])
    return record


@pytest.mark.parametrize("level", ["counts", "pieces", "full"])
def test_what_the_provider_sent_is_recorded_whole_at_every_level(spans: Spans, level: str) -> None:
    sent = tokens(Source.SERVER, ids=IDS, pieces=PIECES, logprobs=[-0.1, -0.2, None, -0.4, -0.5])
    assert output(told(spans, sent, tokens=level)) == sent


def test_what_the_engine_knows_is_recorded_by_level(spans: Spans) -> None:
    assert "genba.tokens.output" not in told(spans, ENGINE, tokens="counts")


def test_pieces_are_ids_and_bytes(spans: Spans) -> None:
    record = output(told(spans, ENGINE, tokens="pieces"))
    assert (record.ids, record.pieces, record.special, record.text) == (IDS, PIECES, [4], "The café".encode())
    assert (record.logprobs, record.top, record.entropies) == (None, None, None)


def test_full_is_all_of_it(spans: Spans) -> None:
    assert output(told(spans, ENGINE, tokens="full")) == ENGINE


def test_off_tells_nothing(spans: Spans) -> None:
    said = told(spans, ENGINE, tokens="off", usage=Usage(input_tokens=3, output_tokens=99))
    assert said["gen_ai.usage.output_tokens"] == 99
    assert not [name for name in said if name.startswith(("genba.tokens", "genba.usage", "genba.tokenizer"))]


def test_without_content_no_record_is_made_but_the_counts_are_compared(spans: Spans) -> None:
    sent = tokens(Source.SERVER, ids=IDS)
    said = told(spans, sent, tokens="full", capture_content="none", usage=Usage(output_tokens=50))
    assert not [name for name in said if name.startswith("genba.tokens")]
    assert said["genba.usage.mismatch.output_tokens"] == 45


def test_two_sources_of_the_same_tokens_are_one_record(spans: Spans) -> None:
    scored = tokens(Source.LOGPROBS, pieces=PIECES, logprobs=[-0.1] * 5)
    record = output(told(spans, scored, tokens(Source.SERVER, ids=IDS)))
    assert (record.source, record.ids, record.pieces, record.logprobs) == ("server", IDS, PIECES, [-0.1] * 5)


def test_of_two_sources_that_disagree_the_better_comes_first(spans: Spans) -> None:
    scored = tokens(Source.LOGPROBS, pieces=PIECES[:2], logprobs=[-0.1, -0.2])
    said = told(spans, scored, tokens(Source.SERVER, ids=IDS), usage=Usage(output_tokens=5))
    best, other = decode(said["genba.tokens.output"])
    assert (best.source, best.ids, best.pieces) == ("server", IDS, None)
    assert other == scored, "what the provider sent is never lost"
    assert said["genba.usage.counted.output_tokens"] == 5
    spans.clear()
    genba.uninstrument()
    said = told(spans, tokens(Source.SERVER, ids=[1], logprobs=[-1.0]), tokens(Source.ENGINE, ids=[2]), tokens="full")
    best, other = decode(said["genba.tokens.output"])
    assert (best.source, best.ids, best.logprobs) == ("engine", [2], None)
    assert (other.source, other.ids, other.logprobs) == ("server", [1], [-1.0])


def test_every_number_says_where_it_comes_from(spans: Spans) -> None:
    said = told(spans, usage=Usage(input_tokens=3, output_tokens=5, cache_read_input_tokens=1))
    assert {name: value for name, value in said.items() if name.startswith("genba.usage.source")} == {
        "genba.usage.source.input_tokens": "reported",
        "genba.usage.source.output_tokens": "reported",
        "genba.usage.source.cache_read.input_tokens": "reported",
    }


def test_an_engine_s_own_count_is_no_report(spans: Spans) -> None:
    said = told(spans, ENGINE, usage=Usage(input_tokens=3, output_tokens=9, source="engine"))
    assert said["genba.usage.source.output_tokens"] == "engine"
    assert "genba.usage.counted.output_tokens" not in said


def test_a_number_nobody_said_is_unknown_with_the_reason(spans: Spans) -> None:
    said = told(spans)
    unknown = said["genba.usage.unknown"]
    assert [one.partition(":")[0] for one in unknown] == ["input_tokens", "output_tokens"]
    assert all("the provider did not say" in one for one in unknown)
    assert "gen_ai.usage.output_tokens" not in said


@pytest.mark.parametrize(("reported", "differs"), [(5, None), (4, None), (6, None), (7, 2), (3, -2), (0, -5)])
def test_a_report_is_compared_with_the_tokens_of_the_reply(spans: Spans, reported: int, differs: int | None) -> None:
    said = told(spans, tokens(Source.LOGPROBS, pieces=PIECES), usage=Usage(output_tokens=reported))
    assert said["genba.usage.counted.output_tokens"] == 5
    assert said.get("genba.usage.mismatch.output_tokens") == differs  # the token that ends an answer may be one of it or not


def test_tokens_that_a_reply_hides_are_no_mismatch(spans: Spans) -> None:
    hidden = Usage(output_tokens=500, reasoning_output_tokens=495)
    assert "genba.usage.mismatch.output_tokens" not in told(spans, tokens(Source.LOGPROBS, pieces=PIECES), usage=hidden)


def test_the_prompt_s_ids_must_be_as_many_as_are_reported(spans: Spans) -> None:
    prompt = Tokens(side="input", source=Source.SERVER, ids=[1, 2, 3])
    said = told(spans, prompt, usage=Usage(input_tokens=4))
    assert (said["genba.usage.counted.input_tokens"], said["genba.usage.mismatch.input_tokens"]) == (3, 1)


def test_mismatches_are_added_up_by_model() -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    genba.init(tracer_provider=Spans().provider, meter_provider=meters, store="off")
    for reported in (9, 1, 5):
        with genba.inference(provider="acme", model="acme-1") as call:
            known = tokens(Source.LOGPROBS, pieces=PIECES)
            call.response(Response(messages=SAID, tokens=[known], usage=Usage(input_tokens=2, output_tokens=reported)))
    assert genba.flush()
    data = json.loads(reader.get_metrics_data().to_json())  # type: ignore[union-attr]  # there are some
    genba.uninstrument()
    metrics = {one["name"]: one for scope in data["resource_metrics"][0]["scope_metrics"] for one in scope["metrics"]}
    [point] = metrics["genba.client.usage.mismatch"]["data"]["data_points"]
    assert point["value"] == 4 + 4
    assert (point["attributes"]["genba.usage.name"], point["attributes"]["gen_ai.request.model"]) == ("output_tokens", "acme-1")


def test_what_is_not_known_is_told_with_its_reason(spans: Spans) -> None:
    said = told(spans, tokens(Source.LOGPROBS, pieces=PIECES), tokens="pieces")
    unknown = said["genba.tokens.unknown"]
    assert any(one.startswith("input: ") for one in unknown)
    assert any(one.startswith("output[0].ids: log-probabilities came without ids") for one in unknown)
    assert "genba.tokens.unknown" not in {**told_at_counts(spans)}


def told_at_counts(spans: Spans) -> Mapping[str, Any]:
    genba.uninstrument()
    spans.clear()
    return told(spans, tokens(Source.LOGPROBS, pieces=PIECES))


def test_a_record_is_on_the_span_whole_or_not_at_all(spans: Spans) -> None:
    long = Tokens(side="input", source=Source.SERVER, ids=[70_000] * 200_000)
    said = told(spans, long, ENGINE, tokens="full")
    assert "genba.tokens.input" not in said
    assert output(said) == ENGINE
    [cut] = json.loads(said["genba.content.shortened"])
    assert (cut["path"], cut["length"] > 1_000_000, len(cut["sha256"])) == ("genba.tokens.input", True, 64)


def test_the_engine_s_times_are_told(spans: Spans) -> None:
    genba.init(tracer_provider=spans.provider, store="off")
    with genba.inference(provider="acme", model="acme-1") as call:
        times = Timings(queue=0.5, prefill=2.0, decode=4.0, prefill_tokens=100, decode_tokens=8)
        call.response(Response(messages=SAID, timings=times, usage=Usage(input_tokens=120, output_tokens=9)))
    said = attributes(spans.only())
    assert {name.removeprefix("genba.timing."): value for name, value in said.items() if name.startswith("genba.timing.")} == {
        "queue": 0.5,
        "prefill": 2.0,
        "decode": 4.0,
        "input_tokens_per_second": 50.0,
        "output_tokens_per_second": 2.0,
    }


def test_a_stream_told_by_hand_has_a_timeline(spans: Spans) -> None:
    genba.init(tracer_provider=spans.provider, store="off")
    with genba.inference(provider="acme", model="acme-1") as call:
        for word in ("one", "two", "three"):
            call.chunk(word)
        call.usage(output_tokens=3)
    said = attributes(spans.only())
    timeline = decode_timeline(said["genba.chunks.timeline"])
    assert len(timeline.offsets_ns) == 3 == said["genba.chunks.count"]
    assert list(timeline.offsets_ns) == sorted(timeline.offsets_ns)
    assert timeline.offsets_ns[0] / 1e9 == pytest.approx(said["gen_ai.response.time_to_first_chunk"])
    assert said["genba.chunks.interval.max"] >= said["genba.chunks.interval.p95"] >= said["genba.chunks.interval.p50"] >= 0
    assert said["genba.chunks.stalls"] == 0
