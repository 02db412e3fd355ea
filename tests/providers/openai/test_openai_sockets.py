"""OpenAI's WebSockets: one span a response, whoever asked for it, and however it or its connection ends."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import attach, detach, set_value

from support import openai_wire, realtime_wire
from support.examples import run_example
from support.hosts import HOSTS, Host
from support.realtime_wire import ANSWER, INSTRUCTIONS, MODEL, QUESTION, SOUND, USAGE
from support.services import client
from support.spans import Spans, attributes, failed, is_child, messages, outcome, text, tree
from support.stored import names
from support.websocket_wire import Message, SocketServer

pytest.importorskip("openai.resources.realtime", reason="openai is not installed, or older")
pytest.importorskip("websockets", reason="websockets is not installed")
# The older `client.beta.realtime` says that it is old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TEXT = "".join(ANSWER)
hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
ASK: Message = {"type": "response.create"}
WRITE: Message = {
    "type": "conversation.item.create",
    "item": {key: realtime_wire.user_item()[key] for key in ("type", "role", "content")},
}


@pytest.fixture(scope="module")
def sockets() -> Iterator[SocketServer]:
    server = SocketServer()
    yield server
    server.close()


def conversation(*answers: Sequence[Message | None]) -> Callable[[Message], Sequence[Message | None]]:
    """A server that takes up what the user writes, and answers one `response.create` after the other."""
    left = list(answers)

    def answer(message: Message) -> Sequence[Message | None]:
        if message["type"] == "conversation.item.create":
            return [realtime_wire.item_added({"id": "item_1", "status": "completed", **message["item"]})]
        return left.pop(0) if message["type"] == "response.create" else []

    return answer


def talker(server: SocketServer, **options: Any) -> Any:
    """The real client. Older ones take `wss` unless they are told where to."""
    return client("openai", server.url, websocket_base_url=f"ws://127.0.0.1:{server.port}/v1", **options)


async def talk(
    host: Host, server: SocketServer, sends: Sequence[Message], until: str, api: str = "realtime", **more: Any
) -> list[Any]:
    """Connect, send, and read until a message of type `until` came; close."""
    caller = talker(server, asynchronous=host.asynchronous)
    resource = caller
    for name in api.split("."):
        resource = getattr(resource, name)
    manager = resource.connect(**({"model": MODEL} if "realtime" in api else {}), **more)
    connection = await host.enter(manager)
    seen: list[Any] = []
    for message in sends:
        await host.result(connection.send(message))
    while not seen or seen[-1].type != until:
        seen.append(await host.result(connection.recv()))
    await host.leave(manager)
    await host.close(caller)
    return seen


@hosts
@pytest.mark.parametrize("api", ["realtime", "beta.realtime"])
def test_a_spoken_response_is_a_span_with_both_sides_of_it(host: Host, api: str, sockets: SocketServer, spans: Spans) -> None:
    sockets.serve(conversation(realtime_wire.spoken()), [realtime_wire.session()])
    with spans.app.start_as_current_span("caller") as caller:
        seen = host.run(lambda: talk(host, sockets, [WRITE, ASK], "response.done", api))
    assert [event.type for event in seen][:2] == ["session.created", "conversation.item.added"]
    assert [message["type"] for message in sockets.received] == ["conversation.item.create", "response.create"]
    span = spans.only()
    told = attributes(span)
    assert is_child(span, caller)
    assert (span.name, outcome(span), failed(span)) == (f"chat {MODEL}", "completed", False)
    assert messages(span, "input") == [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": INSTRUCTIONS}]
    assert [tool["name"] for tool in json.loads(told["gen_ai.tool.definitions"])] == ["weather"]
    [answer] = messages(span)
    assert answer["parts"] == [
        {"type": "text", "content": TEXT},
        {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "content": "YnV6emh1bQ=="},
    ]
    usage = {name.removeprefix("gen_ai.usage."): value for name, value in told.items() if name.startswith("gen_ai.usage.")}
    assert usage == {
        "input_tokens": 60,
        "output_tokens": 30,
        "cache_read.input_tokens": 16,
        "text.input_tokens": 20,
        "text.output_tokens": 8,
        "text.cache_read.input_tokens": 6,
        "audio.input_tokens": 40,
        "audio.output_tokens": 22,
        "audio.cache_read.input_tokens": 10,
    }
    assert json.loads(told["genba.usage.raw"]) == USAGE
    assert told["genba.response.finish_reasons"] == ("completed",)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"], told["gen_ai.conversation.id"]) == (
        "resp_1",
        MODEL,
        "conv_1",
    )
    assert (told["gen_ai.provider.name"], told["server.address"], told["server.port"]) == ("openai", "127.0.0.1", sockets.port)
    assert told["gen_ai.output.type"] == "speech"
    assert told["genba.chunks.count"] == len(realtime_wire.spoken())


def test_the_turns_of_a_talk_are_spans_side_by_side_and_each_sees_those_before(sockets: SocketServer, spans: Spans) -> None:
    answer_item = realtime_wire.item_added(realtime_wire.spoken_item(), "item_1")
    tool = realtime_wire.done(realtime_wire.response("resp_2", "completed", [realtime_wire.call_item()], usage=USAGE))
    created = {"type": "response.created", "response": realtime_wire.response("resp_2")}
    sockets.serve(conversation([*realtime_wire.spoken(), answer_item], [created, tool]), [realtime_wire.session()])
    caller = talker(sockets)
    with caller.realtime.connect(model=MODEL) as connection:
        with spans.app.start_as_current_span("first"):
            connection.conversation.item.create(item=WRITE["item"])
            connection.response.create()
        until(connection, "conversation.item.added", "item_2")
        with spans.app.start_as_current_span("second"):
            connection.response.create(response={"instructions": "Be short.", "max_output_tokens": 7})
        until(connection, "response.done")
    assert tree(spans) == ["first", f"  chat {MODEL}", "second", f"  chat {MODEL}"]
    second = spans.all()[1]
    assert [(turn["role"], turn["parts"][0]["content"]) for turn in messages(second, "input")] == [
        ("user", QUESTION),
        ("assistant", TEXT),
    ]
    assert messages(second)[0]["parts"] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert attributes(second)["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert attributes(second)["gen_ai.request.max_tokens"] == 7
    assert "Be short." in attributes(second)["gen_ai.system_instructions"]


def until(connection: Any, kind: str, item: str | None = None) -> None:
    while True:
        event = connection.recv()
        if event.type == kind and (item is None or event.item.id == item):
            return


@hosts
def test_a_response_that_the_server_began_by_itself_is_a_span_too(host: Host, sockets: SocketServer, spans: Spans) -> None:
    """The server hears that the user has finished; what was said is written down after the answer has begun."""
    begun, *rest = realtime_wire.spoken()
    heard = [realtime_wire.item_added(realtime_wire.heard_item()), begun, realtime_wire.transcribed(), *rest]
    sockets.serve(lambda message: heard if message["type"] == "input_audio_buffer.append" else [], [realtime_wire.session()])
    with spans.app.start_as_current_span("caller") as caller:
        host.run(lambda: talk(host, sockets, [{"type": "input_audio_buffer.append", "audio": SOUND[0]}], "response.done"))
    span = spans.only()
    assert is_child(span, caller)
    assert (span.name, outcome(span), text(span)) == (f"chat {MODEL}", "completed", TEXT)
    [asked] = messages(span, "input")
    assert asked["parts"] == [{"type": "text", "content": QUESTION}, {"type": "file", "modality": "audio", "file_id": "item_heard"}]


@hosts
def test_an_interrupted_response_is_cancelled_and_keeps_what_was_said(host: Host, sockets: SocketServer, spans: Spans) -> None:
    sockets.serve(conversation(realtime_wire.interrupted()), [realtime_wire.session()])
    host.run(lambda: talk(host, sockets, [ASK], "response.done"))
    span = spans.only()
    assert (outcome(span), failed(span), text(span)) == ("cancelled", False, "Honey is")
    assert attributes(span)["genba.response.finish_reasons"] == ("turn_detected",)
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("error",)
    assert attributes(span)["gen_ai.usage.output_tokens"] == 30


@hosts
def test_a_response_that_failed_is_failed_without_an_exception(host: Host, sockets: SocketServer, spans: Spans) -> None:
    details = {"type": "failed", "error": {"type": "server_error", "code": "overheated", "message": "The engine is hot."}}
    created = {"type": "response.created", "response": realtime_wire.response()}
    sockets.serve(conversation([created, realtime_wire.done(realtime_wire.response(status="failed", status_details=details))]))
    host.run(lambda: talk(host, sockets, [ASK], "response.done"))
    span = spans.only()
    assert (outcome(span), attributes(span)["error.type"], span.status.description) == (
        "failed",
        "overheated",
        "The engine is hot.",
    )


def test_a_request_that_is_refused_fails_and_leaves_the_others_alone(sockets: SocketServer, spans: Spans) -> None:
    error = {"type": "invalid_request_error", "code": "bad", "message": "No.", "event_id": "mine_2"}
    other = {**error, "event_id": "an_item_s"}
    sockets.serve(conversation([*realtime_wire.pieces()], [{"type": "error", "error": other}, {"type": "error", "error": error}]))
    with talker(sockets).realtime.connect(model=MODEL) as connection:
        connection.send({**ASK, "event_id": "mine_1"})
        connection.send({**ASK, "event_id": "mine_2"})
        until(connection, "error")
        assert spans.all() == []
        until(connection, "error")
        assert [(outcome(span), attributes(span)["error.type"]) for span in spans.all()] == [("failed", "bad")]
    assert [(outcome(span), text(span)) for span in spans.all()] == [("failed", ""), ("cancelled", TEXT)]


@hosts
@pytest.mark.parametrize("hangs_up", [True, False], ids=["lost", "closed by the host"])
def test_a_connection_that_ends_midway_ends_its_response(host: Host, hangs_up: bool, sockets: SocketServer, spans: Spans) -> None:
    pieces = realtime_wire.pieces(words=ANSWER[:3])
    sockets.serve(conversation([*pieces, None] if hangs_up else pieces), [realtime_wire.session()])

    async def scenario() -> str:
        try:
            await talk(host, sockets, [ASK], "never")
        except Exception as error:
            return type(error).__name__
        return "nothing"

    async def closed() -> str:
        caller = talker(sockets, asynchronous=host.asynchronous)
        connection = await host.enter(caller.realtime.connect(model=MODEL))
        await host.result(connection.send(ASK))
        for _ in range(len(pieces) + 1):
            await host.result(connection.recv())
        await host.result(connection.close())
        await host.close(caller)
        return "nothing"

    raised = host.run(scenario if hangs_up else closed)
    span = spans.only()
    assert text(span) == "".join(ANSWER[:3])
    if hangs_up:
        assert raised == "ConnectionClosedError"
        assert (outcome(span), attributes(span)["error.type"]) == ("failed", "websockets.exceptions.ConnectionClosedError")
    else:
        assert (outcome(span), failed(span)) == ("cancelled", False)


def test_an_answer_that_joins_the_conversation_while_it_is_made_is_not_what_was_asked(sockets: SocketServer, spans: Spans) -> None:
    created, *others = realtime_wire.spoken()
    joins = realtime_wire.item_added({**realtime_wire.spoken_item(), "content": []}, "item_1")
    joined = {**realtime_wire.item_added(realtime_wire.spoken_item(), "item_1"), "type": "conversation.item.done"}
    sockets.serve(conversation([created, joins, *others[:-1], joined, others[-1]]), [realtime_wire.session()])
    with talker(sockets).realtime.connect(model=MODEL) as connection:
        item = {**WRITE["item"], "content": [dict(WRITE["item"]["content"][0])]}
        connection.conversation.item.create(item=item)
        item["content"][0]["text"] = "changed by the host afterwards"
        connection.response.create()
        until(connection, "response.done")
    assert [text(spans.only(), "input"), text(spans.only())] == [QUESTION, TEXT]
    assert len(messages(spans.only(), "input")) == 1


def test_a_wait_that_is_cancelled_loses_nothing(sockets: SocketServer, spans: Spans) -> None:
    import asyncio

    more = threading.Event()

    def answer(message: Message) -> Iterator[Message]:
        if message["type"] == "response.create":
            yield from realtime_wire.pieces()
            more.wait(10)
            yield realtime_wire.spoken()[-1]

    sockets.serve(answer)  # type: ignore[arg-type]  # one after the other

    async def scenario() -> None:
        async with talker(sockets, asynchronous=True) as caller, caller.realtime.connect(model=MODEL) as connection:
            await connection.send(ASK)
            for _ in realtime_wire.pieces():
                await connection.recv()
            waiting = asyncio.create_task(connection.recv())
            await asyncio.sleep(0.02)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert spans.all() == []
            more.set()
            await connection.recv()

    asyncio.run(scenario())
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)


def test_a_connection_that_is_dropped_leaves_its_response_abandoned(sockets: SocketServer, spans: Spans) -> None:
    sockets.serve(conversation(realtime_wire.pieces()))
    connection = talker(sockets).realtime.connect(model=MODEL).enter()
    connection.response.create()
    for _ in realtime_wire.pieces():
        connection.recv()
    websocket = connection._connection
    del connection
    gc.collect()
    assert (outcome(spans.only()), text(spans.only())) == ("abandoned", TEXT)
    websocket.close()


def test_what_comes_in_is_seen_however_it_is_read(sockets: SocketServer, spans: Spans) -> None:
    heard: list[str] = []
    sockets.serve(conversation(realtime_wire.spoken(), realtime_wire.spoken("resp_2")))
    with talker(sockets).realtime.connect(model=MODEL) as connection:
        connection.send(ASK)
        while b"response.done" not in connection.recv_bytes():
            pass
        connection.send(ASK)
        for event in connection:
            heard.append(event.type)
            if event.type == "response.done":
                break
    assert [(outcome(span), text(span)) for span in spans.all()] == [("completed", TEXT)] * 2
    assert heard[-1] == "response.done"


def test_a_response_that_was_asked_for_where_nothing_is_to_be_recorded_is_not(sockets: SocketServer, spans: Spans) -> None:
    sockets.serve(conversation(realtime_wire.spoken(), realtime_wire.spoken("resp_2")))
    with talker(sockets).realtime.connect(model=MODEL) as connection:
        token = attach(set_value("suppress_instrumentation", True))
        connection.send(ASK)
        detach(token)
        until(connection, "response.done")
        connection.send(ASK)
        until(connection, "response.done")
    assert attributes(spans.only())["gen_ai.response.id"] == "resp_2"


@pytest.mark.parametrize("data", [b"no json", b"[1]", b'{"type": 7}', b'{"type": "response.done"}', b'{"type":"response.created"}'])
def test_odd_messages_cost_nothing_but_themselves(data: bytes, sockets: SocketServer, spans: Spans) -> None:
    from genba.observing.sockets import read
    from genba.providers.openai import realtime
    from genba.providers.openai import sockets as ours

    sockets.serve(conversation(realtime_wire.spoken()))
    with talker(sockets).realtime.connect(model=MODEL) as connection:
        dialogue = ours.dialogue(connection)
        assert dialogue is not None
        dialogue.received(read(data))
        connection.send(ASK)
        until(connection, "response.done")
    assert "resp_1" in [attributes(span).get("gen_ai.response.id") for span in spans.all()]
    for odd in (None, 7, [], {"output": 7}, {"output": [{"content": [7, {"type": "output_audio"}]}]}, {"status_details": []}):
        realtime.read_request({"session": odd, "response": odd, "conversation": odd})
        realtime.read_response(odd)
        realtime.failed(odd)
        realtime.fold([{"type": "response.done", "response": odd}, odd])


def test_its_example_runs(sockets: SocketServer, tmp_path: Path) -> None:
    pytest.importorskip("openai._websocket_connection", reason="older versions insist on TLS")
    sockets.serve(conversation(realtime_wire.spoken()), [realtime_wire.session()])
    ran = run_example("openai_realtime", tmp_path, OPENAI_API_KEY="key", OPENAI_BASE_URL=f"{sockets.url}/v1")
    assert (ran.err, ran.out, names(tmp_path)) == ("", f"{TEXT}\n", ["chat gpt-realtime"])


# The Responses API over a WebSocket.


def responses(message: Message) -> list[Message]:
    lane = {"stream_id": message["stream_id"]} if "stream_id" in message else {}
    return [{**event, **lane} for event in openai_wire.response_events()] if message["type"] == "response.create" else []


RESPONSES_ASK: Message = {
    "type": "response.create",
    "model": openai_wire.MODEL,
    "input": openai_wire.QUESTION,
    "instructions": INSTRUCTIONS,
    "max_output_tokens": 20,
}


def connects() -> bool:
    from openai.resources.responses import responses as module

    return hasattr(module, "ResponsesConnection")


@hosts
@pytest.mark.parametrize("api", ["responses", "beta.responses"])
def test_a_response_over_a_websocket_is_as_one_over_http(host: Host, api: str, sockets: SocketServer, spans: Spans) -> None:
    if not connects():
        pytest.skip("this version has no Responses over WebSocket")
    if api == "beta.responses":
        pytest.importorskip("openai.resources.beta.responses", reason="this version has none in its beta")
    sockets.serve(responses)
    with spans.app.start_as_current_span("caller") as caller:
        host.run(lambda: talk(host, sockets, [RESPONSES_ASK], "response.completed", api))
    span = spans.only()
    told = attributes(span)
    assert is_child(span, caller)
    assert (span.name, outcome(span), text(span), text(span, "input")) == (
        f"chat {openai_wire.MODEL}", "completed", TEXT, openai_wire.QUESTION,
    )  # fmt: skip
    assert (told["gen_ai.response.model"], told["gen_ai.response.id"]) == (openai_wire.SERVED, "resp_wire")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"], told["gen_ai.request.max_tokens"]) == (
        21,
        11,
        20,
    )
    assert told["openai.api.type"] == "responses"


def test_a_refused_response_over_a_websocket_is_failed(sockets: SocketServer, spans: Spans) -> None:
    if not connects():
        pytest.skip("this version has no Responses over WebSocket")
    sockets.serve(lambda _: [{"type": "error", "status": 400, **openai_wire.error(code="previous_response_not_found")}])
    with talker(sockets).responses.connect() as connection:
        connection.response.create(model=openai_wire.MODEL, input="hi")
        connection.recv()
        assert (outcome(spans.only()), attributes(spans.only())["error.type"]) == ("failed", "previous_response_not_found")


def test_what_the_server_goes_on_with_by_itself_is_a_span_too(sockets: SocketServer, spans: Spans) -> None:
    if not connects():
        pytest.skip("this version has no Responses over WebSocket")
    steered = openai_wire.response(status="incomplete", incomplete_details={"reason": "steered"})
    next_one = openai_wire.response(id="resp_next", previous_response_id="resp_wire", instructions=INSTRUCTIONS)
    first = [*openai_wire.response_pieces(), {"type": "response.incomplete", "response": steered}]
    second = [{"type": "response.created", "response": next_one}, {"type": "response.completed", "response": next_one}]
    sockets.serve(lambda message: [*first, *second] if message["type"] == "response.create" else [])
    with talker(sockets).responses.connect() as connection:
        connection.response.create(model=openai_wire.MODEL, input="hi")
        while connection.recv().type != "response.completed":
            pass
    one, two = spans.all()
    assert attributes(one)["genba.response.finish_reasons"] == ("steered",)
    assert attributes(two)["gen_ai.request.previous_response.id"] == "resp_wire"
    assert (attributes(two)["gen_ai.response.id"], text(two)) == ("resp_next", TEXT)


def test_the_lanes_of_a_session_are_told_apart(sockets: SocketServer, spans: Spans) -> None:
    helper = pytest.importorskip("openai.lib.responses_websocket", reason="this version has no sessions")
    waiting: list[Message] = []

    def answer(message: Message) -> list[Message]:
        waiting.append(message)
        if len(waiting) < 2:
            return []
        replies = [[{**event, "stream_id": one["stream_id"]} for event in openai_wire.response_events()] for one in waiting]
        replies[1] = [json.loads(json.dumps(event).replace("resp_wire", "resp_2")) for event in replies[1]]
        return [event for pair in zip(*replies, strict=True) for event in pair]

    sockets.serve(answer)
    limits = helper.ResponsesWebSocketLimits(
        max_lanes=8, max_events_per_lane=128, max_events=512, max_bytes_per_lane=1 << 20, max_bytes=1 << 21, max_response_bytes=None
    )
    options = {"max_size": None}
    with (
        talker(sockets).responses.connect(websocket_connection_options=options) as connection,
        helper.ResponsesWebSocketSession(connection, limits=limits) as session,
    ):
        lanes = [session.lane(name) for name in ("one", "two")]
        for lane in lanes:
            lane.send({"type": "response.create", "model": openai_wire.MODEL, "input": f"lane {lane is lanes[0]}"})
        answers = [lane.get_final_response().id for lane in lanes]
    assert answers == ["resp_wire", "resp_2"]
    found = {attributes(span)["gen_ai.response.id"]: (text(span, "input"), text(span), outcome(span)) for span in spans.all()}
    assert found == {"resp_wire": ("lane True", TEXT, "completed"), "resp_2": ("lane False", TEXT, "completed")}


def test_every_method_is_its_own_again_after_uninstrument(start_tracing: Callable[..., Spans]) -> None:
    import openai.resources.realtime.realtime as module

    import genba

    kinds = (module.RealtimeConnection, module.AsyncRealtimeConnection)
    names = ("send", "recv_bytes", "recv")
    before = [vars(kind).get(name) for kind in kinds for name in names]
    start_tracing()
    assert [vars(kind).get(name) for kind in kinds for name in names] != before
    genba.uninstrument()
    assert [vars(kind).get(name) for kind in kinds for name in names] == before
