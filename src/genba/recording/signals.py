"""Where telemetry goes right now, and how much of it: the settings in force and the tracer, seen from a call.

One object for the process, swapped whole by `genba.init`. It follows the app: when a global provider appears later, the next call uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context

from ..background import Background
from ..settings import Settings
from .ledger import Ledger
from .sampling import Drops, foresight

if TYPE_CHECKING:
    from ..offloading import Offload
    from ..redacting.redactor import Redactor
    from ..tokens.local import Tokenizers

ChooseTracer = Callable[[Any], trace.Tracer]
"""The app's global provider, or None -> the tracer to use."""

_unseen = object()


@dataclass(slots=True, eq=False)
class Signals:
    """What a call needs to know to record itself."""

    settings: Settings
    choose: ChooseTracer
    background: Background
    ledger: Ledger = field(default_factory=Ledger)
    offload: Offload | None = None
    """Where large content goes; None: it stays."""
    after: Any = None
    """What an ended invocation leaves besides its span: see `afterwards`."""
    redactor: Redactor | None = None
    """What takes secrets and personal data out; None if nothing is to be taken out."""
    is_silent: bool = False
    """Whether nothing at all is to be recorded."""
    outer: Context | None = None
    """What the process that started this one had current, if it said so."""
    outer_scope: Any = None
    """And its conversation."""
    tokenizer_calls: Callable[[], Any] | None = None
    """The calls of tokenizers that the application made on this thread, where they are noted: see `observing.tokenizing`."""
    quietly: Callable[[], AbstractContextManager[None]] = nullcontext
    """What is around genba's own use of a tokenizer, so that it is not taken for the application's."""
    _seen: Any = _unseen
    _drops: Drops | None = None
    _tokenizers: Tokenizers | None = None
    _tracer: trace.Tracer = field(default_factory=trace.NoOpTracer)

    @property
    def content(self) -> bool:
        """Whether prompts and completions are kept at all."""
        return self.settings.capture_content != "none"

    @property
    def content_on_spans(self) -> bool:
        """Whether prompts and completions go on spans."""
        return self.settings.capture_content in ("span", "both")

    @property
    def tokenizers(self) -> Tokenizers:
        """The tokenizers that genba may use itself. Only for the exporter's thread."""
        if self._tokenizers is None:
            from ..tokens.local import Tokenizers  # most programs never need it

            self._tokenizers = Tokenizers(self.settings.tokenizers)
        return self._tokenizers

    def tracer(self) -> trace.Tracer:
        """The tracer for the next span."""
        # A private name of the API, read because it is a hundred times cheaper than asking; without it we ask.
        provider = getattr(trace, "_TRACER_PROVIDER", _unseen)
        if provider is _unseen:
            provider = trace.get_tracer_provider()
        if provider is not self._seen:
            self._tracer = self.choose(provider)
            self._drops = foresight(self._tracer)
            self._seen = provider
        return self._tracer

    def drops(self, context: Context) -> bool:
        """Whether a call that begins in this context is sampled out for certain. Then it is counted, and nothing else happens."""
        self.tracer()
        if self._drops is None or not self._drops(context):
            return False
        self.ledger.skip(self.ledger.number())
        return True


class _Transparent(trace.NoOpTracer):
    """Starts no span: what was current stays so."""

    def start_span(self, name: str, context: Any = None, *args: Any, **kwargs: Any) -> trace.Span:
        return trace.get_current_span(context)


SILENT = Signals(Settings(), lambda _: _Transparent(), Background(), is_silent=True)
"""For invocations of which nothing is to be made: before `init`, or when beginning one failed."""

_current: Signals | None = None


def current() -> Signals | None:
    """The signals in force, or None before `init` and after `uninstrument`."""
    return _current


def use(signals: Signals | None) -> None:
    """Put these in force."""
    global _current  # noqa: PLW0603  # one for the process is the point
    _current = signals
