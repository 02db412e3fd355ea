"""xllamacpp: llama.cpp's server in this process, without HTTP. It is asked and answers in OpenAI's format, as dictionaries or as JSON text.

A stream is not read: each of its chunks is handed to a function of the host's, which by returning something true says that it is enough.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import JSON, Response
from ..conversation.encoding import decode, readable
from ..conversation.usage import ENGINE
from ..observing.arguments import Arguments, positions
from ..observing.around import Function, around
from ..observing.beginning import begun
from ..observing.call import Call
from ..observing.endpoint import Endpoint
from ..observing.patching import Patch
from ..observing.streams import Kept
from ..observing.wire import unwrapped
from ..semconv import Outcome
from . import in_process
from .json_fields import as_object, items, objects
from .openai.chat import CHAT as OPENAI_CHAT
from .openai.completions import TEXT_COMPLETION as OPENAI_TEXT
from .openai.embeddings import EMBEDDINGS as OPENAI_EMBEDDINGS
from .openai.rerank import RERANK as OPENAI_RERANK
from .token_fields import from_engine

_PROVIDER = "llama_cpp"
_CLASS = "xllamacpp.xllamacpp:Server"


def _endpoint(like: Endpoint) -> Endpoint:
    read = functools.partial(_by_the_engine, like)
    is_last = _is_last if like.fold is not None else None
    return replace(like, provider=_PROVIDER, attributes={}, response=read, is_last=is_last)


def _by_the_engine(like: Endpoint, body: JSON) -> Response:
    answer = like.response(body)
    counted = None if answer.usage is None else replace(answer.usage, source=ENGINE)
    # Without an alias it is the whole path of its file.
    return replace(answer, model=in_process.name(answer.model), usage=counted, tokens=from_engine(answer.tokens))


def _is_last(chunk: JSON) -> bool:
    choices = objects(as_object(chunk).get("choices"))
    return bool(choices) and all(choice.get("finish_reason") for choice in choices)


CHAT = _endpoint(OPENAI_CHAT)
TEXT = _endpoint(OPENAI_TEXT)
EMBEDDINGS = _endpoint(OPENAI_EMBEDDINGS)
RERANK = _endpoint(OPENAI_RERANK)
METHODS = {
    "handle_chat_completions": CHAT,
    "handle_completions": TEXT,
    "handle_embeddings": EMBEDDINGS,
    "handle_rerank": RERANK,
}


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    return [
        Patch.at(f"{_CLASS}.{name}", functools.partial(_observed, endpoint), "xllamacpp", optional=name == "handle_rerank")
        for name, endpoint in METHODS.items()
    ]


def _observed(endpoint: Endpoint, function: Function) -> Function:
    begin = functools.partial(_begin, endpoint, positions(inspect.unwrap(function)))
    return around(function, begin, Call.failed, _returned)


def _begin(endpoint: Endpoint, names: Mapping[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    with harmless.guard("beginning a call of xllamacpp"):
        arguments = Arguments(args, kwargs, names)
        asked = as_object(_read(arguments.get("prompt")))
        call = begun(endpoint, _start_attributes, endpoint, asked, kind=SpanKind.INTERNAL)
        if call is None or not call.invocation.is_recording:
            return call
        call.asked(asked)
        callback = arguments.get("callback")
        if callable(callback):
            hears = _Hearing(call, callback, streams=bool(asked.get("stream")))
            at = names.get("callback", len(args))
            is_named = "callback" in kwargs
            call.instead = (args, {**kwargs, "callback": hears}) if is_named else ((*args[:at], hears, *args[at + 1 :]), kwargs)
        return call
    return None


def _start_attributes(endpoint: Endpoint, asked: dict[str, Any]) -> dict[str, Any]:
    model = asked.get("model")
    named = {semconv.REQUEST_MODEL: readable(model)} if isinstance(model, str) and model else {}
    return {semconv.OPERATION_NAME: endpoint.operation, semconv.PROVIDER_NAME: endpoint.provider, **named}


class _Hearing:
    """Stands for the host's function during one call, and takes note of what it is given."""

    __slots__ = ("_call", "_callback", "_kept", "answer", "is_enough")

    def __init__(self, call: Call, callback: Callable[[Any], Any], *, streams: bool) -> None:
        self._call = call
        self._callback = callback
        self._kept = Kept(call, _read) if streams else None
        self.answer: Any = None
        self.is_enough = False

    def __call__(self, chunk: Any) -> Any:
        try:
            self._note(chunk)
        except Exception as error:  # noqa: BLE001  # a bare `try`: this runs for every chunk
            harmless.failed("noting a chunk", error)
        try:
            enough = self._callback(chunk)
        except BaseException:
            self.is_enough = True  # the library swallows it, and goes no further
            raise
        self.is_enough = bool(enough)
        return enough

    def ended(self) -> None:
        """The library has returned."""
        if self._kept is None:
            self._call.answered(_read(self.answer))
        elif self.is_enough:
            self._call.stopped(Outcome.CANCELLED)
        else:
            self._call.drained()

    def _note(self, chunk: Any) -> None:
        if self._kept is None:
            self.answer = unwrapped(chunk)
        else:
            self._kept.add(chunk)
            self._call.took(len(self._kept.chunks))


def _returned(call: Call, result: Any) -> Any:
    with harmless.guard("reading what xllamacpp returned"):
        args, kwargs = call.instead or ((), {})
        heard = next((one for one in (*args, *kwargs.values()) if type(one) is _Hearing), None)
        if heard is not None:
            heard.ended()
        else:
            call.answered(_without_vectors(result))
    return result


def _read(said: Any) -> JSON:
    """What is asked or answered, as JSON: given a text the library gives texts back, given bytes bytes."""
    if isinstance(said, (str, bytes)):
        try:
            return decode(said.encode() if isinstance(said, str) else said)
        except ValueError:
            return None
    return unwrapped(said)


def _without_vectors(result: Any) -> JSON:
    """Of vectors the first is enough: of them only the length is told."""
    body = as_object(result)
    vectors = items(body, "data")
    return unwrapped({**body, "data": vectors[:1]} if vectors else result if isinstance(result, dict) else {})
