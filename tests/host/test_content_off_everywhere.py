"""With `capture_content="none"` nothing that was said leaves the process, by any client, framework or store; what it cost does.

What was said is known from the wire: every text of some words that a client sent or was given, and the words of the fakes. Of its
tokens nothing leaves either, even where all of them are known: a tokenizer is named for every model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import genba
from genba import semconv
from support.clients import EVERY_SERVICE
from support.endings import STREAM_ENDINGS, Ending, play_stream, play_value
from support.hosts import HOSTS, Host
from support.services import TEXT, Service
from support.signals import Signals
from support.spans import Spans, attributes, outcome
from support.stacks import STACKS, Stack
from support.stores import STANDS, Place, Stand
from support.vocabularies import description, trained
from support.wire import Answer, Reply, Server

WORDS = ("honey", "bees", "overheated", "bath", "sunny", "be brief", "one line", "cats", "moon", "no such tenant", "tool result")
"""What the fakes say, and what they are asked."""
NO_CONTENT = (semconv.TOOL_DESCRIPTION, semconv.AGENT_DESCRIPTION, semconv.REQUEST_STOP_SEQUENCES)
"""What may be words, and is no content to the conventions: how a host describes its tools and agents, and its parameters."""
CONTENT = frozenset(
    (
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.TOOL_DEFINITIONS,
        semconv.TOOL_CALL_ARGUMENTS,
        semconv.TOOL_CALL_RESULT,
        semconv.RETRIEVAL_DOCUMENTS,
        semconv.RETRIEVAL_QUERY_TEXT,
        semconv.INPUT,
        semconv.OUTPUT,
        semconv.CONTENT_SHORTENED,
        *semconv.CONTENT_LIKE,
    )
)
Start = Callable[..., Spans]


def written(spans: Spans, signals: Signals) -> str:
    """Everything that was exported, in lower case."""
    told = [{**json.loads(span.to_json()), "attributes": _but_descriptions(span)} for span in spans.everything()]
    logs = [logged.log_record.to_json() if hasattr(logged.log_record, "to_json") else logged.to_json() for logged in signals.logs()]
    metrics = signals.metrics()
    measured = metrics.to_json() if metrics else ""
    return "\n".join([json.dumps(told, ensure_ascii=False, default=str), *logs, measured]).lower()


def _but_descriptions(span: Any) -> dict[str, Any]:
    return {name: value for name, value in attributes(span).items() if name not in NO_CONTENT}


def said_on(server: Server, replies: Sequence[Reply]) -> set[str]:
    """Every text of several words that went over the wire, but for descriptions of tools."""
    bodies = [request.body for request in server.received]
    for reply in replies:
        bodies += [reply.body] if isinstance(reply, Answer) else reply.events
    return {text for body in bodies for value in _values(body) for text in _texts(value)}


def _values(body: bytes) -> Iterator[Any]:
    for line in (body, *body.splitlines()):
        try:
            yield json.loads(line.removeprefix(b"data:"))
        except ValueError:
            continue


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "description":
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and " " in value.strip():
        yield value.strip().lower()


def holds_nothing_of(said: set[str], spans: Spans, signals: Signals, model: str = "") -> None:
    everything = written(spans, signals).replace(model.lower(), "") if model else written(spans, signals)
    assert spans.all()
    assert [word for word in (*WORDS, *sorted(said)) if word in everything] == []
    assert [name for name in semconv.TOKEN_RECORDS if name in everything] == []
    assert [name for span in spans.all() for name in attributes(span) if name in CONTENT] == []


def start_without_content(start_tracing: Start, **options: Any) -> tuple[Spans, Signals]:
    signals = Signals()
    spans = start_tracing(capture_content="none", meter_provider=signals.meters, logger_provider=signals.loggers, **options)
    return spans, signals


def comparable(span: Any) -> dict[str, Any]:
    """What a span says besides content, ids and times."""
    varying = (
        semconv.RUN_ID,
        semconv.CALL_SEQUENCE,
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK,
        semconv.SERVER_PORT,
        semconv.RESPONSE_ID,
    )
    timed = ("genba.chunks.", "genba.timing.")
    return {
        name: None if name.startswith(timed) else value
        for name, value in attributes(span).items()
        if name not in CONTENT and name not in varying
    }


@pytest.fixture(scope="session")
def all_of_tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings with which all that can be known of the tokens of every call is recorded."""
    folder = tmp_path_factory.mktemp("vocabulary")
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"
    (folder / "tokenizer.json").write_text(json.dumps(description(*trained(1))))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return {"tokens": "full", "tokenizers": {"*": str(folder)}}


hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
VALUES = [
    pytest.param(host, service, ending, id=f"{host.name}-{service.name}-{ending}".replace(" ", "_"))
    for host in HOSTS
    for service in EVERY_SERVICE
    for ending in ("end", "retry", "server error", "connection cut")
    if service.plays(host.name, ending)
]
STREAMS = [
    pytest.param(host, service, ending, id=f"{host.name}-{service.name}-{ending.name}".replace(" ", "_"))
    for host in HOSTS
    for service in EVERY_SERVICE
    for ending in STREAM_ENDINGS
    if ending.name in ("end", "server error before", "error event midway", "connection cut")
    if service.stream_forms and service.plays(host.name, ending.name)
]
WHOLE = [
    pytest.param(service, form, id=f"{service.name}-{form}".replace(" ", "_"))
    for service in EVERY_SERVICE
    for form in ("value", "stream")
    if form == "value" or service.stream_forms
]


@pytest.mark.parametrize(("host", "service", "ending"), VALUES)
def test_a_call_tells_nothing_of_what_was_said(
    host: Host, service: Service, ending: str, server: Server, all_of_tokens: dict[str, Any], start_tracing: Start
) -> None:
    for options in ({}, all_of_tokens):
        spans, signals = start_without_content(start_tracing, **options)
        play_value(host, service, service.value_forms[0], ending, server)
        error = Answer(json.dumps(service.error).encode())
        holds_nothing_of(said_on(server, [service.answer(), error]), spans, signals, service.model)
        genba.uninstrument()


@pytest.mark.parametrize(("host", "service", "ending"), STREAMS)
def test_a_stream_tells_nothing_of_what_was_said(
    host: Host, service: Service, ending: Ending, server: Server, all_of_tokens: dict[str, Any], start_tracing: Start
) -> None:
    for options in ({}, all_of_tokens):
        spans, signals = start_without_content(start_tracing, **options)
        play_stream(host, service, service.stream_forms[0], ending, server)
        holds_nothing_of(said_on(server, [ending.serve(service), service.stream()]), spans, signals, service.model)
        genba.uninstrument()


@pytest.mark.parametrize(("service", "form"), WHOLE)
def test_what_is_not_content_is_told_as_ever(service: Service, form: str, server: Server, start_tracing: Start) -> None:
    told, words = [], []
    for content in ("span", "none"):
        signals = Signals()
        spans = start_tracing(Spans(), capture_content=content, logger_provider=signals.loggers)
        if form == "value":
            play_value(HOSTS[0], service, service.value_forms[0], "end", server)
        else:
            play_stream(HOSTS[0], service, service.stream_forms[0], STREAM_ENDINGS[0], server)
        told.append([comparable(span) for span in spans.all()])
        words.append("honey" in written(spans, signals).replace(service.model.lower(), ""))
        genba.uninstrument()
    assert told[0] == told[1]
    assert words == [True, False]
    assert {semconv.REQUEST_MODEL, semconv.RESPONSE_FINISH_REASONS} <= set(told[1][0])
    assert told[1][0].get("gen_ai.usage.output_tokens") == service.output_tokens


@pytest.mark.skipif(not any(map(find_spec, ("tokenizers", "tiktoken"))), reason="neither tokenizers nor tiktoken is installed")
@pytest.mark.parametrize(("service", "form"), WHOLE)
def test_the_tokens_themselves_are_told_with_the_content_and_only_then(
    service: Service, form: str, server: Server, all_of_tokens: dict[str, Any], start_tracing: Start
) -> None:
    records, usages = [], []
    for content in ("span", "none"):
        spans = start_tracing(capture_content=content, **all_of_tokens)
        if form == "value":
            play_value(HOSTS[0], service, service.value_forms[0], "end", server)
        else:
            play_stream(HOSTS[0], service, service.stream_forms[0], STREAM_ENDINGS[0], server)
        told = attributes(spans.only())
        records.append([one.text.decode() for one in genba.tokens.decode(told.get(semconv.TOKENS_OUTPUT, "[]"))])
        usages.append({name: value for name, value in told.items() if "usage." in name})
        genba.uninstrument()
    is_all_in_the_answer = not usages[0].get("gen_ai.usage.reasoning.output_tokens")  # else no tokenizer can tell
    assert records == [[TEXT] if is_all_in_the_answer else [], []]
    assert usages[0] == usages[1]


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name.replace(" ", "_"))
def test_a_framework_tells_nothing_of_what_was_said(stack: Stack, server: Server, start_tracing: Start) -> None:
    spans, signals = start_without_content(start_tracing)
    server.queue.extend(stack.replies())
    stack.play(server.url)
    holds_nothing_of(said_on(server, stack.replies()), spans, signals)
    models = [attributes(span) for span in spans.models()]
    assert sum(told.get("gen_ai.usage.input_tokens", 0) for told in models) == stack.input_tokens
    assert sum(told.get("gen_ai.usage.output_tokens", 0) for told in models) == stack.output_tokens
    assert all(told[semconv.REQUEST_MODEL] for told in models)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name.replace(" ", "_"))
def test_a_framework_that_is_refused_tells_nothing_of_why(stack: Stack, server: Server, start_tracing: Start) -> None:
    spans, signals = start_without_content(start_tracing)
    refusal = Answer(b'{"error": {"message": "The honey of the bees is overheated.", "type": "invalid_request_error"}}', 400)
    server.serve(refusal)
    with suppress(Exception):  # each framework raises its own, and some go on
        stack.play(server.url)
    holds_nothing_of(said_on(server, [refusal]), spans, signals)
    assert "failed" in {outcome(span) for span in spans.all()}


@hosts
@pytest.mark.parametrize("ending", ["search", "fail"])
@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.name)
def test_a_store_tells_nothing_of_what_was_looked_for_or_found(
    stand: Stand, ending: str, host: Host, server: Server, tmp_path: Path, start_tracing: Start
) -> None:
    spans, signals = start_without_content(start_tracing, instrument=[stand.library])
    place = Place(host, server, tmp_path)

    async def scenario() -> None:
        client = await stand.open(place)
        try:
            await host.result(getattr(stand, ending)(client))
        except Exception:
            assert ending == "fail"
        finally:
            for opened in place.opened:
                await host.result(opened.close())

    host.run(scenario)
    holds_nothing_of(said_on(server, []), spans, signals)
    if ending == "search":
        told = attributes(spans.only())
        assert (told[semconv.RETRIEVAL_TOP_K], told[semconv.DB_RETURNED_ROWS]) == (2, 2)


def test_what_was_too_long_to_be_kept_leaves_no_trace_of_its_words(start_tracing: Start) -> None:
    """Neither the place of a text, which holds the host's own keys, nor the hash of it."""
    spans, signals = start_without_content(start_tracing)

    @genba.observe
    def weigh(given: dict[str, str]) -> str:
        return given["of honey"] * 2

    weigh({"of honey": "honey " * 500_000})
    holds_nothing_of({"of honey"}, spans, signals)
