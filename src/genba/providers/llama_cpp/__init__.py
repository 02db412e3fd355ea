"""llama-cpp-python: models in this process. What it is asked and answers has the shape of OpenAI's, as plain dictionaries.

A chat goes on through `create_completion`, and that through `generate`, which gives token by token. Only there can be counted what a
stream cost: its chunks do not say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from ...conversation import JSON, Request, Response, Tokens
from ...observing import methods
from ...observing.beside import Beside, at_work
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from .. import in_process
from ..json_fields import as_object, integer, items, objects
from ..openai.chat import CHAT as OPENAI_CHAT
from ..openai.completions import TEXT_COMPLETION as OPENAI_TEXT
from ..openai.embeddings import EMBEDDINGS as OPENAI_EMBEDDINGS
from . import runs
from .runs import NAME as _NAME

_DISTRIBUTION = "llama-cpp-python"
_MODULE = "llama_cpp.llama"
_OBJECTS = ("logits_processor", "stopping_criteria", "grammar")
"""Arguments that are code."""
_LOSSY = "the library tells the texts of tokens without the bytes that are no character by themselves"


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    declared = [
        Method(where=f"{_MODULE}:Llama.create_chat_completion", sent=_sent(CHAT), kind=SpanKind.INTERNAL),
        Method(where=f"{_MODULE}:Llama.create_completion", sent=_sent(TEXT), kind=SpanKind.INTERNAL),
        Method(where=f"{_MODULE}:Llama.create_embedding", sent=_sent(EMBEDDINGS), answer=_vectors, kind=SpanKind.INTERNAL),
    ]
    return [
        *methods.patches(_DISTRIBUTION, declared),
        Patch(_MODULE, "Llama.embed", _embedding, _DISTRIBUTION),
        Patch(_MODULE, "Llama.generate", runs.counted, _DISTRIBUTION),
    ]


def _embedding(function: Callable[..., Any]) -> Callable[..., Any]:
    """`Llama.embed`, observed, with its vectors summarised where that is asked for."""
    bare = Method(where=f"{_MODULE}:Llama.embed", sent=_sent(EMBEDDINGS), answer=_bare_vectors, kind=SpanKind.INTERNAL)
    return methods.observed(bare, in_process.showing_vectors(function, _NAME, _listed))  # type: ignore[no-any-return]  # it is a function again


def _listed(result: Any) -> Any:
    """The vectors alone, without the count that may come with them."""
    return result[0] if isinstance(result, tuple) else result


def _sent(endpoint: Endpoint) -> Callable[[Arguments], Sent | None]:
    def sent(arguments: Arguments) -> Sent | None:
        if at_work(_NAME) is not None:
            return None  # part of a chat, which knows what was said
        model = in_process.name(arguments.get("model") or getattr(arguments.receiver, "model_path", None))
        return Sent(endpoint=endpoint, body=arguments.given(without=_OBJECTS), model=model, beside=Beside())

    return sent


def _asked(endpoint: Endpoint) -> Callable[[JSON], Request]:
    def read(body: JSON) -> Request:
        asked = endpoint.request(body)
        unlimited = asked.max_tokens is not None and asked.max_tokens <= 0
        return replace(asked, max_tokens=None) if unlimited else asked

    return read


def _answered(endpoint: Endpoint) -> Callable[[JSON], Response]:
    def read(body: JSON) -> Response:
        answer = in_process.counted(endpoint.response(body))
        tokens = [_without_texts(one) for one in answer.tokens]
        return replace(answer, model=in_process.name(answer.model), tokens=tokens)  # it says the whole path

    return read


def _without_texts(tokens: Tokens) -> Tokens:
    """Log-probabilities without their tokens' texts, which leave out every byte that is no character by itself."""
    top = None if tokens.top is None else [[one._replace(piece=None) for one in some] for some in tokens.top]
    return replace(tokens, pieces=None, top=top, unknown={**tokens.unknown, "pieces": _LOSSY})


def _is_last(chunk: JSON) -> bool:
    choices = objects(as_object(chunk).get("choices"))
    return bool(choices) and all(choice.get("finish_reason") for choice in choices)


def _endpoint(like: Endpoint) -> Endpoint:
    return Endpoint(
        operation=like.operation,
        provider=_NAME,
        request=_asked(like),
        response=_answered(like),
        fold=like.fold,
        is_last=_is_last,
        piece=like.piece,
    )


def read_vectors(body: JSON) -> Response:
    """What came back, except the vectors themselves."""
    answer = in_process.counted(OPENAI_EMBEDDINGS.response(body))
    return replace(answer, model=in_process.name(answer.model), dimension_count=integer(as_object(body), "dimension_count"))


CHAT = _endpoint(OPENAI_CHAT)
TEXT = _endpoint(OPENAI_TEXT)
EMBEDDINGS = replace(_endpoint(OPENAI_EMBEDDINGS), response=read_vectors)


def _vectors(result: Any) -> JSON:
    body = as_object(result)
    found = objects(items(body, "data"))
    dimension = _length(found[0].get("embedding")) if found else None
    return {"model": body.get("model"), "usage": body.get("usage"), "dimension_count": dimension}


def _bare_vectors(result: Any) -> JSON:
    vectors, tokens = result if isinstance(result, tuple) else (result, None)
    usage = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"usage": usage, "dimension_count": _length(vectors)}


def _length(vectors: Any) -> int | None:
    """How long a vector is, or the first of many: one for each text, or even for each token."""
    while isinstance(vectors, list) and vectors and isinstance(vectors[0], list):
        vectors = vectors[0]
    return len(vectors) or None if isinstance(vectors, list) else None
