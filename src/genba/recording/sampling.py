"""Know beforehand, and for nearly nothing, that a span would not be sampled.

A sampled-out call should cost the host next to nothing, and the SDK's way to find out costs more than all the rest of ours. Two common
samplers can be told by looking: the one that never samples, and a parent-based one below a parent that was not sampled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import Tracer, get_current_span

Drops = Callable[[Context], bool]
"""Whether a span that began in this context would be dropped for certain."""


def foresight(tracer: Tracer) -> Drops | None:
    """How to tell for this tracer; None if only asking its sampler does."""
    sampler: Any = getattr(tracer, "sampler", None)
    if sampler is ALWAYS_OFF:
        return lambda _: True
    if type(sampler) is ParentBased and _drops_below_unsampled(sampler):
        return _is_below_unsampled
    return None


def _drops_below_unsampled(sampler: Any) -> bool:
    return all(getattr(sampler, name, None) is ALWAYS_OFF for name in ("_local_parent_not_sampled", "_remote_parent_not_sampled"))


def _is_below_unsampled(context: Context) -> bool:
    if not context:
        return False
    parent = get_current_span(context).get_span_context()
    return parent.is_valid and not parent.trace_flags.sampled
