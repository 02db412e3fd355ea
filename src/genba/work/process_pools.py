"""`ProcessPoolExecutor`: a task goes on in the trace of whoever handed it in."""

from __future__ import annotations

from collections.abc import Sequence

from ..observing.patching import Patch
from .threads import carrying_first


def patches() -> Sequence[Patch]:
    """What is wrapped, if the host asks for it with `carry_context`."""
    return [Patch("concurrent.futures.process", "ProcessPoolExecutor.submit", carrying_first, "concurrent.futures")]
