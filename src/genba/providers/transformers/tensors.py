"""Tensors as they were when a model took or gave them, read later: to look at one at once makes the host wait for its accelerator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Rows = list[list[int]]


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


def _computed(device: Any) -> Any:
    """An event that comes when all that was queued until now is done; None where nothing is queued."""
    if device.type == "cpu":
        return None
    backend: Any = getattr(sys.modules["torch"], device.type, None)
    return backend.current_stream(device).record_event() if hasattr(backend, "current_stream") else None
