"""Take a tensor as it is now, and tell later what is in it.

What is small is copied and measured on genba's thread. What is large in the host's memory is measured at once: a copy would cost as much.
What is on an accelerator has its measures queued behind the work that makes it; only the reading of them waits.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ... import harmless
from . import jax_arrays, measuring, numpy_arrays, torch_tensors
from .measuring import Library
from .sources import Source
from .summary import MOST_ROWS, Numbers, Summary, of_steps, of_vectors, statistics, together

COPIED: Final = 1 << 20
"""Bytes up to which a tensor is copied, not measured at once."""
MOST_WAITING: Final = 64 << 20
"""Bytes of such copies that may wait to be measured."""


class _Waiting:
    """How many bytes of copies wait."""

    def __init__(self) -> None:
        self.forked()

    def forked(self) -> None:
        """In a child nothing waits yet; and the lock may have been another thread's."""
        self._lock = threading.Lock()
        self._bytes = 0

    def has_room(self, size: int) -> bool:
        with self._lock:
            if self._bytes + size > MOST_WAITING:
                return False
            self._bytes += size
            return True

    def left(self, size: int) -> None:
        with self._lock:
            self._bytes -= size


_waiting = _Waiting()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_waiting.forked)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be known of a tensor."""

    kind: str | None = None
    chosen: Any = None
    top: int = 5
    rows_only: bool = False
    """Whether nothing is asked of the whole."""


class Taken:
    """A tensor that was taken: `summary()` is what was in it. That may wait, so it is for genba's own thread."""

    def __init__(self, about: Summary | Source, read: Callable[[], Summary], *, is_ready: bool) -> None:
        self._about = (about.shape, about.dtype, about.device)
        self.is_ready = is_ready
        """Whether nothing of the host's is held until it is summarised."""
        self._read: Callable[[], Summary] | None = read
        self._lock = threading.Lock()
        self._summary: Summary | None = None

    def summary(self) -> Summary:
        """What was in it."""
        with self._lock:
            if self._summary is None:
                read, self._read = self._read, None
                self._summary = Summary(*self._about, unknown="genba failed to measure it")
                with harmless.guard("measuring a tensor"):
                    assert read is not None
                    self._summary = read()
            return self._summary


Whole = Callable[[str, "tuple[int, ...]", bytes], Mapping[str, Any]]
"""dtype, shape and values of a whole tensor -> what became of it."""


def take(
    value: Any, kind: str | None = None, chosen: Any = None, top: int = 5, whole: Whole | None = None, *, rows_only: bool = False
) -> Taken:
    """Take `value`, in which there may be numbers, as it is now; `whole` gets all of it, when it is summarised.

    `rows_only`: only what the kind adds is asked for.
    """
    source = recognised(value)
    if isinstance(source, Summary):
        return Taken(source, lambda: source, is_ready=True)
    asked = _fitting(Asked(kind, chosen, top, rows_only), source)
    if whole is not None:
        return _kept(source, asked, whole)
    if source.is_immutable:
        return Taken(source, lambda: _unless_gone(source, asked), is_ready=False)
    if source.is_on_host and source.size <= COPIED and _waiting.has_room(source.size):
        return _copied(source, asked)
    queued = _measured(source, asked)
    described = source.described()
    return Taken(described, lambda: _read(described, queued, asked), is_ready=True)


def absent(why: str) -> Taken:
    """For a tensor that nobody can have."""
    return Taken(known := Summary((), "unknown", "unknown", why), lambda: known, is_ready=True)


def recognised(value: Any) -> Source | Summary:
    """How to measure `value`, or a summary that says why it cannot be."""
    for room in (torch_tensors, jax_arrays, numpy_arrays):
        if room.NAME in sys.modules:
            found: Source | Summary | None = room.recognised(value)
            if found is not None:
                return found
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    shape = getattr(value, "shape", ())
    shape = tuple(n for n in shape if isinstance(n, int)) if isinstance(shape, (tuple, list)) else ()
    can = any(hasattr(type(value), name) for name in ("__dlpack__", "__array_interface__"))
    why = "no library that can read it is loaded: numpy or torch" if can else f"{kind} is no tensor that genba knows"
    return Summary(shape, str(getattr(value, "dtype", "unknown")), str(getattr(value, "device", "unknown")), why)


def _fitting(asked: Asked, source: Source) -> Asked:
    """`asked`, as far as this tensor has it."""
    if asked.kind is None or not source.shape:
        return Asked()
    columns = source.shape[-1]
    chosen = None
    if asked.kind == "logits" and asked.chosen is not None and columns:
        chosen = source.ids(asked.chosen, MOST_ROWS)
        if chosen is not None and len(chosen) != min(math.prod(source.shape[:-1]), MOST_ROWS):
            chosen = None
    return replace(asked, chosen=chosen, top=max(0, min(int(asked.top), columns, 100)))


def _unless_gone(source: Source, asked: Asked) -> Summary:
    if source.array.is_deleted():
        return Summary(source.shape, source.dtype, source.device, "it was given away to another computation before it was measured")
    return _read(source, _measured(source, asked), asked)


def _kept(source: Source, asked: Asked, whole: Whole) -> Taken:
    copy = source if source.is_immutable else source.copied()
    queued = None if source.is_on_host else _measured(copy, asked)

    def read() -> Summary:
        summary = _read(copy, queued or _measured(copy, asked), asked)
        return replace(summary, measures={**summary.measures, "file": whole(copy.dtype, copy.shape, copy.raw(copy.array))})

    return Taken(source, read, is_ready=False)


def _copied(source: Source, asked: Asked) -> Taken:
    size = source.size
    try:
        copy = source.copied()
    except BaseException:
        _waiting.left(size)
        raise

    def read() -> Summary:
        try:
            return _read(copy, _measured(copy, asked), asked)
        finally:
            _waiting.left(size)

    return Taken(source, read, is_ready=False)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Small tensors that hold what is to be known."""

    library: Library
    pieces: list[Any]
    rows: list[Any]
    wait: Callable[[], None]


def _measured(source: Source, asked: Asked) -> _Measured:
    library = source.library
    # An array of jax on the host is seen as one of numpy.
    array = library.names.asarray(source.array) if source.is_immutable else source.array
    with source.quietly():
        wanted = bool(source.count) and not asked.rows_only
        pieces = [measuring.measure(library, piece) for piece in measuring.pieces(array, library.piece)] if wanted else []
        rows: list[Any] = []
        if asked.kind is not None and source.count:
            last = measuring.rows_of(array, MOST_ROWS)
            many = max(1, library.piece // last.shape[1])
            for start in range(0, last.shape[0], many):
                part = last[start : start + many]
                if asked.kind == "logits":
                    chosen = None if asked.chosen is None else asked.chosen[start : start + many]
                    rows.append(measuring.steps(library, part, chosen, asked.top))
                else:
                    rows.append(measuring.norms(library, part))
        return _Measured(library, pieces, rows, source.queued(array))


def _read(source: Source, measured: _Measured, asked: Asked) -> Summary:
    measured.wait()
    read = measured.library.read
    piece = together([read(one) for one in measured.pieces])
    rows = [row for part in measured.rows for row in read(part)]
    numbers = Numbers(piece, rows)
    if asked.rows_only:
        return Summary(source.shape, source.dtype, source.device, None, {}, numbers)
    told = statistics(piece, source.count)
    if source.is_complex:
        told["of"] = "magnitude"
    if asked.kind is not None:
        columns, many = source.shape[-1], math.prod(source.shape[:-1])
        if asked.kind == "logits":
            told.update(of_steps(rows, many, columns, asked.top, has_chosen=asked.chosen is not None))
        else:
            told.update(of_vectors(rows, many, columns))
    return Summary(source.shape, source.dtype, source.device, None, told, numbers)
