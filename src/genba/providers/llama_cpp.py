"""llama-cpp-python: models in this process. What it is asked and answers has the shape of OpenAI's, as plain dictionaries.

A chat goes on through `create_completion`, and that through `generate`, which gives token by token. Only there can be counted what a
stream cost: its chunks do not say.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from .. import harmless
from ..conversation import JSON, Request, Response, Usage
from ..observing import methods
from ..observing.beside import Beside, at_work, inside
from ..observing.endpoint import Endpoint
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from . import in_process
from .json_fields import as_object, integer, items, objects
from .openai.chat import CHAT as OPENAI_CHAT
from .openai.completions import TEXT_COMPLETION as OPENAI_TEXT
from .openai.embeddings import EMBEDDINGS as OPENAI_EMBEDDINGS

_NAME = "llama_cpp"
_DISTRIBUTION = "llama-cpp-python"
_MODULE = "llama_cpp.llama"
_OBJECTS = ("logits_processor", "stopping_criteria", "grammar")
"""Arguments that are code."""


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    declared = [
        Method(where=f"{_MODULE}:Llama.create_chat_completion", sent=_sent(CHAT), kind=SpanKind.INTERNAL),
        Method(where=f"{_MODULE}:Llama.create_completion", sent=_sent(TEXT), kind=SpanKind.INTERNAL),
        Method(where=f"{_MODULE}:Llama.create_embedding", sent=_sent(EMBEDDINGS), answer=_vectors, kind=SpanKind.INTERNAL),
        Method(where=f"{_MODULE}:Llama.embed", sent=_sent(EMBEDDINGS), answer=_bare_vectors, kind=SpanKind.INTERNAL),
    ]
    return [*methods.patches(_DISTRIBUTION, declared), Patch(_MODULE, "Llama.generate", _counted, _DISTRIBUTION)]


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
        answer = endpoint.response(body)
        return replace(answer, model=in_process.name(answer.model))  # it says the whole path

    return read


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
    )


def read_vectors(body: JSON) -> Response:
    """What came back, except the vectors themselves."""
    answer = OPENAI_EMBEDDINGS.response(body)
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


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """`Llama.generate`, with the tokens counted that it takes and gives as a part of a call."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        steps = function(*args, **kwargs)
        with harmless.guard("counting the tokens of a prompt"):
            beside = inside(_NAME)
            if beside is not None:
                count = _Count(args[0], args[1] if len(args) > 1 else kwargs.get("tokens"))
                beside.add(count.read)
                return _counting(steps, count)
        return steps

    return run


def _counting(steps: Any, count: _Count) -> Iterator[int]:
    # Only the library's own completion reads this: it goes on to the next token, or closes it by letting go.
    try:
        for token in steps:
            count.gave += 1
            count.last = token
            yield token
    finally:
        count.end()
        steps.close()


class _Count:
    """The tokens of one run of the model."""

    __slots__ = ("_llama", "gave", "last", "took")

    def __init__(self, llama: Any, prompt: Any) -> None:
        self._llama = llama
        self.took = len(prompt)
        self.gave = 0
        self.last: int | None = None

    def end(self) -> None:
        """The token that ends a text is none of it, as the library counts."""
        llama, self._llama = self._llama, None
        with harmless.guard("looking at the last token"):
            if self.last is not None and llama is not None and _ends(llama, self.last):
                self.gave -= 1

    def read(self) -> Response:
        """What it cost."""
        return Response(usage=Usage(input_tokens=self.took, output_tokens=self.gave))


def _ends(llama: Any, token: int) -> bool:
    library: Any = sys.modules["llama_cpp"]
    return bool(library.llama_vocab_is_eog(llama._model.vocab, token))  # noqa: SLF001  # as `create_completion` itself asks
