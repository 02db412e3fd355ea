"""What llama.cpp's and SGLang's servers have beside OpenAI's paths: they are asked with the client's own `post`, at the server's root."""

from __future__ import annotations

import json
from typing import Any

import pytest

import genba
from genba.conversation import Timings, Usage
from genba.conversation.tokens import Alternative, Piece
from genba.providers.openai.completions import TEXT_COMPLETION
from genba.providers.openai.native import NATIVE_COMPLETION
from genba.providers.openai.sglang import GENERATE
from support.spans import Spans, attributes, text
from support.wire import Server, Stream, json_answer

Body = dict[str, Any]


def scored(text: str, id: int, **more: Any) -> Body:
    return {"id": id, "token": text, "bytes": list(text.encode()), "logprob": -0.5, "top_logprobs": [], **more}


TIMINGS = {"cache_n": 3, "prompt_n": 1, "prompt_ms": 13.0, "predicted_n": 2, "predicted_ms": 72.0}
ANSWER = {
    "index": 0,
    "content": ", the",
    "tokens": [28, 260],
    "stop": True,
    "model": "smollm2-135m",
    "tokens_predicted": 2,
    "tokens_evaluated": 4,
    "tokens_cached": 5,
    "stop_type": "limit",
    "stopping_word": "",
    "truncated": False,
    "timings": TIMINGS,
    "completion_probabilities": [scored(",", 28), scored(" the", 260)],
}


def event(content: str, ids: list[int], said: int, **more: Any) -> Body:
    return {"index": 0, "content": content, "tokens": ids, "stop": False, "tokens_predicted": said, "tokens_evaluated": 4, **more}


def last(said: int, index: int = 0, **more: Any) -> Body:
    return {**event("", [], said), "index": index, "stop": True, "stop_type": "eos", "model": "m", "timings": TIMINGS, **more}


def test_an_answer_of_llama_cpp_s_own_is_read():
    read = NATIVE_COMPLETION.response(ANSWER)
    assert (read.model, list(read.finish_reasons), list(read.native_finish_reasons)) == ("smollm2-135m", ["length"], ["limit"])
    assert read.messages == [{"role": "assistant", "parts": [{"type": "text", "content": ", the"}], "finish_reason": "length"}]
    raw = {"tokens_evaluated": 4, "tokens_predicted": 2, "tokens_cached": 5}
    assert read.usage == Usage(input_tokens=4, output_tokens=2, cache_read_input_tokens=3, raw=raw)
    assert read.timings == Timings(prefill=pytest.approx(0.013), decode=pytest.approx(0.072), prefill_tokens=1, decode_tokens=2)
    [tokens] = read.tokens
    assert (tokens.source, tokens.ids, tokens.pieces, tokens.logprobs) == ("server", [28, 260], [b",", b" the"], [-0.5, -0.5])
    assert json.loads(read.attributes["genba.response.extra"]) == {"timings": TIMINGS, "tokens_cached": 5}


def test_a_request_of_its_own_is_read():
    asked = NATIVE_COMPLETION.request(
        {"prompt": "Once", "n_predict": 6, "temperature": 0, "stop": ["\n"], "json_schema": {"type": "object"}}
    )
    assert (asked.max_tokens, asked.temperature, list(asked.stop_sequences), asked.output_type) == (6, 0.0, ["\n"], "json")
    assert NATIVE_COMPLETION.request({"prompt": "Once", "n_predict": -1}).max_tokens is None
    [ids] = NATIVE_COMPLETION.request({"prompt": [1, 2, 3]}).tokens
    assert ids.ids == [1, 2, 3]
    mixed = NATIVE_COMPLETION.request({"prompt": [1, 2, "Once", 3]})
    assert (len(mixed.messages), list(mixed.tokens)) == (1, [])
    kinds = [(part["type"], part["content"]) for part in mixed.messages[0]["parts"]]
    assert kinds == [("token_ids", [1, 2]), ("text", "Once"), ("token_ids", [3])]
    several = NATIVE_COMPLETION.request({"prompt": ["Once", [1, 2], [1, "x"]]})
    assert (len(several.messages), [(one.index, one.ids) for one in several.tokens]) == (3, [(1, [1, 2])])


def test_several_prompts_have_an_answer_each():
    read = NATIVE_COMPLETION.response([ANSWER, {**ANSWER, "index": 1, "tokens": [30], "completion_probabilities": None}])
    assert len(read.messages) == 2
    assert [(one.index, one.ids) for one in read.tokens] == [(0, [28, 260]), (1, [30])]
    assert read.usage is not None
    assert (read.usage.input_tokens, read.usage.output_tokens) == (8, 4)


def test_a_stream_is_put_together():
    events = [
        None,
        event(",", [28], 1, completion_probabilities=[scored(",", 28)]),
        event(" the", [260], 2, completion_probabilities=[scored(" the", 260)]),
        last(2),
    ]
    read = NATIVE_COMPLETION.response(NATIVE_COMPLETION.fold(events))
    assert (read.messages[0]["parts"][0]["content"], list(read.finish_reasons)) == (", the", ["stop"])
    [tokens] = read.tokens
    assert (tokens.ids, tokens.pieces, tokens.logprobs) == ([28, 260], [b",", b" the"], [-0.5, -0.5])
    assert [NATIVE_COMPLETION.piece(one) for one in events] == [Piece(), Piece(1, {0: 1}), Piece(4, {0: 1}), Piece()]
    assert [NATIVE_COMPLETION.is_last(one) for one in events] == [False, False, False, True]


def test_answers_that_are_streamed_at_once_are_told_apart():
    events = [event("-", [29], 1), {**event(".", [30], 1), "index": 1}, event("edge", [7277], 2), last(2), last(1, 1)]
    read = NATIVE_COMPLETION.response(NATIVE_COMPLETION.fold(events))
    assert [(one.index, one.ids) for one in read.tokens] == [(0, [29, 7277]), (1, [30])]
    assert [message["parts"][0]["content"] for message in read.messages] == ["-edge", "."]


def test_tokens_that_a_stream_leaves_out_keep_their_places():
    """A real stream: of the three tokens of an emoji only the last is sent, with all their bytes."""
    events = [
        event("Hi", [19556], 1, completion_probabilities=[scored("Hi", 19556)]),
        event("😀", [218], 4, completion_probabilities=[scored("😀", 218)]),
        event("", [0], 5, completion_probabilities=[scored("", 0)]),
        last(6),
    ]
    [tokens] = NATIVE_COMPLETION.response(NATIVE_COMPLETION.fold(events)).tokens
    assert tokens.ids == [19556, None, None, 218, 0, None]
    assert tokens.pieces == [b"Hi", None, None, None, b"", None]
    assert tokens.logprobs == [-0.5, None, None, -0.5, -0.5, None]
    [bare] = NATIVE_COMPLETION.response(
        NATIVE_COMPLETION.fold([{**one, "completion_probabilities": None} for one in events])
    ).tokens
    assert bare.ids == tokens.ids
    assert "ids" in bare.unknown


def test_a_whole_answer_with_fewer_probabilities_than_tokens_keeps_both():
    answer = {**ANSWER, "tokens": [10813, 242, 218], "tokens_predicted": 3, "completion_probabilities": [scored("😀", 218)]}
    ids, told = NATIVE_COMPLETION.response(answer).tokens
    assert (ids.ids, told.ids, told.pieces) == ([10813, 242, 218], [None], ["😀".encode()])


def test_probabilities_after_sampling_are_no_log_probabilities():
    sampled = {
        "id": 29,
        "token": "-",
        "bytes": [45],
        "prob": 0.7,
        "top_probs": [{"id": 29, "token": "-", "bytes": [45], "prob": 0.7}],
    }
    [tokens] = NATIVE_COMPLETION.response({**ANSWER, "tokens": [], "completion_probabilities": [sampled]}).tokens
    assert (tokens.ids, tokens.logprobs, tokens.top) == ([29], None, [[Alternative(29, b"-", None)]])
    assert "logprobs" in tokens.unknown
    older = {"content": "-", "probs": [{"tok_str": "-", "prob": 0.7}, {"tok_str": "byte: \\xf0", "prob": 0.3}]}
    [tokens] = NATIVE_COMPLETION.response(
        {"content": "-", "stop": True, "stopped_eos": True, "completion_probabilities": [older]}
    ).tokens
    assert (tokens.source, tokens.pieces, tokens.logprobs) == ("logprobs", [b"-"], None)
    assert tokens.top == [[Alternative(None, b"-", None), Alternative(None, b"\xf0", None)]]


def test_below_the_server_s_root_the_path_of_completions_is_llama_cpp_s_own():
    assert TEXT_COMPLETION.response(ANSWER) == NATIVE_COMPLETION.response(ANSWER)
    events = [event(",", [28], 1), last(1)]
    assert TEXT_COMPLETION.fold is not None
    assert TEXT_COMPLETION.fold(events) == NATIVE_COMPLETION.fold(events)
    assert TEXT_COMPLETION.piece(events[0]) == Piece(1, {0: 1})
    assert TEXT_COMPLETION.request({"prompt": "Once", "n_predict": 6}).max_tokens == 6


# SGLang.


def generated(text: str | None, ids: list[int], said: int | None = None, **meta: Any) -> Body:
    about = {"id": "r1", "finish_reason": None, "prompt_tokens": 2, "completion_tokens": len(ids) if said is None else said, **meta}
    return {"text": text, "output_ids": ids, "meta_info": about}


def test_an_answer_of_sglang_s_own_is_read():
    meta = {
        "finish_reason": {"type": "length", "length": 2},
        "cached_tokens": 1,
        "queue_time": 0.25,
        "input_token_logprobs": [[None, 1, "Once"], [-2.0, 2, " upon"]],
        "output_token_logprobs": [[-0.5, 5, " a"], [-0.25, 6, " time"]],
        "output_top_logprobs": [[[-0.5, 5, " a"]], [[-0.25, 6, " time"]]],
    }
    read = GENERATE.response(generated(" a time", [5, 6], **meta))
    assert (read.id, list(read.finish_reasons), read.timings) == ("r1", ["length"], Timings(queue=0.25))
    assert read.usage is not None
    assert (read.usage.input_tokens, read.usage.output_tokens, read.usage.cache_read_input_tokens) == (2, 2, 1)
    seen, said = read.tokens
    assert (seen.side, seen.ids, seen.pieces, seen.logprobs) == ("input", [1, 2], [b"Once", b" upon"], [None, -2.0])
    assert (said.ids, said.pieces, said.logprobs) == ([5, 6], [b" a", b" time"], [-0.5, -0.25])
    assert said.top == [[Alternative(5, b" a", -0.5)], [Alternative(6, b" time", -0.25)]]
    part_of_a_prompt = GENERATE.response(generated(" a", [5], input_token_logprobs=[[-2.0, 2, None]]))
    assert [(one.side, one.ids) for one in part_of_a_prompt.tokens] == [("output", [5])]


def test_a_request_of_sglang_s_own_is_read():
    asked = GENERATE.request(
        {"text": "Once", "sampling_params": {"max_new_tokens": 8, "temperature": 0.5, "stop": "."}, "stream": True}
    )
    assert (asked.max_tokens, asked.temperature, list(asked.stop_sequences), asked.stream) == (8, 0.5, ["."], True)
    assert asked.messages[0]["parts"][0]["content"] == "Once"
    [ids] = GENERATE.request({"input_ids": [1, 2]}).tokens
    assert (ids.side, ids.ids) == ("input", [1, 2])


def test_a_stream_of_sglang_s_tells_all_again_or_only_what_is_new():
    assert GENERATE.fold is not None
    again = [
        generated(None, [5]),
        generated(None, [5, 6]),
        generated(" a time", [5, 6, 7], output_token_logprobs=[[-1.0, n, None] for n in (5, 6, 7)]),
    ]
    new = [
        generated(text, [id], said, output_token_logprobs=[[-1.0, id, None]])
        for said, (text, id) in enumerate([(" a", 5), (" ti", 6), ("me", 7)], 1)
    ]
    for events in (again, new):
        read = GENERATE.response(GENERATE.fold(events))
        [tokens] = read.tokens
        assert (read.messages[0]["parts"][0]["content"], tokens.ids, tokens.logprobs) == (" a time", [5, 6, 7], [-1.0, -1.0, -1.0])
    older = [{"text": text, "meta_info": {"completion_tokens": n}} for n, text in enumerate([" a", " a time"], 1)]
    assert GENERATE.response(GENERATE.fold(older)).messages[0]["parts"][0]["content"] == " a time"


# Through the client.


@pytest.fixture
def client(server: Server, spans: Spans) -> Any:
    openai = pytest.importorskip("openai", reason="openai is not installed")
    with openai.OpenAI(base_url=server.url, api_key="key", max_retries=0) as made:
        yield made


def test_the_client_s_own_post_is_traced(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(ANSWER))
    assert client.post("/completion", body={"prompt": "Once", "n_predict": 2, "return_tokens": True}, cast_to=object) == ANSWER
    span = spans.only()
    assert (span.name, text(span, "input"), text(span)) == ("text_completion", "Once", ", the")
    [tokens] = genba.tokens.decode(attributes(span)["genba.tokens.output"])
    assert tokens.ids == [28, 260]


def test_the_client_s_own_post_is_traced_where_it_streams(client: Any, server: Server, spans: Spans) -> None:
    openai = pytest.importorskip("openai", reason="openai is not installed")
    events = [event(",", [28], 1), event(" the", [260], 2), last(2)]
    server.serve(Stream([b"data: " + json.dumps(one).encode() + b"\n\n" for one in events]))
    body = {"prompt": "Once", "n_predict": 2, "return_tokens": True, "stream": True}
    stream = client.post("/completion", body=body, cast_to=object, stream=True, stream_cls=openai.Stream[object])
    assert [one["content"] for one in stream] == [",", " the", ""]
    span = spans.only()
    [tokens] = genba.tokens.decode(attributes(span)["genba.tokens.output"])
    assert (text(span), tokens.ids, tokens.chunks) == (", the", [28, 260], [0, 1])


@pytest.mark.parametrize("path", ["/tokenize", "/detokenize", "/apply-template", "/embedding"])
def test_what_calls_no_model_is_no_call(path: str, client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"tokens": [1]}))
    client.post(path, body={"content": "Once"}, cast_to=object)
    assert spans.all() == []
