"""Put what is in a tensor on the span of whatever is at work: `genba.tensor`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

import orjson
from opentelemetry.context import Context, get_current
from opentelemetry.trace import get_current_span

from .. import harmless, semconv
from ..conversation.encoding import readable
from ..recording import signals
from ..recording.owning import AGENT, OWNER, RUN, TOOL, living
from ..recording.pending import invocation_of
from ..recording.signals import Signals
from ..settings.table import DEFAULT_STORE

if TYPE_CHECKING:
    from ..tokens.tensors import Summary

MOST: Final = 256
"""Tensors that one span keeps; what comes on top is counted."""
FOLDER: Final = "tensors"
"""Where whole tensors go, beside the store."""
NOTHING_CURRENT: Final = "tensors: no operation of genba's was at work"
_LONGEST_NAME: Final = 200
_US: Final = "tensors"


class Summarised(Protocol):
    """A tensor that was taken, or several as one."""

    def summary(self) -> Summary:
        """What was in it. This may wait."""


def tensor(
    name: str,
    value: Any,
    *,
    kind: Literal["logits", "embeddings"] | None = None,
    chosen: Any = None,
    top_k: int = 5,
    save: bool = False,
) -> None:
    """Record what is in a tensor on the span of the operation at work: shape, statistics, NaN and infinities, a histogram.

    Takes tensors of torch, arrays of numpy and jax, and whatever gives itself by DLPack or the array interface; none of these is imported.
    On an accelerator it is measured there, and nothing waits for it. It raises nothing. Where no operation is at work it is counted as
    dropped, see `doctor`.

    Args:
        name: What it is called, such as `"hidden.12"`. The same name again adds to what was recorded.
        value: The tensor.
        kind: `"logits"`, whose last axis is the vocabulary, also tells of each step the entropy and the likeliest tokens;
            `"embeddings"`, whose last axis is the dimension, also tells the norms.
        chosen: The ids of the tokens that were chosen, one a step, for logits: then each one's rank and probability are told.
        top_k: How many of the likeliest tokens are told of each step.
        save: Also keep the whole tensor, in a file beside the store.

    Example:
        >>> with genba.inference("acme-1"):
        ...     genba.tensor("logits", logits, kind="logits", chosen=token)
    """
    sending = signals.current()
    if sending is None:
        return
    with harmless.guard("summarising a tensor"):
        from ..tokens.tensors import KINDS, take  # a tenth of what importing genba costs, for what most programs never need

        invocation = _at_work(living(get_current()))
        if invocation is None:
            sending.ledger.dropped[NOTHING_CURRENT] += 1
            return
        shown = _shown_on(invocation)
        if not shown.has_room():
            return
        if kind is not None and kind not in KINDS:
            raise ValueError(f"genba.tensor(kind={kind!r}): use 'logits' or 'embeddings'.")
        whole = _to_keep(sending, shown) if save else None
        taken = take(value, kind, chosen, top_k, whole)
        shown.add(name, kind, taken)
        if not taken.is_ready:
            soon(taken.summary, sending)


def show(invocation: Any, name: str, kind: str | None, taken: Summarised) -> None:
    """Put a tensor that genba took by itself on the span of `invocation`."""
    shown = _shown_on(invocation)
    if shown.has_room():
        shown.add(name, kind, taken)


def soon(measure: Callable[[], Any], sending: Signals) -> None:
    """Have what was taken measured on genba's thread; if too much waits there, at once."""
    if not sending.background.put(_measure, measure):
        measure()


def _measure(waiting: Sequence[Callable[[], Any]]) -> None:
    for measure in waiting:
        with harmless.guard("summarising a tensor"):
            measure()


def _shown_on(invocation: Any) -> _Shown:
    shown = invocation.further.get(_US)
    if shown is None:
        shown = _Shown(invocation.started_ns, keeps_content=invocation.keeps_content)
        invocation.further = {**invocation.further, _US: shown}
    return shown  # type: ignore[no-any-return]  # nobody else uses our key


class _Tensor(NamedTuple):
    """One tensor that was shown."""

    name: str
    kind: str | None
    at_ns: int
    taken: Summarised


class _Shown:
    """The tensors that were shown during one operation."""

    def __init__(self, started_ns: int, *, keeps_content: bool) -> None:
        self.tensors: list[_Tensor] = []
        self.dropped = 0
        self.keeps_content = keeps_content
        self._started_ns = started_ns

    def has_room(self) -> bool:
        """Whether one more is kept; if not, it is counted."""
        if len(self.tensors) < MOST:
            return True
        self.dropped += 1
        return False

    def add(self, name: str, kind: str | None, taken: Summarised) -> None:
        """Keep one."""
        self.tensors.append(_Tensor(readable(str(name))[:_LONGEST_NAME], kind, time_ns(), taken))

    def __call__(self) -> Mapping[str, Any]:
        """As span attributes."""
        told: dict[str, list[dict[str, Any]]] = {}
        with_nan: dict[str, None] = {}
        for one in tuple(self.tensors):
            with harmless.guard("summarising a tensor"):
                summary = one.taken.summary()
                told.setdefault(one.name, []).append({"at_ns": one.at_ns - self._started_ns, **self._plain(summary)})
                if one.kind == "logits" and summary.has_nan:
                    with_nan[one.name] = None
        attributes: dict[str, Any] = {
            semconv.TENSOR.replace("{name}", name): orjson.dumps(listed).decode() for name, listed in told.items()
        }
        if with_nan:
            attributes[semconv.TENSORS_NAN_LOGITS] = list(with_nan)
        if self.dropped:
            attributes[semconv.TENSORS_DROPPED] = self.dropped
        return attributes

    def _plain(self, summary: Summary) -> dict[str, Any]:
        plain = summary.plain()
        if not self.keeps_content:
            plain.pop("top", None)  # which tokens came: that is what was said
        return plain


def _to_keep(sending: Signals, shown: _Shown) -> Any:
    """What keeps a whole tensor, or says why not."""
    if not shown.keeps_content:
        return functools.partial(_refused, "content is off")
    store = sending.settings.store
    if store == "off":
        return functools.partial(_refused, "the store is off")
    from ..tokens.tensors import save

    return functools.partial(save, Path(store or DEFAULT_STORE).absolute().parent / FOLDER)


def _refused(why: str, *_whole: Any) -> Mapping[str, Any]:
    return {"unknown": why}


def _at_work(context: Context) -> Any:
    """The innermost operation of ours that is being recorded."""
    current = invocation_of(get_current_span(context))
    if current is not None and current.is_recording:
        return current
    # A span of the host's is current, or one of another make than the SDK's.
    run: Any = context.get(RUN)
    around: list[Any] = [context.get(OWNER), context.get(TOOL), context.get(AGENT), getattr(run, "invocation", None)]
    recording = [one for one in around if one is not None and one.is_recording]
    return max(recording, key=lambda one: one.sequence, default=None)
