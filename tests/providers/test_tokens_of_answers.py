"""The tokens that servers tell of, each in a shape of its own, as columns that say no more than the server did. Needs none of the clients."""

from __future__ import annotations

from typing import Any

import pytest

from genba.conversation import JSON, Timings, Tokens
from genba.conversation.tokens import Alternative, Source
from genba.observing.endpoint import Endpoint
from genba.providers import ollama, watsonx
from genba.providers.bedrock import prompts, vendors
from genba.providers.cohere import generate, v2
from genba.providers.google_genai import counting, generating
from genba.providers.huggingface.generation import TEXT_COMPLETION
from genba.providers.mistral import chat as mistral
from genba.providers.xai import chat as xai


def told(endpoint: Endpoint, body: JSON) -> list[Tokens]:
    return list(endpoint.response(body).tokens)


# Cohere.


def test_cohere_tells_one_text_for_several_tokens_where_a_character_spans_them() -> None:
    entries = [
        {"text": "Hon", "token_ids": [5], "logprobs": [-0.25]},
        {"text": "🐝", "token_ids": [6, 7], "logprobs": [-0.5, -0.75]},
        {"text": "!", "token_ids": [8]},
    ]
    [tokens] = told(v2.CHAT, {"message": {"content": []}, "logprobs": entries})
    assert (tokens.side, tokens.source) == ("output", Source.SERVER)
    assert tokens.ids == [5, 6, 7, 8]
    assert tokens.pieces == [b"Hon", None, None, b"!"]
    assert tokens.logprobs == [-0.25, -0.5, -0.75, None]
    assert "several tokens" in tokens.unknown["pieces"]


@pytest.mark.parametrize(
    "entry", [{"text": "Hon"}, {"text": "Hon", "token_ids": []}, {"text": "Hon", "token_ids": None, "logprobs": []}]
)
def test_cohere_tells_no_tokens_where_it_does_not_say_how_many_a_text_is(entry: dict[str, Any]) -> None:
    assert told(v2.CHAT, {"logprobs": [{"text": "a", "token_ids": [5]}, entry]}) == []


def test_a_generation_of_cohere_can_tell_the_tokens_of_its_prompt_too() -> None:
    listed = [("Bees", None), (" make", -2.0), (" hon", -0.5), ("ey", -0.125)]
    likelihoods = [{"token": token} | ({} if score is None else {"likelihood": score}) for token, score in listed]
    generation = {"text": " honey", "token_likelihoods": likelihoods}
    asked, said = told(generate.TEXT_COMPLETION, {"generations": [generation]})
    assert (asked.side, asked.pieces, asked.logprobs) == ("input", [b"Bees", b" make"], [None, -2.0])
    assert (said.side, said.pieces, said.logprobs, said.source) == ("output", [b" hon", b"ey"], [-0.5, -0.125], Source.LOGPROBS)


def test_likelihoods_that_are_not_those_of_the_text_are_of_nobody_knows_what() -> None:
    listed = [{"token": "Be", "likelihood": -1.0}, {"token": "es", "likelihood": -1.0}]
    assert told(generate.TEXT_COMPLETION, {"generations": [{"text": "ees", "token_likelihoods": listed}]}) == []


# Gemini.


def gemini(token: str, id: int | None, score: float) -> dict[str, Any]:
    return {"token": token, "logProbability": score} | ({} if id is None else {"tokenId": id})


def test_gemini_tells_ids_and_alternatives_of_each_candidate() -> None:
    chosen = [gemini("Hon", 5, -0.25), gemini("ey", 6, -0.5)]
    result = {
        "chosenCandidates": chosen,
        "topCandidates": [{"candidates": [chosen[0], gemini("Bee", 7, -1.5)]}, {"candidates": []}],
    }
    [tokens] = told(generating.GENERATE, {"candidates": [{"index": 1, "logprobsResult": result}]})
    assert (tokens.index, tokens.source, tokens.ids, tokens.pieces) == (1, Source.SERVER, [5, 6], [b"Hon", b"ey"])
    assert tokens.logprobs == [-0.25, -0.5]
    assert tokens.top == [[Alternative(5, b"Hon", -0.25), Alternative(7, b"Bee", -1.5)], []]


def test_gemini_in_the_clients_own_spelling_is_read_as_well() -> None:
    result = {"chosen_candidates": [{"token": "Hi", "token_id": 5, "log_probability": -0.25}]}
    [tokens] = told(generating.GENERATE, {"candidates": [{"logprobs_result": result}]})
    assert (tokens.index, tokens.ids, tokens.pieces, tokens.logprobs, tokens.top) == (0, [5], [b"Hi"], [-0.25], None)


def test_the_log_probabilities_of_a_streams_chunks_follow_one_another() -> None:
    first = {"chosenCandidates": [gemini("Hon", 5, -0.25)]}
    second = {"chosenCandidates": [gemini("ey", None, -0.5)], "topCandidates": [{"candidates": [gemini("ey", 6, -0.5)]}]}
    chunks = [{"candidates": [{"logprobsResult": result}]} for result in (first, second)]
    assert generating.STREAM.fold is not None
    [tokens] = told(generating.STREAM, generating.STREAM.fold(chunks))
    assert (tokens.ids, tokens.pieces) == ([5, None], [b"Hon", b"ey"])
    assert tokens.top == [[], [Alternative(6, b"ey", -0.5)]]


def test_alternatives_for_other_places_than_the_tokens_are_left_out_and_that_is_said() -> None:
    result = {
        "chosenCandidates": [gemini("a", 5, -0.5), gemini("b", 6, -0.5)],
        "topCandidates": [{"candidates": [gemini("a", 5, -0.5)]}],
    }
    [tokens] = told(generating.GENERATE, {"candidates": [{"logprobsResult": result}]})
    assert tokens.top is None
    assert "top" in tokens.unknown


def test_computed_tokens_are_told_as_bytes_content_by_content() -> None:
    infos = [{"role": "user", "tokens": ["SG8=", "8J8="], "tokenIds": ["5299", 17]}, {"tokenIds": ["1"], "tokens": []}, {}]
    first, second = told(counting.COMPUTE_TOKENS, {"tokensInfo": infos})
    assert (first.side, first.index, first.ids, first.pieces) == ("input", 0, [5299, 17], [b"Ho", b"\xf0\x9f"])
    assert (second.index, second.ids, second.pieces) == (1, [1], None)
    assert counting.COMPUTE_TOKENS.response({"tokensInfo": infos}).usage.input_tokens == 3  # type: ignore[union-attr]


def test_bytes_that_cannot_belong_to_the_ids_are_left_out() -> None:
    [tokens] = told(counting.COMPUTE_TOKENS, {"tokensInfo": [{"tokenIds": ["1", "2"], "tokens": ["SG8="]}]})
    assert (tokens.ids, tokens.pieces) == ([1, 2], None)
    assert "pieces" in tokens.unknown


# Hugging Face.


def tgi(id: int, text: str, score: float | None, *, special: bool = False) -> dict[str, Any]:
    return {"id": id, "text": text, "logprob": score, "special": special}


def test_hugging_face_tells_ids_special_tokens_and_those_of_the_prompt() -> None:
    tokens = [tgi(40, "Hi", -0.25), tgi(41, "</s>", -0.5, special=True)]
    top = [[tgi(40, "Hi", -0.25), tgi(9, "Ho", -1.5)], []]
    prefill = [{"id": 1, "text": "<s>", "logprob": None}, {"id": 2, "text": "Bees", "logprob": -3.0}]
    asked, said = told(
        TEXT_COMPLETION, {"generated_text": "Hi", "details": {"tokens": tokens, "prefill": prefill, "top_tokens": top}}
    )
    assert (asked.side, asked.ids, asked.logprobs) == ("input", [1, 2], [None, -3.0])
    assert asked.pieces is None
    assert "space" in asked.unknown["pieces"]
    assert (said.side, said.ids, said.pieces, said.special) == ("output", [40, 41], [b"Hi", b"</s>"], [1])
    assert said.text == b"Hi"
    assert said.top == [[Alternative(40, b"Hi", -0.25), Alternative(9, None, -1.5)], []]


def test_a_character_that_hugging_face_tells_with_the_last_of_its_tokens_is_no_tokens_piece() -> None:
    tokens = [tgi(1, "a", -0.5), tgi(2, "", -0.5), tgi(3, "", -0.5), tgi(4, "🐝", -0.5), tgi(5, "b", -0.5)]
    [said] = told(TEXT_COMPLETION, {"generated_text": "a🐝b", "details": {"tokens": tokens}})
    assert said.pieces == [b"a", None, None, None, b"b"]
    assert "spans tokens" in said.unknown["pieces"]


def test_texts_without_ids_are_not_called_tokens() -> None:
    events = [{"token": {"text": "Hi"}}, {"token": {"text": " there"}}]
    assert TEXT_COMPLETION.fold is not None
    assert told(TEXT_COMPLETION, TEXT_COMPLETION.fold(events)) == []


# Mistral.


def test_mistral_tells_ids_under_a_name_of_its_own_and_those_of_the_prompt() -> None:
    entry = {"token": "Hi", "token_id": 5, "logprob": -0.25, "bytes": [72, 105]}
    scores = {"content": [{**entry, "top_logprobs": [entry]}]}
    choices = [{"index": index, "message": {"content": "Hi"}, "logprobs": scores, "prompt_logprobs": scores} for index in (0, 1)]
    asked, *said = told(mistral.CHAT, {"choices": choices})
    assert (asked.side, asked.index, asked.ids) == ("input", 0, [5])
    assert [(one.side, one.index, one.ids, one.pieces, one.source) for one in said] == [
        ("output", index, [5], [b"Hi"], Source.SERVER) for index in (0, 1)
    ]
    assert said[0].top == [[Alternative(5, b"Hi", -0.25)]]


# Ollama.


def test_ollama_tells_pieces_but_no_ids_and_its_context_proves_none() -> None:
    scores = [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -1.5}]}]
    [tokens] = told(ollama.COMPLETION, {"response": "Hi", "logprobs": scores, "context": [1, 2, 3]})
    assert (tokens.ids, tokens.pieces, tokens.source) == (None, [b"Hi"], Source.LOGPROBS)
    assert "context" in tokens.unknown["ids"]
    assert tokens.top == [[Alternative(None, b"Ho", -1.5)]]
    assert told(ollama.COMPLETION, {"response": "Hi", "context": [1, 2, 3]}) == []


def test_ollama_tells_how_long_it_waited_read_and_wrote() -> None:
    body = {
        "message": {"content": "Hi"},
        "total_duration": 9_000_000_000,
        "load_duration": 1_500_000_000,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 250_000_000,
        "eval_count": 4,
        "eval_duration": 500_000_000,
    }
    # The prompt's count has what was in the cache as well: how many were read in that time is not told.
    assert ollama.CHAT.response(body).timings == Timings(queue=1.5, prefill=0.25, decode=0.5, decode_tokens=4)
    assert ollama.CHAT.response({"message": {"content": "Hi"}, "eval_count": 4}).timings is None


# watsonx.


@pytest.mark.parametrize("written", [["Bees", " fly", "é"], ["Bees", "Ġfly", "Ã©"], ["Bees", "▁fly", "<0xC3>", "<0xA9>"]])
def test_watsonx_pieces_are_known_if_in_some_way_of_writing_they_are_the_text(written: list[str]) -> None:
    tokens = [{"text": one, "logprob": -0.5, "rank": 1, "top_tokens": [{"text": one, "logprob": -0.5}]} for one in written]
    [said] = told(watsonx.TEXT_COMPLETION, {"results": [{"generated_text": "Bees flyé", "generated_tokens": tokens}]})
    assert said.source == Source.LOGPROBS
    assert said.text == "Bees flyé".encode()
    assert said.top == [[Alternative(None, piece, -0.5)] for piece in said.pieces or ()]


def test_watsonx_pieces_that_are_not_the_text_are_unknown() -> None:
    asked = [{"text": "▁What"}, {"text": "?", "logprob": -2.0}]
    result = {"generated_text": "Bees", "generated_tokens": [{"text": "▁Bees", "logprob": -0.5}], "input_tokens": asked}
    before, said = told(watsonx.TEXT_COMPLETION, {"results": [result]})
    assert (before.side, before.pieces, before.logprobs) == ("input", None, [None, -2.0])
    assert (said.side, said.pieces, said.logprobs) == ("output", None, [-0.5])
    assert "vocabulary" in said.unknown["pieces"]


# xAI.


def test_what_protobuf_leaves_out_of_a_log_probability_is_a_certainty() -> None:
    entries = [{"token": "Hi", "bytes": [72, 105], "top_logprobs": [{"token": "Hi"}]}, {"token": "!", "logprob": -0.25}]
    [tokens] = told(xai.CHAT, {"outputs": [{"message": {"content": "Hi!"}, "logprobs": {"content": entries}}]})
    assert (tokens.pieces, tokens.logprobs) == ([b"Hi", b"!"], [0.0, -0.25])
    assert tokens.top == [[Alternative(None, b"Hi", 0.0)], []]


# Bedrock.


def jurassic(token: str, score: float, start: int, end: int) -> dict[str, Any]:
    return {"generatedToken": {"token": token, "logprob": score}, "topTokens": None, "textRange": {"start": start, "end": end}}


def test_jurassic_tells_where_in_the_text_its_tokens_are() -> None:
    said = [jurassic("<|newline|>", -0.5, 0, 1), jurassic("▁who▁is", -0.25, 1, 7), jurassic("<|endoftext|>", -0.125, 7, 7)]
    body = {
        "prompt": {"text": "Bees", "tokens": [jurassic("▁Bees", -9.0, 0, 4)]},
        "completions": [{"data": {"text": "\nwho is", "tokens": said}, "finishReason": {"reason": "endoftext"}}],
    }
    for endpoint, answer in ((prompts.PROMPTS, body), (vendors.endpoint_for("ai21.j2-mid-v1", {"prompt": ""}), {"body": body})):
        asked, answered = told(endpoint, answer)
        assert (asked.side, asked.pieces, asked.logprobs) == ("input", [b"Bees"], [-9.0])
        assert (answered.pieces, answered.logprobs) == ([b"\n", b"who is", None], [-0.5, -0.25, -0.125])


@pytest.mark.parametrize("places", [[(0, 1), (2, 3)], [(1, 2), (2, 3)], [(0, 1), (1, 2)], [(0, 2), (2, 1)], [(0, None), (None, 3)]])
def test_jurassic_pieces_are_unknown_where_the_places_leave_gaps(places: Any) -> None:
    data = {"text": "abc", "tokens": [jurassic("x", -0.5, *place) for place in places]}
    [tokens] = told(prompts.PROMPTS, {"completions": [{"data": data}]})
    assert (tokens.pieces, tokens.logprobs) == (None, [-0.5, -0.5])
    assert "pieces" in tokens.unknown
