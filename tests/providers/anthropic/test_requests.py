"""What a request for a message says."""

from __future__ import annotations

from typing import Any

import pytest

from genba.conversation import Request
from genba.providers.anthropic import ROUTES
from providers.anthropic.shapes import check_parts

read = ROUTES["POST /v1/messages"].request

PIXEL = "iVBORw0KGgo="


def parts_of(*blocks: Any) -> list[Any]:
    (message,) = read({"messages": [{"role": "user", "content": list(blocks)}]}).messages
    check_parts(message["parts"])
    return list(message["parts"])


def test_every_parameter_is_read() -> None:
    assert read(
        {
            "model": "claude-wire-1",
            "max_tokens": 256,
            "messages": [{"role": "user", "content": "Who makes honey?"}],
            "system": "Answer in one line.",
            "temperature": 1,
            "top_p": 0.9,
            "top_k": 40,
            "stop_sequences": ["END"],
            "stream": True,
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            "service_tier": "standard_only",
            "metadata": {"user_id": "u-1"},
        }
    ) == Request(
        model="claude-wire-1",
        messages=[{"role": "user", "parts": [{"type": "text", "content": "Who makes honey?"}]}],
        system_instructions=[{"type": "text", "content": "Answer in one line."}],
        tools=[],
        output_type="json",
        stream=True,
        temperature=1.0,
        top_p=0.9,
        top_k=40,
        max_tokens=256,
        stop_sequences=["END"],
        reasoning_level="high",
        attributes={
            "anthropic.request.service_tier": "standard_only",
            "anthropic.thinking.type": "enabled",
            "anthropic.thinking.budget_tokens": 2048,
            "user.id": "u-1",
        },
    )


def test_what_was_not_said_is_not_made_up() -> None:
    assert read({}) == Request(messages=[], system_instructions=[], tools=[], stop_sequences=[])


@pytest.mark.parametrize(
    "body", [None, "text", 7, [], {"messages": 1, "system": {}, "tools": "x", "max_tokens": "9", "top_k": True}]
)
def test_a_body_of_another_shape_says_nothing(body: Any) -> None:
    assert read(body) == Request(messages=[], system_instructions=[], tools=[], stop_sequences=[])


def test_system_blocks_become_instructions() -> None:
    system = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "Be brief."}]
    assert read({"system": system}).system_instructions == [
        {"type": "text", "content": "Be kind."},
        {"type": "text", "content": "Be brief."},
    ]


def test_a_system_turn_among_the_messages_stays_where_it_was() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Now in Welsh."}]
    assert [turn["role"] for turn in read({"messages": messages}).messages] == ["user", "system"]


def test_the_older_output_format_asks_for_json_too() -> None:
    assert read({"output_format": {"type": "json_schema", "schema": {}}}).output_type == "json"


def test_a_continued_thread_names_the_message_before() -> None:
    assert read({"thread": {"type": "continue", "previous_message_id": "msg_1"}}).previous_response_id == "msg_1"


def test_tools_are_defined_with_their_schema() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"name": "weather", "description": "The weather.", "input_schema": schema, "cache_control": {"type": "ephemeral"}}]
    assert read({"tools": tools}).tools == [
        {"type": "function", "name": "weather", "description": "The weather.", "parameters": schema}
    ]


def test_server_tools_keep_their_type_and_keys() -> None:
    tools = [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"type": "mcp_toolset", "mcp_server_name": "docs"},
        {"type": "browser_toolset_20260801"},
    ]
    assert read({"tools": tools}).tools == [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"type": "mcp_toolset", "name": "docs", "mcp_server_name": "docs"},
        {"type": "browser_toolset_20260801", "name": "browser_toolset_20260801"},
    ]


def test_images_inside_the_request_by_url_and_by_id() -> None:
    assert parts_of(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/bee.png"}},
        {"type": "image", "source": {"type": "url", "url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ) == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL},
        {"type": "uri", "modality": "image", "uri": "https://example.com/bee.png"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL},
        {"type": "file", "modality": "image", "file_id": "file_1"},
    ]


def test_documents_of_every_source() -> None:
    made_of_blocks = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "Bees"}]}}
    assert parts_of(
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "Hives"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Bees."}, "context": "From a book"},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/bees.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_2"}, "citations": {"enabled": True}},
        made_of_blocks,
    ) == [
        {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "JVBE", "title": "Hives"},
        {"type": "text", "content": "Bees.", "mime_type": "text/plain", "context": "From a book"},
        {"type": "uri", "modality": "document", "uri": "https://example.com/bees.pdf"},
        {"type": "file", "modality": "document", "file_id": "file_2"},
        made_of_blocks,
    ]


def test_a_tool_call_and_what_the_host_answered() -> None:
    assert parts_of(
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bath"}},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such city", "is_error": True},
        {"type": "tool_result", "tool_use_id": "toolu_3"},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_4",
            "content": [
                {"type": "text", "text": "A map"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "tool_reference", "tool_name": "forecast"},
            ],
        },
    ) == [
        {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {"city": "Bath"}},
        {"type": "tool_call_response", "id": "toolu_1", "response": "rain"},
        {"type": "tool_call_response", "id": "toolu_2", "response": "no such city", "is_error": True},
        {"type": "tool_call_response", "id": "toolu_3", "response": ""},
        {
            "type": "tool_call_response",
            "id": "toolu_4",
            "response": [
                {"type": "text", "content": "A map"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL},
                {"type": "tool_reference", "tool_name": "forecast"},
            ],
        },
    ]


def test_thinking_is_reasoning_and_redacted_thinking_stays_closed() -> None:
    assert parts_of(
        {"type": "thinking", "thinking": "Bees.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZW5j"},
    ) == [
        {"type": "reasoning", "content": "Bees.", "signature": "c2ln"},
        {"type": "reasoning", "content": "", "encrypted_content": "ZW5j"},
    ]


def test_a_call_made_by_code_says_so() -> None:
    caller = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
    block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    assert parts_of({**block, "caller": caller}, {**block, "caller": {"type": "direct"}}) == [
        {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {}, "caller": caller},
        {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {}},
    ]


def test_what_the_conventions_lack_is_kept_as_written() -> None:
    search_result = {"type": "search_result", "source": "shelf 3", "title": "Bees", "content": [{"type": "text", "text": "…"}]}
    brand_new = {"type": "hologram", "depth": 3}
    assert parts_of(search_result, brand_new) == [search_result, brand_new]


@pytest.mark.parametrize("block", [7, None, {"text": "no type"}, {"type": "text"}, {"type": "tool_use", "input": {}}, {"type": 3}])
def test_a_block_that_is_none_is_kept_apart(block: Any) -> None:
    assert parts_of(block) == [{"type": "unknown", "value": block}]
