"""Live sessions: each turn of the model is a call."""

from __future__ import annotations

import asyncio
import base64
import gc
import ssl
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("google.genai", reason="google-genai is not installed")
pytest.importorskip("cryptography", reason="without it the server has no certificate, and the client speaks TLS only")

from google.genai import errors, live, types

import genba
from support import certificate
from support.clients import google_genai as wire
from support.spans import Spans, attributes, failed, is_child, messages, outcome, parts, text
from support.websocket_wire import SocketServer

MODEL = "gemini-live-2.5"
SOUND = base64.b64encode(b"\x00\x01").decode()
ANSWER = [
    {"serverContent": {"modelTurn": {"parts": [{"text": "Hon"}]}}},
    {"serverContent": {"modelTurn": {"parts": [{"text": "ey."}]}}},
    {"serverContent": {"generationComplete": True}},
    {
        "serverContent": {"turnComplete": True},
        "usageMetadata": {
            "promptTokenCount": 9,
            "responseTokenCount": 4,
            "thoughtsTokenCount": 1,
            "totalTokenCount": 14,
            "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
        },
    },
]
CALL = {"toolCall": {"functionCalls": [{"id": "call-1", "name": "get_weather", "args": {"city": "Bern"}}]}}


@pytest.fixture(scope="module")
def session_sockets() -> Iterator[tuple[SocketServer, ssl.SSLContext]]:
    own, trusting = certificate.contexts()
    server = SocketServer(own)
    yield server, trusting
    server.close()


@pytest.fixture
def sockets(session_sockets: tuple[SocketServer, ssl.SSLContext]) -> Sockets:
    return Sockets(*session_sockets)


@dataclass
class Sockets:
    server: SocketServer
    trusting: ssl.SSLContext

    def answer(self, *turns: list[Any]) -> None:
        """Answers the set-up, and then each message that asks with the next of these."""
        waiting = list(turns)

        def says(message: Any) -> list[Any]:
            if "setup" in message:
                return [{"setupComplete": {}}]
            content, live = message.get("client_content", {}), message.get("realtime_input", {})
            asks = "tool_response" in message or content.get("turnComplete") or live.get("audioStreamEnd")
            return waiting.pop(0) if asks and waiting else []

        self.server.serve(says)


def converse(sockets: Sockets, scenario: Callable[[Any], Coroutine[Any, Any, Any]], config: Any = None) -> Any:
    """Play `scenario` in a live session."""

    async def run() -> Any:
        http = {"async_client_args": {"ssl": sockets.trusting}}
        client = wire.client(f"https://127.0.0.1:{sockets.server.port}", http=http)
        try:
            async with client.aio.live.connect(model=MODEL, config=config) as session:
                return await asyncio.wait_for(scenario(session), 10)
        finally:
            await client.aio.aclose()
            client.close()

    return asyncio.run(run())


async def ask(session: Any, question: str) -> list[Any]:
    await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text=question)]))
    return [message async for message in session.receive()]


def test_each_turn_is_a_call(sockets: Sockets, spans: Spans) -> None:
    sockets.answer(ANSWER, ANSWER)

    async def scenario(session: Any) -> list[Any]:
        return [await ask(session, "What do bees make?"), await ask(session, "And again?")]

    with spans.app.start_as_current_span("caller") as caller:
        config = {"response_modalities": ["TEXT"], "system_instruction": "Be brief.", "temperature": 0.5}
        seen = converse(sockets, scenario, config)
    assert ["".join(message.text or "" for message in turn) for turn in seen] == ["Honey.", "Honey."]

    first, second = spans.all()
    assert all(is_child(span, caller) for span in (first, second))
    assert [text(span, "input") for span in (first, second)] == ["What do bees make?", "And again?"]
    assert [text(span) for span in (first, second)] == ["Honey.", "Honey."]
    told = attributes(first)
    assert first.name == f"chat {MODEL}"
    assert told["gen_ai.provider.name"] == "gcp.gemini"
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", sockets.server.port)
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.system_instructions"] == '[{"type":"text","content":"Be brief."}]'
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (9, 5)
    assert told["genba.chunks.count"] == len(ANSWER)
    assert outcome(first) == "completed"


def test_a_function_is_called_in_the_midst_of_a_turn(sockets: Sockets, spans: Spans) -> None:
    sockets.answer([CALL], ANSWER)

    async def scenario(session: Any) -> None:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="Weather?")]))
        async for message in session.receive():
            if message.tool_call:
                with genba.tool("get_weather"):
                    result = types.FunctionResponse(id="call-1", name="get_weather", response={"sky": "blue"})
                await session.send_tool_response(function_responses=result)

    converse(sockets, scenario)
    [tool] = [span for span in spans.all() if span.name == "execute_tool get_weather"]
    [turn] = spans.models()
    assert not is_child(tool, turn), "between two messages the host's own span is current"
    assert [part["type"] for part in parts(turn)] == ["tool_call", "text"]
    assert [message["role"] for message in messages(turn, "input")] == ["user", "tool"]


def test_sound_in_small_pieces_is_one_part(sockets: Sockets, spans: Spans) -> None:
    blob = {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": SOUND}}]}}
    spoken = {"inputTranscription": {"text": "Bees?"}, "outputTranscription": {"text": "Honey."}}
    sockets.answer([{"serverContent": blob}, {"serverContent": {**blob, **spoken}}, ANSWER[-1]])

    async def scenario(session: Any) -> None:
        for _ in range(3):
            await session.send_realtime_input(audio=types.Blob(data=b"\x02\x03", mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(audio_stream_end=True)
        async for _ in session.receive():
            pass

    converse(sockets, scenario, {"response_modalities": ["AUDIO"]})
    span = spans.only()
    [heard], [said, transcript] = parts(span, "input"), parts(span)
    assert base64.b64decode(heard["content"]) == b"\x02\x03" * 3
    assert base64.b64decode(said["content"]) == b"\x00\x01" * 2
    assert (said["modality"], transcript["content"], transcript["transcription"]) == ("audio", "Honey.", True)
    assert attributes(span)["gen_ai.output.type"] == "speech"
    assert '"Bees?"' in attributes(span)["genba.response.extra"]


def test_of_a_turn_that_is_too_long_the_end_is_kept(sockets: Sockets, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genba.observing.dialogues.MAX_BYTES", 200)
    sockets.answer([*ANSWER[:1] * 50, *ANSWER])
    converse(sockets, lambda session: ask(session, "Bees?"))
    span = spans.only()
    assert text(span) in ("Hon" * 2, "Hon" * 3)
    assert (attributes(span)["gen_ai.usage.output_tokens"], outcome(span)) == (5, "completed")


def test_an_interrupted_turn_says_so(sockets: Sockets, spans: Spans) -> None:
    sockets.answer([ANSWER[0], {"serverContent": {"interrupted": True}}, {"serverContent": {"turnComplete": True}}])
    converse(sockets, lambda session: ask(session, "Bees?"))
    assert attributes(spans.only())["genba.response.finish_reasons"] == ("INTERRUPTED",)
    assert text(spans.only()) == "Hon"


def test_a_session_left_midway_cancels_its_turn(sockets: Sockets, spans: Spans) -> None:
    sockets.answer(ANSWER[:1])

    async def scenario(session: Any) -> None:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="Bees?")]))
        async for _ in session.receive():
            break

    converse(sockets, scenario)
    gc.collect()
    assert outcome(spans.only()) == "cancelled"
    assert text(spans.only()) == "Hon"


def test_a_broken_connection_fails_the_turn(sockets: Sockets, spans: Spans) -> None:
    sockets.answer([ANSWER[0], None])
    with pytest.raises(errors.APIError):
        converse(sockets, lambda session: ask(session, "Bees?"))
    span = spans.only()
    assert failed(span)
    assert text(span) == "Hon"


def test_what_the_host_sees_and_sends_is_the_same(sockets: Sockets, start_tracing: Callable[..., Spans]) -> None:
    def play() -> tuple[list[Any], list[Any], str]:
        sockets.answer(ANSWER)
        kinds: list[str] = []

        async def scenario(session: Any) -> list[Any]:
            kinds.append(type(session._ws).__name__)
            return await ask(session, "Bees?")

        seen = converse(sockets, scenario)
        return [message.model_dump() for message in seen], list(sockets.server.received), kinds[0]

    original = live.ws_connect
    without = play()
    start_tracing()
    assert live.ws_connect is not original
    assert play() == without
    genba.uninstrument()
    assert live.ws_connect is original
