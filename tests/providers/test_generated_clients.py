"""The seam of the generated clients: whatever way a request takes through the client, it is one call, and what it says is the wire's own."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.libraries import LIBRARIES
from genba.store.reader import Store
from support import openai_wire, stored
from support import services as clients
from support.services import SERVICES, TEXT, Service, http_module
from support.spans import Spans, attributes, outcome, parts, text
from support.wire import Answer, Server, json_answer

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
needs_openai = pytest.mark.skipif("openai" not in {service.package for service in SERVICES}, reason="openai is not installed")
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


def base(service: Service) -> Any:
    return importlib.import_module(f"{service.package}._base_client")


@services
def test_a_copy_of_a_client_is_traced_as_the_client_is(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    client = service.client(server.url, asynchronous=False)
    service.resource(client.with_options(timeout=5)).create(**service.ask)
    service.resource(client.copy(default_headers={"x": "y"})).create(**service.ask)
    assert [text(span) for span in spans.all()] == [TEXT, TEXT]


@services
def test_a_client_and_a_method_from_before_init_are_traced(
    service: Service, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    client = service.client(server.url, asynchronous=False)
    create, raw = service.resource(client).create, service.resource(client).with_raw_response.create
    spans = start_tracing()
    server.serve(service.answer())
    create(**service.ask)
    raw(**service.ask).parse()
    assert [outcome(span) for span in spans.all()] == ["completed", "completed"]


@services
def test_a_client_of_the_host_s_own_class_is_traced(service: Service, server: Server, spans: Spans) -> None:
    client = service.client(server.url, asynchronous=False)

    class Mine(type(client)):  # type: ignore[misc]  # whichever client it is
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return super().request(*args, **kwargs)

    client.__class__ = Mine
    server.serve(service.answer())
    service.resource(client).create(**service.ask)
    assert text(spans.only()) == TEXT


@services
@pytest.mark.parametrize("form", ["path", "absolute"])
def test_a_request_written_by_hand_is_known_by_its_path(form: str, service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    client = service.client(server.url, asynchronous=False)
    path = PATHS[service.name] if service.package == "anthropic" or form == "absolute" else PATHS[service.name].removeprefix("/v1")
    body = client.post(server.url + path if form == "absolute" else path, body=dict(service.ask), cast_to=object)
    assert body == service.whole
    told = attributes(spans.only())
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.response.id"] == service.whole["id"]
    assert text(spans.only()) == TEXT


@services
def test_a_request_to_an_unknown_path_makes_no_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(json_answer({}))
    service.client(server.url, asynchronous=False).post("/v1/unheard/of", body={}, cast_to=object)
    assert spans.all() == []


@services
def test_each_retry_is_an_event_on_the_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    refusal = Answer(json.dumps(service.error).encode(), 503, headers={"retry-after-ms": "1"})
    server.queue.extend([refusal, refusal])
    service.resource(service.client(server.url, asynchronous=False, max_retries=2)).create(**service.ask)
    span = spans.only()
    assert outcome(span) == "completed"
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("genba.retry", {"genba.retry.attempt": 1, "http.response.status_code": 503}),
        ("genba.retry", {"genba.retry.attempt": 2, "http.response.status_code": 503}),
    ]


@services
async def test_retries_of_an_async_client_are_noted_too(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    server.queue.append(Answer(json.dumps(service.error).encode(), 503, headers={"retry-after-ms": "1"}))
    async with service.client(server.url, asynchronous=True, max_retries=1) as client:
        await service.resource(client).create(**service.ask)
    assert [event.name for event in spans.only().events] == ["genba.retry"]


@services
def test_the_kept_answer_is_the_wire_s_own_to_the_byte(
    service: Service, server: Server, start_tracing: Callable[..., Spans], tmp_path: Any
) -> None:
    # Spaces, an unknown key, a float written as the server wrote it: what a model of the client would not give back.
    body = json.dumps({**service.whole, "unheard_of": {"x": 1.50, "y": None}}, indent=1).encode()
    server.serve(Answer(body))
    kept: list[Any] = []
    start_tracing()
    seen = keep_calls(kept)
    try:
        service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    finally:
        seen()
    (call,) = kept
    assert call.body_received == body
    assert json.loads(call.raw().response) == json.loads(body)
    sent = json.loads(call.raw().request)
    assert sent == server.received[0].json


def keep_calls(kept: list[Any]) -> Callable[[], None]:
    """Collect the calls that are begun, until the returned function is called."""
    from genba.observing.call import Call

    original = Call.asked

    def asked(self: Any, body: bytes) -> None:
        kept.append(self)
        original(self, body)

    Call.asked = asked  # type: ignore[method-assign]
    return lambda: setattr(Call, "asked", original)


@services
def test_uninstrument_puts_the_identical_functions_back(service: Service) -> None:
    kinds = (base(service).SyncAPIClient, base(service).AsyncAPIClient)
    before = [dict(vars(kind)) for kind in kinds]
    genba.init(store="off")
    assert vars(kinds[0])["request"] is not before[0]["request"]
    genba.uninstrument()
    for kind, old in zip(kinds, before, strict=True):
        assert {name for name, value in vars(kind).items() if old.get(name) is not value} == set()


@services
def test_what_somebody_wrapped_around_ours_stays_and_still_works(
    service: Service, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    kind = base(service).SyncAPIClient
    original = vars(kind)["request"]
    spans = start_tracing()
    ours, called = vars(kind)["request"], []

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(1)
        return ours(self, *args, **kwargs)

    kind.request = theirs
    try:
        genba.uninstrument()
        assert vars(kind)["request"] is theirs
        server.serve(service.answer())
        service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
        assert called == [1]
        assert spans.all() == []
    finally:
        kind.request = original


MoveSeam = Callable[[Service, str], None]


@pytest.fixture
def moved_seam() -> Iterator[MoveSeam]:
    """Moves a function of a client to where genba does not look for it, as a new version of the client might; it works as before."""
    undo: list[Callable[[], None]] = []

    def move(service: Service, name: str) -> None:
        for asynchronous, base_name in ((False, "SyncAPIClient"), (True, "AsyncAPIClient")):
            owner = getattr(base(service), base_name)
            heir = type(service.client("http://nowhere.invalid", asynchronous=asynchronous))
            function = vars(owner)[name]
            delattr(owner, name)
            setattr(heir, name, function)
            undo.append(functools.partial(delattr, heir, name))
            undo.append(functools.partial(setattr, owner, name, function))

    yield move
    genba.uninstrument()
    for one in undo:
        one()


@services
def test_where_the_seam_is_missing_the_methods_are_wrapped_and_it_is_said(
    service: Service, server: Server, moved_seam: MoveSeam, start_tracing: Callable[..., Spans], caplog: pytest.LogCaptureFixture
) -> None:
    moved_seam(service, "request")
    spans = start_tracing(instrument=[service.package])
    assert "does not find" in caplog.text
    assert "SyncAPIClient.request" in caplog.text
    states = {seam: state for seam, _, state in genba.doctor().clients}
    assert states[f"{service.package}._base_client.SyncAPIClient.request"].startswith("skipped")
    server.serve(service.answer())
    answer = service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    span = spans.only()
    told = attributes(span)
    assert answer.id == told["gen_ai.response.id"] == service.whole["id"]
    assert outcome(span) == "completed"
    assert text(span) == TEXT
    assert told["gen_ai.request.model"] == service.model
    assert told["gen_ai.usage.output_tokens"] == service.output_tokens
    assert openai_wire.QUESTION in "".join(str(part) for part in parts(span, "input"))


@services
def test_the_fallback_reads_streams(
    service: Service, server: Server, moved_seam: MoveSeam, start_tracing: Callable[..., Spans]
) -> None:
    moved_seam(service, "request")
    spans = start_tracing(instrument=[service.package])
    server.serve(service.stream())
    for _ in service.resource(service.client(server.url, asynchronous=False)).create(**service.ask, stream=True):
        pass
    assert text(spans.only()) == TEXT
    assert outcome(spans.only()) == "completed"


@services
async def test_the_fallback_reads_async_calls(
    service: Service, server: Server, moved_seam: MoveSeam, start_tracing: Callable[..., Spans]
) -> None:
    moved_seam(service, "request")
    spans = start_tracing(instrument=[service.package])
    server.serve(service.answer())
    async with service.client(server.url, asynchronous=True) as client:
        await service.resource(client).create(**service.ask)
    assert text(spans.only()) == TEXT


@services
@pytest.mark.parametrize("name", ["_process_response", "_sleep_for_retry"])
def test_a_client_without_an_optional_seam_is_traced_without_a_word(
    name: str,
    service: Service,
    server: Server,
    moved_seam: MoveSeam,
    start_tracing: Callable[..., Spans],
    caplog: pytest.LogCaptureFixture,
) -> None:
    moved_seam(service, name)
    spans = start_tracing(instrument=[service.package])
    server.serve(service.answer())
    service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    assert text(spans.only()) == TEXT
    assert "does not find" not in caplog.text


@services
def test_a_stranger_s_transport_is_served(service: Service, spans: Spans) -> None:
    http = http_module(service.package)
    answers = http.MockTransport(lambda _: http.Response(200, json=service.whole))
    client = service.client("http://nowhere.invalid", asynchronous=False, transport=lambda _: answers)
    service.resource(client).create(**service.ask)
    assert text(spans.only()) == TEXT
    assert attributes(spans.only())["server.address"] == "nowhere.invalid"
    assert attributes(spans.only())["server.port"] == 80


@needs_openai
def test_extra_json_is_part_of_what_was_asked(server: Server, spans: Spans) -> None:
    service = next(service for service in SERVICES if service.name == "chat")
    server.serve(service.answer())
    service.resource(service.client(server.url, asynchronous=False)).create(**service.ask, extra_body={"top_k": 7, "seed": 3})
    assert attributes(spans.only())["gen_ai.request.seed"] == 3


def test_every_library_names_the_versions_it_is_tested_with() -> None:
    for library in (one for one in LIBRARIES.values() if one.versions or one.room != "work"):
        lowest, highest = library.versions.split(",")
        assert lowest.startswith(">=")
        assert highest.startswith("<")


@needs_openai
@pytest.mark.parametrize("form", ["parsed", "raw", "streaming"])
def test_a_file_as_the_answer_is_known_by_its_size_and_costs_its_batch_nothing(
    form: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # A raw response to a call for speech is no JSON: reading it once lost every span of its batch.
    monkeypatch.chdir(tmp_path)
    sound = b"\xff\xfb\x00 no JSON, no text"
    server.serve(Answer(sound, content_type="audio/mpeg"))
    genba.init()
    request.addfinalizer(genba.uninstrument)
    with genba.observe("before"):
        pass
    speech = clients.client("openai", server.url).audio.speech
    ask: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "hi"}
    if form == "parsed":
        assert speech.create(**ask).content == sound
    elif form == "raw":
        assert speech.with_raw_response.create(**ask).content == sound
    else:
        with speech.with_streaming_response.create(**ask) as response:
            assert response.read() == sound
    assert genba.flush(timeout=5)
    assert genba.doctor().dropped == {}
    assert stored.names(tmp_path) == ["before", "generate_content tts-1"]
    with Store(tmp_path / stored.PLACE) as store:
        [call] = [span for span in store.latest() if span.name != "before"]
    assert call.attributes["genba.content.bytes"] == len(sound)
