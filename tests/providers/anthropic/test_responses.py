"""What a message that came back says."""

from __future__ import annotations

from typing import Any

import pytest

from genba.conversation import Response, Usage
from genba.providers.anthropic import ROUTES
from providers.anthropic.shapes import check_messages

read = ROUTES["POST /v1/messages"].response


def message(*content: Any, stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-wire-1-20260101",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 9},
        **more,
    }


def parts_of(*content: Any) -> list[Any]:
    messages = read(message(*content)).messages
    check_messages(messages)
    (answer,) = messages
    return list(answer["parts"])


def usage_of(**counts: Any) -> Usage:
    usage = read(message(usage=counts)).usage
    assert usage is not None
    return usage


def test_a_plain_answer() -> None:
    assert read(message({"type": "text", "text": "Bees."})) == Response(
        id="msg_1",
        model="claude-wire-1-20260101",
        messages=[{"role": "assistant", "parts": [{"type": "text", "content": "Bees."}], "finish_reason": "stop"}],
        finish_reasons=["stop"],
        native_finish_reasons=["end_turn"],
        usage=Usage(input_tokens=10, output_tokens=9, raw={"input_tokens": 10, "output_tokens": 9}),
    )


@pytest.mark.parametrize(
    ("native", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_call"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
        ("compaction", "compaction"),
        ("tea_break", "tea_break"),
    ],
)
def test_why_the_model_stopped_in_both_words(native: str, ours: str) -> None:
    response = read(message({"type": "text", "text": "…"}, stop=native))
    assert (response.finish_reasons, response.native_finish_reasons) == ([ours], [native])
    assert response.messages[0].get("finish_reason") == ours


def test_input_counts_what_the_cache_held_and_took() -> None:
    counts: dict[str, Any] = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 6,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 3},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 3},
        "service_tier": "priority",
    }
    response = read(message(usage=counts))
    assert response.usage == Usage(
        input_tokens=20,
        output_tokens=9,
        cache_read_input_tokens=6,
        cache_write_input_tokens=4,
        reasoning_output_tokens=3,
        raw=counts,
    )
    assert response.attributes == {
        "anthropic.response.service_tier": "priority",
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 1,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 3,
    }


def test_counts_that_were_not_given_stay_unknown() -> None:
    assert usage_of(output_tokens=9, cache_read_input_tokens=6, output_tokens_details=None) == Usage(
        output_tokens=9,
        cache_read_input_tokens=6,
        raw={"output_tokens": 9, "cache_read_input_tokens": 6, "output_tokens_details": None},
    )


def test_a_compaction_is_added_to_the_totals_which_leave_it_out() -> None:
    usage = usage_of(
        input_tokens=100,
        cache_read_input_tokens=20,
        output_tokens=10,
        iterations=[
            {"type": "compaction", "input_tokens": 900, "cache_read_input_tokens": 30, "output_tokens": 50},
            {"type": "message", "input_tokens": 100, "cache_read_input_tokens": 20, "output_tokens": 10},
        ],
    )
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (1050, 50, 60)


def test_rounds_that_the_totals_already_have_are_not_added_again() -> None:
    rounds = [
        {"type": "message", "input_tokens": 40, "output_tokens": 4},
        {"type": "message", "input_tokens": 60, "output_tokens": 6},
    ]
    usage = usage_of(input_tokens=100, output_tokens=10, iterations=rounds)
    assert (usage.input_tokens, usage.output_tokens) == (100, 10)


def test_text_with_its_citations() -> None:
    citation = {"type": "char_location", "cited_text": "Bees", "document_index": 0, "start_char_index": 0, "end_char_index": 4}
    assert parts_of(
        {"type": "text", "text": "Bees.", "citations": [citation]}, {"type": "text", "text": "!", "citations": None}
    ) == [
        {"type": "text", "content": "Bees.", "citations": [citation]},
        {"type": "text", "content": "!"},
    ]


def test_tools_that_anthropic_ran_itself() -> None:
    hits = [{"type": "web_search_result", "url": "https://example.com", "title": "Bees", "encrypted_content": "x"}]
    error = {"type": "code_execution_tool_result_error", "error_code": "unavailable"}
    assert parts_of(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "bees"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": hits},
        {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_2", "content": error},
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "find", "server_name": "docs", "input": {"q": 1}},
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": [{"type": "text", "text": "none"}]},
    ) == [
        {
            "type": "server_tool_call",
            "id": "srvtoolu_1",
            "name": "web_search",
            "server_tool_call": {"type": "web_search", "input": {"query": "bees"}},
        },
        {
            "type": "server_tool_call_response",
            "id": "srvtoolu_1",
            "server_tool_call_response": {"type": "web_search", "content": hits},
        },
        {
            "type": "server_tool_call_response",
            "id": "srvtoolu_2",
            "server_tool_call_response": {"type": "code_execution", "content": error},
        },
        {
            "type": "server_tool_call",
            "id": "mcptoolu_1",
            "name": "find",
            "server_tool_call": {"type": "mcp", "server_name": "docs", "input": {"q": 1}},
        },
        {
            "type": "server_tool_call_response",
            "id": "mcptoolu_1",
            "server_tool_call_response": {"type": "mcp", "content": [{"type": "text", "text": "none"}], "is_error": False},
        },
    ]


def test_a_file_that_the_container_made() -> None:
    assert parts_of({"type": "container_upload", "file_id": "file_9"}) == [
        {"type": "file", "modality": "unknown", "file_id": "file_9"}
    ]


def test_a_compacted_conversation_says_so() -> None:
    response = read(message({"type": "compaction", "content": "They spoke of bees.", "signature": "c2ln"}, stop="compaction"))
    assert response.messages[0]["parts"] == [{"type": "compaction", "content": "They spoke of bees.", "signature": "c2ln"}]
    assert response.attributes == {"gen_ai.conversation.compacted": True}


def test_a_refusal_gives_its_reason() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "This could do harm."}
    response = read(message(stop="refusal", stop_details=details))
    assert response.messages == [
        {"role": "assistant", "parts": [{"type": "refusal", "content": "This could do harm."}], "finish_reason": "content_filter"}
    ]


def test_an_answer_that_only_warmed_the_cache() -> None:
    response = read(message(stop="max_tokens"))
    assert response.messages == [{"role": "assistant", "parts": [], "finish_reason": "length"}]


def test_an_error_body_says_what_failed() -> None:
    assert read({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}) == Response(
        error_type="overloaded_error", error_message="Overloaded"
    )


@pytest.mark.parametrize("body", [None, "…", 3, [], {}])
def test_a_body_of_another_shape_says_nothing(body: Any) -> None:
    assert read(body) == Response()
