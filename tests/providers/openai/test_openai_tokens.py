"""The tokens that servers of this family tell, wherever they put them: each in the one form that we have, and nothing made up."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genba.conversation import Timings, Tokens, Usage
from genba.conversation.tokens import Alternative, Piece
from genba.providers.openai.audio import TRANSCRIPTION
from genba.providers.openai.chat import CHAT
from genba.providers.openai.chunks import fold
from genba.providers.openai.completions import TEXT_COMPLETION
from genba.providers.openai.embeddings import EMBEDDINGS
from genba.providers.openai.responses import RESPONSES

Body = dict[str, Any]


def entry(text: str, logprob: float = -0.5, **more: Any) -> Body:
    return {"token": text, "bytes": list(text.encode()), "logprob": logprob, "top_logprobs": [], **more}


def chat(*choices: Body, **more: Any) -> Any:
    numbered = [{"index": at, "message": {"content": "x"}, "finish_reason": "stop", **choice} for at, choice in enumerate(choices)]
    return CHAT.response({"choices": numbered, **more})


def completion(*choices: Body, **more: Any) -> Any:
    numbered = [{"index": at, "text": "x", "finish_reason": "stop", **choice} for at, choice in enumerate(choices)]
    return TEXT_COMPLETION.response({"choices": numbered, **more})


def sides(response: Any) -> list[tuple[str, int, Any]]:
    return [(one.side, one.index, one.ids) for one in response.tokens]


# Chat.


def test_openai_tells_pieces_and_log_probabilities_without_ids():
    top = [{"token": "Hi", "bytes": [72, 105], "logprob": -0.11}, {"token": "\\xf0\\x9f", "bytes": [240, 159], "logprob": -2.5}]
    [read] = chat({"logprobs": {"content": [entry("Hi", -0.11, top_logprobs=top)], "refusal": None}}).tokens
    assert read == Tokens(
        side="output",
        source="logprobs",
        pieces=[b"Hi"],
        logprobs=[-0.11],
        top=[[Alternative(None, b"Hi", -0.11), Alternative(None, b"\xf0\x9f", -2.5)]],
    )


def test_a_refusal_is_of_tokens_too():
    [read] = chat({"logprobs": {"content": None, "refusal": [entry("No"), entry(".")]}}).tokens
    assert read.text == b"No."


def test_ids_and_log_probabilities_of_the_same_tokens_are_one_record():
    [read] = chat({"token_ids": [5, 6], "logprobs": {"content": [entry("Be"), entry("es")]}}).tokens
    assert (read.source, read.ids, read.pieces, read.logprobs) == ("server", [5, 6], [b"Be", b"es"], [-0.5, -0.5])


def test_ids_and_log_probabilities_that_are_not_as_many_stay_apart():
    ids, scored = chat({"token_ids": [5, 6, 2], "logprobs": {"content": [entry("Be"), entry("es")]}}).tokens
    assert (ids.ids, ids.pieces, ids.source) == ([5, 6, 2], None, "server")
    assert (scored.ids, scored.pieces, scored.source) == (None, [b"Be", b"es"], "logprobs")


def test_vllm_tells_the_ids_of_the_prompt_beside_the_choices_and_each_choice_its_own():
    assert sides(chat({"token_ids": [0, 9]}, {"token_ids": [1, 9]}, prompt_token_ids=[1, 2, 3])) == [
        ("input", 0, [1, 2, 3]),
        ("output", 0, [0, 9]),
        ("output", 1, [1, 9]),
    ]


def test_choices_keep_their_numbers_where_the_first_is_missing():
    read = CHAT.response(fold([{"choices": [{"index": 1, "delta": {"content": "a"}, "token_ids": [7]}]}]))
    assert sides(read) == [("output", 1, [7])]


def test_llama_cpp_tells_ids_beside_the_choices_of_the_choice_that_it_names():
    assert sides(chat({}, __verbose={"tokens": [7, 8]})) == [("output", 0, [7, 8])]
    assert sides(chat({}, {}, __verbose={"index": 1, "tokens": [7, 8]})) == [("output", 1, [7, 8])]
    assert sides(chat({}, __verbose={"tokens": []})) == []


def test_llama_cpp_tells_ids_in_its_log_probabilities():
    entries = [entry("a", id=7, top_logprobs=[{"id": 9, "token": "b", "bytes": [98], "logprob": -3.0}]), entry("é", id=8)]
    [read] = chat({"logprobs": {"content": entries}}, usage={"completion_tokens": 2}).tokens
    assert (read.source, read.ids, read.pieces) == ("server", [7, 8], [b"a", "é".encode()])
    assert read.top == [[Alternative(9, b"b", -3.0)], []]


def test_an_entry_of_llama_cpp_s_that_may_stand_for_several_tokens_has_no_id():
    """A real answer: an emoji of three tokens is one entry, with all bytes and the id of the last."""
    entries = [entry("😀", id=218), entry("a", id=64)]
    [read] = chat({"logprobs": {"content": entries}}, usage={"completion_tokens": 4, "prompt_tokens": 3}).tokens
    assert (read.ids, read.pieces) == ([None, 64], ["😀".encode(), b"a"])
    assert set(read.unknown) == {"ids", "tokens"}
    [streamed] = chat({"logprobs": {"content": entries}}, timings={"predicted_n": 4}).tokens
    assert streamed.ids == [None, 64]
    [cut_short] = chat({"logprobs": {"content": entries}}).tokens
    assert (cut_short.ids, set(cut_short.unknown)) == ([None, 64], {"ids"})
    # The token that ends an answer is not streamed.
    [ended] = chat({"logprobs": {"content": entries[1:]}}, timings={"predicted_n": 2}).tokens
    assert (ended.ids, dict(ended.unknown)) == ([64], {})


def test_a_character_that_stands_for_bytes_is_none_of_the_piece():
    spoiled = {"token": "�", "bytes": [239, 191, 189], "logprob": -1.0}
    [read] = chat({"logprobs": {"content": [spoiled, {"token": "�", "bytes": [240, 159], "logprob": -1.0}]}}).tokens
    assert read.pieces == [None, b"\xf0\x9f"]
    assert "pieces" in read.unknown


def test_vllm_tells_ids_in_place_of_texts():
    named = {"token": "token_id:1234", "bytes": list(b"token_id:1234"), "logprob": -1.0}
    [read] = chat({"logprobs": {"content": [named, {"token": "token_id:5", "bytes": [72], "logprob": -1.0}]}}).tokens
    assert (read.source, read.ids, read.pieces) == ("server", [1234, 5], [None, b"H"])


def test_fireworks_tells_ids_in_its_log_probabilities_and_what_was_there_before_tool_calls_were_looked_for():
    [read] = chat({"logprobs": {"content": [entry("a", token_id=7, text_offset=0), entry("é", token_id=8)]}}).tokens
    assert read.ids == [7, 8]
    raw = {"prompt_token_ids": [1, 2], "completion_token_ids": [3, 4], "completion_logprobs": {"content": [entry("a"), entry("b")]}}
    seen, said = chat({"raw_output": raw}).tokens
    assert (seen.ids, said.ids, said.pieces) == ([1, 2], [3, 4], [b"a", b"b"])


def test_cerebras_tells_of_its_thoughts_apart():
    [read] = chat({"reasoning_logprobs": {"content": [entry("Hm")]}, "logprobs": {"content": [entry("Yes")]}}).tokens
    assert read.pieces == [b"Hm", b"Yes"]


def test_together_tells_a_list_for_each_column():
    columns = {"tokens": ["Be", "es"], "token_ids": [5.0, 6.0], "token_logprobs": [-0.5, -0.25]}
    prompt = [{"text": "Who?", "logprobs": {"tokens": ["Who", "?"], "token_logprobs": [None, -1.0], "token_ids": [1, 2]}}]
    seen, said = chat({"logprobs": columns}, prompt=prompt).tokens
    assert (said.source, said.ids, said.pieces, said.logprobs) == ("server", [5, 6], [b"Be", b"es"], [-0.5, -0.25])
    assert (seen.side, seen.ids, seen.logprobs) == ("input", [1, 2], [None, -1.0])


def test_together_streams_a_token_at_a_time():
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": text, "token_id": id}, "logprobs": logprob}]}
        for text, id, logprob in (("Be", 5, -0.5), ("es", 6, -1))
    ]
    [read] = CHAT.response(fold(chunks)).tokens
    assert (read.ids, read.logprobs, read.pieces) == ([5, 6], [-0.5, -1.0], None)
    assert [CHAT.piece(chunk) for chunk in chunks] == [Piece(2, {0: 1})] * 2
    beside = [{"token": {"id": 5, "text": "Be", "logprob": -0.5, "special": False}, "choices": [{"index": 0, "text": "Be"}]}]
    [told] = TEXT_COMPLETION.response(TEXT_COMPLETION.fold(beside)).tokens
    assert (told.ids, told.pieces, told.logprobs) == ([5], [b"Be"], [-0.5])
    assert TEXT_COMPLETION.piece(beside[0]) == Piece(2, {0: 1})


def test_vllm_s_log_probabilities_of_the_prompt_are_found_by_its_ids():
    rows = [
        None,
        {"9": {"logprob": -0.1, "rank": 1, "decoded_token": "x"}, "5": {"logprob": -4.0, "rank": 7, "decoded_token": "es"}},
    ]
    [read] = chat({}, prompt_token_ids=[3, 5], prompt_logprobs=rows).tokens
    assert (read.side, read.ids, read.pieces, read.logprobs) == ("input", [3, 5], [None, b"es"], [None, -4.0])
    assert read.top == [[], [Alternative(9, b"x", -0.1), Alternative(5, b"es", -4.0)]]
    [unnamed] = chat({}, prompt_logprobs=[None, {"5": {"logprob": -4.0, "decoded_token": "es"}}, rows[1]]).tokens
    assert (unnamed.ids, unnamed.logprobs) == ([None, 5, None], [None, -4.0, None])
    assert "ids" in unnamed.unknown


@pytest.mark.parametrize("ids", [[1, -2], [1, 2**64], [1, True], ["1"], [], {}, 5, None])
def test_what_is_no_list_of_ids_is_none(ids):
    assert chat({"token_ids": ids}, prompt_token_ids=ids).tokens == []


# The older completions.


def test_the_older_shape_has_a_list_for_each_column():
    columns = {
        "tokens": [" Be", "bytes:\\xf0\\x9f", "bytes: \\x98", "�"],
        "token_logprobs": [-0.5, -1.0, -math.inf, None],
        "top_logprobs": [{" Be": -0.5, "bytes:\\xe2": -3.0}, {}, {}, None],
        "text_offset": [4, 7, 7, 7],
    }
    [read] = completion({"logprobs": columns}).tokens
    assert (read.source, read.ids, read.pieces) == ("logprobs", None, [b" Be", b"\xf0\x9f", b" \x98", None])
    assert read.logprobs == [-0.5, -1.0, -math.inf, None]
    assert read.top == [[Alternative(None, b" Be", -0.5), Alternative(None, b"\xe2", -3.0)], [], [], []]


def test_llama_cpp_has_the_newer_shape_there_too():
    [read] = completion({"logprobs": {"content": [entry("a", id=7)]}}, usage={"completion_tokens": 1}).tokens
    assert (read.ids, read.pieces) == ([7], [b"a"])


ECHO = {"tokens": ["Who", "?", " Bees"], "token_logprobs": [None, -1.0, -0.5], "top_logprobs": [None, {"?": -1.0}, {" Bees": -0.5}]}


def test_a_prompt_that_is_repeated_is_told_apart_by_the_usage():
    usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
    seen, said = completion({"logprobs": ECHO, "token_ids": [7], "prompt_token_ids": [1, 2]}, usage=usage).tokens
    assert (seen.side, seen.ids, seen.pieces, seen.logprobs) == ("input", [1, 2], [b"Who", b"?"], [None, -1.0])
    assert (said.side, said.ids, said.pieces, said.logprobs) == ("output", [7], [b" Bees"], [-0.5])
    assert said.top == [[Alternative(None, b" Bees", -0.5)]]
    scored = completion({"logprobs": ECHO}, usage={"prompt_tokens": 3, "total_tokens": 3})  # max_tokens: 0
    assert [(one.side, len(one)) for one in scored.tokens] == [("input", 3)]


def test_each_choice_repeats_the_one_prompt():
    other = {"tokens": ["Who", "?", " We", " do"], "token_logprobs": [None, -1.0, -2.0, -0.1]}
    read = completion({"logprobs": ECHO}, {"logprobs": other}, usage={"prompt_tokens": 2, "completion_tokens": 3}).tokens
    assert [(one.side, one.index, one.pieces) for one in read] == [
        ("input", 0, [b"Who", b"?"]),
        ("output", 0, [b" Bees"]),
        ("output", 1, [b" We", b" do"]),
    ]


def test_prompts_that_cannot_be_told_apart_are_left_and_that_is_said():
    longer = {"tokens": ["Who", " flies", "?", " Bees"], "token_logprobs": [None, -1.0, -2.0, -0.1]}
    read = completion({"logprobs": ECHO}, {"logprobs": longer}, usage={"prompt_tokens": 5, "completion_tokens": 2}).tokens
    assert [(one.side, len(one), set(one.unknown)) for one in read] == [("output", 3, {"tokens"}), ("output", 4, {"tokens"})]


def test_the_prompt_of_several_choices_is_told_once():
    twice = [{"prompt_token_ids": [1, 2], "token_ids": [n]} for n in (5, 6)]
    assert sides(completion(*twice, usage={"prompt_tokens": 2}))[:-2] == [("input", 0, [1, 2])]
    assert sides(completion(*twice))[:-2] == [("input", 0, [1, 2])]
    # Two prompts that happen to be the same cost twice as much.
    assert sides(completion(*twice, usage={"prompt_tokens": 4}))[:-2] == [("input", 0, [1, 2]), ("input", 1, [1, 2])]
    two = [{"prompt_token_ids": [n]} for n in (1, 1, 2, 2)]
    assert sides(completion(*two, usage={"prompt_tokens": 2})) == [("input", 0, [1]), ("input", 1, [2])]


def test_a_prompt_that_is_sent_as_ids_is_known_from_the_application():
    for endpoint, field in ((TEXT_COMPLETION, "prompt"), (EMBEDDINGS, "input")):
        [one] = endpoint.request({field: [1, 2, 3]}).tokens
        assert one == Tokens(side="input", source="app", ids=[1, 2, 3])
        assert [(many.index, many.ids) for many in endpoint.request({field: ["Who?", [1, 2], [3]]}).tokens] == [
            (1, [1, 2]),
            (2, [3]),
        ]
        assert list(endpoint.request({field: "Who?"}).tokens) == list(endpoint.request({}).tokens) == []


# What it took.


def test_engines_tell_their_times_under_names_of_their_own():
    timings = {"cache_n": 41, "prompt_n": 1, "prompt_ms": 20.6, "predicted_n": 8, "predicted_ms": 155.3}
    assert chat({}, timings=timings).timings == Timings(
        prefill=pytest.approx(0.0206), decode=pytest.approx(0.1553), prefill_tokens=1, decode_tokens=8
    )
    groq = {"queue_time": 0.02, "prompt_time": 0.01, "completion_time": 0.5, "prompt_tokens": 9, "completion_tokens": 4}
    assert chat({}, usage=groq).timings == Timings(queue=0.02, prefill=0.01, decode=0.5, decode_tokens=4)
    cached = {**groq, "prompt_tokens_details": {"cached_tokens": 5}}
    assert chat({}, x_groq={"usage": cached}).timings == Timings(
        queue=0.02, prefill=0.01, decode=0.5, prefill_tokens=4, decode_tokens=4
    )
    cerebras = {"queue_time": 0.1, "prompt_time": 0.2, "completion_time": 0.3, "total_time": 0.6, "created": 1.0}
    assert chat({}, time_info=cerebras).timings == Timings(queue=0.1, prefill=0.2, decode=0.3)
    fireworks = {"prefill-queue-duration": "0.001", "prefill-duration": 0.04, "generation-duration": 0.5, "prompt-tokens": "9"}
    assert chat({}, perf_metrics=fireworks).timings == Timings(queue=0.001, prefill=0.04, decode=0.5)
    assert chat({}, stats={"generation_time": 0.9}).timings == Timings(decode=0.9)


@pytest.mark.parametrize("time", [None, -1, "soon", True, [1], 10**400, "nan", {}])
def test_what_is_no_duration_is_not_known(time):
    assert chat({}, timings={"prompt_ms": time, "predicted_ms": time}, usage={"queue_time": time}).timings is None


def test_a_stream_of_llama_cpp_s_without_usage_counts_in_its_timings():
    timings = {"cache_n": 31, "prompt_n": 1, "prompt_ms": 5.8, "predicted_n": 4, "predicted_ms": 17.4}
    assert chat({}, timings=timings).usage == Usage(input_tokens=32, output_tokens=4, cache_read_input_tokens=31, raw=timings)
    assert chat({}, timings=timings, usage={"prompt_tokens": 9}).usage.input_tokens == 9
    assert chat({}, {}, timings=timings).usage is None, "they are of one choice"


# Streams: what is in each event.

texts = st.text(st.characters(codec="utf-8"), max_size=8)
counted = st.integers(0, 3)


@st.composite
def chat_streams(draw: st.DrawFn) -> list[Body]:
    """Chunks of up to three choices, each of which tells its tokens in one way throughout."""
    ways = draw(st.lists(st.sampled_from(["ids", "logprobs", "both", "columns", "none"]), min_size=1, max_size=3))
    kinds = st.sampled_from(["content", "reasoning_content", "refusal", "arguments", "custom", "function_call", "transcript"])
    chunks = []
    for _ in range(draw(st.integers(0, 8))):
        index = draw(st.integers(0, len(ways) - 1))
        amount, kind = draw(counted), draw(kinds)
        choice: Body = {"index": index, "delta": _delta(kind, draw(texts)), "finish_reason": None, **_told(ways[index], amount)}
        chunks.append({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})
    return chunks


def _delta(kind: str, text: str) -> Body:
    if kind == "arguments":
        return {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": text}}]}
    if kind == "custom":
        return {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": text}}]}
    if kind == "function_call":
        return {"function_call": {"name": "f", "arguments": text}}
    return {"audio": {"transcript": text}} if kind == "transcript" else {kind: text}


def _told(way: str, amount: int) -> Body:
    ids, entries = {"token_ids": list(range(amount))}, {"logprobs": {"content": [entry("a")] * amount}}
    columns = {"tokens": ["a"] * amount, "token_logprobs": [-0.5] * amount}
    return {"ids": ids, "logprobs": entries, "both": {**ids, **entries}, "columns": {"logprobs": columns}, "none": {}}[way]


def characters(message: Body) -> int:
    said = [message.get(name) for name in ("content", "reasoning_content", "refusal")]
    said += [
        call.get("function", {}).get("arguments") or call.get("custom", {}).get("input") for call in message.get("tool_calls", [])
    ]
    said += [message.get("function_call", {}).get("arguments"), message.get("audio", {}).get("transcript")]
    return sum(len(text) for text in said if text)


@given(chat_streams())
def test_the_pieces_of_a_chat_add_up_to_the_answer(chunks):
    pieces, body = [CHAT.piece(chunk) for chunk in chunks], fold(chunks)
    assert sum(piece.characters for piece in pieces) == sum(characters(choice["message"]) for choice in body["choices"])
    for tokens in CHAT.response(body).tokens:
        assert sum(piece.tokens.get(tokens.index, 0) for piece in pieces) == len(tokens)


@given(st.lists(st.tuples(st.integers(0, 2), texts, counted), max_size=8), st.sampled_from(["ids", "logprobs", "both", "columns"]))
def test_the_pieces_of_a_text_completion_add_up_to_the_answer(said, way):
    chunks = [{"choices": [{"index": index, "text": text, **_told(way, amount)}]} for index, text, amount in said]
    pieces, body = [TEXT_COMPLETION.piece(chunk) for chunk in chunks], TEXT_COMPLETION.fold(chunks)
    assert sum(piece.characters for piece in pieces) == sum(len(choice["text"]) for choice in body["choices"])
    for tokens in TEXT_COMPLETION.response(body).tokens:
        assert sum(piece.tokens.get(tokens.index, 0) for piece in pieces) == len(tokens)


PLACES = {"response.output_text.delta": "content_index", "response.reasoning_summary_text.delta": "summary_index"}


@given(
    st.lists(st.tuples(st.sampled_from(sorted([*PLACES, "response.function_call_arguments.delta"])), texts, counted), max_size=8)
)
def test_the_pieces_of_a_response_add_up_to_the_answer(said):
    events = []
    for at, (kind, text, amount) in enumerate(said):
        position = {PLACES[kind]: 0} if kind in PLACES else {}
        scored = {"logprobs": [entry("a")] * amount} if kind == "response.output_text.delta" and text else {}
        events.append(
            {"type": kind, "output_index": at, "item_id": f"i{at}", "delta": text, "obfuscation": "xx", **position, **scored}
        )
    pieces = [RESPONSES.piece(event) for event in events]
    body = RESPONSES.fold(events)
    said_in = [item.get("arguments", "") for item in body["output"]]
    said_in += [part["text"] for item in body["output"] for name in ("content", "summary") for part in item.get(name, ())]
    assert sum(piece.characters for piece in pieces) == sum(map(len, said_in))
    assert sum(piece.tokens.get(0, 0) for piece in pieces) == sum(map(len, RESPONSES.response(body).tokens))


@given(st.lists(st.tuples(texts, counted), max_size=8))
def test_the_pieces_of_a_transcription_add_up_to_the_text(said):
    events = [{"type": "transcript.text.delta", "delta": text, "logprobs": [entry("a")] * amount} for text, amount in said]
    events.append({"type": "transcript.text.segment", "id": "s", "text": "more"})
    pieces, body = [TRANSCRIPTION.piece(event) for event in events], TRANSCRIPTION.fold(events)
    assert sum(piece.characters for piece in pieces) == len(body["text"])
    assert sum(piece.tokens.get(0, 0) for piece in pieces) == sum(map(len, TRANSCRIPTION.response(body).tokens))


@pytest.mark.parametrize("event", [None, 1, "x", [], {}, {"choices": [{"delta": "x"}]}, {"type": 5, "delta": 5}])
def test_an_event_that_says_nothing_has_nothing(event):
    for endpoint in (CHAT, TEXT_COMPLETION, RESPONSES, TRANSCRIPTION):
        assert endpoint.piece(event) == Piece(0, {})
