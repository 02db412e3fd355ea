"""`generate` of a model: token ids in, token ids out, noted where they are and read on the exporter's thread.

It runs itself within itself: where it was overridden, and where a smaller model drafts for a larger one. Only the outermost counts.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from ... import harmless
from ...conversation import JSON, Request, Response, Tokens
from ...observing import arguments, methods
from ...observing.beside import Beside, at_work, inside
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from ...recording import signals
from ...tokens.vocabulary import Vocabulary
from .. import engine_tokens, in_process
from . import exchange, logits, tensors, vocabularies
from .streamers import Watched

_busy: ContextVar[_Run | None] = ContextVar("genba-transformers-busy", default=None)
"""The run of a model around here."""
_WHERE = ("transformers.generation.utils", "GenerationMixin.generate")
_NO_LOGITS = "the run was not asked for its logits: output_logits or output_scores, with return_dict_in_generate"


def patches() -> Sequence[Patch]:
    """The one method by which models are run."""
    return [Patch(*_WHERE, _observed, "transformers")]


class _Run:
    """One run of a model, from outside."""

    __slots__ = ("generation",)

    def __init__(self) -> None:
        self.generation: Generation | None = None


def _observed(function: Callable[..., Any]) -> Callable[..., Any]:
    watched = _watched(function)
    alone = methods.observed(Method(where=":".join(_WHERE), sent=_sent, kind=SpanKind.INTERNAL), watched)
    names = arguments.positions(inspect.unwrap(function))

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if _busy.get() is not None or signals.current() is None:
            return function(*args, **kwargs)
        if kwargs.get("streamer") is not None:
            kwargs["streamer"] = Watched(kwargs["streamer"])
        busy = _busy.set(_Run())
        try:
            beside = inside(exchange.NAME)
            if beside is None:
                return alone(*args, **kwargs)
            generation = _part(Arguments(args, kwargs, names), beside)
            result = watched(*args, **kwargs)
            if generation is not None:
                generation.gave(result)
            return result
        finally:
            _busy.reset(busy)

    return run


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with the logits of its steps summarised where that is asked for."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        outside = _busy.get()
        generation = None if outside is None else outside.generation
        watch = generation.watched() if generation is not None else None
        if generation is None or watch is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
            generation.gave_to(watch, result)
            return result
        finally:
            watch.stop()

    return run


def _begun(arguments: Arguments) -> Generation:
    generation = Generation(arguments)
    around = _busy.get()
    if around is not None:
        around.generation = generation
    return generation


def _sent(arguments: Arguments) -> Sent:
    generation = _begun(arguments)
    endpoint = replace(exchange.TEXT, request=generation.read_request, response=generation.read_body)
    return Sent(endpoint=endpoint, body=generation.asked, model=generation.model, notes=generation.notes)


def _part(arguments: Arguments, beside: Beside) -> Generation | None:
    """One run of the model as a part of a pipeline's call."""
    with harmless.guard("beginning a run of a model"):
        generation = _begun(arguments)
        beside.add(generation.read_response)
        return generation
    return None


class Generation:
    """One run of a model: what it was given, and how to read what it gave."""

    def __init__(self, arguments: Arguments) -> None:
        model = arguments.receiver
        given = arguments.kwargs
        config = arguments.get("generation_config") or getattr(model, "generation_config", None)
        self._of: tuple[Any, Any, Any] = (model, given, config)
        prompt: Any = arguments.get("inputs")
        prompt = given.get("input_ids") if prompt is None else prompt
        mask: Any = given.get("attention_mask")
        is_told = tensors.are_ids(prompt)
        self._is_decoder = not getattr(getattr(model, "config", None), "is_encoder_decoder", False)
        self._length: int = prompt.shape[-1] if is_told else 0
        self._prompt = tensors.kept(prompt) if is_told else None
        self._mask = tensors.kept(mask) if is_told and getattr(mask, "shape", None) == prompt.shape else None
        self._ends = _numbers(exchange.setting(given, config, "eos_token_id"))
        self._pads = _numbers(exchange.setting(given, config, "pad_token_id"))
        self._rows: Callable[[], tensors.Rows] | None = None
        self.model = in_process.name(getattr(model, "name_or_path", None)) or type(model).__name__
        self.asked = {"model": self.model, **exchange.asked(given, config, self._length if self._is_decoder else 0)}
        streamer = arguments.get("streamer")
        known = [given.get("tokenizer"), getattr(streamer, "tokenizer", None), vocabularies.of(model)]
        self._tokenizer = next((one for one in known if one is not None), None)  # to ask whether it is true counts its words
        self._level = in_process.level()
        self._distributions: Callable[[], Sequence[Sequence[float]]] | None = None
        self._so_far: list[int] | None = None
        self._sizes: Sequence[int] = ()
        if type(streamer) is Watched:
            streamer.read, self._sizes = self.so_far, streamer.sizes

    # On the host's thread.

    def watched(self) -> logits.Watch | None:
        """What watches the logits of its steps, if that is asked for."""
        model, given, config = self._of
        self._of = (None, {}, None)  # what waits to be read keeps no model alive
        call = at_work(exchange.NAME)
        if call is None or not call.invocation.is_recording:
            return None
        return logits.watched(model, given, config, call.invocation)

    def gave_to(self, watch: logits.Watch, result: Any) -> None:
        """Tell what watches the logits which tokens were chosen."""
        with harmless.guard("noting what a model gave"):
            sequences = getattr(result, "sequences", result)
            if tensors.are_ids(sequences):
                watch.gave(self._new(sequences), lambda: [len(self._whole(ids)) for ids in self._answers()])

    def notes(self, result: Any) -> Callable[[], JSON]:
        """What was returned -> what reads it."""
        self.gave(result)
        return self.answer

    def gave(self, result: Any) -> None:
        """Note what was returned: the ids, or an object that has them beside other things."""
        with harmless.guard("noting what a model gave"):
            sequences = getattr(result, "sequences", result)
            if tensors.are_ids(sequences):
                new = self._new(sequences)
                self._rows = tensors.kept(new)
                # What the model itself said goes before what was made of that for drawing.
                told = getattr(result, "logits", None) or getattr(result, "scores", None)
                if self._level == "full" and isinstance(told, tuple):
                    self._distributions = tensors.measured(told, new, getattr(result, "beam_indices", None))

    def _new(self, sequences: Any) -> Any:
        """What the model said. A decoder goes on from what it was given, and gives that back; another begins with a token of its own."""
        return sequences[:, self._length if self._is_decoder else 1 :]

    # On the exporter's.

    def read_request(self, body: JSON) -> Request:
        """What was asked, with the text of the prompts."""
        prompts = [vocabularies.decoded(self._tokenizer, ids, special=True) or ids for ids in self._prompts()]
        return in_process.read_request({**body, "prompt": prompts or None})

    def read_response(self) -> Response:
        """What came back."""
        return self.read_body(self.answer())

    def read_body(self, body: JSON) -> Response:
        """The same of its JSON, with the tokens."""
        response = in_process.read_response(body)
        with harmless.guard("reading the tokens of a run"):
            return replace(response, tokens=self._tokens())
        return response

    def answer(self) -> JSON:
        """The answers as JSON."""
        rows = self._answers()
        used = {
            "prompt_tokens": sum(len(ids) for ids in self._prompts()) if self._prompt is not None else None,
            "completion_tokens": sum(len(ids) for ids in rows) if self._rows is not None else None,
        }
        return {"choices": [self._choice(index, ids) for index, ids in enumerate(rows)], "usage": used}

    def so_far(self, ids: list[int]) -> JSON:
        """What came of an answer that was cut short."""
        self._so_far = ids
        return {"choices": [{**self._choice(0, ids), "finish_reason": None}]}

    def _tokens(self) -> Sequence[Tokens]:
        if self._level not in ("pieces", "full"):
            return ()
        vocabulary = engine_tokens.of_tokenizer(self._tokenizer)
        said = self._answers() if self._rows is not None else [] if self._so_far is None else [self._so_far]
        told = [vocabulary.tokens(ids, "input", index) for index, ids in enumerate(self._prompts())]
        return [*told, *(self._output(vocabulary, index, ids, len(said)) for index, ids in enumerate(said))]

    def _output(self, vocabulary: Vocabulary, index: int, ids: list[int], texts: int) -> Tokens:
        columns: dict[str, Any] = {}
        rows = self._distributions() if self._distributions is not None else ()
        if rows:
            columns = engine_tokens.steps(vocabulary, rows[index::texts][: len(ids)])
        came = [number for number, size in enumerate(self._sizes) for _ in range(size)]
        if texts == 1 and len(came) >= len(ids):
            columns["chunks"] = came[: len(ids)]
        why = {} if rows or self._level != "full" else {"logprobs": _NO_LOGITS}
        return vocabulary.tokens(ids, "output", index, why, **columns)

    def _choice(self, index: int, ids: list[int]) -> dict[str, Any]:
        text = vocabularies.decoded(self._tokenizer, ids, special=False)
        said = {"text": text} if text is not None else {"token_ids": ids}
        return {"index": index, **said, "finish_reason": self._why(ids)}

    def _why(self, ids: list[int]) -> str:
        limit = self.asked.get("max_tokens")
        ended_itself = bool(ids) and ids[-1] in self._ends
        return "length" if not ended_itself and isinstance(limit, int) and len(ids) >= limit else "stop"

    def _prompts(self) -> tensors.Rows:
        """What the model was given, without what only fills the rows."""
        rows = self._prompt() if self._prompt is not None else []
        masks = self._mask() if self._mask is not None else self._inferred(rows)
        return [[one for one, counts in zip(ids, mask, strict=True) if counts] for ids, mask in zip(rows, masks, strict=True)]

    def _inferred(self, rows: tensors.Rows) -> tensors.Rows:
        """The mask that the library makes itself where none is given: whatever is no padding, if that can be told from an end."""
        fills = frozenset() if self._pads & self._ends else self._pads
        return [[one not in fills for one in ids] for ids in rows]

    def _answers(self) -> tensors.Rows:
        """What the model said, each answer without what only fills its row: it ends with the token that says so."""
        return [self._whole(ids) for ids in (self._rows() if self._rows is not None else ())]

    def _whole(self, ids: list[int]) -> list[int]:
        for at, one in enumerate(ids):
            if one in self._ends:
                return ids[: at + 1]
        end = len(ids)
        while end and ids[end - 1] in self._pads:
            end -= 1
        return ids[:end]


def _numbers(value: Any) -> frozenset[int]:
    listed = value if isinstance(value, (list, tuple)) else (value,)
    return frozenset(one for one in listed if type(one) is int)
