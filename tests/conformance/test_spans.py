"""What is emitted for every operation, against the conventions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult

from conformance.conventions import AT_START, TYPES, wrong_with_messages, wrong_with_parts, wrong_with_span
from conformance.operations import OPERATIONS
from support.spans import Spans, attributes, messages, parts
from support.wire import Server

operations = pytest.mark.parametrize("name", list(OPERATIONS), ids=[name.replace(" ", "_") for name in OPERATIONS])


@operations
def test_its_spans_follow_the_conventions(name: str, server: Server, spans: Spans) -> None:
    OPERATIONS[name](server)
    assert spans.all()
    assert [problem for span in spans.all() for problem in wrong_with_span(span)] == []


@operations
def test_without_content_its_spans_hold_none(name: str, server: Server, start_tracing: Any) -> None:
    spans = start_tracing(capture_content="none")
    OPERATIONS[name](server)
    for span in spans.all():
        assert wrong_with_span(span) == []
        written = span.to_json()
        for word in ("honey", "Bath", "bees", "What is this", "sunny", "hello", "degrees", "Be brief", "overheated"):
            assert word not in written.replace("bees.test", ""), word


@operations
def test_a_sampler_sees_what_it_must(name: str, server: Server, start_tracing: Any) -> None:
    seen: dict[str, dict[str, Any]] = {}

    class Watching(Sampler):
        def should_sample(self, parent_context: Any, trace_id: int, name: str, *args: Any, **kwargs: Any) -> SamplingResult:
            told = kwargs.get("attributes") or (args[1] if len(args) > 1 else {})
            seen[name] = dict(told or {})
            return ALWAYS_ON.should_sample(parent_context, trace_id, name, *args, **kwargs)

        def get_description(self) -> str:
            return "watching"

    spans = start_tracing(Spans(TracerProvider(sampler=Watching(), shutdown_on_exit=False)))
    OPERATIONS[name](server)
    for span in spans.all():
        told = attributes(span)
        for attribute in AT_START.get(told["gen_ai.operation.name"], ()):
            if attribute in told:
                assert seen[span.name].get(attribute) == told[attribute], attribute


def only(name: str, server: Server, spans: Spans) -> tuple[Any, dict[str, Any]]:
    OPERATIONS[name](server)
    span = spans.only()
    return span, dict(attributes(span))


needs_openai = pytest.mark.skipif("openai chat plain" not in OPERATIONS, reason="openai is not installed")
needs_anthropic = pytest.mark.skipif("anthropic count_tokens" not in OPERATIONS, reason="anthropic is not installed")


@needs_openai
def test_every_parameter_of_a_chat_is_recorded(server: Server, spans: Spans) -> None:
    _, told = only("openai chat with everything", server, spans)
    expected = {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "openai.request.service_tier": "flex",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_wire",
        "openai.api.type": "chat_completions",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "gen_ai.usage.audio.input_tokens": 2,
        "gen_ai.usage.audio.output_tokens": 1,
        "gen_ai.response.finish_reasons": ("stop", "stop"),
        "gen_ai.response.id": "chatcmpl-wire",
    }
    assert {name: told.get(name) for name in expected} == expected
    assert json.loads(told["gen_ai.tool.definitions"])[0]["name"] == "weather"


@needs_openai
def test_every_kind_of_part_of_a_chat_is_recorded(server: Server, spans: Spans) -> None:
    span, _ = only("openai chat with everything", server, spans)
    assert [part["type"] for part in parts(span, "input")] == [
        "text", "text", "blob", "uri", "blob", "file", "blob", "tool_call", "tool_call_response", "refusal", "text",
    ]  # fmt: skip
    asked = messages(span, "input")
    assert asked[1]["name"] == "ada"
    assert asked[2]["parts"] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert asked[3]["role"] == "tool"
    assert asked[3]["parts"][0]["id"] == "call_7"
    assert len(messages(span)) == 2


@needs_openai
@pytest.mark.parametrize("name", ["openai chat that calls a tool", "openai chat stream that calls a tool"])
def test_a_tool_call_is_recorded_whole_however_it_came(name: str, server: Server, spans: Spans) -> None:
    span, told = only(name, server, spans)
    assert parts(span) == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert told["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert told["genba.response.finish_reasons"] == ("tool_calls",)


@needs_openai
def test_everything_of_the_responses_api_is_recorded(server: Server, spans: Spans) -> None:
    span, told = only("openai responses with everything", server, spans)
    expected = {
        "gen_ai.request.previous_response.id": "resp_before",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.max_tokens": 40,
        "gen_ai.output.type": "json",
        "openai.api.type": "responses",
        "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 6,
        "gen_ai.response.id": "resp_wire",
    }
    assert {name: told.get(name) for name in expected} == expected
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert [part["type"] for part in parts(span)] >= ["reasoning", "server_tool_call", "tool_call", "text"]
    [call] = [part for part in parts(span) if part["type"] == "tool_call"]
    assert call == {"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}
    assert [tool["name"] for tool in json.loads(told["gen_ai.tool.definitions"])] == ["weather", "web_search"]


@needs_openai
def test_a_response_that_says_it_failed_is_a_failure(server: Server, spans: Spans) -> None:
    _, told = only("openai response that failed", server, spans)
    assert (told["genba.outcome"], told["error.type"]) == ("failed", "server_error")


@needs_openai
def test_a_fetched_response_is_not_counted_again_as_an_inference(server: Server, spans: Spans) -> None:
    span, told = only("openai response fetched later", server, spans)
    assert span.name == "fetch_response"
    assert told["gen_ai.response.status"] == "completed"
    assert told["gen_ai.response.id"] == "resp_wire"


@needs_openai
@pytest.mark.parametrize("name", ["openai embeddings", "openai embeddings as numbers"])
def test_embeddings_are_counted_and_their_numbers_left_out(name: str, server: Server, spans: Spans) -> None:
    span, told = only(name, server, spans)
    assert told["gen_ai.embeddings.dimension.count"] == 3
    assert told["gen_ai.usage.input_tokens"] == 6
    assert "0.25" not in span.to_json()


@needs_openai
def test_the_usage_of_an_image_is_split_by_modality(server: Server, spans: Spans) -> None:
    _, told = only("openai image", server, spans)
    usage = {name: value for name, value in told.items() if name.startswith("gen_ai.usage.")}
    assert usage["gen_ai.usage.input_tokens"] == 12
    assert usage["gen_ai.usage.image.input_tokens"] == 2
    assert usage["gen_ai.usage.text.input_tokens"] == 10
    assert usage["gen_ai.usage.image.output_tokens"] == 40
    assert told["gen_ai.output.type"] == "image"


@needs_openai
def test_a_transcription_is_text_from_sound(server: Server, spans: Spans) -> None:
    span, told = only("openai transcription", server, spans)
    assert [part["content"] for part in parts(span) if part["type"] == "text"] == ["The bees are back."]
    assert told["gen_ai.usage.audio.input_tokens"] == 14


@needs_openai
def test_speech_is_recorded_by_its_size(server: Server, spans: Spans) -> None:
    _, told = only("openai speech", server, spans)
    assert told["genba.content.bytes"] == 300
    assert told["gen_ai.output.type"] == "speech"


@needs_anthropic
def test_everything_of_anthropic_messages_is_recorded(server: Server, spans: Spans) -> None:
    span, told = only("anthropic messages with everything", server, spans)
    expected = {
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.provider.name": "anthropic",
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 6,
        "gen_ai.usage.cache_write.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.response.finish_reasons": ("tool_call",),
        "genba.response.finish_reasons": ("tool_use",),
    }
    assert {name: told.get(name) for name in expected} == expected
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert [part["type"] for part in parts(span)] == [
        "reasoning",
        "server_tool_call",
        "server_tool_call_response",
        "text",
        "tool_call",
    ]
    assert [part["type"] for part in parts(span, "input")][:4] == ["text", "blob", "uri", "blob"]
    [answer] = [part for part in parts(span, "input") if part["type"] == "tool_call_response"]
    assert answer["id"] == "toolu_7"


@needs_anthropic
def test_a_streamed_answer_of_many_blocks_is_put_together(server: Server, spans: Spans) -> None:
    span, told = only("anthropic messages stream", server, spans)
    thought, word, call = parts(span)
    assert (thought["type"], thought["content"]) == ("reasoning", "Bees come to mind.")
    assert word == {"type": "text", "content": "Let me look."}
    assert call == {"type": "tool_call", "id": "toolu_7", "name": "weather", "arguments": {"city": "Bath"}}
    assert told["gen_ai.usage.output_tokens"] == 9
    assert told["gen_ai.usage.input_tokens"] == 20


def test_a_tool_says_what_it_is_what_it_got_and_what_it_gave(server: Server, spans: Spans) -> None:
    span, told = only("decorated tool", server, spans)
    assert span.name == "execute_tool weather"
    assert told["gen_ai.tool.call.id"] == "call_7"
    assert told["gen_ai.tool.description"] == "The weather in a city."
    assert told["gen_ai.tool.type"] == "function"
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(told["gen_ai.tool.call.result"]) == {"degrees": 4}


def test_a_retrieval_says_what_it_looked_for_and_found(server: Server, spans: Spans) -> None:
    span, told = only("decorated retrieval", server, spans)
    assert span.name == "retrieval library"
    assert told["gen_ai.retrieval.query.text"] == "bees"
    assert told["gen_ai.retrieval.top_k"] == 2
    assert [document["id"] for document in json.loads(told["gen_ai.retrieval.documents"])] == ["d1", "d2"]


@pytest.mark.parametrize("name", ["decorated inference", "decorated inference that streams"])
def test_an_own_model_call_is_recorded_as_a_client_s_is(name: str, server: Server, spans: Spans) -> None:
    span, _ = only(name, server, spans)
    assert span.name == "chat acme-1"
    assert [part["content"] for part in parts(span, "input")] == ["hi"]
    assert "".join(part["content"] for part in parts(span)) == "hello"


def test_the_checker_finds_what_is_wrong() -> None:
    """Each line is a mistake that was seen in the wild."""
    mistakes: list[Any] = [
        {"role": "user", "content": "hi"},
        {"role": "user", "parts": [{"type": "text"}]},
        {"role": "user", "parts": [{"type": "text", "content": None}]},
        {"role": "user", "parts": [{"type": "tool_call", "arguments": {}}]},
        {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "result": "x"}]},
        {"role": "user", "parts": [{"type": "uri", "modality": "image", "uri": "data:image/png;base64,x"}]},
        {"role": "model", "parts": []},
    ]
    for mistake in mistakes:
        assert list(wrong_with_messages([mistake])), mistake
    assert list(wrong_with_messages({"role": "user"}))
    assert list(wrong_with_parts([{"type": "image_url"}]))
    assert not list(wrong_with_messages([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]))
    assert "gen_ai.system" not in TYPES
