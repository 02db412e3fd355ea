"""The real anthropic client and a real model behind the same wire format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from localmodel.relay import Wire
from support.spans import Spans, attributes, messages, outcome, parts, text

anthropic = pytest.importorskip("anthropic")

MODEL = "smollm2-135m"
STEADY = {"model": MODEL, "max_tokens": 40, "extra_body": {"temperature": 0, "cache_prompt": False}}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "name": "weather",
    "description": "The weather in a city now",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture
def client(wire: Wire, spans: Spans) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=wire.url, api_key="none", max_retries=0) as made:
        yield made


def same_usage(span: Any, usage: Mapping[str, Any]) -> None:
    recorded = attributes(span)
    # On this wire the input leaves out what came from the cache; in the record it never does.
    assert recorded["gen_ai.usage.input_tokens"] == usage["input_tokens"] + usage["cache_read_input_tokens"]
    assert recorded["gen_ai.usage.cache_read.input_tokens"] == usage["cache_read_input_tokens"]
    assert recorded["gen_ai.usage.output_tokens"] == usage["output_tokens"]


def same_message(span: Any, body: Mapping[str, Any]) -> None:
    recorded = attributes(span)
    assert recorded["gen_ai.request.model"] == MODEL
    assert recorded["gen_ai.response.id"] == body["id"]
    assert recorded["gen_ai.response.model"] == body["model"]
    assert outcome(span) == "completed"


def test_a_message_is_recorded_as_it_was_on_the_wire(client: Any, wire: Wire, spans: Spans) -> None:
    raw = client.messages.with_raw_response.create(messages=QUESTION, system="You know every capital.", **STEADY)
    span, body = spans.only(), wire.last.answered
    assert raw.http_response.content == bytes(wire.last.body)
    same_message(span, body)
    same_usage(span, body["usage"])
    assert json.loads(attributes(span)["genba.usage.raw"]) == body["usage"]
    assert text(span) == body["content"][0]["text"] != ""
    assert attributes(span)["genba.response.finish_reasons"] == (body["stop_reason"],)
    assert json.loads(attributes(span)["gen_ai.system_instructions"]) == [{"type": "text", "content": "You know every capital."}]
    assert messages(span, "input")[0]["parts"] == [{"type": "text", "content": QUESTION[0]["content"]}]


def test_a_stream_is_recorded_as_what_it_adds_up_to(client: Any, wire: Wire, spans: Spans) -> None:
    for _ in client.messages.create(messages=QUESTION, **STEADY, stream=True):
        pass
    span, events = spans.only(), wire.last.events
    same_message(span, events[0]["message"])
    deltas = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert text(span) == "".join(deltas) != ""
    end = next(event for event in events if event["type"] == "message_delta")
    same_usage(span, {**events[0]["message"]["usage"], **end["usage"]})
    assert attributes(span)["genba.response.finish_reasons"] == (end["delta"]["stop_reason"],)


def test_the_stream_helper_says_the_same_to_the_caller_and_to_the_record(client: Any, wire: Wire, spans: Spans) -> None:
    with client.messages.stream(messages=QUESTION, **STEADY) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text(spans.only()) == said == final.content[0].text != ""
    same_message(spans.only(), wire.last.events[0]["message"])


@pytest.mark.parametrize("form", ["create", "stream"])
def test_a_tool_call_is_recorded_with_its_arguments(client: Any, wire: Wire, spans: Spans, form: str) -> None:
    ask = {"messages": ASK_WEATHER, "tools": [WEATHER], "tool_choice": {"type": "any"}, **STEADY}
    if form == "create":
        answer = client.messages.create(**ask)
    else:
        with client.messages.stream(**ask) as stream:
            answer = stream.get_final_message()
    call = next(block for block in answer.content if block.type == "tool_use")
    recorded = [part for part in parts(spans.only()) if part["type"] == "tool_call"]
    assert recorded == [{"type": "tool_call", "id": call.id, "name": "weather", "arguments": call.input}]
    assert attributes(spans.only())["genba.response.finish_reasons"] == ("tool_use",)


def test_counting_tokens_is_no_answer_of_a_model(client: Any, wire: Wire, spans: Spans) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=QUESTION)
    assert counted.input_tokens == wire.last.answered["input_tokens"] > 0
    assert not [span for span in spans.models() if "gen_ai.usage.output_tokens" in attributes(span)]


async def test_the_async_client_is_recorded_alike(wire: Wire, spans: Spans) -> None:
    async with anthropic.AsyncAnthropic(base_url=wire.url, api_key="none") as client:
        await client.messages.create(messages=QUESTION, **STEADY)
    same_message(spans.only(), wire.last.answered)
    same_usage(spans.only(), wire.last.answered["usage"])
