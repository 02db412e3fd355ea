"""`Llama.generate`, which gives token by token: what each run of the model took, gave and cost.

Only here can be counted what a stream cost: its chunks do not say. What the engine is asked beside changes nothing in it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter_ns
from typing import Any
from weakref import ref

from ... import harmless
from ...conversation import Response, Timings, Tokens, Usage
from ...conversation.usage import ENGINE
from ...observing.beside import at_work
from ...observing.tensors import show, soon
from ...recording import signals
from ...tokens.vocabulary import Vocabulary
from .. import engine_tokens, in_process
from . import vocabularies

NAME = "llama_cpp"
_LOGITS = "logits"
_NOT_KEPT = "the library keeps the logits only of a model that was loaded with logits_all=True"
_LET_GO = "the model was let go before its vocabulary was read"


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """`Llama.generate`, with the tokens noted that it takes and gives as a part of a call."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        steps = function(*args, **kwargs)
        with harmless.guard("counting the tokens of a prompt"):
            call = at_work(NAME)
            if call is not None and call.beside is not None:
                noted = Run(args[0], args[1] if len(args) > 1 else kwargs.get("tokens"), call.invocation)
                call.beside.add(noted.read)
                return _counting(steps, noted)
        return steps

    return run


def _counting(steps: Any, noted: Run) -> Iterator[int]:
    # Only the library's own completion reads this: it goes on to the next token, or closes it by letting go.
    noted.begin()
    try:
        for token in steps:
            noted.note(token)
            yield token
    finally:
        noted.end()
        steps.close()


class Run:
    """One run of the model."""

    def __init__(self, llama: Any, prompt: Any, invocation: Any) -> None:
        self._llama = llama
        self._prompt: Sequence[int] = prompt
        self._said: list[int] = []
        self._is_ended_by_last = False
        self._level = in_process.level()
        self._invocation = invocation
        self._words: vocabularies.Words | None = None
        self._steps: Any = None
        self._settle: Callable[[], None] | None = None
        self._before: vocabularies.Spent | None = None
        self._began_ns = self._first_ns = 0
        self._timings: Timings | None = None
        self._known = ref(llama)

    # On the host's thread, while the model is loaded.

    def begin(self) -> None:
        """It begins now."""
        with harmless.guard("beginning a run of a model"):
            self._began_ns = self._first_ns = perf_counter_ns()
            if self._level != "off":
                self._before = vocabularies.spent(self._llama)
            if self._level in ("pieces", "full"):
                self._words = vocabularies.of(self._llama)
                self._words.learn(self._prompt)
            self._watch()

    def note(self, token: int) -> None:
        """It gave a token."""
        if not self._said:
            self._first_ns = perf_counter_ns()
        self._said.append(token)
        try:
            if self._words is not None:
                self._words.learn((token,))
            if self._steps is not None and self._settle is not None:
                # A token was drawn from what the model made of the one before it.
                self._steps.add(self._llama.scores[len(self._prompt) + len(self._said) - 2], [token])
                self._settle()
        except Exception as error:  # noqa: BLE001  # a bare `try`: this runs for every token
            harmless.failed("noting a token", error)

    def end(self) -> None:
        """It has ended. The library does not count the token that ends a text."""
        llama, self._llama = self._llama, None
        with harmless.guard("looking at the end of a run"):
            if llama is None or not vocabularies.is_loaded(llama):
                return
            self._is_ended_by_last = bool(self._said) and vocabularies.ends(llama, self._said[-1])
            if self._before is not None:
                waited = (self._first_ns - self._began_ns) / 1e9
                self._timings = vocabularies.since(self._before, vocabularies.spent(llama), waited)

    def _watch(self) -> None:
        """Have the logits of each step measured, where they are asked for and the library has them."""
        sending = signals.current()
        wants_summary = in_process.wants_tensors(_LOGITS) and self._invocation.is_recording
        if sending is None or not (wants_summary or self._level == "full"):
            return
        from ...tokens.tensors import Steps, absent  # only where somebody asks

        if not vocabularies.keeps_logits(self._llama):
            if wants_summary:
                show(self._invocation, _LOGITS, _LOGITS, absent(_NOT_KEPT))
            return
        if self._words is not None and self._level == "full":
            self._words.learn_all()  # any of it may be an alternative
        self._steps = Steps(rows_only=not wants_summary)
        self._settle = functools.partial(soon, self._steps.settle, sending)
        if wants_summary:
            show(self._invocation, _LOGITS, _LOGITS, self._steps)

    # On the exporter's.

    def read(self) -> Response:
        """What it took, gave and cost."""
        said = len(self._said) - self._is_ended_by_last
        usage = Usage(input_tokens=len(self._prompt), output_tokens=said, source=ENGINE)
        return Response(usage=usage, tokens=self._tokens(), timings=self._timings)

    def _tokens(self) -> Sequence[Tokens]:
        words = self._words
        if words is None:
            return ()
        with harmless.guard("reading the tokens of a run"):
            llama = self._known()
            fingerprint, unknown = (None, {"tokenizer": _LET_GO}) if llama is None else engine_tokens.fingerprint_of(llama)
            vocabulary = Vocabulary(words.pieces.get, frozenset(words.special), fingerprint, unknown)
            prompt, said = tuple(self._prompt), tuple(self._said)
            columns, why = self._columns(vocabulary, len(said))
            return [vocabulary.tokens(prompt, "input"), vocabulary.tokens(said, "output", 0, why, **columns)]
        return ()

    def _columns(self, vocabulary: Vocabulary, many: int) -> tuple[dict[str, Any], dict[str, str]]:
        if self._level != "full":
            return {}, {}
        if self._steps is None:
            return {}, {"logprobs": _NOT_KEPT}
        rows = self._steps.rows()
        if len(rows) != many:
            return {}, {"logprobs": "some of its logits could not be measured"}
        return engine_tokens.steps(vocabulary, rows), {}
