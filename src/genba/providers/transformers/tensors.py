"""Tensors as they were when a model took or gave them, read later: to look at one at once makes the host wait for its accelerator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

Rows = list[list[int]]
_AT_ONCE: Final = 1 << 22
"""Logits of an accelerator that are measured with one launch of each reduction."""
_MOST_ROWS: Final = 256
"""Rows that are measured at a time, see `tokens.tensors`."""


def are_ids(tensor: Any) -> bool:
    """Whether this is a tensor of token ids, a row for each text."""
    return len(getattr(tensor, "shape", ())) == 2 and not tensor.is_floating_point()


def kept(tensor: Any) -> Callable[[], Rows]:
    """What reads its rows, on the exporter's thread. The host may change it meanwhile."""
    copy = tensor.detach().clone()  # on an accelerator this is only queued
    computed = _computed(copy.device)

    def read() -> Rows:
        if computed is not None:
            computed.synchronize()
        rows: Rows = copy.tolist()
        return rows

    return read


def measured(logits: Sequence[Any], chosen: Any, rows: Any) -> Callable[[], list[Sequence[float]]] | None:
    """What reads of each step what is to be known of its logits, all texts side by side; None if they cannot be measured.

    `chosen` are the ids, a row for each text; `rows`, if given, which row of its step each was chosen from: beams change places.
    """
    from ...tokens.tensors import Steps  # only where somebody asks

    texts, many = chosen.shape
    if not 0 < many <= len(logits) or texts > _MOST_ROWS or any(len(step.shape) != 2 for step in logits):
        return None
    if rows is None and (many < len(logits) or any(step.shape[0] != texts for step in logits)):
        return None
    if rows is not None and (rows.shape[0] != texts or rows.shape[1] < many):
        return None
    torch: Any = sys.modules["torch"]
    steps = Steps(rows_only=True)
    first = logits[0]
    group = 1 if first.device.type == "cpu" else max(1, min(_AT_ONCE // max(first.numel(), 1), _MOST_ROWS // texts))
    with torch.no_grad():
        for start in range(0, many, group):
            some = [_of(step, rows, start + at) for at, step in enumerate(logits[start : min(start + group, many)])]
            ids = chosen[:, start : start + group].t().reshape(-1).to(some[0].device)
            steps.add(some[0] if len(some) == 1 else torch.cat(some), ids)

    def read() -> list[Sequence[float]]:
        found = list(steps.rows())
        return found if len(found) == texts * many else []

    return read


def _of(step: Any, rows: Any, number: int) -> Any:
    """The logits of a step, a row for each text that there is in the end."""
    return step if rows is None else step[rows[:, number].clamp(min=0)]


def _computed(device: Any) -> Any:
    """An event that comes when all that was queued until now is done; None where nothing is queued."""
    if device.type == "cpu":
        return None
    backend: Any = getattr(sys.modules["torch"], device.type, None)
    return backend.current_stream(device).record_event() if hasattr(backend, "current_stream") else None
