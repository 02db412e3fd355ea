"""Anthropic's client (1.17 and later) makes spans of its own; in a call of ours it makes none, and sends our trace context."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from genba.providers.anthropic.native import patches
from genba.recording.owning import OWNER

anthropic = pytest.importorskip("anthropic")
client_module = pytest.importorskip("anthropic._base_client")
if not hasattr(client_module, "start_api_call_span"):
    pytest.skip("this client makes no spans of its own: see test_older_client.py", allow_module_level=True)
httpx2 = pytest.importorskip("httpx2")

QUESTION: dict[str, Any] = {"model": "claude-wire-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-wire-1",
    "content": [{"type": "text", "text": "Ho"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
TOOL_CALL = {**ANSWER, "stop_reason": "tool_use", "content": [{"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}]}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]
KINDS = [event["type"] for event in EVENTS]


class Pipeline:
    """The application's own tracing, and a server that keeps the headers of what it was asked."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("ours")
        self.sent: list[str | None] = []
        self.answers: list[dict[str, Any]] = []

    def client(self, **options: Any) -> Any:
        return anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=self._transport()), **options)

    def async_client(self, **options: Any) -> Any:
        return anthropic.AsyncAnthropic(api_key="k", http_client=httpx2.AsyncClient(transport=self._transport()), **options)

    def names(self) -> list[str]:
        return sorted(span.name for span in self.exporter.get_finished_spans())

    def _transport(self) -> Any:
        return httpx2.MockTransport(self._answer)

    def _answer(self, request: Any) -> Any:
        self.sent.append(request.headers.get("traceparent"))
        body = json.loads(request.content or b"{}")
        if body.get("stream"):
            lines = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS)
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=lines)
        return httpx2.Response(200, json=self.answers.pop(0) if self.answers else ANSWER)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, attribute, make in patches():
        assert module == "anthropic._base_client"
        monkeypatch.setattr(client_module, attribute, make(getattr(client_module, attribute)))


@contextmanager
def owned(pipeline: Pipeline) -> Iterator[str]:
    """What the engine does while the client's request method runs. Gives the header that carries our span's context."""
    with pipeline.tracer.start_as_current_span("chat") as span:
        token = context.attach(context.set_value(OWNER, object()))
        try:
            yield traceparent(span.get_span_context())
        finally:
            context.detach(token)


def traceparent(span: trace.SpanContext) -> str:
    """The header that the standard makes of a span's context."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"


def passed(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"open_telemetry": {"tracer_provider": pipeline.provider}}


def global_(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)
    return {}


def absent(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    return {}


def read_all(stream: Any) -> None:
    assert [event.type for event in stream] == KINDS


Provider = Callable[[Pipeline, pytest.MonkeyPatch], dict[str, Any]]
EVERY_PROVIDER = pytest.mark.parametrize("provider", [passed, global_, absent])
CALLS: dict[str, Callable[[Any], Any]] = {
    "create": lambda client: client.messages.create(**QUESTION),
    "beta": lambda client: client.beta.messages.create(**QUESTION),
    "raw": lambda client: client.messages.with_raw_response.create(**QUESTION).parse(),
    "stream": lambda client: read_all(client.messages.create(**QUESTION, stream=True)),
    "count_tokens": lambda client: client.messages.count_tokens(model="claude-wire-1", messages=QUESTION["messages"]),
}


@pytest.mark.usefixtures("patched")
@EVERY_PROVIDER
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_of_ours_has_our_span_only_and_sends_its_context(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, provider: Provider, call: Callable[[Any], Any]
) -> None:
    client = pipeline.client(**provider(pipeline, monkeypatch))
    with owned(pipeline) as ours:
        call(client)
    assert (pipeline.names(), pipeline.sent) == (["chat"], [ours])


@pytest.mark.usefixtures("patched")
@EVERY_PROVIDER
async def test_an_async_call_too(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, provider: Provider) -> None:
    client = pipeline.async_client(**provider(pipeline, monkeypatch))
    with owned(pipeline) as ours:
        await client.messages.create(**QUESTION)
        stream: AsyncIterator[Any] = await client.messages.create(**QUESTION, stream=True)
        assert [event.type async for event in stream] == KINDS
    assert (pipeline.names(), pipeline.sent) == (["chat"], [ours, ours])


@pytest.mark.usefixtures("patched")
def test_each_retry_sends_our_context(pipeline: Pipeline) -> None:
    tries: list[str] = []

    def refuse_once(request: Any) -> Any:
        tries.append(request.headers["traceparent"])
        return httpx2.Response(200, json=ANSWER) if len(tries) > 1 else httpx2.Response(429, headers={"retry-after-ms": "1"})

    transport = httpx2.Client(transport=httpx2.MockTransport(refuse_once))
    client = anthropic.Anthropic(api_key="k", http_client=transport, open_telemetry={"tracer_provider": pipeline.provider})
    with owned(pipeline) as ours:
        client.messages.create(**QUESTION)
    assert tries == [ours, ours]


def test_a_client_made_before_is_reached_and_is_as_before_when_the_patch_is_gone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pipeline.client(open_telemetry={"tracer_provider": pipeline.provider})
    client.messages.create(**QUESTION)
    with monkeypatch.context() as patching:
        for _, attribute, make in patches():
            patching.setattr(client_module, attribute, make(getattr(client_module, attribute)))
        with owned(pipeline):
            client.messages.create(**QUESTION)
    with owned(pipeline):
        client.messages.create(**QUESTION)
    assert pipeline.names() == ["anthropic.messages.create", "anthropic.messages.create", "chat", "chat"]


@pytest.mark.usefixtures("patched")
def test_a_call_that_is_not_ours_keeps_the_clients_span(pipeline: Pipeline) -> None:
    client = pipeline.client(open_telemetry={"tracer_provider": pipeline.provider})
    client.messages.create(**QUESTION)
    (span,) = pipeline.exporter.get_finished_spans()
    assert (span.name, pipeline.sent) == ("anthropic.messages.create", [traceparent(span.context)])


@pytest.mark.usefixtures("patched")
def test_a_method_that_we_do_not_record_keeps_the_clients_span(pipeline: Pipeline) -> None:
    pipeline.answers = [{"id": "claude-wire-1", "type": "model", "display_name": "Wire", "created_at": "2026-01-01T00:00:00Z"}]
    client = pipeline.client(open_telemetry={"tracer_provider": pipeline.provider})
    with owned(pipeline):
        client.models.retrieve("claude-wire-1")
    assert pipeline.names() == ["anthropic.models.retrieve", "chat"]


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("option", [{"propagation": False}, False])
def test_who_wants_no_trace_header_sends_none(pipeline: Pipeline, option: Any) -> None:
    with owned(pipeline):
        pipeline.client(open_telemetry=option).messages.create(**QUESTION)
    assert (pipeline.names(), pipeline.sent) == (["chat"], [None])


@pytest.mark.usefixtures("patched")
def test_the_tool_runner_keeps_its_spans(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    request = client_module.SyncAPIClient.request

    def owned_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        with owned(pipeline):
            return request(self, *args, **kwargs)

    monkeypatch.setattr(client_module.SyncAPIClient, "request", owned_request)

    @anthropic.beta_tool  # type: ignore[untyped-decorator]
    def now() -> str:
        """The time."""
        return "noon"

    pipeline.answers = [TOOL_CALL, ANSWER]
    client = pipeline.client(open_telemetry={"tracer_provider": pipeline.provider})
    client.beta.messages.tool_runner(**QUESTION, tools=[now]).until_done()
    assert pipeline.names() == ["anthropic.custom_tool_use now", "anthropic.messages.tool_runner", "chat", "chat"]
