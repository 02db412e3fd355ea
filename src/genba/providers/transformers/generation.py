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
from ...conversation import JSON, Request, Response
from ...observing import arguments, methods
from ...observing.beside import Beside, inside
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from ...recording import signals
from .. import in_process
from . import exchange, tensors, vocabularies
from .streamers import Watched

_busy: ContextVar[bool] = ContextVar("genba-transformers-busy", default=False)
"""Whether a model is at work around here."""
_WHERE = ("transformers.generation.utils", "GenerationMixin.generate")


def patches() -> Sequence[Patch]:
    """The one method by which models are run."""
    return [Patch(*_WHERE, _observed, "transformers")]


def _observed(function: Callable[..., Any]) -> Callable[..., Any]:
    alone = methods.observed(Method(where=":".join(_WHERE), sent=_sent, kind=SpanKind.INTERNAL), function)
    names = arguments.positions(inspect.unwrap(function))

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if _busy.get() or signals.current() is None:
            return function(*args, **kwargs)
        if kwargs.get("streamer") is not None:
            kwargs["streamer"] = Watched(kwargs["streamer"])
        busy = _busy.set(True)
        try:
            beside = inside(exchange.NAME)
            if beside is None:
                return alone(*args, **kwargs)
            generation = _part(Arguments(args, kwargs, names), beside)
            result = function(*args, **kwargs)
            if generation is not None:
                generation.gave(result)
            return result
        finally:
            _busy.reset(busy)

    return run


def _sent(arguments: Arguments) -> Sent:
    generation = Generation(arguments)
    endpoint = replace(exchange.TEXT, request=generation.read_request)
    return Sent(endpoint=endpoint, body=generation.asked, model=generation.model, notes=generation.notes)


def _part(arguments: Arguments, beside: Beside) -> Generation | None:
    """One run of the model as a part of a pipeline's call."""
    with harmless.guard("beginning a run of a model"):
        generation = Generation(arguments)
        beside.add(generation.read_response)
        return generation
    return None


class Generation:
    """One run of a model: what it was given, and how to read what it gave."""

    def __init__(self, arguments: Arguments) -> None:
        model = arguments.receiver
        given = arguments.kwargs
        config = arguments.get("generation_config") or getattr(model, "generation_config", None)
        prompt: Any = arguments.get("inputs")
        prompt = given.get("input_ids") if prompt is None else prompt
        mask: Any = given.get("attention_mask")
        is_told = tensors.are_ids(prompt)
        self._is_decoder = not getattr(getattr(model, "config", None), "is_encoder_decoder", False)
        self._length: int = prompt.shape[-1] if is_told else 0
        self._prompt = tensors.kept(prompt) if is_told else None
        self._mask = tensors.kept(mask) if is_told and getattr(mask, "shape", None) == prompt.shape else None
        self._ends = _numbers(_either(given, config, "eos_token_id"))
        self._pads = _numbers(_either(given, config, "pad_token_id"))
        self._rows: Callable[[], tensors.Rows] | None = None
        self.model = in_process.name(getattr(model, "name_or_path", None)) or type(model).__name__
        self.asked = {"model": self.model, **exchange.asked(given, config, self._length if self._is_decoder else 0)}
        streamer = arguments.get("streamer")
        known = [given.get("tokenizer"), getattr(streamer, "tokenizer", None), vocabularies.of(model)]
        self._tokenizer = next((one for one in known if one is not None), None)  # to ask whether it is true counts its words
        if type(streamer) is Watched:
            streamer.read = self.so_far

    # On the host's thread.

    def notes(self, result: Any) -> Callable[[], JSON]:
        """What was returned -> what reads it."""
        self.gave(result)
        return self.answer

    def gave(self, result: Any) -> None:
        """Note what was returned: the ids, or an object that has them beside other things."""
        with harmless.guard("noting what a model gave"):
            sequences = getattr(result, "sequences", result)
            if tensors.are_ids(sequences):
                # A decoder goes on from what it was given, and gives that back too; another begins with one token of its own.
                said_before = self._length if self._is_decoder else 1
                self._rows = tensors.kept(sequences[:, said_before:])

    # On the exporter's.

    def read_request(self, body: JSON) -> Request:
        """What was asked, with the text of the prompts."""
        prompts = [vocabularies.decoded(self._tokenizer, ids, special=True) or ids for ids in self._prompts()]
        return in_process.read_request({**body, "prompt": prompts or None})

    def read_response(self) -> Response:
        """What came back."""
        return in_process.read_response(self.answer())

    def answer(self) -> JSON:
        """The same as JSON."""
        rows = [self._whole(ids) for ids in (self._rows() if self._rows is not None else ())]
        used = {
            "prompt_tokens": sum(len(ids) for ids in self._prompts()) if self._prompt is not None else None,
            "completion_tokens": sum(len(ids) for ids in rows) if self._rows is not None else None,
        }
        return {"choices": [self._choice(index, ids) for index, ids in enumerate(rows)], "usage": used}

    def so_far(self, ids: list[int]) -> JSON:
        """What came of an answer that was cut short."""
        return {"choices": [{**self._choice(0, ids), "finish_reason": None}]}

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
        masks = self._mask() if self._mask is not None else [[1] * len(ids) for ids in rows]
        return [[one for one, counts in zip(ids, mask, strict=True) if counts] for ids, mask in zip(rows, masks, strict=True)]

    def _whole(self, ids: list[int]) -> list[int]:
        """A row without what only fills it: it ends with the token that says so."""
        for at, one in enumerate(ids):
            if one in self._ends:
                return ids[: at + 1]
        end = len(ids)
        while end and ids[end - 1] in self._pads:
            end -= 1
        return ids[:end]


def _either(given: Any, config: Any, name: str) -> Any:
    value = given.get(name)
    return getattr(config, name, None) if value is None else value


def _numbers(value: Any) -> frozenset[int]:
    listed = value if isinstance(value, (list, tuple)) else (value,)
    return frozenset(one for one in listed if type(one) is int)
