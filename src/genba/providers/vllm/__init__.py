"""vLLM in this process: `LLM`, which answers many prompts at once, and `AsyncLLM`, on which its server rests.

Written from its source: it does not run without the accelerators that it is for. What it answers has every token id, so that all is
counted and nothing guessed. An answer that is streamed comes as pieces, or as all that there is so far again and again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from ... import harmless
from ...conversation import JSON, Response
from ...observing import methods
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from ...semconv import Operation
from ...tokens.vocabulary import Vocabulary
from .. import engine_tokens, in_process
from ..in_process import read_request
from ..json_fields import as_object, integer
from ..openai.embeddings import read_request as read_inputs
from . import outputs, tokens

_NAME = "vllm"
_NO_TOKENIZER = {"pieces": "the engine has no tokenizer"}
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
        Method(where=f"{_ASYNC}.generate", sent=_streaming, event=outputs.event, kind=SpanKind.INTERNAL),
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
    return _sent(EMBEDDINGS, arguments, {"input": _prompts(arguments.get("prompts"))}, None, outputs.vectors)


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
    read = answer or outputs.answer
    return Sent(
        endpoint=_telling(endpoint, engine) if in_process.wants_tokens() else endpoint,
        body={"model": model, **_sampling(how), **body},
        model=model,
        notes=lambda result: functools.partial(read, list(result)),
    )


def _telling(endpoint: Endpoint, engine: Any) -> Endpoint:
    """`endpoint`, whose answers tell their tokens."""
    tokenizer = None
    with harmless.guard("looking for a tokenizer"):
        tokenizer = _tokenizer(engine)

    def read(body: JSON) -> Response:
        response = endpoint.response(body)
        with harmless.guard("reading the tokens of a request"):
            vocabulary = engine_tokens.of_tokenizer(tokenizer) if tokenizer is not None else Vocabulary(unknown=_NO_TOKENIZER)
            return replace(response, tokens=tokens.read(body, vocabulary))
        return response

    return replace(endpoint, response=read)


def _tokenizer(engine: Any) -> Any:
    """The engine's tokenizer, wherever this version has it."""
    for holder in (engine, getattr(engine, "llm_engine", None)):
        for place in (holder, getattr(holder, "renderer", None)):
            found = getattr(place, "tokenizer", None)
            if found is not None:
                return getattr(found, "tokenizer", found)  # older ones have a group with one for each adapter
    ask = getattr(engine, "get_tokenizer", None)
    has_one = not getattr(getattr(engine, "model_config", None), "skip_tokenizer_init", False)
    return ask() if callable(ask) and has_one and not inspect.iscoroutinefunction(ask) else None


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


def read_response(body: JSON) -> Response:
    """What came back, but for the tokens."""
    return replace(in_process.read_response(body), timings=tokens.timings(body))


def read_vectors(body: JSON) -> Response:
    """How long the vectors are, and what they cost."""
    return replace(read_response(body), dimension_count=integer(as_object(body), "dimension_count"))


TEXT = Endpoint(operation=Operation.TEXT_COMPLETION, provider=_NAME, request=read_request, response=read_response)
CHAT = replace(TEXT, operation=Operation.CHAT)
PIECES = replace(TEXT, fold=outputs.fold_pieces, is_last=outputs.is_last, piece=outputs.piece)
WHOLES = replace(TEXT, fold=outputs.fold_wholes, is_last=outputs.is_last)
EMBEDDINGS = Endpoint(operation=Operation.EMBEDDINGS, provider=_NAME, request=read_inputs, response=read_vectors)
