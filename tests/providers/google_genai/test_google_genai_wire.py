"""What is read of Gemini's JSON: every kind of part, both ways of writing names, and whatever a broken server may send."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.providers.google_genai import generating, live, usage
from genba.providers.google_genai.requests import ROUTES, model_name
from support.clients import google_genai as wire
from support.examples import run_example
from support.stored import names
from support.wire import Server

EVERY_PART: list[dict[str, Any]] = [
    {"text": "Let me see.", "thought": True, "thoughtSignature": "c2ln"},
    {"text": "Here."},
    {"functionCall": {"id": "call-1", "name": "get_weather", "args": {"city_name": "Bern"}}, "thoughtSignature": "c2ln"},
    {"functionResponse": {"id": "call-1", "name": "get_weather", "response": {"blue_sky": True}}},
    {"inlineData": {"mimeType": "image/png", "data": "UE5H"}, "mediaResolution": {"level": "HIGH"}},
    {"fileData": {"fileUri": "gs://bees/bee.mp4", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 2}},
    {"executableCode": {"language": "PYTHON", "code": "1 + 1"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
    {"toolCall": {"id": "s-1", "toolType": "GOOGLE_SEARCH", "args": {"queries": ["bees"]}}},
    {"toolResponse": {"id": "s-1", "toolType": "GOOGLE_SEARCH", "response": {"found": 3}}},
    {"text": "", "thoughtSignature": "bG9uZQ=="},
    {"text": ""},
    {"somethingNew": {"a": 1}},
]


def test_every_kind_of_part_is_kept() -> None:
    [turn] = generating.read_request({"contents": [{"role": "model", "parts": EVERY_PART}]}).messages
    assert turn["role"] == "assistant"
    assert turn["parts"] == [
        {"type": "reasoning", "content": "Let me see.", "thought_signature": "c2ln"},
        {"type": "text", "content": "Here."},
        {
            "type": "tool_call",
            "id": "call-1",
            "name": "get_weather",
            "arguments": {"city_name": "Bern"},
            "thought_signature": "c2ln",
        },
        {"type": "tool_call_response", "id": "call-1", "response": {"blue_sky": True}, "name": "get_weather"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "UE5H", "mediaResolution": {"level": "HIGH"}},
        {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "gs://bees/bee.mp4", "videoMetadata": {"fps": 2}},
        {
            "type": "server_tool_call",
            "name": "code_execution",
            "server_tool_call": {"type": "code_execution", "language": "PYTHON", "code": "1 + 1"},
        },
        {
            "type": "server_tool_call_response",
            "server_tool_call_response": {"type": "code_execution", "outcome": "OUTCOME_OK", "output": "2"},
        },
        {
            "type": "server_tool_call",
            "id": "s-1",
            "name": "google_search",
            "server_tool_call": {"type": "google_search", "queries": ["bees"]},
        },
        {"type": "server_tool_call_response", "id": "s-1", "server_tool_call_response": {"type": "google_search", "found": 3}},
        {"type": "reasoning", "content": "", "thought_signature": "bG9uZQ=="},
        {"type": "unknown", "somethingNew": {"a": 1}},
    ]


def test_all_parameters_are_read_however_their_names_are_written() -> None:
    config = {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40.0,
        "maxOutputTokens": 100,
        "stopSequences": ["x"],
        "seed": 7,
        "candidateCount": 2,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseMimeType": "application/json",
        "thinkingConfig": {"thinkingLevel": "HIGH", "thinkingBudget": 100},
    }
    tools = [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"a_b": 1}}]},
        {"googleSearch": {}},
    ]
    body = {"contents": [], "generationConfig": config, "systemInstruction": {"parts": [{"text": "Be brief."}]}, "tools": tools}
    read = generating.read_request(body)
    assert (read.temperature, read.top_p, read.top_k, read.max_tokens, read.seed) == (0.5, 0.9, 40, 100, 7)
    assert (read.choice_count, read.presence_penalty, read.frequency_penalty) == (2, 0.1, 0.2)
    assert (read.stop_sequences, read.output_type, read.reasoning_level) == (("x",), "json", "high")
    assert read.attributes == {"gcp.gemini.request.thinking_budget": 100}
    assert read.tools == [
        {"type": "function", "name": "f", "description": "d", "parameters": {"a_b": 1}},
        {"type": "googleSearch", "name": "googleSearch"},
    ]
    assert generating.read_request(_snake(body)) == read


def _snake(value: Any) -> Any:
    """The same with names in snake case, but for the schema and what tools are called by."""
    if isinstance(value, list):
        return [_snake(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = ("googleSearch", "parametersJsonSchema")
    names = {key: "".join(f"_{c.lower()}" if c.isupper() and key not in kept else c for c in key) for key in value}
    return {names[key]: item if key == "parametersJsonSchema" else _snake(item) for key, item in value.items()}


def test_usage_is_made_whole() -> None:
    read = usage.read(
        {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 5,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 3,
            "totalTokenCount": 25,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6}, {"modality": "IMAGE", "tokenCount": 4}],
            "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
        }
    )
    assert read is not None
    assert (read.input_tokens, read.output_tokens, read.reasoning_output_tokens, read.cache_read_input_tokens) == (15, 10, 3, 4)
    assert (read.text_input_tokens, read.image_input_tokens, read.audio_output_tokens) == (11, 4, 7)
    assert read.text_cache_read_input_tokens == 4


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("NEW", "NEW"),
    ],
)
def test_why_it_stopped_is_said_in_both_words(native: str, finish: str) -> None:
    read = generating.read_response(wire.said("Honey.", finish=native))
    assert (read.finish_reasons, read.native_finish_reasons) == ([finish], [native])


def test_a_prompt_that_was_blocked_says_so() -> None:
    read = generating.read_response({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}})
    assert (read.finish_reasons, read.native_finish_reasons, read.messages) == (["content_filter"], ["SAFETY"], [])


def test_grounding_and_citations_are_kept() -> None:
    body = wire.said("Honey.")
    body["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["bees"]}
    body["candidates"][0]["citationMetadata"] = {"citationSources": [{"uri": "https://bees.example"}]}
    extra = json.loads(generating.read_response(body).attributes["genba.response.extra"])
    assert extra == {
        "citationMetadata": [{"citationSources": [{"uri": "https://bees.example"}]}],
        "groundingMetadata": [{"webSearchQueries": ["bees"]}],
    }


def test_a_call_that_arrives_in_pieces_is_put_together() -> None:
    pieces = [
        {"functionCall": {"name": "write", "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.text", "stringValue": "Hon"}], "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.text", "stringValue": "ey"}]}},
    ]
    body = generating.fold([wire.said(piece, finish=None) for piece in pieces])
    [message] = generating.read_response(body).messages
    assert message["parts"] == [{"type": "tool_call", "name": "write", "arguments": {"text": "Honey"}}]


@given(st.lists(st.sampled_from(EVERY_PART[:4]), min_size=1, max_size=6), st.data())
@settings(max_examples=40)
def test_chunks_fold_into_the_answer_they_came_from(parts: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = wire.said(*(part for before, part in zip([{}, *parts], parts, strict=False) if before != part))
    chunks: list[dict[str, Any]] = []
    for part in whole["candidates"][0]["content"]["parts"]:
        text = part.get("text")
        cut = data.draw(st.integers(0, len(text))) if text else 0
        pieces = [{**part, "text": text[:cut]}, {**part, "text": text[cut:]}] if text else [part]
        chunks += [wire.said(piece, finish=None, usage={"promptTokenCount": 1}) for piece in pieces]
    chunks.append(wire.said())
    before = copy.deepcopy(chunks)
    assert generating.read_response(generating.fold(chunks)) == generating.read_response(whole)
    assert chunks == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(sorted(
        {"contents", "parts", "role", "text", "candidates", "content", "finishReason", "usageMetadata", "generationConfig", "tools",
         "functionCall", "args", "serverContent", "modelTurn", "sent", "settings", "requests", "instances", "predictions",
         "embeddings", "values", "promptTokensDetails", "modality", "tokenCount", "inlineData", "index", "prompt", "image"}
    )), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
@settings(max_examples=100)
def test_nothing_that_a_server_sends_breaks_a_reader(body: Any) -> None:
    for endpoint in (*ROUTES.values(), live.LIVE):
        endpoint.request(body)
        endpoint.response(body)
        if endpoint.fold is not None:
            endpoint.response(endpoint.fold([body, body]))


def test_a_model_is_called_as_the_host_calls_it() -> None:
    assert model_name("models/gemini-3") == "gemini-3"
    assert model_name("projects/p/locations/l/publishers/google/models/gemini-3") == "gemini-3"
    assert model_name("tunedModels/bees-1") == "tunedModels/bees-1"


def test_the_example_leaves_one_trace_of_two_turns(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    server.queue.extend([wire.answer(wire.call("weather", {"city": "Bern"})), wire.answer("It is blue.")])
    environment = {"GOOGLE_API_KEY": "key-for-tests", "GOOGLE_GEMINI_BASE_URL": server.url}
    assert run_example("google_genai_tools", tmp_path, **environment).out == "It is blue.\n"
    turns = f"generate_content {wire.MODEL}"
    assert sorted(names(tmp_path)) == ["execute_tool weather", turns, turns, "invoke_agent"]
