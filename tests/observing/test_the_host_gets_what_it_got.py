"""Nothing is added to a request, and nothing changed in what comes back: type, identity, attributes, helpers, bytes."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from support import openai_wire
from support.endings import STREAM_ENDINGS, call_value, play_stream
from support.hosts import HOSTS, Host, Reading, plain
from support.services import SERVICES, STREAM_FORMS, VALUE_FORMS, Service, client
from support.spans import Spans, attributes, text
from support.wire import Received, Server

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
OF_ITS_OWN = ("traceparent", "tracestate", "host", "x-stainless-read-timeout")


def sent(request: Received) -> tuple[str, str, bytes, dict[str, str]]:
    """What went over the wire, less what differs from call to call anyway."""
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in OF_ITS_OWN}
    headers.pop("idempotency-key", None)
    return request.method, request.path, request.body, headers


@services
@hosts
def test_requests_go_out_byte_for_byte_as_without_genba(
    host: Host, service: Service, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    def requests() -> list[Any]:
        gathered = []
        for form in STREAM_FORMS:
            play_stream(host, service, form, STREAM_ENDINGS[0], server)
            gathered += [sent(request) for request in server.received]
        server.serve(service.answer())

        async def values() -> None:
            caller = service.client(server.url, asynchronous=host.asynchronous)
            for form in VALUE_FORMS:
                await call_value(host, service, form, caller)
            await host.close(caller)

        host.run(values)
        return gathered + [sent(request) for request in server.received]

    without = requests()
    start_tracing()
    assert requests() == without
    assert len(without) == len(STREAM_FORMS) + len(VALUE_FORMS)


def described(value: Any) -> dict[str, str]:
    """Everything that can be asked of an object, by name, without addresses."""
    found = {}
    for name in dir(value):
        if name.startswith("_") and not name.startswith("__"):
            continue  # the client's own private matters, where genba stands
        try:
            item = getattr(value, name)
        except Exception as error:
            found[name] = f"raises {type(error).__name__}"
        else:
            found[name] = (
                f"{type(item).__qualname__} {inspect.signature(item) if inspect.isroutine(item) and _has_signature(item) else ''}"
            )
    return found


def _has_signature(item: Any) -> bool:
    try:
        inspect.signature(item)
    except (ValueError, TypeError):
        return False
    return True


FORMS = ["stream", "manager", "entered manager", "raw stream", "streaming", "entered streaming", "value", "raw"]


@pytest.mark.parametrize("form", FORMS)
@services
@hosts
def test_what_a_call_returns_looks_the_same(
    host: Host, service: Service, form: str, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    async def describe() -> tuple[type, dict[str, str]]:
        server.serve(service.answer() if form in ("value", "raw") else service.stream())
        caller = service.client(server.url, asynchronous=host.asynchronous)
        resource, ask = service.resource(caller), dict(service.ask)
        result: Any
        if form == "stream":
            result = await host.result(resource.create(**ask, stream=True))
        elif "manager" in form:
            result = resource.stream(**ask)
        elif form == "raw stream":
            result = await host.result(resource.with_raw_response.create(**ask, stream=True))
        elif "streaming" in form:
            result = resource.with_streaming_response.create(**ask, stream=True)
        else:
            method = resource.create if form == "value" else resource.with_raw_response.create
            result = await host.result(method(**ask))
        value = await host.enter(result) if form.startswith("entered") else result
        seen = type(value), described(value)
        if "manager" in form or "streaming" in form:
            if not form.startswith("entered"):
                await host.enter(result)
            await host.leave(result)
        await host.close(caller)
        return seen

    kind, without = host.run(describe)
    start_tracing()
    traced_kind, traced = host.run(describe)
    assert traced_kind is kind
    assert traced == without


@services
def test_values_can_be_copied_pickled_and_compared_as_before(
    service: Service, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    server.serve(service.answer())
    calls = service.resource(service.client(server.url, asynchronous=False))
    without = calls.create(**service.ask)
    spans = start_tracing()
    answer = calls.create(**service.ask)
    assert answer == without
    assert copy.deepcopy(answer) == without
    assert pickle.loads(pickle.dumps(answer)) == without
    assert answer.__dict__.keys() == without.__dict__.keys()
    assert spans.only()


@services
def test_a_client_made_before_init_and_methods_bound_before_init_are_traced(
    service: Service, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    calls = service.resource(service.client(server.url, asynchronous=False))
    create, raw = calls.create, calls.with_raw_response.create
    server.serve(service.answer())
    spans = start_tracing()
    create(**service.ask)
    raw(**service.ask).parse()
    assert len(spans.models()) == 2


openai_only = pytest.mark.skipif(not any(service.package == "openai" for service in SERVICES), reason="openai is not installed")


@openai_only
@hosts
@pytest.mark.parametrize("form", STREAM_FORMS)
def test_usage_is_asked_for_where_it_can_be_hidden_from_the_host_and_nowhere_else(
    host: Host, form: str, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    """A host that reads the bytes itself would see the extra chunk: its requests are left alone."""
    [service] = [service for service in SERVICES if service.name == "chat"]

    def play() -> list[Any]:
        server.serve(openai_wire.chat_handler)

        async def scenario() -> list[Any]:
            caller = service.client(server.url, asynchronous=host.asynchronous)
            reading = Reading(host)
            await reading.open(form, service, caller)
            await reading.read()
            await host.leave(reading.manager)
            await host.close(caller)
            return reading.seen

        return host.run(scenario)

    without = play()
    spans = start_tracing(stream_usage="inject")
    seen = play()
    [request] = server.received
    told = attributes(spans.only())
    if form in ("stream", "manager"):
        assert request.json["stream_options"] == {"include_usage": True}
        assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (20, 9)
    else:
        assert "stream_options" not in request.json
    assert text(spans.only()) == "".join(openai_wire.ANSWER)
    assert seen == without


@openai_only
def test_usage_that_the_host_asked_for_itself_is_not_hidden(server: Server, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(stream_usage="inject")
    server.serve(openai_wire.chat_handler)
    stream = client("openai", server.url).chat.completions.create(
        model="m", messages=openai_wire.MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [plain(chunk) for chunk in stream]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == 20
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 20


@openai_only
def test_usage_that_the_host_refused_is_not_asked_for(server: Server, start_tracing: Callable[..., Spans]) -> None:
    start_tracing(stream_usage="inject")
    server.serve(openai_wire.chat_handler)
    stream = client("openai", server.url).chat.completions.create(
        model="m", messages=openai_wire.MESSAGES, stream=True, stream_options={"include_usage": False}
    )
    list(stream)
    assert server.received[0].json["stream_options"] == {"include_usage": False}


@openai_only
def test_the_arguments_of_a_call_are_not_changed(server: Server, start_tracing: Callable[..., Spans]) -> None:
    start_tracing(stream_usage="inject")
    server.serve(openai_wire.chat_handler)
    messages, options = copy.deepcopy(openai_wire.MESSAGES), {"include_obfuscation": False}
    list(client("openai", server.url).chat.completions.create(model="m", messages=messages, stream=True, stream_options=options))
    assert messages == openai_wire.MESSAGES
    assert options == {"include_obfuscation": False}


@openai_only
def test_messages_from_a_one_shot_iterable_reach_the_wire(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chat_handler)
    client("openai", server.url).chat.completions.create(model="m", messages=(message for message in openai_wire.MESSAGES))
    assert json.loads(server.received[0].body)["messages"] == openai_wire.MESSAGES
    assert text(spans.only(), "input").endswith(openai_wire.QUESTION)


@services
def test_a_stream_knows_no_more_attributes_than_before_and_its_helpers_work(
    service: Service, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    def final() -> Any:
        server.serve(service.stream())
        with service.resource(service.client(server.url, asynchronous=False)).stream(**service.ask) as stream:
            if service.name == "chat":
                return plain(stream.get_final_completion()), plain(stream.current_completion_snapshot)
            if service.name == "responses":
                return plain(stream.get_final_response()), None
            return "".join(stream.text_stream), plain(stream.get_final_message()), stream.get_final_text()

    without = final()
    spans = start_tracing()
    assert final() == without
    assert text(spans.only()) == "".join(openai_wire.ANSWER)
