"""Servers that only look like OpenAI's: whatever stands in a body, reading it raises nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genba.observing.endpoint import Endpoint
from genba.providers.openai import ROUTES
from support import openai_wire

CALL = openai_wire.WEATHER_CALL
REQUESTS: dict[str, Any] = {
    "POST /chat/completions": {
        "model": "m",
        "n": 2,
        "stop": ["END"],
        "temperature": 1,
        "modalities": ["text", "audio"],
        "response_format": {"type": "json_schema"},
        "tools": [openai_wire.WEATHER_TOOL, {"type": "custom", "custom": {"name": "sql"}}, {"type": "mcp", "server_label": "x"}],
        "messages": [
            *openai_wire.MESSAGES,
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "u"}}, {"type": "file", "file": {"file_id": "f"}}],
            },
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "tool", "tool_call_id": "call_7", "content": [{"type": "text", "text": "12"}]},
        ],
    },
    "POST /responses": {
        "model": "m",
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "text"}},
        "conversation": {"id": "c"},
        "prompt": {"id": "p"},
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": "u"}, {"type": "input_file", "file_data": "AA=="}]},
            openai_wire.REASONING_ITEM,
            openai_wire.FUNCTION_CALL_ITEM,
            {"type": "function_call_output", "call_id": "call_7", "output": [{"type": "input_text", "text": "12"}]},
            {"type": "mcp_call", "id": "m", "name": "roll", "arguments": "{}", "output": "4"},
            {"type": "item_reference", "id": "i"},
        ],
    },
    "POST /completions": {"model": "m", "prompt": ["a", [1, 2]], "suffix": "z"},
    "POST /embeddings": {"model": "m", "input": [[1, 2], [3]], "encoding_format": "float"},
    "POST /images/edits": {"model": "m", "prompt": "p", "image": [{"filename": "a"}], "mask": {"filename": "b"}, "n": 2},
    "POST /audio/transcriptions": {"model": "m", "file": {"filename": "a"}, "response_format": "json"},
    "POST /moderations": {"input": [{"type": "text", "text": "x"}]},
}
RESPONSES: dict[str, Any] = {
    "POST /chat/completions": openai_wire.chat(tool_calls=[CALL], choices=2, prompt_token_ids=[1, 2], timings={"n": 1}),
    "POST /responses": openai_wire.response(
        output=[openai_wire.REASONING_ITEM, openai_wire.response_message("x"), openai_wire.FUNCTION_CALL_ITEM]
    ),
    "POST /completions": openai_wire.text_completion(),
    "POST /embeddings": openai_wire.embeddings(),
    "POST /images/edits": openai_wire.image(),
    "POST /audio/transcriptions": openai_wire.transcription(),
    "POST /moderations": openai_wire.moderation(),
}
EVENTS: dict[str, Any] = {
    "POST /chat/completions": [*openai_wire.chat_tool_chunks(), *openai_wire.chat_chunks(usage=True)],
    "POST /responses": openai_wire.response_pieces(),
    "GET /responses/{id}": openai_wire.response_events(),
    "POST /completions": openai_wire.text_completion_chunks(),
    "POST /audio/transcriptions": [
        {"type": "transcript.text.delta", "delta": "a", "logprobs": [{"token": "a"}]},
        {"type": "transcript.text.done"},
    ],
    "POST /images/edits": [
        {"type": "image_edit.partial_image", "b64_json": "AA=="},
        {"type": "image_edit.completed", "b64_json": "AA=="},
    ],
}
nonsense = st.sampled_from(
    [None, True, 0, -1.5, "", "x", "====", [], [None], [[1]], {}, {"type": []}, {"type": "text"}, [{"id": {}}]]
)


@pytest.mark.parametrize("route", REQUESTS)
@given(data=st.data())
def test_a_request_with_nonsense_in_it_is_read(route, data):
    ROUTES[route].request(with_nonsense(REQUESTS[route], data))


@pytest.mark.parametrize("route", RESPONSES)
@given(data=st.data())
def test_an_answer_with_nonsense_in_it_is_read(route, data):
    body = with_nonsense(RESPONSES[route], data)
    endpoint: Endpoint = ROUTES[route]
    endpoint.response(body)
    if endpoint.failed is not None:
        endpoint.failed(body)


@pytest.mark.parametrize("route", EVENTS)
@given(data=st.data())
def test_a_stream_with_nonsense_in_it_is_folded(route, data):
    endpoint = ROUTES[route]
    assert endpoint.fold is not None
    endpoint.response(endpoint.fold(with_nonsense(EVENTS[route], data)))


def with_nonsense(body: Any, data: st.DataObject) -> Any:
    """The body with up to three values replaced, wherever they stand."""
    body = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(_places(body))
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        container[key] = copy.deepcopy(data.draw(nonsense))
    return body


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)
