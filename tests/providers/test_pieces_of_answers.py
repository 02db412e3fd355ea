"""What is in each event of a stream adds up to what the folded answer tells: in characters, and in tokens. Needs none of the clients."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.conversation import Response
from genba.observing.endpoint import Endpoint
from genba.providers import ollama, replicate, watsonx
from genba.providers.bedrock import converse, knowledge, prompts, vendors
from genba.providers.cohere import generate, v1, v2
from genba.providers.google_genai import generating, interactions, live
from genba.providers.huggingface.generation import TEXT_COMPLETION
from genba.providers.mistral import chat as mistral
from genba.providers.mistral import conversations
from genba.providers.xai import chat as xai

Events = list[dict[str, Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]

words = st.text(max_size=5)
arguments = st.dictionaries(st.text(max_size=3), st.one_of(words, st.integers(-9, 9)), min_size=1, max_size=2)
logprobs = st.floats(-20, 0, width=32)
few = st.integers(0, 2)


@st.composite
def scored(draw: Draw) -> list[dict[str, Any]]:
    """Log-probabilities as OpenAI writes them."""
    return [{"token": draw(words), "logprob": draw(logprobs)} for _ in range(draw(few))]


@st.composite
def ollama_chat(draw: Draw) -> Events:
    said = draw(st.lists(st.sampled_from(("content", "thinking", "tool")), max_size=5))
    lines: Events = []
    for kind in said:
        call = {"function": {"name": "f", "arguments": draw(arguments)}} if kind == "tool" else None
        message = {"role": "assistant", "content": ""} | ({"tool_calls": [call]} if call else {kind: draw(words)})
        lines.append({"message": message, "done": False, "logprobs": draw(scored())})
    return [*lines, {"message": {"role": "assistant", "content": ""}, "done": True, "eval_count": 4}]


@st.composite
def ollama_completion(draw: Draw) -> Events:
    pieces = draw(st.lists(words, max_size=5))
    return [{"response": piece, "thinking": draw(words), "logprobs": draw(scored())} for piece in pieces]


@st.composite
def cohere_chat(draw: Draw) -> Events:
    found: Events = [{"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant"}}}]
    found += [{"type": "tool-plan-delta", "delta": {"message": {"tool_plan": plan}}} for plan in draw(st.lists(words, max_size=2))]
    for at in range(draw(few)):
        kind = draw(st.sampled_from(("text", "thinking")))
        found.append({"type": "content-start", "index": at, "delta": {"message": {"content": {"type": kind, kind: ""}}}})
        for piece in draw(st.lists(words, max_size=3)):
            size = draw(st.integers(1, 3))
            told = {"text": piece, "token_ids": [7] * size, "logprobs": [-0.5] * size}
            event = {"type": "content-delta", "index": at, "delta": {"message": {"content": {kind: piece}}}}
            found.append(event | draw(st.sampled_from(({}, {"logprobs": told}))))
    for at in range(draw(few)):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
        found.append({"type": "tool-call-start", "index": at, "delta": {"message": {"tool_calls": call}}})
        for piece in draw(split_arguments()):
            delta = {"function": {"arguments": piece}}
            found.append({"type": "tool-call-delta", "index": at, "delta": {"message": {"tool_calls": delta}}})
    return [*found, {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}]


@st.composite
def split_arguments(draw: Draw) -> list[str]:
    """Arguments of a tool call as their text arrives."""
    whole = json.dumps(draw(arguments), separators=(",", ":"), ensure_ascii=False)
    at = draw(st.integers(1, len(whole) - 1))
    return [whole[:at], whole[at:]]


@st.composite
def cohere_old_chat(draw: Draw) -> Events:
    pieces = draw(st.lists(words, max_size=4))
    calls = [{"name": "f", "parameters": draw(arguments)} for _ in range(draw(few))]
    found = [{"event_type": "text-generation", "text": piece} for piece in pieces]
    found += [{"event_type": "tool-calls-generation", "tool_calls": calls}] if calls else []
    whole = {"text": "".join(pieces), "tool_calls": calls}
    return [*found, {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": whole}]


@st.composite
def cohere_generation(draw: Draw) -> Events:
    said = draw(st.lists(st.tuples(st.integers(0, 1), words), max_size=5))
    found: Events = [{"event_type": "text-generation", "index": index, "text": piece} for index, piece in said]
    return [*found, {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": {}}]


@st.composite
def hugging_face_tokens(draw: Draw) -> Events:
    said = draw(st.lists(st.tuples(words, st.booleans()), max_size=5))
    tokens = [{"id": at, "text": piece, "logprob": draw(logprobs), "special": special} for at, (piece, special) in enumerate(said)]
    top = [{"id": 0, "text": "a", "logprob": -0.5, "special": False}]
    found: Events = [{"index": at, "token": token, "top_tokens": top, "generated_text": None} for at, token in enumerate(tokens)]
    if found:
        found[-1]["generated_text"] = "".join(piece for piece, special in said if not special)
    return found


@st.composite
def gemini_chunks(draw: Draw) -> Events:
    chunks: Events = []
    for _ in range(draw(few)):
        candidates = []
        for index in draw(st.lists(st.integers(0, 1), unique=True)):
            parts = draw(
                st.lists(
                    st.one_of(st.fixed_dictionaries({"text": words}, optional={"thought": st.just(True)}), calls()), max_size=3
                )
            )
            chosen = [{"token": draw(words), "tokenId": 5, "logProbability": draw(logprobs)} for _ in range(draw(few))]
            result = {"chosenCandidates": chosen} | draw(
                st.sampled_from(({}, {"topCandidates": [{"candidates": chosen}] * len(chosen)}))
            )
            candidates.append({"index": index, "content": {"role": "model", "parts": parts}, "logprobsResult": result})
        chunks.append({"candidates": candidates})
    return chunks


def calls() -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"functionCall": st.fixed_dictionaries({"name": st.just("f"), "args": arguments})})


@st.composite
def gemini_live(draw: Draw) -> Events:
    found: Events = []
    for kind in draw(st.lists(st.sampled_from(("parts", "aloud", "call")), max_size=5)):
        if kind == "parts":
            found.append({"serverContent": {"modelTurn": {"parts": [{"text": draw(words)}]}}})
        elif kind == "aloud":
            found.append({"serverContent": {"outputTranscription": {"text": draw(words)}}})
        else:
            found.append({"toolCall": {"functionCalls": [{"id": "c", "name": "f", "args": draw(arguments)}]}})
    return [*found, {"serverContent": {"turnComplete": True}}]


@st.composite
def gemini_interaction(draw: Draw) -> Events:
    found: Events = [{"event_type": "interaction.created", "interaction": {"id": "i", "status": "in_progress"}}]
    for at, kind in enumerate(draw(st.lists(st.sampled_from(("model_output", "thought", "function_call")), max_size=4))):
        found.append({"event_type": "step.start", "index": at, "step": {"type": kind, "name": "f", "id": "c"}})
        if kind == "function_call":
            deltas: Events = [{"type": "arguments_delta", "arguments": piece} for piece in draw(split_arguments())]
        elif kind == "thought":
            deltas = [{"type": "thought_summary", "content": {"type": "text", "text": draw(words)}}]
        else:
            deltas = [{"type": "text", "text": piece} for piece in draw(st.lists(words, max_size=3))]
        found += [{"event_type": "step.delta", "index": at, "delta": delta} for delta in deltas]
    return [*found, {"event_type": "interaction.completed", "interaction": {"id": "i", "status": "completed"}}]


@st.composite
def mistral_chunks(draw: Draw) -> Events:
    found: Events = []
    for _ in range(draw(st.integers(0, 4))):
        index, kind = draw(few), draw(st.sampled_from(("content", "pieces", "thinking", "call")))
        told = {"content": [{**one, "token_id": 3} for one in draw(scored())]}
        text: dict[str, Any] = {"type": "text", "text": draw(words)}
        delta: dict[str, Any] = {"content": draw(words)}
        if kind == "pieces":
            delta = {"content": [text]}
        elif kind == "thinking":
            delta = {"content": [{"type": "thinking", "thinking": [text]}]}
        elif kind == "call":
            written = "".join(draw(split_arguments()))
            delta = {"content": "", "tool_calls": [{"id": f"c{len(found)}", "function": {"name": "f", "arguments": written}}]}
        found.append({"choices": [{"index": index, "delta": delta, "logprobs": told}]})
    return found


@st.composite
def mistral_conversation(draw: Draw) -> Events:
    found: Events = [{"type": "conversation.response.started", "conversation_id": "i"}]
    for at in range(draw(few)):
        place = {"output_index": at, "id": f"entry-{at}"}
        if draw(st.booleans()):
            said = st.one_of(words, st.fixed_dictionaries({"type": st.just("text"), "text": words}))
            found += [{"type": "message.output.delta", **place, "content": one} for one in draw(st.lists(said, max_size=3))]
        else:
            pieces = draw(split_arguments())
            found += [
                {"type": "function.call.delta", **place, "name": "f", "tool_call_id": "c", "arguments": one} for one in pieces
            ]
    return [*found, {"type": "conversation.response.done", "usage": {"prompt_tokens": 1}}]


@st.composite
def converse_events(draw: Draw) -> Events:
    found: Events = [{"messageStart": {"role": "assistant"}}]
    for at, kind in enumerate(draw(st.lists(st.sampled_from(("text", "thought", "call")), max_size=4))):
        if kind == "call":
            found.append({"contentBlockStart": {"contentBlockIndex": at, "start": {"toolUse": {"name": "f", "toolUseId": "c"}}}})
            deltas: Events = [{"toolUse": {"input": piece}} for piece in draw(split_arguments())]
        else:
            pieces = draw(st.lists(words, min_size=1, max_size=3))
            deltas = [{"text": piece} if kind == "text" else {"reasoningContent": {"text": piece}} for piece in pieces]
        found += [{"contentBlockDelta": {"contentBlockIndex": at, "delta": delta}} for delta in deltas]
    return [*found, {"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": {"inputTokens": 1}}}]


@st.composite
def older_bodies(draw: Draw) -> Events:
    pieces = draw(st.lists(words, max_size=4))
    shape = draw(st.sampled_from(("titan", "llama", "mistral")))
    if shape == "titan":
        return [{"outputText": piece, "index": 0} for piece in pieces]
    return [{"generation": piece} if shape == "llama" else {"outputs": [{"text": piece}]} for piece in pieces]


@st.composite
def knowledge_events(draw: Draw) -> Events:
    return [{"output": {"text": piece}} for piece in draw(st.lists(words, max_size=4))]


@st.composite
def xai_chunks(draw: Draw) -> Events:
    found: Events = []
    for _ in range(draw(st.integers(0, 4))):
        call = {"id": "c", "function": {"name": "f", "arguments": "".join(draw(split_arguments()))}}
        delta = draw(st.sampled_from(({"content": draw(words)}, {"reasoning_content": draw(words)}, {"tool_calls": [call]})))
        found.append({"outputs": [{"index": draw(few), "delta": delta, "logprobs": {"content": draw(scored())}}]})
    return found


@st.composite
def replicate_events(draw: Draw) -> Events:
    data = st.one_of(words, st.just("https://replicate.delivery/bee.png"), arguments)
    return [*({"event": "output", "data": one} for one in draw(st.lists(data, max_size=4))), {"event": "done", "data": "{}"}]


@st.composite
def watsonx_events(draw: Draw) -> Events:
    found: Events = []
    for piece in draw(st.lists(words, max_size=4)):
        tokens = [{"text": piece, "logprob": draw(logprobs)}] * draw(few)
        found.append({"results": [{"generated_text": piece, "generated_tokens": tokens, "generated_token_count": len(found)}]})
    return found


def invoked(events: st.SearchStrategy[Events]) -> st.SearchStrategy[Events]:
    """The same, as Bedrock wraps it."""
    return events.map(lambda found: [*found, {vendors.METRICS: {"inputTokenCount": 1, "outputTokenCount": 2}}])


STREAMS: dict[str, tuple[Endpoint, st.SearchStrategy[Events]]] = {
    "ollama chat": (ollama.CHAT, ollama_chat()),
    "ollama completion": (ollama.COMPLETION, ollama_completion()),
    "cohere chat": (v2.CHAT, cohere_chat()),
    "cohere chat, version 1": (v1.CHAT, cohere_old_chat()),
    "cohere generation": (generate.TEXT_COMPLETION, cohere_generation()),
    "hugging face": (TEXT_COMPLETION, hugging_face_tokens()),
    "gemini": (generating.STREAM, gemini_chunks()),
    "gemini live": (live.LIVE, gemini_live()),
    "gemini interactions": (interactions.MODEL, gemini_interaction()),
    "mistral": (mistral.CHAT, mistral_chunks()),
    "mistral conversations": (conversations.CONVERSATION, mistral_conversation()),
    "bedrock converse": (converse.CONVERSE, converse_events()),
    "bedrock older bodies": (prompts.PROMPTS, older_bodies()),
    "bedrock knowledge": (knowledge.RETRIEVE_AND_GENERATE, knowledge_events()),
    "bedrock invoke nova": (vendors.endpoint_for("amazon.nova-lite-v1:0", {"messages": []}), invoked(converse_events())),
    "bedrock invoke cohere": (vendors.endpoint_for("cohere.command-r-v1:0", {"messages": []}), invoked(cohere_chat())),
    "xai": (xai.CHAT, xai_chunks()),
    "replicate": (replicate.PREDICTION, replicate_events()),
    "watsonx": (watsonx.STREAMED_TEXT, watsonx_events()),
}


def characters(response: Response) -> int:
    """Of the answer: in its texts and thoughts, and in what tools are called with."""
    found = 0
    for part in (part for message in response.messages for part in message["parts"]):
        if part["type"] in ("tool_call", "text", "reasoning"):
            written = part.get("content") or part.get("arguments") or ""
            found += len(written if isinstance(written, str) else json.dumps(written, separators=(",", ":"), ensure_ascii=False))
    return found


def told_of(response: Response) -> dict[int, int]:
    """How many tokens of each choice."""
    return {one.index: len(one) for one in response.tokens if one.side == "output"}


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_pieces_of_a_stream_cut_anywhere_add_up_to_the_answer_that_arrived(name: str, data: st.DataObject) -> None:
    endpoint, streams = STREAMS[name]
    events = data.draw(streams)
    arrived = events[: data.draw(st.integers(0, len(events)))]
    assert endpoint.piece is not None
    assert endpoint.fold is not None
    pieces = [endpoint.piece(event) for event in arrived]
    response = endpoint.response(endpoint.fold(arrived))
    assert sum(piece.characters or 0 for piece in pieces) == characters(response)
    assert summed([piece.tokens for piece in pieces]) == told_of(response)


def summed(counts: Sequence[Any]) -> dict[int, int]:
    whole: Counter[int] = Counter()
    for one in counts:
        whole.update(one)
    return dict(whole)
