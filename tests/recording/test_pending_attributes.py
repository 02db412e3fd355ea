"""A span's attributes are worked out when somebody reads them, within the span's limits, and look like the SDK's own to everybody."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    NoOpTracer,
    SpanContext,
    TraceFlags,
    Tracer,
)
from opentelemetry.trace import (
    TracerProvider as AnyProvider,
)

import genba
from genba.conversation import Request, Response, Usage
from genba.recording.exchange import Raw
from genba.recording.pending import PendingAttributes, invocation_of
from support.spans import Spans, attributes

IDENTITY = ("gen_ai.operation.name", "gen_ai.request.model", "genba.run.id", "genba.call.sequence", "genba.outcome")
LONG = "0123456789" * 100


class Exchange:
    """An exchange that counts how often it is read."""

    chunk_times = ()
    shortened = ()

    def __init__(self) -> None:
        self.read = 0

    def chunks(self) -> list[Any]:
        return []

    def request(self) -> Request:
        self.read += 1
        return Request(model="acme-1")

    def response(self) -> Response:
        self.read += 1
        return Response(id="r-1")

    def extra(self) -> dict[str, Any]:
        return {}

    def raw(self) -> Raw:
        return Raw(None, None)


class Last(SpanProcessor):
    """Keeps the finished span, reading nothing of it."""

    def __init__(self) -> None:
        self.span: Any = None

    def on_end(self, span: ReadableSpan) -> None:
        self.span = span


def limited(**limits: Any) -> Spans:
    return Spans(TracerProvider(span_limits=SpanLimits(**limits)))


@pytest.fixture
def last(start_tracing: Callable[..., Spans]) -> Iterator[Last]:
    provider, last = TracerProvider(), Last()
    provider.add_span_processor(last)
    genba.init(tracer_provider=provider, store="off")
    yield last
    genba.uninstrument()


def ask(**more: Any) -> None:
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}])
        invocation.response("Because.", **more)
        invocation.usage(input_tokens=3, output_tokens=4)


def test_nothing_is_read_until_somebody_reads_the_attributes(last: Last) -> None:
    exchange = Exchange()
    with genba.inference("acme-1") as invocation:
        invocation.exchange = exchange
    assert exchange.read == 0
    assert last.span.attributes["gen_ai.response.id"] == "r-1"
    assert exchange.read == 2
    assert dict(last.span.attributes) == dict(last.span.attributes)
    assert exchange.read == 2, "it is read once"


def test_before_the_end_the_attributes_are_those_that_were_set(last: Last) -> None:
    with genba.observe("step") as invocation:
        invocation.span.set_attribute("app.part", "front")
        assert dict(invocation.span._attributes) == {"app.part": "front"}
    assert last.span.attributes["app.part"] == "front"


def test_asking_whether_there_are_any_costs_no_rendering(last: Last) -> None:
    exchange = Exchange()
    with genba.inference("acme-1") as invocation:
        invocation.exchange = exchange
    assert last.span._attributes  # the SDK asks `attributes or {}` when it makes the readable span
    assert exchange.read == 0


def test_what_the_host_set_itself_wins(spans: Spans) -> None:
    with genba.inference("acme-1") as invocation:
        invocation.span.set_attribute("gen_ai.response.id", "the host's")
        invocation.response({"id": "r-1", "text": "Because."})
    assert attributes(spans.only())["gen_ai.response.id"] == "the host's"


def test_a_processor_may_set_attributes_at_the_start(start_tracing: Callable[..., Spans]) -> None:
    class Stamps(SpanProcessor):
        def on_start(self, span: Span, parent_context: Any = None) -> None:
            span.set_attribute("app.stamp", "red")

    provider = TracerProvider()
    provider.add_span_processor(Stamps())
    spans = start_tracing(Spans(provider))
    ask()
    told = attributes(spans.only())
    assert told["app.stamp"] == "red"
    assert told["gen_ai.usage.input_tokens"] == 3


def test_it_behaves_as_the_sdk_s_own_mapping(spans: Spans) -> None:
    ask()
    span = spans.only()
    pending: Any = span._attributes
    assert isinstance(pending, PendingAttributes)
    settled = dict(pending)
    assert dict(copy.deepcopy(pending)) == settled
    assert dict(copy.copy(pending)) == settled
    assert pending == settled
    assert len(pending) == len(settled)
    assert "genba.outcome" in pending
    assert pending.get("absent") is None
    assert repr(pending) == repr(settled)
    assert set(pending.values()) == set(settled.values())
    assert json.loads(span.to_json())["attributes"]["gen_ai.usage.input_tokens"] == 3


@pytest.mark.parametrize("first", ["to_json", "deepcopy", "repr", "len", "in", "get", "iter", "eq", "copy"])
def test_whatever_reads_first_sees_everything(first: str, last: Last) -> None:
    ask()
    pending: Any = last.span._attributes
    reading: dict[str, Callable[[], Any]] = {
        "to_json": lambda: json.loads(last.span.to_json())["attributes"],
        "deepcopy": lambda: dict(copy.deepcopy(pending)),
        "repr": lambda: eval(repr(pending)),
        "len": lambda: {"genba.outcome": None} if len(pending) > 8 else {},
        "in": lambda: {"genba.outcome": None} if "genba.outcome" in pending else {},
        "get": lambda: {"genba.outcome": pending.get("genba.outcome")},
        "iter": lambda: dict.fromkeys(pending),
        "eq": lambda: {"genba.outcome": None} if pending != {} else {},
        "copy": pending.copy,
    }
    assert "genba.outcome" in reading[first]()


def test_the_invocation_is_found_behind_its_span(spans: Spans) -> None:
    with genba.observe("step") as invocation:
        pass
    with spans.app.start_as_current_span("the host's"):
        pass
    assert invocation_of(spans.named("step")) is invocation
    assert invocation_of(spans.named("the host's")) is None


@pytest.mark.parametrize("room", [5, 7, 8, 9])
def test_when_there_are_too_many_attributes_content_goes_first(room: int, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attributes=room))
    ask()
    span = spans.only()
    told = attributes(span)
    assert len(told) <= room
    for name in IDENTITY:
        assert name in told
    if "gen_ai.output.messages" in told:
        assert "gen_ai.usage.output_tokens" in told
    assert span.dropped_attributes > 0


def test_usage_is_kept_where_there_is_room_for_no_content(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attributes=8))
    ask()
    told = attributes(spans.only())
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (3, 4)


@pytest.mark.parametrize("length", [64, 100, 128, 200, 500, 1000])
def test_content_that_is_too_long_stays_valid_json_within_the_limit(length: int, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attribute_length=length))
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=[{"role": "user", "content": LONG}, {"role": "user", "content": f"newest {LONG}"}])
        invocation.response({"id": "r-1", "text": LONG})
    told = attributes(spans.only())
    for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
        if name in told:
            assert len(told[name]) <= length
            assert isinstance(json.loads(told[name]), list)
    assert told["gen_ai.response.id"] == "r-1"


def test_the_newest_message_outlives_the_oldest(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attribute_length=200))
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=[{"role": "user", "content": f"question {number}"} for number in range(50)])
    kept = json.loads(attributes(spans.only())["gen_ai.input.messages"])
    assert kept[-1]["parts"][0]["content"] == "question 49"
    assert len(kept) < 50


def test_what_was_shortened_for_a_limit_is_told(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attribute_length=300))
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=LONG)
    cuts = json.loads(attributes(spans.only())["genba.content.shortened"])
    assert [cut["length"] for cut in cuts] == [1000]
    assert cuts[0]["path"].startswith("gen_ai.input.messages")


def test_a_tool_s_arguments_keep_their_shape_when_they_are_shortened(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attribute_length=300))

    @genba.tool
    def weather(city: str) -> str:
        return LONG

    weather(LONG)
    told = attributes(spans.only())
    arguments = json.loads(told["gen_ai.tool.call.arguments"])
    assert isinstance(arguments, dict)
    assert arguments["city"].startswith("0123")
    assert json.loads(told["gen_ai.tool.call.result"])["result"].startswith("0123")


def test_a_long_query_is_shortened_and_costs_nothing_else(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attribute_length=128))

    @genba.retrieval("library", top_k=3)
    def search(query: str) -> list[dict[str, str]]:
        return [{"id": "d-1"}]

    search(LONG)
    told = attributes(spans.only())
    assert told["genba.outcome"] == "completed"
    assert json.loads(told["gen_ai.retrieval.documents"]) == [{"id": "d-1"}]
    assert len(told.get("gen_ai.retrieval.query.text", "")) <= 128


def test_every_text_obeys_the_length_limit(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(limited(max_attribute_length=100))
    with genba.conversation(id=LONG), genba.inference("acme-1") as invocation:
        invocation.response({"id": LONG, "text": "x", "usage": {"input_tokens": 1, "note": LONG}})
        invocation.set_attribute("app.note", LONG)
    told = attributes(spans.only())
    assert {name: len(value) for name, value in told.items() if isinstance(value, str) and len(value) > 100} == {}
    assert told["gen_ai.usage.input_tokens"] == 1


class Odd:
    pass


class Unreadable(int):
    def __int__(self) -> int:
        raise RuntimeError("int")

    __index__ = __int__


@pytest.mark.hostile
@pytest.mark.parametrize(
    "value",
    [10**5000, 2**70, Unreadable(7), Odd(), [Odd()], float("nan"), {"a": 1}, b"x", [1, "a"], [[1]]],
    ids=["huge", "big", "unreadable", "object", "objects", "nan", "mapping", "bytes", "mixed", "nested"],
)
def test_an_odd_attribute_costs_itself_at_most(value: Any, spans: Spans) -> None:
    with genba.observe("step") as invocation:
        invocation.set_attribute("app.odd", value)
        invocation.set_attribute("app.next", 1)
    told = attributes(spans.only())
    assert told["app.next"] == 1
    assert told["genba.outcome"] == "completed"


@pytest.mark.hostile
@pytest.mark.parametrize(
    "arguments",
    [
        {"tools": 5}, {"tools": {"a": 1}}, {"tools": [len]}, {"tools": "search"}, {"attributes": "x"}, {"attributes": [1]}, {"system": Odd()},
        {"messages": [{"role": "assistant", "tool_calls": 5}]}, {"temperature": "hot"}, {"stop": 5}, {"encoding_formats": 5},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_argument_costs_itself_at_most(arguments: dict[str, Any], spans: Spans) -> None:
    @genba.inference(model="acme-1")
    def call(prompt: str, **more: Any) -> str:
        return "Because."

    call("Why?", **arguments)
    told = attributes(spans.only())
    assert told["genba.outcome"] == "completed"
    assert json.loads(told["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Because."
    assert isinstance(told.get("gen_ai.request.temperature", 0.0), float)
    for tool in json.loads(told.get("gen_ai.tool.definitions", "[]")):
        assert {"type", "name"} <= set(tool)


class ForeignSpan(NonRecordingSpan):
    """A span of another make: no SDK span, yet recording."""

    def __init__(self) -> None:
        super().__init__(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))
        self.told: dict[str, Any] = {}
        self.is_over = False

    def is_recording(self) -> bool:
        return not self.is_over

    def set_attribute(self, key: str, value: Any) -> None:
        assert not self.is_over
        self.told[key] = value

    def set_attributes(self, attributes: Any) -> None:
        assert not self.is_over
        self.told.update(attributes)

    def end(self, end_time: int | None = None) -> None:
        self.is_over = True


class ForeignProvider(AnyProvider):
    def __init__(self) -> None:
        self.spans: list[ForeignSpan] = []

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        provider = self

        class ForeignTracer(NoOpTracer):
            def start_span(
                self, name: str, context: Any = None, kind: Any = None, attributes: Any = None, *args: Any, **kwargs: Any
            ) -> Any:
                span = ForeignSpan()
                span.told.update(attributes or {})
                provider.spans.append(span)
                return span

        return ForeignTracer()


def test_a_span_of_another_make_gets_its_attributes_at_its_end() -> None:
    provider = ForeignProvider()
    genba.init(tracer_provider=provider, store="off")
    try:
        ask()
        told = provider.spans[0].told
        assert provider.spans[0].is_over
        assert told["gen_ai.usage.output_tokens"] == 4
        assert json.loads(told["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Because."
    finally:
        genba.uninstrument()


def test_a_subclass_of_the_sdk_s_span_is_served_as_well(start_tracing: Callable[..., Spans]) -> None:
    class Vendor(Span):
        """What vendors' SDKs make."""

    spans = Spans()
    tracer = spans.provider.get_tracer("vendor")
    tracer_start = tracer.start_span

    class VendorProvider(AnyProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
            class VendorTracer(NoOpTracer):
                def start_span(self, *args: Any, **kwargs: Any) -> Any:
                    span: Any = tracer_start(*args, **kwargs)
                    span.__class__ = Vendor
                    return span

            return VendorTracer()

    genba.init(tracer_provider=VendorProvider(), store="off")
    ask()
    assert attributes(spans.only())["gen_ai.usage.output_tokens"] == 4


def test_a_span_that_is_not_sampled_is_not_read() -> None:
    class Silent(AnyProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
            class SilentTracer(NoOpTracer):
                def start_span(self, *args: Any, **kwargs: Any) -> Any:
                    return NonRecordingSpan(INVALID_SPAN_CONTEXT)

            return SilentTracer()

    genba.init(tracer_provider=Silent(), store="off")
    try:
        exchange = Exchange()
        with genba.inference("acme-1") as invocation:
            invocation.exchange = exchange
        assert exchange.read == 0
        assert genba.doctor().counts["sampled out"] == 1
    finally:
        genba.uninstrument()


def test_usage_told_as_a_value_is_written(spans: Spans) -> None:
    with genba.inference("acme-1") as invocation:
        invocation.usage(Usage(input_tokens=1, cache_read_input_tokens=0, image_output_tokens=5))
    told = attributes(spans.only())
    assert told["gen_ai.usage.cache_read.input_tokens"] == 0
    assert told["gen_ai.usage.image.output_tokens"] == 5
    assert "gen_ai.usage.output_tokens" not in told
