"""Folding chunks: a stream read to its end is the completion that it came from, cut short it is what had arrived."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genba.providers.openai.chat import CHAT
from genba.providers.openai.chunks import fold
from genba.providers.openai.completions import TEXT_COMPLETION

Body = dict[str, Any]

texts = st.text(st.characters(codec="utf-8"), max_size=20)
some_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
names = st.sampled_from(["weather", "search", "sql"])
token_ids = st.lists(st.integers(0, 200_000), min_size=1, max_size=5)
logprob_entries = st.lists(st.fixed_dictionaries({"token": texts, "logprob": st.floats(-20, 0)}), min_size=1, max_size=4)
usages = st.fixed_dictionaries(
    {
        "prompt_tokens": st.integers(0, 99),
        "completion_tokens": st.integers(0, 99),
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": st.integers(0, 9)}),
    }
)


@st.composite
def tool_calls(draw: st.DrawFn) -> list[Body]:
    count = draw(st.integers(1, 3))
    functions = st.fixed_dictionaries({"name": names, "arguments": st.one_of(st.just('{"city": "Bath"}'), texts)})
    return [{"id": f"call_{n}", "type": "function", "function": draw(functions)} for n in range(count)]


messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.one_of(st.none(), texts)},
    optional={
        "refusal": texts,
        "reasoning_content": texts,
        "tool_calls": tool_calls(),
        "function_call": st.fixed_dictionaries({"name": names, "arguments": texts}),
        "audio": st.builds(
            lambda data, transcript: {
                "id": "audio_1",
                "data": base64.b64encode(data).decode(),
                "transcript": transcript,
                "expires_at": 9,
            },
            st.binary(min_size=1, max_size=30),
            some_text,
        ),
        "annotations": st.lists(st.just({"type": "url_citation", "url_citation": {"url": "https://example.com"}}), max_size=2),
    },
)
reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


def envelopes(choice: st.SearchStrategy[Body], object: str) -> st.SearchStrategy[Body]:
    choices = st.lists(choice, min_size=1, max_size=3).map(lambda some: [{"index": n, **one} for n, one in enumerate(some)])
    optional = {
        "usage": usages,
        "service_tier": st.just("default"),
        "system_fingerprint": st.just("fp"),
        "prompt_token_ids": token_ids,
    }
    return st.fixed_dictionaries(
        {"id": some_text, "object": st.just(object), "model": some_text, "choices": choices}, optional=optional
    )


chat_completions = envelopes(
    st.fixed_dictionaries(
        {"message": messages, "finish_reason": reasons},
        optional={"token_ids": token_ids, "logprobs": st.fixed_dictionaries({"content": logprob_entries})},
    ),
    "chat.completion",
)
text_completions = envelopes(
    st.fixed_dictionaries(
        {"text": texts, "finish_reason": reasons},
        optional={
            "logprobs": st.fixed_dictionaries({"tokens": st.lists(texts, min_size=1), "token_logprobs": st.lists(st.floats(-9, 0))})
        },
    ),
    "text_completion",
)


@given(chat_completions, st.integers(1, 7), st.booleans())
def test_chunks_fold_into_the_completion_they_came_from(completion, size, usage_apart):
    assert CHAT.response(fold(split(completion, size, usage_apart))) == CHAT.response(completion)


@given(text_completions, st.integers(1, 7), st.booleans())
def test_chunks_fold_into_the_text_completion_they_came_from(completion, size, usage_apart):
    assert TEXT_COMPLETION.response(fold(split(completion, size, usage_apart))) == TEXT_COMPLETION.response(completion)


@given(chat_completions, st.integers(1, 7), st.data())
def test_a_stream_left_anywhere_keeps_what_arrived(completion, size, data):
    chunks = split(completion, size, usage_apart=True)
    body = fold(chunks[: data.draw(st.integers(0, len(chunks)))])
    for choice in body["choices"]:
        sent = completion["choices"][choice["index"]]["message"]
        for key in ("content", "refusal", "reasoning_content"):
            assert (sent.get(key) or "").startswith(choice["message"].get(key) or "")
    CHAT.response(body)


def test_a_stream_cut_short_has_no_finish_reason():
    response = CHAT.response(fold([chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"})]))
    assert response.messages == [{"role": "assistant", "parts": [{"type": "text", "content": "Hel"}]}]
    assert (response.finish_reasons, response.native_finish_reasons, response.usage) == ([], [], None)


def test_a_stream_that_never_began_is_an_empty_answer():
    assert CHAT.response(fold([])).messages == []


def test_usage_counts_wherever_it_came():
    counted = {"prompt_tokens": 1, "completion_tokens": 2}
    chunks = [chunk({"content": "a"}, usage=None), chunk({"content": "b"}, "stop", usage=counted), chunk({}, usage=None)]
    assert fold(chunks)["usage"] == counted


def test_events_stay_as_they_came():
    events = [
        chunk(
            {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]},
            logprobs={"content": [{"token": "a"}]},
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}, logprobs={"content": [{"token": "b"}]}),
    ]
    before = repr(events)
    assert fold(events)["choices"][0]["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}]}
    assert repr(events) == before


def test_calls_that_all_say_index_0_are_told_apart_by_their_ids():
    calls = [{"index": 0, "id": f"c{n}", "function": {"name": "f", "arguments": f'{{"n": {n}}}'}} for n in range(2)]
    [message] = CHAT.response(fold([chunk({"tool_calls": [call]}) for call in calls])).messages
    assert [part["arguments"] for part in message["parts"]] == [{"n": 0}, {"n": 1}]


def test_an_id_and_a_name_repeated_in_every_piece_are_said_once():
    pieces = [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": text}} for text in ('{"a"', ": 1}")
    ]
    [message] = CHAT.response(fold([chunk({"tool_calls": [piece]}) for piece in pieces])).messages
    assert message["parts"] == [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}]


def test_an_id_and_a_name_that_become_empty_stay_as_they_were():
    pieces = [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}},
        {"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": "}"}},
    ]
    [message] = CHAT.response(fold([chunk({"tool_calls": [piece]}) for piece in pieces])).messages
    assert message["parts"] == [{"type": "tool_call", "id": "c", "name": "f", "arguments": {}}]


def test_choices_are_in_order_however_their_chunks_came():
    pieces = [(1, "Tw"), (0, "On"), (1, "o"), (0, "e")]
    body = fold([{"choices": [{"index": index, "delta": {"content": text}}]} for index, text in pieces])
    assert [choice["message"]["content"] for choice in body["choices"]] == ["One", "Two"]


def test_the_ids_that_stand_beside_each_token_are_collected():
    chunks = [chunk({"content": text, "token_id": id}) for text, id in (("Hel", 5), ("lo", 6))]
    [tokens] = CHAT.response(fold(chunks)).tokens
    assert tokens.ids == [5, 6]


def test_a_content_in_pieces_of_several_kinds_keeps_them_all():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Bees?"}]}
    [message] = CHAT.response(fold([chunk({"content": [thought]}), chunk({"content": "Be"}), chunk({"content": "es."})])).messages
    assert message["parts"] == [{"type": "reasoning", "content": "Bees?"}, {"type": "text", "content": "Bees."}]


def test_an_error_event_is_kept():
    response = CHAT.response(fold([chunk({"content": "Hel"}), {"error": {"message": "Too hot.", "code": 502}}]))
    assert (response.error_type, response.error_message, len(response.messages)) == ("502", "Too hot.", 1)


def test_events_of_any_shape_are_folded_as_far_as_it_goes():
    odd = [
        None,
        "x",
        {"choices": 5},
        {"choices": [None, {"delta": 3}, {"index": "x", "delta": {"content": [1], "tool_calls": 4, "audio": {"data": 5}}}]},
    ]
    CHAT.response(fold(odd))
    TEXT_COMPLETION.response(fold([{"choices": [{"text": 5}, {"text": None}]}]))


def chunk(delta: Body, finish: str | None = None, logprobs: Body | None = None, **more: Any) -> Body:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **({"logprobs": logprobs} if logprobs else {})}
    return {"object": "chat.completion.chunk", "choices": [choice], **more}


def split(completion: Body, size: int, usage_apart: bool) -> list[Body]:
    """The completion as a server would stream it: pieces of `size` letters, choice by choice, usage last or on the last piece."""
    head = {key: value for key, value in completion.items() if key not in ("choices", "usage", "object")}
    head["object"] = completion["object"] + (".chunk" if completion["object"] == "chat.completion" else "")
    pieces = [piece for choice in completion["choices"] for piece in _pieces_of_choice(choice, size)]
    chunks = [{**head, "choices": [piece], "usage": None} for piece in pieces]
    if "usage" in completion:
        if usage_apart:
            chunks.append({**head, "choices": [], "usage": completion["usage"]})
        else:
            chunks[-1]["usage"] = completion["usage"]
    return chunks


def _pieces_of_choice(choice: Body, size: int) -> list[Body]:
    index = choice["index"]
    if "message" in choice:
        pieces = [{"index": index, "delta": delta, "finish_reason": None} for delta in _deltas(choice["message"], size)]
    else:
        pieces = [{"index": index, "text": text, "finish_reason": None} for text in _cut(choice["text"], size)]
    for key in ("logprobs", "token_ids"):
        beside = choice.get(key)
        if beside is not None:  # half with the first piece, half with the last
            for piece, half in ((pieces[0], 0), (pieces[-1], 1)):
                if len(pieces) > 1 or half == 0:
                    piece[key] = _half(beside, half) if len(pieces) > 1 else beside
    nothing = {"delta": {}} if "message" in choice else {"text": ""}
    return [*pieces, {"index": index, **nothing, "finish_reason": choice["finish_reason"]}]


def _deltas(message: Body, size: int) -> list[Body]:
    deltas: list[Body] = [{"role": message["role"], "content": "" if message["content"] is not None else None}]
    for key in ("reasoning_content", "content", "refusal"):
        deltas += [{key: text} for text in _cut(message.get(key) or "", size)]
    if "annotations" in message:
        deltas += [{"annotations": [annotation]} for annotation in message["annotations"]]
    if audio := message.get("audio"):
        deltas.append({"audio": {"id": audio["id"]}})
        sound = base64.b64decode(audio["data"])
        cuts = [sound[start : start + size] for start in range(0, len(sound), size)]
        deltas += [{"audio": {"data": base64.b64encode(cut).decode()}} for cut in cuts]
        deltas += [{"audio": {"transcript": text}} for text in _cut(audio["transcript"], size)]
        deltas.append({"audio": {"expires_at": audio["expires_at"]}})
    for index, call in enumerate(message.get("tool_calls", [])):
        function = call["function"]
        deltas.append({"tool_calls": [{"index": index, **call, "function": {"name": function["name"], "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": text}}]} for text in _cut(function["arguments"], size)
        ]
    if legacy := message.get("function_call"):
        deltas.append({"function_call": {"name": legacy["name"], "arguments": ""}})
        deltas += [{"function_call": {"arguments": text}} for text in _cut(legacy["arguments"], size)]
    return deltas


def _cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]


def _half(value: Any, half: int) -> Any:
    if isinstance(value, dict):
        return {key: _half(one, half) for key, one in value.items()}
    middle = len(value) // 2
    return value[middle:] if half else value[:middle]
