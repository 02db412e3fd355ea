"""However many layers report a model call, it is one span, counted once; and who asks for silence gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import context, trace

import genba
from support.hosts import HOSTS, Host
from support.services import SERVICES, TEXT, Service
from support.spans import Spans, attributes, is_child, outcome, scope, text
from support.wire import Server

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)


def resource(service: Service, server: Server) -> Any:
    return service.resource(service.client(server.url, asynchronous=False))


@services
def test_a_decorated_model_call_around_a_client_call_is_one_span_that_knows_both(
    service: Service, server: Server, spans: Spans
) -> None:
    server.serve(service.answer())
    calls = resource(service, server)

    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]]) -> str:
        calls.create(**service.ask)
        return "my own words"

    call_model([{"role": "user", "content": "hi"}])
    span = spans.only()
    told = attributes(span)
    assert told["gen_ai.usage.input_tokens"] == service.input_tokens
    assert told["gen_ai.usage.output_tokens"] == service.output_tokens
    assert told["gen_ai.response.model"] == service.served
    assert told["gen_ai.response.id"] == service.whole["id"]
    assert told["genba.response.finish_reasons"] == (service.finish,)
    assert told["server.address"] == "127.0.0.1"


@services
def test_a_decorated_stream_around_a_client_s_stream_is_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.stream())
    calls = resource(service, server)

    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]]) -> Iterator[str]:
        for _ in calls.create(**service.ask, stream=True):
            yield "."

    assert set(call_model([{"role": "user", "content": "hi"}])) == {"."}
    told = attributes(spans.only())
    assert told["gen_ai.usage.input_tokens"] == service.input_tokens
    assert told["gen_ai.response.model"] == service.served


@services
def test_two_client_calls_inside_one_decorated_model_call_are_not_two_spans(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    calls = resource(service, server)

    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]]) -> str:
        calls.create(**service.ask)
        calls.create(**service.ask)
        return "done"

    call_model([])
    assert len(spans.models()) == 1


@services
def test_an_agent_owns_no_model_call_and_counts_no_tokens_of_its_own(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    calls = resource(service, server)

    @genba.tool
    def look_up(word: str) -> str:
        calls.create(**service.ask)
        return word

    with genba.agent("planner"):
        calls.create(**service.ask)
        look_up("honey")

    agent, tool = spans.named("invoke_agent planner"), spans.named("execute_tool look_up")
    models = spans.models()
    assert len(models) == 2
    assert {is_child(model, agent) for model in models} == {True, False}
    assert {is_child(model, tool) for model in models} == {True, False}
    assert is_child(tool, agent)
    assert "gen_ai.usage.input_tokens" not in attributes(agent)


@services
def test_a_model_call_made_by_a_tool_inside_a_model_call_is_its_own_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    calls = resource(service, server)

    @genba.tool
    def look_up() -> None:
        calls.create(**service.ask)

    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]]) -> str:
        look_up()
        return "done"

    call_model([])
    assert sorted(span.name for span in spans.all()) == sorted(["chat acme-1", "execute_tool look_up", f"chat {service.model}"])


@pytest.mark.parametrize(
    "key", ["suppress_instrumentation", "suppress_language_model_instrumentation", context._SUPPRESS_INSTRUMENTATION_KEY]
)
@services
@hosts
def test_a_suppressed_call_makes_no_span_and_gives_the_same(
    host: Host, service: Service, key: str, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    async def scenario() -> list[Any]:
        client = service.client(server.url, asynchronous=host.asynchronous)
        server.serve(service.answer())
        whole = await host.result(service.resource(client).create(**service.ask))
        server.serve(service.stream())
        stream = await host.result(service.resource(client).create(**service.ask, stream=True))
        iterator, items = host.iterator(stream), []
        while (item := await host.next(iterator)) is not None and hasattr(item, "model_dump"):
            items.append(item)
        await host.close(client)
        return [whole, *items]

    without = host.run(scenario)
    spans = start_tracing()
    token = context.attach(context.set_value(key, True))
    try:
        assert host.run(scenario) == without

        @genba.observe
        def quiet() -> str:
            return "shh"

        assert quiet() == "shh"
    finally:
        context.detach(token)
    assert spans.all() == []


@services
def test_the_client_s_native_spans_do_not_double_ours(service: Service, server: Server, global_pipeline: Spans) -> None:
    genba.init(store="off")
    try:
        server.serve(service.answer())
        resource(service, server).create(**service.ask)
        server.serve(service.stream())
        for _ in resource(service, server).create(**service.ask, stream=True):
            pass
    finally:
        genba.uninstrument()
    assert [span.name for span in global_pipeline.everything()] == [f"chat {service.model}"] * 2
    assert {scope(span) for span in global_pipeline.everything()} == {scope(global_pipeline.everything()[0])}
    assert all(text(span) == TEXT for span in global_pipeline.everything())


@pytest.fixture
def global_pipeline(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """The application's own global provider, for one test."""
    spans = Spans()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.provider)
    return spans


def test_a_hand_written_integration_says_what_it_knows(spans: Spans) -> None:
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages=[{"role": "user", "content": "hi"}], temperature=0.5)
        invocation.response("hello")
        invocation.usage(input_tokens=3, output_tokens=1)
    span = spans.only()
    told = attributes(span)
    assert (span.name, outcome(span), text(span), text(span, "input")) == ("chat acme-1", "completed", "hello", "hi")
    assert (told["gen_ai.request.temperature"], told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (
        0.5,
        3,
        1,
    )


def test_a_hand_written_integration_that_fails_says_so(spans: Spans) -> None:
    with genba.agent("planner") as invocation:
        invocation.fail(TimeoutError("too slow"))
    span = spans.only()
    assert (outcome(span), attributes(span)["error.type"]) == ("failed", "TimeoutError")
