"""What is known of an invocation, as attributes: in the names of the newest conventions and in those of 1.37."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import genba
from genba import semconv
from genba.conversation import Request, Response, Usage, parts
from genba.recording import rendering
from support.spans import Spans, attributes

REQUEST = Request(
    model="acme-1",
    messages=[parts.message("user", [parts.text("Why?")])],
    system_instructions=[parts.text("Be brief.")],
    tools=[parts.function_tool("weather", "The weather.", {"type": "object"})],
    output_type="json",
    stream=True,
    temperature=1,
    top_p=0.5,
    top_k=4,
    max_tokens=100,
    frequency_penalty=0,
    presence_penalty=-1,
    stop_sequences=("END",),
    seed=7,
    choice_count=2,
    reasoning_level="low",
    encoding_formats=("float",),
    previous_response_id="r-0",
    retrieval_top_k=3,
    data_source_id="library",
    attributes={"openai.request.service_tier": "auto"},
)
USAGE = Usage(
    input_tokens=10,
    output_tokens=20,
    cache_read_input_tokens=3,
    cache_write_input_tokens=4,
    reasoning_output_tokens=5,
    text_input_tokens=6,
    image_output_tokens=7,
    raw={"prompt_tokens": 10},
)
RESPONSE = Response(
    id="r-1",
    model="acme-1-b",
    messages=[parts.message("assistant", [parts.text("Because.")])],
    finish_reasons=("stop",),
    native_finish_reasons=("end_turn",),
    usage=USAGE,
    status="completed",
    attributes={"openai.response.service_tier": "default"},
)


def test_the_request_in_the_conventions_names_and_types() -> None:
    told = rendering.request_attributes(REQUEST)
    assert told == {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 4,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.presence_penalty": -1.0,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.encoding_formats": ("float",),
        "gen_ai.request.previous_response.id": "r-0",
        "gen_ai.output.type": "json",
        "gen_ai.retrieval.top_k": 3,
        "gen_ai.data_source.id": "library",
        "gen_ai.request.stream": True,
        "openai.request.service_tier": "auto",
    }
    assert all(
        type(told[f"gen_ai.request.{name}"]) is float for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty")
    )


def test_what_was_not_said_is_not_written() -> None:
    assert rendering.request_attributes(Request()) == {}
    assert rendering.request_attributes(Request(stream=False)) == {}
    assert rendering.response_attributes(Response()) == {}
    assert rendering.usage_attributes(Usage()) == {}


def test_the_response_and_its_usage_in_the_newest_names() -> None:
    assert rendering.response_attributes(RESPONSE) == {
        "gen_ai.response.id": "r-1",
        "gen_ai.response.model": "acme-1-b",
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": ("stop",),
        "genba.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.cache_write.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.usage.text.input_tokens": 6,
        "gen_ai.usage.image.output_tokens": 7,
        "genba.usage.raw": '{"prompt_tokens":10}',
        "openai.response.service_tier": "default",
    }


def test_the_names_of_1_37() -> None:
    told = rendering.older(rendering.response_attributes(RESPONSE))
    assert told["gen_ai.usage.cache_creation.input_tokens"] == 4
    assert told["gen_ai.usage.input_tokens"] == 10
    assert not {name for name in told if name.startswith(("gen_ai.usage.text", "gen_ai.usage.image", "gen_ai.usage.cache_write"))}


def test_every_field_of_usage_has_a_name() -> None:
    fields = {name: number for number, name in enumerate(Usage.__dataclass_fields__, 1) if name not in ("raw", "source")}
    told = rendering.usage_attributes(Usage(**fields))
    assert sorted(told.values()) == sorted(fields.values())


def test_content_is_kept_element_by_element_and_joined_for_the_span() -> None:
    content = rendering.exchange_content(REQUEST, RESPONSE, older=False)
    joined = {name: json.loads(whole) for name, whole in content.joined()}
    assert joined == {
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "weather", "description": "The weather.", "parameters": {"type": "object"}}
        ],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Because."}]}],
    }
    assert [json.loads(element) for element in content.lists["gen_ai.input.messages"]] == joined["gen_ai.input.messages"]


def test_in_1_37_each_output_message_has_its_finish_reason() -> None:
    two = [parts.message("assistant", [parts.text(text)]) for text in ("a", "b")]
    content = rendering.exchange_content(Request(), Response(messages=two, finish_reasons=("stop",)), older=True)
    (whole,) = (json.loads(whole) for _, whole in content.joined())
    assert [message["finish_reason"] for message in whole] == ["stop", ""]


def test_an_element_that_json_cannot_hold_still_becomes_one() -> None:
    cycle: dict[str, Any] = {"type": "odd"}
    cycle["self"] = cycle
    content = rendering.exchange_content(
        Request(messages=[parts.message("user", [cycle, parts.text("\ud800")])]), Response(), older=False
    )
    ((_, whole),) = content.joined()
    assert json.loads(whole)[0]["parts"][1]["content"] == "\\ud800"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("text", "text"),
        ("\ud800", "\\ud800"),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (float("nan"), None),
        (float("inf"), None),
        ([1, 2], (1, 2)),
        ([1, 2.5], (1.0, 2.5)),
        ([1, "a"], ("1", "a")),
        ([], None),
        ([None], None),
        (None, None),
        (object, None),
    ],
)
def test_an_attribute_is_a_scalar_or_a_list_of_one_kind(value: Any, written: Any) -> None:
    assert rendering.clean({"name": value}) == ({} if written is None else {"name": written})


def test_a_name_that_is_none_is_left_out() -> None:
    assert rendering.clean({"": 1, 7: 2, "a": 3}) == {"a": 3}  # type: ignore[dict-item]  # hosts do this


@pytest.mark.parametrize("version", ["latest", "1.37"])
def test_the_version_is_chosen_once_for_the_whole_span(version: str, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(semconv=version)
    with genba.inference("acme-1") as invocation:
        invocation.response(RESPONSE)
    told = attributes(spans.only())
    is_old = version == "1.37"
    assert ("gen_ai.usage.cache_creation.input_tokens" in told) == is_old
    assert ("gen_ai.usage.cache_write.input_tokens" in told) != is_old
    assert ("finish_reason" in json.loads(told["gen_ai.output.messages"])[0]) == is_old


def test_a_name_of_ours_is_described_in_the_table() -> None:
    names = {name: value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    on_events = {value for name, value in names.items() if name.endswith("_EVENT") or name.startswith("RETRY_")}
    own = {value for value in names.values() if value.startswith("genba.")}
    described = {entry.name for entry in semconv.TABLE}
    metrics = {semconv.USAGE_MISMATCHES, *semconv.OWN_METRICS}
    assert own - on_events - metrics <= described <= own
