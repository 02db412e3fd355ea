"""vLLM in this process: `LLM`, which answers many prompts at once, and `AsyncLLM`, on which its server rests.

Written from its source: it does not run without the accelerators that it is for. What it answers has every token id, so that all is
counted and nothing guessed. An answer that is streamed comes as pieces, or as all that there is so far again and again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from ..conversation import JSON, Response
from ..observing import methods
from ..observing.endpoint import Endpoint
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from ..semconv import Operation
from . import in_process
from .in_process import read_request, read_response
from .json_fields import as_object, integer, objects
from .openai.embeddings import read_request as read_inputs

_NAME = "vllm"
_LLM = "vllm.entrypoints.llm:LLM"
_POOLING = "vllm.entrypoints.pooling.offline:PoolingOfflineMixin"
_ASYNC = "vllm.v1.engine.async_llm:AsyncLLM"


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    declared = [
        Method(where=f"{_LLM}.generate", sent=_completing, kind=SpanKind.INTERNAL),
        Method(where=f"{_LLM}.chat", sent=_chatting, kind=SpanKind.INTERNAL),
        # It has moved; no version has it in both places.
        Method(where=f"{_LLM}.embed", sent=_embedding, kind=SpanKind.INTERNAL, optional=True),
        Method(where=f"{_POOLING}.embed", sent=_embedding, kind=SpanKind.INTERNAL, optional=True),
        Method(where=f"{_ASYNC}.generate", sent=_streaming, event=_event, kind=SpanKind.INTERNAL),
    ]
    return methods.patches(_NAME, declared)


def _completing(arguments: Arguments) -> Sent:
    body = {"prompt": _prompts(arguments.get("prompts"))}
    return _sent(TEXT, arguments, body, arguments.get("sampling_params"))


def _chatting(arguments: Arguments) -> Sent:
    said = arguments.get("messages")
    chats = said if isinstance(said, (list, tuple)) else []
    is_one = bool(chats) and isinstance(chats[0], dict)
    body = {"messages": list(chats) if is_one else [one for chat in chats for one in chat], "tools": arguments.get("tools")}
    return _sent(CHAT, arguments, body, arguments.get("sampling_params"))


def _embedding(arguments: Arguments) -> Sent:
    return _sent(EMBEDDINGS, arguments, {"input": _prompts(arguments.get("prompts"))}, None, _vectors)


def _streaming(arguments: Arguments) -> Sent:
    how = arguments.get("sampling_params")
    kind = getattr(getattr(how, "output_kind", None), "name", "CUMULATIVE")
    endpoint = PIECES if kind == "DELTA" else replace(WHOLES, grows=getattr(how, "n", 1) == 1)
    asked = arguments.get("prompt")
    prompt = arguments.get("prompt_text") or (None if hasattr(type(asked), "__anext__") else _prompts(asked))
    return _sent(endpoint, arguments, {"prompt": prompt, "stream": kind != "FINAL_ONLY"}, how)


def _sent(
    endpoint: Endpoint, arguments: Arguments, body: dict[str, Any], how: Any, answer: Callable[[list[Any]], JSON] | None = None
) -> Sent:
    engine = arguments.receiver
    settings = getattr(engine, "model_config", None) or getattr(getattr(engine, "llm_engine", None), "model_config", None)
    model = in_process.name(getattr(settings, "model", None))
    read = answer or _answer
    return Sent(
        endpoint=endpoint,
        body={"model": model, **_sampling(how), **body},
        model=model,
        notes=lambda result: functools.partial(read, list(result)),
    )


def _prompts(given: Any) -> Any:
    """Prompts as texts or token ids; of one with pictures the text. What is asked for at once is a list."""
    if isinstance(given, (list, tuple)) and not (given and all(type(one) is int for one in given)):
        return [_prompts(one) for one in given]
    if isinstance(given, dict):
        return given.get("prompt") or given.get("prompt_token_ids")
    return given if isinstance(given, (str, list, tuple)) else getattr(given, "prompt_token_ids", None)


def _sampling(how: Any) -> dict[str, Any]:
    """How tokens are drawn. A list says it for each prompt: then it is told only where all are one."""
    if isinstance(how, (list, tuple)):
        how = how[0] if len(how) == 1 else None
    told = {name: getattr(how, name, None) for name in ("n", "temperature", "top_p", "seed", "stop", "max_tokens")}
    used = {name: getattr(how, name, None) or None for name in ("presence_penalty", "frequency_penalty")}  # 0 is none
    top_k = getattr(how, "top_k", None)
    return {**told, **used, "top_k": top_k if isinstance(top_k, int) and top_k > 0 else None}


# What it gave, as JSON in the shape of OpenAI's.


def _answer(outputs: list[Any]) -> JSON:
    """The answers to all prompts: one choice for each text, in their order."""
    read = [_event(output) for output in outputs]
    found = [choice for one in read for choice in one["choices"]]
    return {**_totals(read), "choices": [{**choice, "index": index} for index, choice in enumerate(found)]}


def _vectors(outputs: list[Any]) -> JSON:
    first = getattr(getattr(outputs[0], "outputs", None), "embedding", None) if outputs else None
    return {**_totals([_said(output, []) for output in outputs]), "dimension_count": None if first is None else len(first)}


def _event(output: Any) -> dict[str, Any]:
    """What a `RequestOutput` says."""
    texts = [
        {"index": one.index, "text": one.text, "tokens": len(one.token_ids), "finish_reason": one.finish_reason}
        for one in output.outputs
    ]
    return _said(output, texts)


def _said(output: Any, texts: list[dict[str, Any]]) -> dict[str, Any]:
    prompt = getattr(output, "encoder_prompt_token_ids", None) or getattr(output, "prompt_token_ids", None)
    return {
        "id": getattr(output, "request_id", None),
        "finished": getattr(output, "finished", None),
        "prompt_tokens": None if prompt is None else len(prompt),
        "cached_tokens": getattr(output, "num_cached_tokens", None),
        "choices": texts,
    }


def _totals(read: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all of them cost, and the id if it is one."""
    tokens = [choice["tokens"] for one in read for choice in one["choices"]]
    return {
        "id": read[0]["id"] if len(read) == 1 else None,
        "usage": {
            "prompt_tokens": _sum([one["prompt_tokens"] for one in read]),
            "completion_tokens": sum(tokens) if tokens else None,
            "prompt_tokens_details": {"cached_tokens": _sum([one["cached_tokens"] for one in read])},
        },
    }


def _sum(counts: list[Any]) -> int | None:
    known = [count for count in counts if type(count) is int]
    return sum(known) if known else None


def fold_pieces(events: Sequence[JSON]) -> JSON:
    """Each event has what is new."""

    def joined(so_far: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
        return {**piece, "text": so_far["text"] + piece["text"], "tokens": so_far["tokens"] + piece["tokens"]}

    return _folded(events, joined)


def fold_wholes(events: Sequence[JSON]) -> JSON:
    """Each event has all that there is so far, of one text or of several."""
    return _folded(events, lambda _, latest: latest)


def _folded(events: Sequence[JSON], joined: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> JSON:
    texts: dict[int, dict[str, Any]] = {}
    said: dict[str, Any] = {}
    for event in objects(list(events)):
        said.update({name: value for name, value in event.items() if value is not None})
        for piece in objects(event.get("choices")):
            index = piece["index"]
            texts[index] = joined(texts[index], piece) if index in texts else piece
    whole = {"id": None, "prompt_tokens": None, "cached_tokens": None, **said, "choices": [texts[index] for index in sorted(texts)]}
    return {**_totals([whole]), "choices": whole["choices"]}


def _is_last(event: JSON) -> bool:
    return as_object(event).get("finished") is True


def read_vectors(body: JSON) -> Response:
    """How long the vectors are, and what they cost."""
    return replace(read_response(body), dimension_count=integer(as_object(body), "dimension_count"))


TEXT = Endpoint(operation=Operation.TEXT_COMPLETION, provider=_NAME, request=read_request, response=read_response)
CHAT = replace(TEXT, operation=Operation.CHAT)
PIECES = replace(TEXT, fold=fold_pieces, is_last=_is_last)
WHOLES = replace(TEXT, fold=fold_wholes, is_last=_is_last)
EMBEDDINGS = Endpoint(operation=Operation.EMBEDDINGS, provider=_NAME, request=read_inputs, response=read_vectors)
