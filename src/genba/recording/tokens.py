"""The tokens of a call, from every source that told of them, and where each number of its usage comes from: told on its span.

What is recorded depends on the level: see `settings`. What two sources tell of the same text is put together, the better one first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from .. import harmless, semconv
from ..conversation import Request, Response, Tokens, Usage
from ..conversation.encoding import readable
from ..conversation.tokens import SENT, SOURCES, Chunk, Side, Source
from ..conversation.usage import COUNTS, ENGINE
from ..semconv import INFERENCE, Operation, Outcome
from ..tokens import written

if TYPE_CHECKING:
    from ..tokens.local import Counted
    from .record import Record

_SOURCES: Final = tuple((name, semconv.USAGE_SOURCE.replace("{name}", semconv.USAGE_NAMES[name])) for name in COUNTS)
_COUNTED: Final[Mapping[Side, str]] = {"input": "input_tokens", "output": "output_tokens"}
_NAMES: Final[Mapping[Side, str]] = {"input": semconv.TOKENS_INPUT, "output": semconv.TOKENS_OUTPUT}
_SENT_COLUMNS: Final = ("ids", "pieces", "logprobs", "top")
_NOT_AT_PIECES: Final = ("logprobs", "top", "entropies")
"""Columns of what the provider did not send by itself that are recorded at the level `full` only."""


@dataclass(slots=True)
class Told:
    """What is to be put on the span."""

    attributes: dict[str, Any] = field(default_factory=dict)
    records: dict[str, list[bytes]] = field(default_factory=dict)
    """By attribute, the token records: content."""


def told(
    record: Record,
    request: Request,
    response: Response,
    chunks: Sequence[Chunk],
    mask: Callable[[Tokens], Tokens] | None = None,
) -> Told:
    """What there is to tell of the tokens of an operation that has ended, with those taken out that `mask` takes out."""
    settings = record.settings
    told = Told()
    known = [*request.tokens, *response.tokens]
    is_of_a_model = record.operation in INFERENCE or record.operation == Operation.EMBEDDINGS
    if settings.tokens == "off" or not (is_of_a_model or known):
        return told
    wants_all = settings.tokens != "counts"
    if wants_all and record.keeps_content:
        known += _of_the_app(record, request)
    counted = _counted(record, request, response, wants_all=wants_all)
    local: Sequence[Tokens] = () if isinstance(counted, str) or counted is None else counted.tokens
    best = _best([*known, *local])
    _tell_usage(told, record, response, best, counted)
    _tell_tokenizer(told, best, counted)
    if not record.keeps_content:
        return told
    for one in [*best.values(), *_apart(known, best)]:
        if wants_all or one.source in SENT:
            whole = _with_chunks(_with_ids(one, record, request, response), chunks)
            if settings.tokens == "pieces" and whole.source not in SENT:
                none: dict[str, Any] = dict.fromkeys(_NOT_AT_PIECES)
                whole = replace(whole, **none)
            told.records.setdefault(_NAMES[whole.side], []).append(written.write(whole if mask is None else mask(whole)))
    if wants_all:
        _tell_gaps(told, record, best, counted)
    return told


# Several sources.


def _best(known: Iterable[Tokens]) -> dict[tuple[Side, int], Tokens]:
    """For each side of each choice what its best source tells, completed by the others."""
    sorted_out: dict[tuple[Side, int], Tokens] = {}
    for one in sorted(known, key=lambda one: (one.side, one.index, SOURCES.index(one.source))):
        place = (one.side, one.index)
        better = sorted_out.get(place)
        sorted_out[place] = one if better is None else _completed(better, one)
    return sorted_out


def _completed(best: Tokens, other: Tokens) -> Tokens:
    """`best`, with the columns that it lacks, if the other speaks of the very same tokens."""
    if len(best) != len(other) or other.source == Source.LOCAL:
        return best
    for column in ("ids", "pieces"):
        mine, others = getattr(best, column), getattr(other, column)
        if mine is not None and others is not None and list(mine) != list(others):
            return best
    lacking = [name for name in ("ids", "pieces", "logprobs", "top", "entropies", "special") if getattr(best, name) is None]
    added = {name: value for name in lacking if (value := getattr(other, name)) is not None}
    if "ids" in added:
        added["ids_source"] = other.source
    if best.tokenizer is None and other.tokenizer is not None:
        added["tokenizer"] = other.tokenizer
    unknown = {name: why for name, why in best.unknown.items() if name not in added}
    return replace(best, **added, unknown=unknown) if added else best


def _apart(known: Iterable[Tokens], best: Mapping[tuple[Side, int], Tokens]) -> list[Tokens]:
    """What the provider sent besides that does not fit what is told best: it is told too, as it came."""

    def is_lost(one: Tokens) -> bool:
        told = best[one.side, one.index]
        return any(getattr(one, name) is not None and getattr(told, name) is None for name in _SENT_COLUMNS)

    return [one for one in known if one.source in SENT and is_lost(one)]


def _with_chunks(one: Tokens, chunks: Sequence[Chunk]) -> Tokens:
    """The tokens with the chunk that each came in, where the chunks say how many they brought."""
    if one.side != "output" or one.chunks is not None:
        return one
    came = [number for number, chunk in enumerate(chunks) for _ in range(chunk.tokens.get(one.index, 0))]
    return replace(one, chunks=came) if came and len(came) == len(one) else one


def _with_ids(one: Tokens, record: Record, request: Request, response: Response) -> Tokens:
    """The tokens with their ids, where only pieces were told and the tokenizer is known."""
    if one.ids is not None or one.pieces is None or record.settings.tokens == "counts":
        return one
    with harmless.guard("looking up the ids of tokens"):
        model = _model(record, request, response)
        model = model if record.tokenizers.is_named(model) else response.model or model
        found = record.tokenizers.ids_of(model, record.provider, one.pieces)
        if found is not None:
            who, ids = found
            return replace(one, ids=ids, ids_source=f"counted:{who.fingerprint}", tokenizer=who.fingerprint)
    return one


def _of_the_app(record: Record, request: Request) -> Sequence[Tokens]:
    """What the application's own calls of a tokenizer tell of the input."""
    calls = record.tokenizer_calls
    if calls:
        with harmless.guard("finding the application's tokens"):
            from ..tokens import app_calls  # only where a tokenizer was called

            found: Sequence[Tokens] = app_calls.seen(calls, request, record.started_ns, record.operation)
            return found
    return ()


# How many there are, and who says so.


def _counted(record: Record, request: Request, response: Response, *, wants_all: bool) -> Counted | str | None:
    """What genba counts itself: where a tokenizer was named for this model, or nobody else says a number. A text says why not."""
    if record.operation not in INFERENCE:
        return None
    usage = response.usage
    lacks_counts = usage is None or usage.input_tokens is None or usage.output_tokens is None
    if not (wants_all or lacks_counts or record.settings.tokenizers):
        return None
    if record.outcome != Outcome.COMPLETED:
        return "the call was not finished"
    model = _model(record, request, response)
    with harmless.guard("counting the tokens of a call"), record.quietly():
        if wants_all or lacks_counts or record.tokenizers.is_named(model):
            return record.tokenizers.count(model, record.provider, request, response, record.operation)
        return None
    return "counting them failed; genba.doctor() says more"


def _tell_usage(
    told: Told,
    record: Record,
    response: Response,
    best: Mapping[tuple[Side, int], Tokens],
    counted: Counted | str | None,
) -> None:
    usage = response.usage or Usage()
    unknown: list[str] = []
    for name, attribute in _SOURCES:
        if getattr(usage, name) is not None:
            told.attributes[attribute] = usage.source
    for side, name in _COUNTED.items():
        reported = getattr(usage, name)
        if reported is None:
            _count_instead(told, record, name, counted, unknown)
        elif usage.source != ENGINE:
            _compare(told, side, reported, _own_count(side, usage, response, best, counted))
    if unknown:
        told.attributes[semconv.USAGE_UNKNOWN] = tuple(unknown)


def _count_instead(told: Told, record: Record, name: str, counted: Counted | str | None, unknown: list[str]) -> None:
    """Say what was counted in place of a number that nobody said; else why it is unknown."""
    if isinstance(counted, str) or counted is None:
        if record.outcome == Outcome.COMPLETED and record.operation in INFERENCE:
            why = f"the provider did not say, and {counted}" if counted else "the provider did not say"
            unknown.append(readable(f"{name}: {why}"))
    elif name in counted.counts:
        told.attributes[semconv.USAGE + _dotted(name)] = counted.counts[name]
        told.attributes[semconv.USAGE_SOURCE.replace("{name}", name)] = f"counted:{counted.identity.fingerprint}"
    else:
        why = counted.unknown.get(name, "it cannot be counted")
        unknown.append(readable(f"{name}: the provider did not say, and {why}"))


def _own_count(
    side: Side, usage: Usage, response: Response, best: Mapping[tuple[Side, int], Tokens], counted: Counted | str | None
) -> tuple[int, int] | None:
    """How many tokens of this side were seen or counted, and by how many the reported number may differ; None if not known."""
    records = [one for (its_side, _), one in best.items() if its_side == side and one.source != Source.LOCAL]
    if side == "output":
        hidden = bool(usage.reasoning_output_tokens) or _has_more_than_text(response)
        hidden = hidden or any("tokens" in one.unknown for one in records)  # it is known that some of them are missing
        if records and len(records) == len(response.messages) and not hidden:
            # Whether the token that ends an answer is one of it is counted differently.
            return sum(map(len, records)), len(records)
    elif records and all(one.source == Source.SERVER for one in records):
        return sum(map(len, records)), 0
    name = _COUNTED[side]
    if isinstance(counted, str) or counted is None or name not in counted.counts:
        return None
    return counted.counts[name], counted.allowance.get(name, 0)


def _has_more_than_text(response: Response) -> bool:
    """Whether something was said that log-probabilities and ids may leave out."""
    return any(part.get("type") != "text" for message in response.messages for part in message.get("parts") or ())


def _compare(told: Told, side: Side, reported: int, own: tuple[int, int] | None) -> None:
    if own is None:
        return
    counted, allowance = own
    name = _COUNTED[side]
    told.attributes[semconv.USAGE_COUNTED.replace("{name}", name)] = counted
    if abs(reported - counted) > allowance:
        told.attributes[semconv.USAGE_MISMATCH.replace("{name}", name)] = reported - counted


# Which tokenizer it was, and what is not known.


def _tell_tokenizer(told: Told, best: Mapping[tuple[Side, int], Tokens], counted: Counted | str | None) -> None:
    fingerprint = next((one.tokenizer for one in best.values() if one.tokenizer is not None), None)
    who = None
    if fingerprint is not None:
        from ..tokens import identity  # only where a tokenizer is known

        who = identity.by_fingerprint(fingerprint)
    if who is None and counted is not None and not isinstance(counted, str):
        who = counted.identity
    if who is not None:
        fingerprint = who.fingerprint
        said = (
            (semconv.TOKENIZER_NAME, who.name),
            (semconv.TOKENIZER_LIBRARY, who.library),
            (semconv.TOKENIZER_VERSION, who.version),
        )
        told.attributes.update({name: readable(str(value)) for name, value in said if value})
    if fingerprint is not None:
        told.attributes[semconv.TOKENIZER_FINGERPRINT] = fingerprint


def _tell_gaps(told: Told, record: Record, best: Mapping[tuple[Side, int], Tokens], counted: Counted | str | None) -> None:
    from ..tokens import gaps  # only where somebody asks

    unknown: list[str] = []
    sides: tuple[Side, ...] = ("input",) if record.operation == Operation.EMBEDDINGS else ("input", "output")
    for side in sides:
        records = [one for (its_side, _), one in best.items() if its_side == side]
        if not records:
            why = gaps.reason(record.provider, side, record.start_attributes.get(semconv.SERVER_ADDRESS))
            own = counted if isinstance(counted, str) else None if counted is None else counted.unknown.get(_COUNTED[side])
            ask = gaps.ASK if record.operation in INFERENCE else gaps.NOT_AGAIN
            unknown.append(readable(f"{side}: {why}; {own or ask}"))
        for one in records:
            unknown += [
                readable(f"{side}[{one.index}].{column}: {one.unknown.get(column) or gaps.column(one.source, column)}")
                for column in ("ids", "pieces")
                if getattr(one, column) is None
            ]
    if unknown:
        told.attributes[semconv.TOKENS_UNKNOWN] = tuple(dict.fromkeys(unknown))
    with harmless.guard("looking for spelled special tokens"):
        from ..tokens.spelled import spelled_special

        inputs = [one for (side, _), one in best.items() if side == "input" and one.pieces is not None]
        if inputs:
            told.attributes[semconv.TOKENS_SPELLED_SPECIAL] = sum(len(spelled_special(one, None)) for one in inputs)


def _model(record: Record, request: Request, response: Response) -> str | None:
    asked = record.start_attributes.get(semconv.REQUEST_MODEL)
    return asked if isinstance(asked, str) else request.model or response.model


def _dotted(name: str) -> str:
    return semconv.USAGE_NAMES[name]
