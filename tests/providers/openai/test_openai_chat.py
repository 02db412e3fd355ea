"""Chat completions: what is read from requests and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from genba.conversation import Usage
from genba.providers.openai.chat import CHAT


def asked(**body: Any) -> Any:
    return CHAT.request({"model": "gpt-5", **body})


def answered(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Any:
    return CHAT.response({"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more})


def test_the_parameters_are_read_in_the_words_of_the_conventions():
    request = asked(
        temperature=0,
        top_p=0.5,
        max_completion_tokens=64,
        max_tokens=32,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        stop="END",
        seed=7,
        n=3,
        reasoning_effort="low",
        stream=True,
        service_tier="flex",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    )
    assert (request.model, request.temperature, request.top_p, request.max_tokens) == ("gpt-5", 0.0, 0.5, 64)
    assert (request.frequency_penalty, request.presence_penalty, request.seed, request.choice_count) == (0.1, -0.1, 7, 3)
    assert (request.stop_sequences, request.reasoning_level, request.stream) == (("END",), "low", True)
    assert (request.output_type, request.attributes) == ("json", {"openai.request.service_tier": "flex"})


def test_what_was_not_said_is_not_there():
    request = asked(n=1, stream=False, stop=None, service_tier="auto", temperature=None, logprobs=True, top_logprobs=5)
    assert (request.choice_count, request.stream, request.stop_sequences, request.temperature) == (None, None, (), None)
    assert (request.top_k, request.output_type, request.attributes) == (None, None, {})


@pytest.mark.parametrize(
    ("body", "output_type"),
    [
        ({"response_format": {"type": "text"}}, "text"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"modalities": ["text", "audio"]}, "speech"),
        ({"modalities": ["image", "text"]}, "image"),
        ({"response_format": {"type": "grammar"}}, None),
    ],
)
def test_the_output_type_is_what_the_request_names(body, output_type):
    assert asked(**body).output_type == output_type


def test_every_kind_of_content_becomes_a_part(well_formed):
    content = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CCCC"}},
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
        "plain",
    ]
    [message] = well_formed(asked(messages=[{"role": "user", "name": "Ada", "content": content}]).messages)
    assert message == {
        "role": "user",
        "name": "Ada",
        "parts": [
            {"type": "text", "content": "Look:"},
            {"type": "uri", "modality": "image", "uri": "https://example.com/a.png", "detail": "low"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "BBBB"},
            {"type": "file", "modality": "document", "file_id": "file-1"},
            {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "CCCC", "filename": "a.pdf"},
            {"type": "uri", "modality": "video", "uri": "https://example.com/a.mp4"},
            {"type": "text", "content": "plain"},
        ],
    }


def test_a_turn_with_tools_keeps_calls_and_results_together(well_formed):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bath"}'}},
                {"id": "c2", "type": "function", "function": {"name": "broken", "arguments": '{"city": '}},
                {"id": "c3", "type": "custom", "custom": {"name": "sql", "input": '{"not": "parsed"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "12 °C"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "no"}]},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "fine"},
        {"role": "assistant", "refusal": "I will not."},
    ]
    assert well_formed(asked(messages=messages).messages) == [
        {"role": "developer", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bath"}},
                {"type": "tool_call", "id": "c2", "name": "broken", "arguments": '{"city": '},
                {"type": "tool_call", "id": "c3", "name": "sql", "arguments": '{"not": "parsed"}'},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "12 °C"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c2", "response": [{"type": "text", "content": "no"}]}]},
        {"role": "assistant", "parts": [{"type": "file", "modality": "audio", "file_id": "audio_1"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "old", "arguments": {}}]},
        {"role": "tool", "name": "old", "parts": [{"type": "tool_call_response", "response": "fine"}]},
        {"role": "assistant", "parts": [{"type": "refusal", "content": "I will not."}]},
    ]


def test_tools_are_listed_in_every_form_without_their_secrets():
    request = asked(
        tools=[
            {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object"}}},
            {"type": "function", "name": "flat", "parameters": {"type": "object"}, "strict": True},
            {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}},
            {"type": "web_search", "search_context_size": "low"},
            {
                "type": "mcp",
                "server_label": "docs",
                "server_url": "https://example.com",
                "authorization": "s",
                "headers": {"k": "s"},
            },
        ],
        functions=[{"name": "old"}],
    )
    assert request.tools == [
        {"type": "function", "name": "weather", "description": "The weather.", "parameters": {"type": "object"}},
        {"type": "function", "name": "flat", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "sql", "format": {"type": "text"}},
        {"type": "web_search", "name": "web_search", "search_context_size": "low"},
        {"type": "mcp", "name": "docs", "server_label": "docs", "server_url": "https://example.com"},
        {"type": "function", "name": "old"},
    ]


def test_an_answer_has_one_message_for_each_choice(well_formed):
    response = CHAT.response(
        {
            "id": "chatcmpl-1",
            "model": "gpt-5-2026",
            "service_tier": "default",
            "system_fingerprint": "fp_1",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "One"}, "finish_reason": "stop"},
                {"index": 1, "message": {"role": "assistant", "content": "Two"}, "finish_reason": "eos"},
            ],
        }
    )
    assert (response.id, response.model) == ("chatcmpl-1", "gpt-5-2026")
    assert well_formed(response.messages) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "One"}], "finish_reason": "stop"},
        {"role": "assistant", "parts": [{"type": "text", "content": "Two"}], "finish_reason": "stop"},
    ]
    assert (response.finish_reasons, response.native_finish_reasons) == (["stop", "stop"], ["stop", "eos"])
    assert response.attributes == {"openai.response.service_tier": "default", "openai.response.system_fingerprint": "fp_1"}


@pytest.mark.parametrize(
    ("native", "ours"),
    [
        ("tool_calls", "tool_call"),
        ("function_call", "tool_call"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("moon", "moon"),
    ],
)
def test_finish_reasons_are_kept_in_both_words(native, ours):
    response = answered({"content": "x"}, native)
    assert (response.finish_reasons, response.native_finish_reasons) == ([ours], [native])


def test_reasons_keep_their_positions_when_one_choice_was_cut_short():
    choices = [{"index": n, "message": {"content": "x"}, "finish_reason": reason} for n, reason in enumerate((None, "stop"))]
    assert CHAT.response({"choices": choices}).finish_reasons == ["error", "stop"]


def test_thoughts_citations_sound_and_pictures_are_parts_of_the_answer(well_formed):
    citation = {
        "type": "url_citation",
        "url_citation": {"url": "https://example.com", "title": "t", "start_index": 0, "end_index": 2},
    }
    message = {
        "role": "assistant",
        "reasoning_content": "Bees, I think.",
        "content": "Bees.",
        "annotations": [citation],
        "audio": {"id": "audio_1", "data": "AAAA", "transcript": "Bees!", "expires_at": 1},
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,BBBB"}}],
    }
    [turn] = well_formed(answered(message).messages)
    assert turn["parts"] == [
        {"type": "reasoning", "content": "Bees, I think."},
        {"type": "text", "content": "Bees.", "annotations": [citation]},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "BBBB"},
        {"type": "text", "content": "Bees!"},
        {"type": "blob", "modality": "audio", "content": "AAAA", "id": "audio_1"},
    ]


def test_usage_has_every_split_and_the_object_itself():
    raw = {
        "prompt_tokens": 20,
        "completion_tokens": 9,
        "total_tokens": 29,
        "prompt_tokens_details": {
            "cached_tokens": 8,
            "cache_write_tokens": 3,
            "audio_tokens": 2,
            "image_tokens": 1,
            "text_tokens": 17,
        },
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 1, "text_tokens": 8, "accepted_prediction_tokens": 0},
    }
    assert answered({"content": "x"}, usage=raw).usage == Usage(
        input_tokens=20,
        output_tokens=9,
        cache_read_input_tokens=8,
        cache_write_input_tokens=3,
        reasoning_output_tokens=4,
        text_input_tokens=17,
        text_output_tokens=8,
        image_input_tokens=1,
        audio_input_tokens=2,
        audio_output_tokens=1,
        raw=raw,
    )


def test_reasoning_that_a_server_left_out_of_its_completion_is_counted_in():
    usage = {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94},
    }
    assert answered({"content": "x"}, usage=usage).usage.output_tokens == 103


def test_usage_is_found_where_other_servers_put_it():
    assert answered({"content": "x"}, x_groq={"usage": {"prompt_tokens": 3, "completion_tokens": 1}}).usage.input_tokens == 3
    assert answered({"content": "x"}, usage={"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}).usage.cache_read_input_tokens == 4
    assert answered({"content": "x"}, usage={}).usage is None


def test_what_servers_add_of_their_own_is_kept_in_one_attribute():
    choice = {"index": 0, "message": {"content": "x"}, "content_filter_results": {"hate": {"filtered": False}}}
    response = CHAT.response({"choices": [choice], "timings": {"predicted_ms": 1.5}, "x_groq": {"id": "req_1"}, "citations": []})
    assert json.loads(response.attributes["genba.response.extra"]) == {
        "timings": {"predicted_ms": 1.5},
        "x_groq": {"id": "req_1"},
        "content_filter_results": [{"hate": {"filtered": False}}],
    }


def test_an_answer_that_is_an_error_says_so():
    body = {"error": {"message": "Too hot.", "type": "server_error", "code": None}}
    response = CHAT.response(body)
    assert (response.error_type, response.error_message, response.messages) == ("server_error", "Too hot.", [])
    assert CHAT.failed is not None
    assert CHAT.failed(body) == ("server_error", "Too hot.")
    assert CHAT.failed({"choices": []}) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        [],
        {"messages": "oops", "tools": 3, "stop": 5, "model": 7, "n": True, "temperature": "hot"},
        {
            "messages": [
                None,
                1,
                {"content": 5},
                {"role": 7, "content": [None, {"type": 3}, {"type": "image_url", "image_url": None}]},
            ]
        },
        {
            "choices": [None, {"message": []}, {"message": {"tool_calls": [None, {"function": "x"}], "audio": 3}}],
            "usage": 4,
            "error": "no",
        },
        {"choices": {}, "usage": {"prompt_tokens": "many", "prompt_tokens_details": [1]}, "service_tier": {}},
    ],
)
def test_a_body_of_any_shape_is_read_as_far_as_it_goes(body):
    CHAT.request(body)
    CHAT.response(body)
