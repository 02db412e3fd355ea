"""The ledger as metrics: how many calls were made, and what became of their spans. They do not go the way that the spans go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from .. import semconv
from .ledger import Account, Ledger

_ledgers: list[Ledger] = []
"""Of this process, one for each time that genba was started: the counts of a process only grow."""


def observe(meter: Meter, ledger: Ledger) -> None:
    """Have the counts observed by this meter. A meter that has them already goes on with them."""
    if ledger not in _ledgers:
        _ledgers.append(ledger)
    meter.create_observable_counter(
        semconv.CALLS, [_told(_calls)], "{call}", "Calls that were made, that have ended, and that were sampled out"
    )
    meter.create_observable_up_down_counter(semconv.CALLS_IN_FLIGHT, [_told(_in_flight)], "{call}", "Calls that have not ended yet")
    meter.create_observable_counter(
        semconv.SPANS_DROPPED, [_told(_dropped)], "{span}", "Spans that did not reach a destination, by reason"
    )
    meter.create_observable_counter(
        semconv.SPANS_EXPORTED, [_told(_exported)], "{span}", "Spans that were handed over, by destination"
    )


def _told(
    values: Callable[[Account], Iterator[tuple[Mapping[str, Any], int]]],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def callback(_: CallbackOptions) -> Iterable[Observation]:
        sums: dict[tuple[tuple[str, Any], ...], int] = {}
        for ledger in _ledgers:
            for labels, number in values(ledger.account()):
                key = tuple(labels.items())
                sums[key] = sums.get(key, 0) + number
        return [Observation(number, dict(labels)) for labels, number in sums.items()]

    return callback


def _calls(account: Account) -> Iterator[tuple[Mapping[str, Any], int]]:
    yield {semconv.CALL_STATE: "made"}, account.made
    yield {semconv.CALL_STATE: "ended"}, account.ended
    yield {semconv.CALL_STATE: "sampled_out"}, account.sampled_out


def _in_flight(account: Account) -> Iterator[tuple[Mapping[str, Any], int]]:
    yield {}, account.in_flight


def _dropped(account: Account) -> Iterator[tuple[Mapping[str, Any], int]]:
    for reason, number in account.dropped.items():
        yield {semconv.DROP_REASON: reason}, number


def _exported(account: Account) -> Iterator[tuple[Mapping[str, Any], int]]:
    for destination, number in account.exported.items():
        yield {semconv.EXPORT_DESTINATION: destination}, number
