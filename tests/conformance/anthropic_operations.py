"""Operations of the anthropic client, against a server that answers as the provider does."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from conformance.registry import table
from support import anthropic_wire, openai_wire
from support.services import client
from support.wire import Server, json_answer

OPERATIONS, operation = table()


def anthropic(server: Server) -> Any:
    return client("anthropic", server.url)


RICH_TURNS: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": openai_wire.PNG}},
            {"type": "image", "source": {"type": "url", "url": "https://pictures.test/bee.jpg"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain words"}},
        ],
    },
    {
        "role": "assistant",
        "content": [anthropic_wire.THINKING, {"type": "redacted_thinking", "data": "c2VjcmV0"}, anthropic_wire.TOOL_USE],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_7", "content": [{"type": "text", "text": "21"}], "is_error": False}
        ],
    },
]


@operation("anthropic messages with everything")
def messages_with_everything(server: Server) -> object:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "bees"}}
    found = {
        "type": "web_search_result",
        "url": "https://bees.test",
        "title": "Bees",
        "encrypted_content": "eA==",
        "page_age": None,
    }
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]}
    content = [anthropic_wire.THINKING, search, result, {"type": "text", "text": "Let me look."}, anthropic_wire.TOOL_USE]
    server.serve(json_answer(anthropic_wire.message(content=content, stop="tool_use")))
    return anthropic(server).messages.create(
        model=anthropic_wire.MODEL,
        messages=copy.deepcopy(RICH_TURNS),
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        max_tokens=100,
        stop_sequences=["END"],
        extra_body={"temperature": 0.5, "top_k": 5, "top_p": 0.9},  # the newest clients have no arguments for them
        tools=[anthropic_wire.WEATHER_TOOL, {"type": "web_search_20250305", "name": "web_search"}],
        metadata={"user_id": "u-7"},
    )


@operation("anthropic messages stream")
def messages_stream(server: Server) -> object:
    server.serve(anthropic_wire.events_stream(anthropic_wire.thinking_and_tool_events()))
    return list(
        anthropic(server).messages.create(model=anthropic_wire.MODEL, messages=anthropic_wire.MESSAGES, max_tokens=100, stream=True)
    )


@operation("anthropic messages refused by the server")
def messages_error(server: Server) -> object:
    server.serve(json_answer(anthropic_wire.error(), 529))
    with suppress(Exception):
        anthropic(server).messages.create(model=anthropic_wire.MODEL, messages=anthropic_wire.MESSAGES, max_tokens=100)
    return None


@operation("anthropic count_tokens")
def count_tokens(server: Server) -> object:
    server.serve(json_answer(anthropic_wire.count_tokens()))
    return anthropic(server).messages.count_tokens(model=anthropic_wire.MODEL, messages=anthropic_wire.MESSAGES)


@operation("anthropic batch")
def batch(server: Server) -> object:
    server.serve(json_answer(anthropic_wire.batch()))
    params = {"model": anthropic_wire.MODEL, "messages": anthropic_wire.MESSAGES, "max_tokens": 10}
    return anthropic(server).messages.batches.create(requests=[{"custom_id": "one", "params": params}])
