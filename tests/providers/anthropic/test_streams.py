"""A streamed message, folded, is the message that it would have been."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genba.providers.anthropic import ROUTES
from genba.providers.anthropic.blocks import read as read_content
from genba.providers.anthropic.stream import fold
from providers.anthropic.shapes import check_messages, check_parts
from providers.anthropic.wire import JSON_VALUES, MESSAGES, closed, delta, objects, opened, split

read = ROUTES["POST /v1/messages"].response
read_request = ROUTES["POST /v1/messages"].request

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-wire-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1, "service_tier": "standard"},
    },
}
STOP = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]


def test_the_events_of_an_answer_are_the_answer() -> None:
    events = [
        START,
        {"type": "ping"},
        opened(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="Bees "),
        delta(0, "thinking_delta", thinking="come to mind."),
        delta(0, "signature_delta", signature="c2ln"),
        closed(0),
        opened(1, type="text", text=""),
        delta(1, "text_delta", text="Bees"),
        delta(1, "citations_delta", citation={"type": "page_location", "cited_text": "bees"}),
        delta(1, "text_delta", text="."),
        closed(1),
        opened(2, type="tool_use", id="toolu_1", name="weather", input={}),
        delta(2, "input_json_delta", partial_json=""),
        delta(2, "input_json_delta", partial_json='{"city": "Ba'),
        delta(2, "input_json_delta", partial_json='th"}'),
        closed(2),
        *STOP,
    ]
    assert fold(events) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-wire-1",
        "content": [
            {"type": "thinking", "thinking": "Bees come to mind.", "signature": "c2ln"},
            {"type": "text", "text": "Bees.", "citations": [{"type": "page_location", "cited_text": "bees"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bath"}},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 9, "service_tier": "standard"},
    }


def test_a_stream_left_halfway_keeps_what_arrived() -> None:
    response = read(fold([START, opened(0, type="text", text=""), delta(0, "text_delta", text="Ho")]))
    assert response.messages == [{"role": "assistant", "parts": [{"type": "text", "content": "Ho"}], "finish_reason": "error"}]
    assert (response.id, response.finish_reasons, response.native_finish_reasons) == ("msg_1", ["error"], ())


def test_a_stream_left_halfway_has_no_output_count() -> None:
    # A story: `message_start` says one output token, always; recorded as a count it made every broken stream look cheap.
    usage = read(fold([START])).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (15, None)


def test_a_tool_call_cut_short_keeps_the_text_of_its_arguments() -> None:
    events = [
        START,
        opened(0, type="tool_use", id="t", name="weather", input={}),
        delta(0, "input_json_delta", partial_json='{"ci'),
    ]
    assert read(fold(events)).messages[0]["parts"] == [{"type": "tool_call", "id": "t", "name": "weather", "arguments": '{"ci'}]


def test_a_tool_call_without_arguments() -> None:
    events = [START, opened(0, type="tool_use", id="t", name="now", input={}), delta(0, "input_json_delta", partial_json=""), *STOP]
    assert read(fold(events)).messages[0]["parts"] == [{"type": "tool_call", "id": "t", "name": "now", "arguments": {}}]


def test_an_error_event_fails_the_answer_and_keeps_what_arrived() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    response = read(fold([START, opened(0, type="text", text=""), delta(0, "text_delta", text="Ho"), error]))
    assert (response.error_type, response.error_message, response.finish_reasons) == ("overloaded_error", "Overloaded", ["error"])
    assert response.messages[0]["parts"] == [{"type": "text", "content": "Ho"}]


def test_cumulative_usage_replaces_what_the_start_said() -> None:
    last = {"input_tokens": 12, "cache_read_input_tokens": None, "output_tokens": 9, "server_tool_use": {"web_search_requests": 1}}
    usage = read(fold([START, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}])).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (17, 5, 9)
    assert usage.raw == {
        "input_tokens": 12,
        "cache_read_input_tokens": 5,
        "output_tokens": 9,
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 1},
    }


def test_a_fallback_names_the_model_that_answered() -> None:
    fallback = opened(0, type="fallback", **{"from": {"model": "claude-wire-1"}, "to": {"model": "claude-wire-0"}})
    assert read(fold([START, fallback, *STOP])).model == "claude-wire-0"


def test_a_summary_arrives_whole() -> None:
    events = [
        START,
        opened(0, type="compaction", content=None),
        delta(0, "compaction_delta", content="Bees.", encrypted_content="x"),
    ]
    assert fold(events)["content"] == [{"type": "compaction", "content": "Bees.", "encrypted_content": "x"}]


def test_nothing_arrived() -> None:
    assert fold([]) == {}


@given(MESSAGES, st.integers(1, 9))
def test_chunks_fold_into_the_message_they_came_from(message: dict[str, Any], size: int) -> None:
    events = split(message, size)
    untouched = copy.deepcopy(events)
    response = read(message)
    check_messages(response.messages)
    assert read(fold(events)) == response
    assert events == untouched


@given(MESSAGES, st.integers(1, 9), st.data())
def test_a_stream_cut_anywhere_is_the_beginning_of_its_message(message: dict[str, Any], size: int, data: st.DataObject) -> None:
    events = split(message, size)
    response = read(fold(events[: data.draw(st.integers(0, len(events)))]))
    check_messages(response.messages)
    arrived = [part for turn in response.messages for part in turn["parts"]]
    whole = [part for turn in read(message).messages for part in turn["parts"]]
    assert [part["type"] for part in arrived] == [part["type"] for part in whole][: len(arrived)]
    for part, complete in zip(arrived, whole, strict=False):
        if part["type"] in ("text", "reasoning"):
            assert complete["content"].startswith(part["content"])


@given(JSON_VALUES)
def test_no_content_is_too_strange(content: Any) -> None:
    check_parts(read_content(content))


@given(objects(JSON_VALUES), st.lists(objects(JSON_VALUES), max_size=4))
def test_no_body_and_no_event_is_too_strange(body: Any, events: list[Any]) -> None:
    check_messages(read(body).messages)
    check_messages(read_request(body).messages)
    check_messages(read(fold([START, *events])).messages)


@given(st.lists(st.tuples(st.sampled_from(["text_delta", "thinking_delta", "input_json_delta"]), st.text(max_size=6)), max_size=8))
def test_the_pieces_of_a_message_add_up_to_the_answer(said):
    keys = {
        "text_delta": ("text", "text"),
        "thinking_delta": ("thinking", "thinking"),
        "input_json_delta": ("tool_use", "partial_json"),
    }
    events = [{"type": "message_start", "message": {"content": [], "usage": {"output_tokens": 1}}}]
    for index, (kind, text) in enumerate(said):
        block, key = keys[kind]
        opened = {"type": block, **({"name": "f", "id": "t", "input": {}} if block == "tool_use" else {block: "a"})}
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        events.append(
            {
                "type": "content_block_delta",
                "index": index,
                "delta": {"type": kind, key: f"{text}{{" if block == "tool_use" else text},
            }
        )
        events.append({"type": "content_block_delta", "index": index, "delta": {"type": "signature_delta", "signature": "xyz"}})
    body = ROUTES["POST /v1/messages"].fold([*events, {"type": "message_stop"}])
    whole = [block.get("text") or block.get("thinking") or block.get("input") or "" for block in body.get("content", [])]
    assert sum(ROUTES["POST /v1/messages"].piece(event).characters for event in events) == sum(map(len, whole))
    assert all(not ROUTES["POST /v1/messages"].piece(event).tokens for event in events)


def test_the_pieces_of_a_completion_add_up_to_it():
    events = [{"type": "completion", "completion": text} for text in (" Be", "es")] + [
        {"type": "ping"},
        {"type": "completion", "completion": None},
    ]
    assert [ROUTES["POST /v1/complete"].piece(event).characters for event in events] == [3, 2, 0, 0]
    assert ROUTES["POST /v1/complete"].fold(events)["completion"] == " Bees"
