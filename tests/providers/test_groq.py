"""Groq's client: the example of how little a client of a known family needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers import groq
from support import openai_wire
from support.services import client
from support.spans import Spans, attributes, messages, outcome, text
from support.wire import Server, json_answer

pytest.importorskip("groq")
USAGE = {
    "queue_time": 0.02,
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "completion_tokens_details": {"reasoning_tokens": 4},
}


def test_it_is_declared_in_under_30_lines() -> None:
    assert len(Path(str(groq.__file__)).read_text().splitlines()) < 30


def chat(**more: Any) -> Any:
    return json_answer(openai_wire.chat(usage=USAGE, x_groq={"id": "req_1"}, **more))


def ask(server: Server, **more: Any) -> Any:
    return client("groq", server.url).chat.completions.create(model="llama-wire", messages=openai_wire.MESSAGES, **more)


def test_a_chat_is_read_as_openai_s(server: Server, spans: Spans) -> None:
    server.serve(chat())
    answer = ask(server, temperature=0.5, max_completion_tokens=50)
    span = spans.only()
    told = attributes(span)
    assert answer.choices[0].message.content == text(span) == "".join(openai_wire.ANSWER)
    assert server.received[0].path == "/openai/v1/chat/completions"
    assert span.name == "chat llama-wire"
    assert {
        name: told[name]
        for name in ("gen_ai.provider.name", "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model")
    } == {
        "gen_ai.provider.name": "groq",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "llama-wire",
        "gen_ai.response.model": openai_wire.SERVED,
    }
    assert (
        told["gen_ai.usage.input_tokens"],
        told["gen_ai.usage.output_tokens"],
        told["gen_ai.usage.reasoning.output_tokens"],
    ) == (20, 9, 4)
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.max_tokens"]) == (0.5, 50)
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", server.port)
    assert [message["role"] for message in messages(span, "input")] == ["system", "user"]
    assert json.loads(told["genba.usage.raw"]) == USAGE
    assert not [name for name in told if name.startswith("openai.api")]


def test_a_tool_call_is_read(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL])))
    ask(server, tools=[openai_wire.WEATHER_TOOL])
    (message,) = messages(spans.only())
    assert message["parts"] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == ("tool_call",)


def test_a_stream_is_read_with_the_usage_that_groq_puts_in_its_own_place(server: Server, spans: Spans) -> None:
    chunks = openai_wire.chat_chunks(usage=False)
    chunks[-1] = {**chunks[-1], "x_groq": {"id": "req_1", "usage": USAGE}}
    server.serve(openai_wire.chunks_stream(chunks))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in ask(server, stream=True))
    span = spans.only()
    told = attributes(span)
    assert said == text(span) == "".join(openai_wire.ANSWER)
    assert outcome(span) == "completed"
    assert told["genba.chunks.count"] == len(chunks)
    assert told["gen_ai.usage.output_tokens"] == 9


async def test_the_asynchronous_client_too(server: Server, spans: Spans) -> None:
    server.serve(chat())
    async with client("groq", server.url, asynchronous=True) as groq_client:
        await groq_client.chat.completions.create(model="llama-wire", messages=openai_wire.MESSAGES)
        raw = await groq_client.chat.completions.with_raw_response.create(model="llama-wire", messages=openai_wire.MESSAGES)
        await raw.parse()
    assert [outcome(span) for span in spans.all()] == ["completed", "completed"]
    assert {text(span) for span in spans.all()} == {"".join(openai_wire.ANSWER)}


def test_a_refusal_of_the_server_is_a_failed_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.error(), 429))
    with pytest.raises(Exception, match="429"):
        ask(server)
    assert attributes(spans.only())["error.type"] == "groq.RateLimitError"
    assert outcome(spans.only()) == "failed"


def test_embeddings_are_read(server: Server, spans: Spans) -> None:
    server.serve(
        json_answer(
            {
                "object": "list",
                "model": "e",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.1] * 8}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            }
        )
    )
    client("groq", server.url).embeddings.create(model="e", input="hi")
    told = attributes(spans.only())
    assert spans.only().name == "embeddings e"
    assert (told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (8, 3)


def test_what_is_no_operation_makes_no_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"object": "list", "data": []}))
    client("groq", server.url).models.list()
    assert spans.all() == []


def test_it_can_be_left_out(server: Server, start_tracing: Any) -> None:
    spans = start_tracing(instrument=["openai"])
    server.serve(chat())
    ask(server)
    assert spans.all() == []
    assert not [seam for seam, _, _ in genba.doctor().clients if seam.startswith("groq")]
