"""Messages, requests and answers in the forms that people write by hand, read as far as they are understood and kept where not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genba.conversation import Request, Response, Usage, loose, parts

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = [
    "messages", "prompt", "model", "temperature", "top_p", "top_k", "max_tokens", "stop", "n", "seed", "stream", "tools", "system",
    "attributes", "query", "conversation_id", "output_type", "encoding_formats", "dimensions", "data_source_id", "reasoning_effort",
]  # fmt: skip
TEXT_HI = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]


def is_message(message: Any) -> bool:
    return isinstance(message["role"], str) and all(isinstance(part["type"], str) for part in message["parts"])


@pytest.mark.parametrize(
    "said",
    [
        "hi",
        ["hi"],
        {"role": "user", "content": "hi"},
        [{"role": "user", "content": "hi"}],
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        [{"content": "hi"}],
    ],
)
def test_a_message_is_understood_in_every_common_form(said: Any) -> None:
    assert loose.messages(said) == TEXT_HI


def test_a_role_is_the_speaker_s_own_word() -> None:
    assert [message["role"] for message in loose.messages([{"role": "developer", "content": "x"}, "y"])] == ["developer", "user"]


def test_tool_calls_and_their_answers_are_parts() -> None:
    read = loose.messages(
        [
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bath"}'}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ]
    )
    assert read == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Let me look."},
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bath"}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]},
    ]


def test_arguments_that_are_no_json_stay_text() -> None:
    assert loose.arguments('{"city": "Ba') == '{"city": "Ba'
    assert loose.arguments('{"city": "Bath"}') == {"city": "Bath"}
    assert loose.arguments({"city": "Bath"}) == {"city": "Bath"}


def test_a_value_that_is_no_message_is_kept_as_json_text() -> None:
    assert loose.messages({"rows": [1, 2]}) == [{"role": "user", "parts": [{"type": "text", "content": '{"rows":[1,2]}'}]}]
    assert loose.content(7) == [{"type": "text", "content": "7"}]
    assert loose.content(None) == []


def test_a_request_is_named_as_in_the_conventions_or_as_in_openai_s_client() -> None:
    read = loose.request(
        {
            "prompt": "hi", "model": "acme-1", "max_completion_tokens": 7, "stop": "END", "n": 2, "reasoning_effort": "low",
            "system": "Be kind.", "temperature": 0.5, "seed": 3, "shoe_size": 43,
        }
    )  # fmt: skip
    assert read == Request(
        model="acme-1",
        messages=TEXT_HI,
        system_instructions=[{"type": "text", "content": "Be kind."}],
        max_tokens=7,
        stop_sequences=("END",),
        choice_count=2,
        reasoning_level="low",
        temperature=0.5,
        seed=3,
    )


def test_one_choice_is_no_choice() -> None:
    assert loose.request({"n": 1}).choice_count is None


def test_a_query_is_also_what_is_asked() -> None:
    read = loose.request({"query": "bees"})
    assert read.query == "bees"
    assert read.messages == [{"role": "user", "parts": [{"type": "text", "content": "bees"}]}]


@given(st.dictionaries(st.sampled_from(ARGUMENTS), json_values))
def test_a_request_from_arguments_of_any_type_has_the_types_it_promises(said: dict[str, Any]) -> None:
    read = loose.request(said)
    assert read.model is None or isinstance(read.model, str)
    assert all(is_message(message) for message in read.messages)
    assert all(isinstance(part["type"], str) for part in read.system_instructions)
    assert isinstance(read.attributes, dict)
    for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty"):
        assert isinstance(getattr(read, name), (int, float, type(None))), name
    for name in ("max_tokens", "top_k", "seed", "choice_count", "dimension_count", "retrieval_top_k"):
        assert isinstance(getattr(read, name), (int, type(None))), name
    for name in ("stop_sequences", "encoding_formats"):
        assert all(isinstance(one, str) for one in getattr(read, name)), name
        assert not isinstance(getattr(read, name), str), name
    for tool in read.tools:
        assert isinstance(tool["type"], str)
        assert isinstance(tool["name"], str)


@given(json_values)
def test_messages_from_any_value_are_messages(said: Any) -> None:
    assert all(is_message(message) for message in loose.messages(said))


@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("role", "content", "parts", "tool_calls", "tool_call_id", "name"), json_values)
        )
    )
)
def test_messages_with_keys_of_any_type_are_messages(said: Any) -> None:
    assert all(is_message(message) for message in loose.messages(said))


@given(json_values)
def test_an_answer_from_any_value_is_an_answer(said: Any) -> None:
    read = loose.response(said)
    assert isinstance(read, Response)
    assert all(is_message(message) for message in read.messages)


@pytest.mark.parametrize(
    "said", ["Because.", {"role": "assistant", "content": "Because."}, {"text": "Because."}, {"output": "Because."}]
)
def test_an_answer_is_understood_in_every_common_form(said: Any) -> None:
    assert loose.response(said).messages == [{"role": "assistant", "parts": [{"type": "text", "content": "Because."}]}]


def test_an_answer_with_the_usual_keys_is_read_whole() -> None:
    read = loose.response(
        {
            "id": "r-1",
            "model": "acme-1-b",
            "message": "Because.",
            "finish_reason": "stop",
            "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        }
    )
    assert (read.id, read.model, read.finish_reasons, read.native_finish_reasons) == ("r-1", "acme-1-b", ("stop",), ("stop",))
    assert read.usage == Usage(input_tokens=3, output_tokens=4, raw={"prompt_tokens": 3, "completion_tokens": 4})


def test_no_answer_is_an_empty_one() -> None:
    assert loose.response(None) == Response()


def test_usage_is_counts_and_nothing_else() -> None:
    read = loose.usage({"input_tokens": 5, "output_tokens": "6", "cache_read_input_tokens": -1, "reasoning_output_tokens": True})
    assert (read.input_tokens, read.output_tokens, read.cache_read_input_tokens, read.reasoning_output_tokens) == (
        5,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        (["a", "b"], "ab"),
        ([{"content": "a"}, {"content": "b"}], "ab"),
        (["a", {"delta": "b"}], "ab"),
        ([1, 2], [1, 2]),
        (["a", {"other": 1}], ["a", {"other": 1}]),
        ([], []),
    ],
)
def test_chunks_add_up_to_a_text_if_they_are_texts(chunks: Any, whole: Any) -> None:
    assert loose.folded(chunks) == whole


def test_parts_have_no_empty_keys() -> None:
    assert parts.tool_call("weather", {}) == {"type": "tool_call", "name": "weather", "arguments": {}}
    assert parts.message("user", []) == {"role": "user", "parts": []}
    assert parts.function_tool("weather") == {"type": "function", "name": "weather"}
    assert parts.uri("image", "https://x/y.png", detail="low") == {
        "type": "uri",
        "modality": "image",
        "uri": "https://x/y.png",
        "detail": "low",
    }


def test_media_that_carries_its_data_is_a_blob() -> None:
    assert parts.media("image", "data:image/png;base64,AAAA") == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "content": "AAAA",
    }
    assert parts.media("image", "data:,text") == {"type": "blob", "modality": "image", "content": "text"}
    assert parts.media("image", "https://x/y.png") == {"type": "uri", "modality": "image", "uri": "https://x/y.png"}


def test_what_the_conventions_lack_keeps_its_own_keys_under_the_type_it_is_given() -> None:
    assert parts.other("thing", {"type": "other", "a": 1}) == {"type": "thing", "a": 1}
