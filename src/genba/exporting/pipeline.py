"""Decide where spans go, and build what genba needs of its own for that.

With a provider of the app's, spans go there and nowhere else, unless a destination of genba's was asked for. Without one, genba has a
private provider, which never becomes the global one unless asked: its spans go where OpenTelemetry's variables say, or else to the
embedded store. When the app's provider appears later, the next span goes there.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from .. import harmless
from ..background import Background
from ..recording.ledger import NOT_IN_TIME, Account, Ledger
from ..settings import Settings, SettingsError
from ..settings.table import DEFAULT_STORE
from . import standard
from .accounts import Accounts
from .destinations import Console, Delivery, Destination, Jsonl, Store, sequence_of
from .otlp import presets
from .otlp.outbox import Outbox
from .processor import OnlyOurs, Processor
from .redacted import Redacting

if TYPE_CHECKING:
    from ..redacting.redactor import Redactor

if TYPE_CHECKING:
    from typing_extensions import Self
BLOBS = "blobs"
"""What the folder is called in which large content lies, beside the store."""


class _Handed(NamedTuple):
    complete: bool
    """Whether everything that had ended was handed over in time."""
    waiting: int
    """How many spans were still waiting when the time was up."""


class Flushed(_Handed):
    """What `flush` and `shutdown` found: a pair, with the counts since genba was started here, or since the fork that made this process."""

    def __new__(cls, complete: bool, waiting: int, account: Account | None = None, spooled: int = 0) -> Self:  # as a pair has it
        """With the account of the run, where there is one."""
        made = super().__new__(cls, complete, waiting)
        made._account = account
        made._spooled = spooled
        return made

    _account: Account | None
    _spooled: int

    @property
    def spooled(self) -> int:
        """Spans that have not arrived at some OTLP destination. They are in the spool, and this process sends them, or the next."""
        return self._spooled

    @property
    def made(self) -> int:
        """Calls that have begun."""
        return self._account.made if self._account is not None else 0

    @property
    def in_flight(self) -> int:
        """Calls that have not ended yet."""
        return self._account.in_flight if self._account is not None else 0

    @property
    def sampled_out(self) -> int:
        """Calls that the sampler wanted nothing of."""
        return self._account.sampled_out if self._account is not None else 0

    @property
    def exported(self) -> Mapping[str, int]:
        """Spans handed over, by destination. What the application's own exporters do is not known here."""
        return self._account.exported if self._account is not None else {}

    @property
    def dropped(self) -> Mapping[str, int]:
        """Spans lost, by reason."""
        return self._account.dropped if self._account is not None else {}

    def __bool__(self) -> bool:
        return self.complete

    def __repr__(self) -> str:
        names = ("complete", "waiting", "spooled", "made", "in_flight", "sampled_out", "exported", "dropped")
        return f"Flushed({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


class Pipeline:
    """The way of spans from calls to destinations."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        background: Background,
        version: str,
        packages: Callable[[], Mapping[str, str]],
        redactor: Redactor | None = None,
    ) -> None:
        self._settings = settings
        self._redactor = redactor
        self._ledger = ledger
        self._background = background
        self._version = version
        self._packages = packages
        self._private: TracerProvider | None = None
        self._meters: Any = None
        self._loggers: Any = None
        self._processors: list[Processor | OnlyOurs] = []
        self._joined: weakref.WeakSet[Any] = weakref.WeakSet()
        self._following = "nothing yet"
        self._is_drained = False
        """Whether all that had ended was handed over at the last flush."""
        self.own = self._own_destinations()
        """Destinations of genba's that were asked for, by option or GENBA_ variable."""
        self.by_environment: Sequence[str] = () if settings.export is not None else standard.asked_for("traces") or ()
        """Exporters that OpenTelemetry's variables ask for, for the private provider."""
        self.is_default = (
            not self.own and settings.export is None and settings.store is None and standard.asked_for("traces") is None
        )
        if self.is_default:
            self.own = [Store(DEFAULT_STORE, ledger, version, packages, redactor)]
        for name in self.by_environment:
            standard.check(name, "traces")
        self._outbox = self._made_outbox()
        if self._outbox is not None and not self.by_environment:
            self.own.append(self._outbox)
            self._outbox.begin()
        self._delivery = Delivery(self.own, ledger, redactor)
        self._accounts = [Accounts(ledger, one, is_used=self._is_delivering) for one in self.own if isinstance(one, Store)]
        for accounts in self._accounts:  # there is one store at most
            background.ticks(accounts.tick, accounts.is_due)

    def choose(self, app: Any) -> trace.Tracer:
        """The tracer for the next span, given the app's global provider (None if it has none)."""
        provider = self._provider(app)
        self._ledger.goes_elsewhere(provider is not self._private and (self.is_default or not self.own))
        tracer: trace.Tracer = provider.get_tracer("genba", self._version)
        return tracer

    def private(self) -> TracerProvider:
        """The provider of genba's own, made when first needed."""
        if self._private is None:
            self._background.begin()
            self._private = self._made()
        return self._private

    def blobs(self) -> str | None:
        """The folder of blobs beside the store, if spans go to the store."""
        stores = [one for one in self.own if isinstance(one, Store)] if not self.is_default or self._private is not None else []
        return str(stores[0].path.parent / BLOBS) if stores else None

    def meters(self) -> Any:
        """A private meter provider, where OpenTelemetry's variables ask for metrics and the app has no pipeline; else None."""
        names = self._asked_for("metrics")
        if names and self._meters is None:
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

            readers = [PeriodicExportingMetricReader(standard.exporter(name, "metrics")) for name in names]
            self._meters = MeterProvider(readers, resource=self._resource(), shutdown_on_exit=False)
        return self._meters

    def loggers(self) -> Any:
        """A private logger provider, likewise."""
        names = self._asked_for("logs")
        if names and self._loggers is None:
            from opentelemetry.sdk._logs import LoggerProvider
            from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

            self._loggers = LoggerProvider(resource=self._resource(), shutdown_on_exit=False)
            for name in names:
                self._loggers.add_log_record_processor(BatchLogRecordProcessor(standard.exporter(name, "logs")))
        return self._loggers

    def _asked_for(self, signal: str) -> list[str]:
        """Exporters of metrics or logs, which are genba's to set up only where the spans are too."""
        has_own = self._settings.tracer_provider is None and trace.get_tracer_provider() in (self._private, _proxy())
        return (standard.asked_for(signal) or []) if has_own and self.by_environment else []

    def _resource(self) -> Resource:
        return Resource.create({"service.name": self._settings.service_name} if self._settings.service_name else {})

    def flush(self, timeout: float) -> Flushed:
        """Hand over everything that has ended, in at most about `timeout` seconds."""
        until = monotonic() + timeout
        done = self._background.flush(timeout)
        # Before the SDK's own exporters, which keep our thread for as long as they like.
        unsent = self._outbox.flush(until) if self._outbox is not None else 0
        for provider in [self._private, self._meters, self._loggers, *self._joined]:
            flush = getattr(provider, "force_flush", None)
            if flush is not None:
                left = until - monotonic()
                if left <= 0:
                    done = False
                    break
                # On our own thread: the SDK's processors take a timeout and do not keep it.
                done = bool(self._background.run(functools.partial(flush, int(left * 1000) or 1), left)) and done
        waiting = self._background.waiting
        for accounts in self._accounts if monotonic() < until else ():
            self._background.run(accounts.write, until - monotonic())
        self._is_drained = done and not waiting
        return Flushed(self._is_drained and not unsent, waiting, self._ledger.account(), unsent)

    def shutdown(self, timeout: float) -> Flushed:
        """Flush, then close what is genba's own. The app's providers stay as they are."""
        until = monotonic() + timeout
        flushed = self.flush(timeout)
        for processor in self._processors:
            processor.is_on = False
            if not self._is_drained and isinstance(processor, Processor):
                self._ledger.lose(map(sequence_of, processor.waiting()), NOT_IN_TIME)
        if self._outbox is not None:
            self._outbox.close()  # it stops waiting for servers, so that our thread is free for what follows
        # On our own thread: one that hangs in a destination holds what these want to close, and the end of the program must not wait.
        for accounts in self._accounts if self._is_drained else ():
            self._background.run(accounts.end, max(until - monotonic(), 0.1))
        self._background.run(self._delivery.close, max(until - monotonic(), 0.1))
        for provider in (self._private, self._meters, self._loggers):
            if provider is not None:
                self._background.run(provider.shutdown, max(until - monotonic(), 0.1))
        return Flushed(flushed.complete, flushed.waiting, self._ledger.account(), flushed.spooled)

    def forked(self) -> None:
        """In a child: what was under way in the parent is the parent's."""
        for processor in self._processors:
            if isinstance(processor, Processor):
                processor.forked()
        for one in self.own:
            if isinstance(one, Store):
                one.forked()

    def _is_delivering(self) -> bool:
        return any(isinstance(processor, Processor) for processor in self._processors)

    def describe(self) -> list[str]:
        """Where spans go, line by line, for `doctor`."""
        lines = [f"spans go to {self._following}"]
        lines.extend(
            f"destination {one.name}" + (f" ({one.path})" if isinstance(one, Store) else "")
            for one in self.own
            if one is not self._outbox
        )
        lines.extend(f"destination {name}, by OpenTelemetry's variables" for name in self.by_environment if name != "otlp")
        if self._outbox is not None:
            lines.extend(self._outbox.describe())
        return lines

    def _provider(self, app: Any) -> Any:
        given = self._settings.tracer_provider
        if given is not None:
            self._following = f"the provider passed to init ({_described(given)})"
            return self._join(given)
        if app is None and os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"):
            app = trace.get_tracer_provider()
        if app is not None and app is not self._private and not isinstance(app, trace.ProxyTracerProvider):
            self._following = f"the app's own pipeline ({_described(app)})"
            return self._join(app)
        if not self.own and not self.by_environment and not self._settings.export:
            self._following = "nowhere: no pipeline of the app's, and every destination is off"
            return trace.NoOpTracerProvider()
        self._following = "genba's private provider"
        return self.private()

    def _join(self, provider: Any) -> Any:
        """Add genba's destinations, if any were asked for, to a pipeline of the app's."""
        if provider not in self._joined and hasattr(provider, "add_span_processor"):
            if self.own and not self.is_default:
                processor = Processor(self._delivery, self._background, self._ledger, only_ours=True)
                provider.add_span_processor(processor)
                self._processors.append(processor)
            for exporter in self._exporters():
                batching = OnlyOurs(BatchSpanProcessor(exporter))
                provider.add_span_processor(batching)
                self._processors.append(batching)
        with harmless.guard("noting a provider"):
            self._joined.add(provider)
        return provider

    def _made(self) -> TracerProvider:
        provider = TracerProvider(resource=self._resource(), shutdown_on_exit=False)
        deliveries = [self._delivery] if self.own else []
        if self._outbox is not None and self._outbox not in self.own:
            # Asked for by the standard's variables: in a pipeline of the app's the app has seen to those itself.
            self._outbox.begin()
            deliveries.append(Delivery([self._outbox], self._ledger, self._redactor))
        for delivery in deliveries:
            processor = Processor(delivery, self._background, self._ledger, only_ours=False)
            provider.add_span_processor(processor)
            self._processors.append(processor)
        for name in self.by_environment:
            if name == "otlp":
                continue
            provider.add_span_processor(BatchSpanProcessor(self._counting(standard.exporter(name, "traces"), name)))
        for exporter in self._exporters():
            provider.add_span_processor(BatchSpanProcessor(exporter))
        return provider

    def _exporters(self) -> list[SpanExporter]:
        """The OpenTelemetry exporters that were passed to `export`."""
        given = [one for one in self._settings.export or () if not isinstance(one, str)]
        return [self._counting(one, type(one).__name__) for one in given]

    def _made_outbox(self) -> Outbox | None:
        """What sends to the OTLP destinations that were asked for, if any were."""
        wanted = [one for one in self._settings.export or () if isinstance(one, str)]
        targets = [standard.otlp_target()] if "otlp" in (*self.by_environment, *wanted) else []
        named = [one for one in dict.fromkeys(wanted) if one in presets.PRESETS]
        if named:
            standard.check_http()
        targets.extend(presets.target(one) for one in named)
        return Outbox(targets, self._settings.spool, self._ledger, self._background) if targets else None

    def _counting(self, exporter: SpanExporter, name: str) -> SpanExporter:
        """An exporter whose results are counted, and which is given what may leave."""
        counting = standard.Counting(exporter, name, self._ledger)
        return counting if self._redactor is None else Redacting(counting, self._redactor)

    def _own_destinations(self) -> list[Destination]:
        settings = self._settings
        wanted: list[Destination] = []
        is_off = settings.store == "off"
        if (settings.store is not None and not is_off) or "store" in (settings.export or ()):
            if is_off:
                raise SettingsError("genba.init was asked to export to the store, and store='off'. Leave one of the two out.")
            path = _writable(settings.store or DEFAULT_STORE, settings.store_origin)
            wanted.append(Store(path, self._ledger, self._version, self._packages, self._redactor))
        for one in settings.export or ():
            if one == "console":
                wanted.append(Console())
            elif isinstance(one, str) and one.startswith("jsonl:"):
                wanted.append(Jsonl(_writable(one[6:], settings.export_origin)))
        return wanted


def _proxy() -> Any:
    """What the API answers while nobody has set a provider."""
    return getattr(trace, "_PROXY_TRACER_PROVIDER", None)


def _described(provider: Any) -> str:
    return f"{type(provider).__module__}.{type(provider).__name__}"


def _writable(path: str, origin: str) -> str:
    """`path`, if a file can be written there.

    Raises:
        SettingsError: it cannot, and why.
    """
    file = Path(path)
    if file.is_dir():
        raise SettingsError(f"{origin} names {path!r}, which is a folder. Name a file in it.")
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    target = file if file.exists() else folder
    if not folder.is_dir() or not os.access(target, os.W_OK):
        raise SettingsError(
            f"{origin} names {path!r}, which cannot be written: '{target}' is not a writable folder. Choose another path."
        )
    return path
