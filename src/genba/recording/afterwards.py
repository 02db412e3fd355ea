"""What an ended invocation leaves besides its span: metrics, and events as log records. Runs on the background thread.

Made only where somebody takes them: with the app's meter and logger providers, whenever those appear, or the ones given to `init`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from opentelemetry import _logs, metrics
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Histogram, Meter

from .. import harmless, semconv
from ..conversation.encoding import decode
from ..semconv import INFERENCE, Operation, Outcome
from . import counting
from .exchange import Rendered
from .invocation import Invocation
from .signals import Signals

_unseen = object()
_MODALITIES = ("text", "image", "audio")


class Afterwards:
    """Metrics and events of ended invocations."""

    def __init__(self, signals: Signals, version: str, own_meters: Callable[[], Any], own_loggers: Callable[[], Any]) -> None:
        self._signals = signals
        self._own_meters = own_meters
        self._own_loggers = own_loggers
        self._version = version
        self._meters: Any = _unseen
        self._loggers: Any = _unseen
        self._measures: Measures | None = None
        self._logger: _logs.Logger | None = None

    def wanted(self) -> bool:
        """Whether anybody takes metrics or events. On the hot path: two comparisons, until a provider appears."""
        try:
            # Private names, read because they are on the hot path; where they are missing, the API is asked.
            meters: Any = metrics._internal._METER_PROVIDER  # noqa: SLF001
            loggers: Any = _logs._internal._LOGGER_PROVIDER  # noqa: SLF001
        except AttributeError:
            meters, loggers = _asked(metrics.get_meter_provider()), _asked(_logs.get_logger_provider())
        if meters is not self._meters or loggers is not self._loggers:
            self._follow(meters, loggers)
        return self._measures is not None or self._logger is not None

    @property
    def takes_events(self) -> bool:
        """Whether somebody takes log records."""
        return self.wanted() and self._logger is not None

    def record(self, invocations: Sequence[Invocation]) -> None:
        """Measure and report ended invocations."""
        for invocation in invocations:
            with harmless.guard("recording metrics and events"):
                rendered = invocation.rendered()
                if self._measures is not None:
                    self._measures.measure(invocation, rendered)
                if self._logger is not None:
                    self._emit(invocation, rendered, self._logger)

    def _follow(self, meters: Any, loggers: Any) -> None:
        settings = self._signals.settings
        self._meters, self._loggers = meters, loggers
        meters = settings.meter_provider or self._meters or self._own_meters()
        loggers = settings.logger_provider or self._loggers or self._own_loggers()
        is_old = settings.semconv == "1.37"
        meter = None if meters is None else meters.get_meter("genba", self._version)
        self._measures = None if meter is None else Measures(meter, is_old=is_old)
        if meter is not None:
            with harmless.guard("measuring what becomes of calls"):
                counting.observe(meter, self._signals.ledger)
        self._logger = None if loggers is None else loggers.get_logger("genba", self._version)

    def _emit(self, invocation: Invocation, rendered: Rendered, logger: _logs.Logger) -> None:
        settings = self._signals.settings
        if settings.emit_event and invocation.operation in INFERENCE:
            attributes: dict[str, Any] = dict(rendered.attributes)
            if settings.capture_content in ("event", "both"):
                for name, elements in rendered.content.lists.items():
                    attributes[name] = [decode(element) for element in elements]
                attributes.update({name: decode(encoded) for name, encoded in rendered.content.singles.items()})
            self._log(invocation, logger, semconv.DETAILS_EVENT, SeverityNumber.DEBUG, attributes)
        if invocation.outcome == Outcome.FAILED and invocation.operation is not None:
            is_tool = invocation.operation == Operation.EXECUTE_TOOL
            name = semconv.TOOL_EXCEPTION_EVENT if is_tool else semconv.EXCEPTION_EVENT
            self._log(invocation, logger, name, SeverityNumber.WARN, invocation.exception_attributes())

    @staticmethod
    def _log(
        invocation: Invocation, logger: _logs.Logger, name: str, severity: SeverityNumber, attributes: Mapping[str, Any]
    ) -> None:
        logger.emit(
            LogRecord(
                timestamp=invocation.ended_ns,
                observed_timestamp=invocation.ended_ns,
                context=invocation.context,
                severity_number=severity,
                severity_text=severity.name,
                attributes=attributes,
                event_name=name,
            )
        )


class Measures:
    """The instruments of one meter."""

    def __init__(self, meter: Meter, *, is_old: bool) -> None:
        self._meter = meter
        self._is_old = is_old
        self._made: dict[str, Any] = {}

    def measure(self, invocation: Invocation, rendered: Rendered) -> None:
        """Record what an ended invocation took and used."""
        operation = invocation.operation
        seconds = (invocation.ended_ns - invocation.started_ns) / 1e9
        if operation in INFERENCE:
            self._inference(invocation, rendered, seconds)
        elif operation == Operation.EXECUTE_TOOL:
            labels = self._labels(rendered, semconv.TOOL_NAME, semconv.TOOL_TYPE, semconv.AGENT_NAME, semconv.ERROR_TYPE)
            self._seconds(semconv.TOOL_DURATION, "Duration of tool executions").record(seconds, labels, context=invocation.context)
        elif operation in (Operation.INVOKE_AGENT, Operation.INVOKE_WORKFLOW):
            self._agent(invocation, rendered, seconds)
        elif operation is not None:
            labels = self._labels(rendered, *_CLIENT, semconv.ERROR_TYPE)
            self._seconds(semconv.OPERATION_DURATION, "Duration of GenAI operations").record(
                seconds, labels, context=invocation.context
            )

    def _inference(self, invocation: Invocation, rendered: Rendered, seconds: float) -> None:
        labels = self._labels(rendered, *_CLIENT)
        context = invocation.context
        ended = {**labels, **self._labels(rendered, semconv.ERROR_TYPE)}
        name = semconv.OPERATION_DURATION if self._is_old else semconv.INFERENCE_DURATION
        self._seconds(name, "Duration of inference calls").record(seconds, ended, context=context)
        usage = rendered.response.usage
        if usage is not None:
            for kind, total in (("input", usage.input_tokens), ("output", usage.output_tokens)):
                if total is None:
                    continue
                if self._is_old:
                    self._tokens(semconv.OLD_TOKEN_USAGE).record(total, {**labels, semconv.OLD_TOKEN_TYPE: kind}, context=context)
                else:
                    name = semconv.INFERENCE_INPUT_TOKENS if kind == "input" else semconv.INFERENCE_OUTPUT_TOKENS
                    self._tokens(name).record(total, labels, context=context)
            if not self._is_old:
                self._usage(rendered, labels)
        self._mismatches(rendered, labels)
        times = invocation.chunk_times
        if times:
            self._chunks(times, invocation, labels)

    def _usage(self, rendered: Rendered, labels: Mapping[str, Any]) -> None:
        usage = rendered.response.usage
        for kind in (
            "cache_read.input_tokens",
            "cache_write.input_tokens",
            "input_tokens",
            "output_tokens",
            "reasoning.output_tokens",
        ):
            field = kind.replace(".", "_")
            total: int | None = getattr(usage, field)
            if total is None:
                continue
            split = {modality: getattr(usage, f"{modality}_{field}", None) for modality in _MODALITIES}
            known = {modality: number for modality, number in split.items() if number}
            rest = total - sum(known.values())
            for modality, number in {**known, "unknown": rest}.items():
                if number > 0 or (number == 0 and not known and modality == "unknown"):
                    self._counter(f"{semconv.INFERENCE_USAGE}{kind}").add(number, {**labels, semconv.TOKEN_MODALITY: modality})

    def _mismatches(self, rendered: Rendered, labels: Mapping[str, Any]) -> None:
        for field in ("input_tokens", "output_tokens"):
            difference = rendered.attributes.get(semconv.USAGE_MISMATCH.replace("{name}", field))
            if difference is not None:
                counter = self._counter(semconv.USAGE_MISMATCHES)
                counter.add(abs(difference), {**labels, semconv.USAGE_NAME: field})

    def _chunks(self, times: Sequence[int], invocation: Invocation, labels: Mapping[str, Any]) -> None:
        first, between = semconv.INFERENCE_TIME_TO_FIRST_CHUNK, semconv.INFERENCE_TIME_PER_OUTPUT_CHUNK
        if self._is_old:
            first, between = first.replace("inference", "operation"), between.replace("inference", "operation")
        wait = (times[0] - invocation.started_ns) / 1e9
        self._seconds(first, "Time until the first chunk of a stream").record(wait, labels, context=invocation.context)
        histogram = self._seconds(between, "Time between two chunks of a stream")
        for earlier, later in pairwise(times):
            histogram.record((later - earlier) / 1e9, labels, context=invocation.context)

    def _agent(self, invocation: Invocation, rendered: Rendered, seconds: float) -> None:
        named = self._labels(rendered, semconv.AGENT_NAME, semconv.WORKFLOW_NAME)
        name = semconv.AGENT_DURATION
        if self._is_old and invocation.operation == Operation.INVOKE_WORKFLOW:
            name = semconv.OLD_WORKFLOW_DURATION
        labels = {**named, **self._labels(rendered, semconv.ERROR_TYPE, semconv.REQUEST_MODEL)}
        histogram = self._histogram(name, "s", "Duration of agents and workflows", semconv.AGENT_DURATION_BUCKETS)
        histogram.record(seconds, labels, context=invocation.context)
        if invocation.operation == Operation.INVOKE_AGENT and not self._is_old:
            for name, unit, number in (
                (semconv.AGENT_INFERENCE_CALLS, "{inference_call}", invocation.inference_calls),
                (semconv.AGENT_TOOL_CALLS, "{tool_call}", invocation.tool_calls),
            ):
                calls = self._histogram(name, unit, "Calls made for an agent", semconv.CALL_COUNT_BUCKETS)
                calls.record(number, named, context=invocation.context)

    @staticmethod
    def _labels(rendered: Rendered, *names: str) -> dict[str, Any]:
        return {name: rendered.attributes[name] for name in names if name in rendered.attributes}

    def _seconds(self, name: str, description: str) -> Histogram:
        return self._histogram(name, "s", description, semconv.DURATION_BUCKETS)

    def _tokens(self, name: str) -> Histogram:
        return self._histogram(name, "{token}", "Tokens of a call", semconv.TOKEN_BUCKETS)

    def _histogram(self, name: str, unit: str, description: str, buckets: Sequence[float]) -> Histogram:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._meter.create_histogram(
                name, unit, description, explicit_bucket_boundaries_advisory=buckets
            )
        histogram: Histogram = made
        return histogram

    def _counter(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._meter.create_counter(name, "{token}", "Tokens used")
        return self._made[name]


_CLIENT = (
    semconv.OPERATION_NAME,
    semconv.PROVIDER_NAME,
    semconv.REQUEST_MODEL,
    semconv.RESPONSE_MODEL,
    semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT,
)


def _asked(provider: Any) -> Any:
    """The app's provider, or None if it has none and the API answered with a stand-in."""
    return None if type(provider).__name__.startswith(("_Proxy", "Proxy", "NoOp")) else provider
