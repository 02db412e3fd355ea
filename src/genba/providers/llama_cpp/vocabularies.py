"""What llama.cpp itself tells of its tokens and its time, asked only while the model is at work: afterwards it may be gone from memory."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from ...conversation import Timings

_LONG: Final = 64
"""Bytes that most tokens have room in."""
_FAR_OFF: Final = 10
"""How many times longer than the reading of the prompt all that comes before the first token may take."""


class Words:
    """What the tokens of one model stand for, as far as they were met."""

    def __init__(self, vocabulary: Any) -> None:
        self._vocabulary = vocabulary
        self._buffer: Any = ctypes.create_string_buffer(_LONG)
        self.pieces: dict[int, bytes] = {}
        self.special: set[int] = set()
        """Those that are control and no text."""

    def learn(self, ids: Iterable[int]) -> None:
        """Ask the model for those that were not met before."""
        pieces = self.pieces
        for id in ids:
            if id not in pieces:
                if _library().llama_vocab_is_control(self._vocabulary, id):
                    self.special.add(id)
                pieces[id] = self._piece(id)

    def learn_all(self) -> None:
        """Ask for the whole vocabulary: a tenth of a second, once."""
        self.learn(range(_library().llama_vocab_n_tokens(self._vocabulary)))

    def _piece(self, id: int) -> bytes:
        buffer = self._buffer
        length = self._written(id, buffer)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = self._written(id, buffer)
        return bytes(buffer.raw[: max(length, 0)])

    def _written(self, id: int, buffer: Any) -> int:
        return int(_library().llama_token_to_piece(self._vocabulary, id, buffer, len(buffer), 0, True))


_met: WeakKeyDictionary[Any, Words] = WeakKeyDictionary()


def of(llama: Any) -> Words:
    """What is known of the tokens of a loaded model."""
    model = llama._model  # noqa: SLF001  # where the library keeps it
    words = _met.get(model)
    if words is None:
        words = _met[model] = Words(model.vocab)
    return words


def is_loaded(llama: Any) -> bool:
    """Whether it may still be asked."""
    return llama._model.model is not None and llama._ctx.ctx is not None  # noqa: SLF001


def keeps_logits(llama: Any) -> bool:
    """Whether the library takes the logits of every token over to where Python sees them."""
    known = getattr(llama, "_logits_all", None)
    return bool(getattr(getattr(llama, "context_params", None), "logits_all", False) if known is None else known)


def ends(llama: Any, token: int) -> bool:
    """Whether a token ends a text, asked as the library's own completion asks."""
    return bool(_library().llama_vocab_is_eog(llama._model.vocab, token))  # noqa: SLF001


class Spent(NamedTuple):
    """The time that a context has spent since its counters were reset, in milliseconds, and on how many tokens."""

    prefill: float
    decode: float
    prefill_tokens: int
    decode_tokens: int


def spent(llama: Any) -> Spent:
    """Read the counters. They go on counting."""
    told = _library().llama_perf_context(llama._ctx.ctx)  # noqa: SLF001
    # Where nothing was counted yet, it says 1.
    return Spent(told.t_p_eval_ms, told.t_eval_ms, told.n_p_eval if told.t_p_eval_ms else 0, told.n_eval if told.t_eval_ms else 0)


def since(before: Spent, after: Spent, waited: float) -> Timings | None:
    """What was spent between two readings; None if it does not measure its time, or was reset.

    `waited` is how many seconds the first token took. Where llama.cpp makes room for more logits at the beginning of a run, its clock
    misses most of the reading: what cannot be is not told.
    """
    prefill, decode, read, written = (now - then for now, then in zip(after, before, strict=True))
    if min(prefill, decode) < 0 or not prefill + decode:
        return None
    is_likely = prefill / 1e3 * _FAR_OFF >= waited
    return Timings(
        prefill=prefill / 1e3 if is_likely else None,
        prefill_tokens=int(read) if is_likely else None,
        decode=decode / 1e3,
        decode_tokens=int(written),
    )


def _library() -> Any:
    return sys.modules["llama_cpp"]
