"""The logits of each step of a run, summarised as they come by a hook on the model, which is taken off again however the run ends.

The hook returns nothing and changes nothing. It holds the logits of one step at a time: which token was chosen from them is known only
when the next step begins.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ... import harmless
from ...observing.tensors import show, soon
from ...recording import signals
from .. import in_process
from .exchange import setting

NAME = "logits"
Lengths = Callable[[], Sequence[int]]
"""How many tokens each answer has, once it has ended."""


def watched(model: Any, given: Any, config: Any, invocation: Any) -> Watch | None:
    """What watches the logits of a run of `model` that begins now, for the span of `invocation`; None if nobody asked for it."""
    sending = signals.current()
    if sending is None or not in_process.wants_tensors(NAME):
        return None
    with harmless.guard("watching the logits of a model"):
        from ...tokens.tensors import absent  # only where somebody asks

        if given.get("assistant_model") is not None or setting(given, config, "prompt_lookup_num_tokens"):
            show(invocation, NAME, NAME, absent("the tokens were drafted: what the model went through is not what it said"))
            return None
        if not hasattr(model, "register_forward_hook"):
            show(invocation, NAME, NAME, absent("the model takes no hook"))
            return None
        beams = setting(given, config, "num_beams")
        return Watch(model, invocation, sending, is_plain=beams in (None, 1))
    return None


class Watch:
    """Watches one run."""

    def __init__(self, model: Any, invocation: Any, sending: signals.Signals, *, is_plain: bool) -> None:
        from ...tokens.tensors import Steps

        self._invocation, self._sending, self._is_plain = invocation, sending, is_plain
        self._steps = Steps()
        self._thread = threading.get_ident()
        self._is_compiling: Callable[[], bool] = sys.modules["torch"].compiler.is_compiling
        self._held: Any = None
        self._passes = 0
        self._texts = 0
        self._columns = 0
        self._lengths: Lengths | None = None
        self._taken_off = model.register_forward_hook(self._after, with_kwargs=True)

    def _after(self, _model: Any, _args: Any, given: Any, output: Any) -> None:
        # While torch compiles the model this becomes part of it, and must be nothing. A model may work for several threads.
        if self._is_compiling() or threading.get_ident() != self._thread:
            return
        try:
            self._note(given, output)
        except Exception as error:  # noqa: BLE001  # a bare `try`: this runs for every token
            harmless.failed("noting the logits of a step", error)

    def _note(self, given: Any, output: Any) -> None:
        logits: Any = getattr(output, "logits", None)
        if len(getattr(logits, "shape", ())) != 3:
            return
        ids = given.get("decoder_input_ids")
        self._add(given.get("input_ids") if ids is None else ids)
        self._held = logits[:, -1].detach().clone()
        self._texts = self._held.shape[0]
        self._passes += 1

    def _add(self, ids: Any) -> None:
        """Summarise what is held, from which the last one of `ids` was chosen."""
        held, self._held = self._held, None
        if held is None:
            return
        chosen = None
        if self._is_plain:
            is_told = len(getattr(ids, "shape", ())) == 2 and ids.shape[0] == held.shape[0]
            chosen = ids[:, -1].to(held.device) if is_told else [-1] * held.shape[0]
        self._steps.add(held, chosen)
        soon(self._steps.settle, self._sending)

    def gave(self, ids: Any, lengths: Lengths) -> None:
        """The run has ended; `ids` are what is new, a row for each answer."""
        self._lengths, self._columns = lengths, ids.shape[1]
        if self._passes:
            self._add(ids[:, : self._passes])  # fewer passes than ids: the others were those of a compiled model

    def stop(self) -> None:
        """Take the hook off, and tell what there was."""
        self._taken_off.remove()
        with harmless.guard("summarising logits"):
            self._add(None)
            show(self._invocation, NAME, NAME, self)

    def summary(self) -> Any:
        """All steps as one tensor, each answer's after the other's."""
        rows = self._steps.rows()
        if not self._is_plain or self._lengths is None or len(rows) != self._passes * self._texts:
            return self._steps.summary()
        lengths = self._lengths()
        if len(lengths) != self._texts:
            return self._steps.summary()
        # A prompt that was read in parts has a pass for each, and only the last of them was a step.
        before = max(self._passes - self._columns, 0) * self._texts
        by_text = [rows[before + text :: self._texts][:length] for text, length in enumerate(lengths)]
        return self._steps.summary([row for some in by_text for row in some])
