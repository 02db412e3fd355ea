"""A model call with all that the store knows of its tokens: which call is meant, its token records, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from .. import semconv
from ..conversation.reading import MISSING, Line, Words, duration, escaped, facts, moment, outcome
from ..conversation.tokens import Side, Source, Tokens
from ..store.querying import SpanStore
from ..store.stored import StoredSpan, valued
from ..tokens import Timeline, TokensError, decode, decode_timeline, gaps

CALLS: Final = (*sorted(semconv.INFERENCE), semconv.Operation.EMBEDDINGS)
"""The operations in which a model sees or says tokens."""
SIDES: Final[tuple[Side, ...]] = ("input", "output")
ADVICE: Final = (
    '. With genba.init(tokens="pieces"), or GENBA_TOKENS=pieces, those of engines in the process are recorded too, of the '
    "application's own tokenizer, and of one that you name with tokenizers=…"
)
"""What would record more."""

_ATTRIBUTES: Final[Mapping[Side, str]] = {"input": semconv.TOKENS_INPUT, "output": semconv.TOKENS_OUTPUT}
_SOURCES: Final = {
    Source.ENGINE: "from the engine itself",
    Source.SERVER: "ids in the server's reply",
    Source.LOGPROBS: "log-probabilities of the reply",
    Source.APP: "from the application: its tokenizer's call, or ids that it sent",
    Source.LOCAL: "tokenized again after the call",
}
_TIMES: Final = (("queue", semconv.TIMING_QUEUE, ""), ("prefill", semconv.TIMING_PREFILL, semconv.TIMING_PREFILL_RATE))


@dataclass(frozen=True, slots=True)
class Call:
    """One model call."""

    span: StoredSpan
    records: Mapping[Side, Sequence[Tokens]]
    unreadable: Mapping[Side, Sequence[str]]
    """Why a record cannot be shown."""
    timeline: Timeline | None
    has_content: bool
    """Whether anything that was said is stored."""
    note: str = ""
    """How this call was chosen, where that is not plain."""


def call(store: SpanStore, what: str) -> Call:
    """The call that is meant by `last`, or by the beginning of an id of a span or trace."""
    span, note = _chosen(store, what)
    content = valued(store.content(span, tuple(_ATTRIBUTES.values())))
    records: dict[Side, Sequence[Tokens]] = {}
    unreadable: dict[Side, Sequence[str]] = {}
    for side, name in _ATTRIBUTES.items():
        records[side], unreadable[side] = _records(content.get(name, span.attributes.get(name)), side)
    timeline = None
    written = span.attributes.get(semconv.CHUNKS_TIMELINE)
    if written is not None:
        try:
            timeline = decode_timeline(written)
        except TokensError as error:
            note = f"{note} {error}".strip()
    return Call(span, records, unreadable, timeline, bool(span.content_ids or span.exchange_ids), note)


def header(one: Call) -> Iterator[Line]:
    """The call, its tokenizer and its numbers, each with where it comes from."""
    span, attributes = one.span, one.span.attributes
    yield [
        Words(escaped(span.name, one_line=True), "name"),
        Words(f"  span {span.span_id.hex()}", "faint"),
        Words(f"  {moment(span.start_ns)}", "fact"),
    ]
    if one.note:
        yield [Words(escaped(one.note, one_line=True), "faint")]
    yield [Words("call     ", "role"), *facts(span)]
    tokenizer = _words(attributes, semconv.TOKENIZER_NAME, semconv.TOKENIZER_LIBRARY, semconv.TOKENIZER_VERSION)
    fingerprint = _words(attributes, semconv.TOKENIZER_FINGERPRINT)
    known = [Words(tokenizer or "without a name"), Words(f"  {fingerprint}", "fact")] if fingerprint or tokenizer else []
    yield [Words("tokenizer  ", "role"), *(known or [Words("not known", "faint")])]
    usage = list(_usage(one))
    yield from usage or [[Words("usage      ", "role"), Words("no numbers are recorded", "faint")]]
    told = [
        f"{name} {duration(float(attributes[key]) * 1e9)}" + _rate(attributes.get(rate))
        for name, key, rate in (*_TIMES, ("decode", semconv.TIMING_DECODE, semconv.TIMING_DECODE_RATE))
        if isinstance(attributes.get(key), (int, float))
    ]
    if told:
        yield [Words("engine     ", "role"), Words(", ".join(told), "fact")]


def nothing(one: Call, side: Side) -> str:
    """Why there is no record of a side: as the call itself says it, else what would record one."""
    said = [why for place, why in _unknown(one) if place == side]
    return escaped("; ".join(said) or _no_record(one, side), one_line=True)


def unknown(one: Call, record: Tokens) -> Mapping[str, str]:
    """Column of a record -> why it is not known."""
    of_record = {str(column): str(why) for column, why in record.unknown.items()} if isinstance(record.unknown, Mapping) else {}
    start = f"{record.side}[{record.index}]."
    return {**{place.removeprefix(start): why for place, why in _unknown(one) if place.startswith(start)}, **of_record}


def other_unknown(one: Call) -> Iterator[Line]:
    """What else of the tokens is unknown: of neither a record nor a side without one."""
    missing = {side for side in SIDES if not one.records[side]}
    starts = tuple(f"{record.side}[{record.index}]." for side in SIDES for record in one.records[side])
    for place, why in _unknown(one):
        if place not in missing and not (starts and place.startswith(starts)):
            said = f"{place}: {why}" if why else place
            yield [Words("unknown    ", "role"), Words(escaped(said, one_line=True), "faint")]


def told_by(record: Tokens) -> str:
    """Where the tokens of a record are known from, in words."""
    said = _source(record.source)
    if record.source == Source.SERVER and (record.ids is None or None in record.ids):
        return "in the server's reply"
    if record.source == Source.LOGPROBS and record.ids is None:
        return f"{said}: pieces without ids"
    if record.source == Source.LOCAL:
        tokenizer = f" with {escaped(record.tokenizer, one_line=True)}" if record.tokenizer else ""
        return f"{said}{tokenizer}: not necessarily what the model {'saw' if record.side == 'input' else 'said'}"
    return said


def counted_words(source: object) -> str:
    """Where a number or ids come from, in words."""
    if not isinstance(source, str):
        return "it is not recorded from where"
    counted, _, fingerprint = source.partition(":")
    if counted == "counted" and fingerprint:
        return f"counted by genba with tokenizer {escaped(fingerprint, one_line=True)}"
    return {"reported": "reported", "engine": "counted by the engine"}.get(source) or _source(source)


def as_json(one: Call) -> dict[str, Any]:
    """What is in the header, for programs."""
    span, attributes = one.span, one.span.attributes
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "name": span.name,
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": span.end_ns,
        "outcome": outcome(span),
        "request_model": attributes.get(semconv.REQUEST_MODEL),
        "response_model": attributes.get(semconv.RESPONSE_MODEL),
        "note": one.note or None,
        "tokenizer": {
            "name": attributes.get(semconv.TOKENIZER_NAME),
            "library": attributes.get(semconv.TOKENIZER_LIBRARY),
            "version": attributes.get(semconv.TOKENIZER_VERSION),
            "fingerprint": attributes.get(semconv.TOKENIZER_FINGERPRINT),
        },
        "usage": {
            name: {
                "value": attributes.get(semconv.USAGE + name),
                "source": _of(attributes, semconv.USAGE_SOURCE, name),
                "counted": _of(attributes, semconv.USAGE_COUNTED, name),
                "mismatch": _of(attributes, semconv.USAGE_MISMATCH, name),
            }
            for name in _usage_names(attributes)
        },
        "usage_unknown": _texts(attributes.get(semconv.USAGE_UNKNOWN)),
        "unknown": _texts(attributes.get(semconv.TOKENS_UNKNOWN)),
        "spelled_special": attributes.get(semconv.TOKENS_SPELLED_SPECIAL),
        "timings": {name: value for name, value in attributes.items() if name.startswith("genba.timing.")},
    }


def _chosen(store: SpanStore, what: str) -> tuple[StoredSpan, str]:
    if what == "last":
        newest = store.spans(1, operations=CALLS)
        if not newest:
            raise click.ClickException(f"There are no model calls in {store.place}. Run your program with 'genba run app.py'.")
        return newest[0], ""
    trace_id, span_id = store.find(what)
    spans = store.trace(trace_id)
    asked = next((span for span in spans if span.span_id == span_id), None)
    if asked is not None and (
        asked.attributes.get(semconv.OPERATION_NAME) in CALLS or set(_ATTRIBUTES.values()) & {*asked.content_ids}
    ):
        return asked, ""
    among = spans if asked is None else _below(spans, asked)
    calls = [span for span in among if span.attributes.get(semconv.OPERATION_NAME) in CALLS]
    thing = "trace" if asked is None else f"span '{escaped(asked.name, one_line=True)}'"
    if not calls:
        raise click.ClickException(
            f"There is no model call in the {thing}, so it has no tokens. 'genba list' shows those with one."
        )
    newest_call = max(calls, key=lambda span: span.start_ns)
    if asked is None and len(calls) == 1:
        return newest_call, ""
    several = f"the newest of the {len(calls)} model calls" if len(calls) > 1 else "the model call"
    return newest_call, f"This is {several} in the {thing}; 'genba show {what}' shows the tree."


def _below(spans: Sequence[StoredSpan], top: StoredSpan) -> list[StoredSpan]:
    """What hangs below a span. The spans of a trace are in the order they began, but clocks differ: so it is looked for again."""
    inside = {top.span_id}
    while True:
        more = {span.span_id for span in spans if span.parent_span_id in inside} - inside
        if not more:
            return [span for span in spans if span.span_id in inside and span is not top]
        inside |= more


def _records(value: Any, side: Side) -> tuple[list[Tokens], list[str]]:
    """Those that can be read, and what is wrong with the others. Each is read by itself."""
    if value is None:
        return [], []
    if isinstance(value, (str, bytes)):
        try:
            return decode(value, side), []
        except TokensError as error:
            return [], [str(error)]
    records: list[Tokens] = []
    unreadable: list[str] = []
    for element in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(element, Mapping) and MISSING in element:
            unreadable.append(f"A token record is not there any more: {element[MISSING]}.")
            continue
        try:
            records += decode([element], side)
        except TokensError as error:
            unreadable.append(str(error))
    return sorted(records, key=lambda record: record.index), unreadable


def _no_record(one: Call, side: Side) -> str:
    operation = one.span.attributes.get(semconv.OPERATION_NAME)
    if side == "output" and operation == semconv.Operation.EMBEDDINGS:
        return "an embedding has no tokens of output"
    if operation in semconv.INFERENCE and not one.has_content:
        return (
            "none: nothing that was said is stored with this call, neither messages nor tokens. That is so with "
            "capture_content='none' or 'event'; with genba.init(capture_content=\"span\") it is recorded"
        )
    provider, host = (one.span.attributes.get(name) for name in (semconv.PROVIDER_NAME, semconv.SERVER_ADDRESS))
    why = gaps.reason(provider if isinstance(provider, str) else None, side, host if isinstance(host, str) else None)
    return f"none are recorded: {why}{ADVICE}"


def _usage(one: Call) -> Iterator[Line]:
    attributes = one.span.attributes
    title = "usage      "
    for name in _usage_names(attributes):
        value = attributes.get(semconv.USAGE + name)
        counted, mismatch = (_of(attributes, some, name) for some in (semconv.USAGE_COUNTED, semconv.USAGE_MISMATCH))
        said = [Words(f"{value if value is not None else '?':>6} ", "plain"), Words(f"{name}  ", "fact")]
        said.append(Words(counted_words(_of(attributes, semconv.USAGE_SOURCE, name)), "faint"))
        how, doubt = _own_count(one, name, counted)
        if counted is not None:
            said.append(Words(f"; {counted} {how}", "faint"))
        if isinstance(mismatch, int):
            yield [Words(title, "role"), *said]
            title = " " * len(title)
            more = f"{abs(mismatch)} {'more' if mismatch > 0 else 'fewer'} reported than {how.partition(' ')[0]}"
            said = [Words(f"       {more}{doubt}", "error")]
        yield [Words(title, "role"), *said]
        title = " " * len(title)
    for reason in _texts(attributes.get(semconv.USAGE_UNKNOWN)):
        name, _, why = reason.partition(": ")
        yield [
            Words(title, "role"),
            Words("     ? "),
            Words(f"{escaped(name, one_line=True)}  unknown: ", "fact"),
            Words(escaped(why, one_line=True), "faint"),
        ]
        title = " " * len(title)


def _own_count(one: Call, name: str, counted: object) -> tuple[str, str]:
    """How genba came to its own number, and what a difference from the reported one says."""
    side = next((side for side in SIDES if name == f"{side}_tokens"), None)
    told = [record for record in one.records[side] if record.source != Source.LOCAL] if side else []
    if told and sum(map(len, told)) == counted:
        return "seen", ", beyond template and end tokens"
    if side == "output":
        return "counted by genba in the text", ": a model may say the same text in other tokens"
    return "counted by genba", ", beyond template and end tokens"


def _usage_names(attributes: Mapping[str, Any]) -> list[str]:
    known = list(semconv.USAGE_NAMES.values())
    others = sorted(name.removeprefix(semconv.USAGE) for name in attributes if name.startswith(semconv.USAGE))
    names = dict.fromkeys([*known, *(escaped(name, one_line=True) for name in others)])
    return [
        name for name in names if semconv.USAGE + name in attributes or _of(attributes, semconv.USAGE_COUNTED, name) is not None
    ]


def _of(attributes: Mapping[str, Any], pattern: str, name: str) -> Any:
    return attributes.get(pattern.replace("{name}", name))


def _source(source: str) -> str:
    return _SOURCES.get(source) or f"from '{escaped(source, one_line=True)}'"


def _unknown(one: Call) -> Iterator[tuple[str, str]]:
    """What the call says it does not know of its tokens, and why."""
    for reason in _texts(one.span.attributes.get(semconv.TOKENS_UNKNOWN)):
        place, _, why = reason.partition(": ")
        yield place, why


def _rate(value: object) -> str:
    return f" ({value:.1f} tokens/s)" if isinstance(value, (int, float)) else ""


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [] if value is None else [str(value)]


def _words(attributes: Mapping[str, Any], *names: str) -> str:
    return escaped(" ".join(str(value) for name in names if (value := attributes.get(name))), one_line=True)
