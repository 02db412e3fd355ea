"""What is known of an invocation, written as span attributes: a pure mapping, one table for each version of the conventions.

Content (messages, tool arguments …) is rendered apart from the rest, each message encoded by itself, so that a store can keep a
growing conversation once and a span can carry the same bytes joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from .. import harmless, semconv
from ..conversation import Request, Response, Usage
from ..conversation.encoding import MAX_TEXT, MOST_BITS, Shortened, encode, plain, readable
from ..conversation.usage import COUNTS, count
from ..offloading import Reference

_REQUEST = (
    (semconv.REQUEST_TEMPERATURE, "temperature"),
    (semconv.REQUEST_TOP_P, "top_p"),
    (semconv.REQUEST_TOP_K, "top_k"),
    (semconv.REQUEST_MAX_TOKENS, "max_tokens"),
    (semconv.REQUEST_FREQUENCY_PENALTY, "frequency_penalty"),
    (semconv.REQUEST_PRESENCE_PENALTY, "presence_penalty"),
    (semconv.REQUEST_STOP_SEQUENCES, "stop_sequences"),
    (semconv.REQUEST_SEED, "seed"),
    (semconv.REQUEST_CHOICE_COUNT, "choice_count"),
    (semconv.REQUEST_REASONING_LEVEL, "reasoning_level"),
    (semconv.REQUEST_ENCODING_FORMATS, "encoding_formats"),
    (semconv.REQUEST_PREVIOUS_RESPONSE_ID, "previous_response_id"),
    (semconv.OUTPUT_TYPE, "output_type"),
    (semconv.RETRIEVAL_TOP_K, "retrieval_top_k"),
    (semconv.DATA_SOURCE_ID, "data_source_id"),
)
_DOUBLES = frozenset(
    (
        semconv.REQUEST_TEMPERATURE,
        semconv.REQUEST_TOP_P,
        semconv.REQUEST_FREQUENCY_PENALTY,
        semconv.REQUEST_PRESENCE_PENALTY,
    )
)
_USAGE = tuple((semconv.USAGE + semconv.USAGE_NAMES[name], name) for name in COUNTS)
_OLD_NAMES = {
    "gen_ai.usage.cache_write.input_tokens": "gen_ai.usage.cache_creation.input_tokens",
}
"""What convention 1.37 calls otherwise."""
_OLD_LACKS = tuple(f"gen_ai.usage.{kind}" for kind in ("text.", "image.", "audio."))


@dataclass(slots=True)
class Content:
    """The content of one span, encoded: by attribute name, and element by element where it is a list."""

    lists: dict[str, list[bytes]] = field(default_factory=dict)
    singles: dict[str, bytes] = field(default_factory=dict)
    shortened: list[Shortened] = field(default_factory=list)

    def joined(self) -> Iterable[tuple[str, bytes]]:
        """Each content attribute as one JSON text."""
        for name, elements in self.lists.items():
            yield name, b"[" + b",".join(elements) + b"]"
        yield from self.singles.items()


def request_attributes(request: Request) -> dict[str, Any]:
    """What was asked, without content."""
    written: dict[str, Any] = {}
    for name, field_name in _REQUEST:
        value = getattr(request, field_name)
        if value is None or value == ():
            continue
        clean = _clean(value)
        if clean is not None:
            written[name] = float(clean) if name in _DOUBLES and type(clean) is int else clean
    if request.stream:
        written[semconv.REQUEST_STREAM] = True
    _add(written, request.attributes)
    return written


def response_attributes(response: Response) -> dict[str, Any]:
    """What came back, without content."""
    written: dict[str, Any] = {}
    for name, value in (
        (semconv.RESPONSE_ID, response.id),
        (semconv.RESPONSE_MODEL, response.model),
        (semconv.RESPONSE_STATUS, response.status),
        (semconv.RESPONSE_FINISH_REASONS, tuple(response.finish_reasons) or None),
        (semconv.NATIVE_FINISH_REASONS, tuple(response.native_finish_reasons) or None),
        (semconv.EMBEDDINGS_DIMENSION_COUNT, response.dimension_count),
    ):
        clean = _clean(value)
        if clean is not None:
            written[name] = clean
    if response.usage is not None:
        written.update(usage_attributes(response.usage))
    _add(written, response.attributes)
    return written


def usage_attributes(usage: Usage) -> dict[str, Any]:
    """What it cost."""
    written: dict[str, Any] = {}
    for name, field_name in _USAGE:
        number = count(getattr(usage, field_name))
        if number is not None:
            written[name] = number
    if usage.raw:
        written[semconv.USAGE_RAW] = encode(usage.raw).decode()
    return written


def exchange_content(request: Request, response: Response, *, older: bool) -> Content:
    """Everything that was said, for the attributes that carry it."""
    content = Content()
    _list(content, semconv.SYSTEM_INSTRUCTIONS, request.system_instructions)
    _list(content, semconv.INPUT_MESSAGES, request.messages)
    _list(content, semconv.TOOL_DEFINITIONS, request.tools)
    output = _with_reasons(response) if older else response.messages
    _list(content, semconv.OUTPUT_MESSAGES, output)
    _list(content, semconv.RETRIEVAL_DOCUMENTS, response.documents)
    return content


def _with_reasons(response: Response) -> Sequence[Mapping[str, Any]]:
    """Convention 1.37 wants the finish reason inside each output message."""
    reasons = [*response.finish_reasons, *[""] * len(response.messages)]
    return [{**message, "finish_reason": reason} for message, reason in zip(response.messages, reasons, strict=False)]


def _list(content: Content, name: str, elements: Sequence[Any]) -> None:
    if elements:
        content.lists[name] = [_element(content, f"{name}[{index}]", element) for index, element in enumerate(elements)]


def _element(content: Content, path: str, element: Any) -> bytes:
    try:
        return orjson.dumps(element)
    except Exception:  # noqa: BLE001  # something in it has no JSON form: the careful way finds one
        return orjson.dumps(plain(element, content.shortened, path=path))


def shorten_texts(content: Content) -> None:
    """Shorten the texts of messages that are still too long: those that were put nowhere else."""
    for name, elements in content.lists.items():
        for index, element in enumerate(elements):
            if len(element) > MAX_TEXT:
                elements[index] = orjson.dumps(plain(orjson.loads(element), content.shortened, path=f"{name}[{index}]"))


def fitted(elements: Sequence[bytes], limit: int, name: str, shortened: list[Shortened]) -> bytes | None:
    """The elements as one JSON list of at most `limit` bytes: texts lose their middles, then the oldest elements go.

    None if not even the newest fits.
    """
    whole = b"[" + b",".join(elements) + b"]"
    if len(whole) <= limit:
        return whole
    fit = fitted_value([orjson.loads(element) for element in elements], limit, name, shortened)
    if fit is not None:
        return fit
    return fitted(elements[1:], limit, name, shortened) if len(elements) > 1 else None


def fitted_value(value: Any, limit: int, name: str, shortened: list[Shortened]) -> bytes | None:
    """The value as JSON of at most `limit` bytes: its texts lose their middles. None if even that does not do."""
    share = limit
    while share > 4:  # a few letters say nothing
        cuts: list[Shortened] = []
        fit = orjson.dumps(plain(value, cuts, share, name))
        if len(fit) <= limit:
            shortened.extend(cuts)
            return fit
        share //= 2
    return None


def cut_texts(attributes: dict[str, Any], limit: int, content: Content) -> None:
    """Keep the texts besides the content within `limit` characters too: cut, or left out where half of one is no JSON any more."""
    for name, value in list(attributes.items()):
        if isinstance(value, str) and len(value) > limit and name not in content.lists and name not in content.singles:
            if name in _JSON_TEXTS:
                del attributes[name]
            else:
                attributes[name] = value[:limit]


_JSON_TEXTS = semconv.CONTENT_LIKE | {
    semconv.USAGE_RAW,
    semconv.CONTENT_SHORTENED,
    semconv.CONTENT_OFFLOADED,
    semconv.CHUNKS_TIMELINE,
}


def older(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The same attributes in the names of convention 1.37."""
    is_workflow = attributes.get(semconv.OPERATION_NAME) == semconv.Operation.INVOKE_WORKFLOW
    names = {**_OLD_NAMES, semconv.AGENT_NAME: semconv.WORKFLOW_NAME} if is_workflow else _OLD_NAMES
    return {names.get(name, name): value for name, value in attributes.items() if not name.startswith(_OLD_LACKS)}


def shortened_text(shortened: Sequence[Shortened]) -> str:
    """The value of `genba.content.shortened`."""
    return orjson.dumps([_said(cut) for cut in shortened]).decode()


def references_text(references: Sequence[Reference]) -> str:
    """The value of `genba.content.offloaded`."""
    return orjson.dumps([_said(reference) for reference in references]).decode()


def _said(one: Shortened | Reference) -> dict[str, Any]:
    return {name: value for name, value in one._asdict().items() if value is not None}


def clean(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Only what an attribute can be: str, bool, int, float, or a list of one of these."""
    written: dict[str, Any] = {}
    _add(written, attributes)
    return written


def _add(written: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        clean_value = None
        with harmless.guard("reading an attribute"):
            clean_value = _clean(value)
        if clean_value is not None and type(name) is str and name:
            written[name] = clean_value


def _clean(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else readable(value)
    if kind is int:
        if -(1 << 63) <= value < (1 << 63):
            return value
        return str(value) if value.bit_length() < MOST_BITS else None
    if kind is bool:
        return value
    if kind is float:
        return value if value - value == 0 else None  # not NaN, not infinite
    if isinstance(value, (list, tuple)):
        return _clean_list(value)
    if isinstance(value, (str, int, float)):  # an enum or another subclass
        return _clean(str.__str__(value) if isinstance(value, str) else int(value) if isinstance(value, int) else float(value))
    return None


def _clean_list(values: Sequence[Any]) -> Any:
    cleaned = tuple(item for item in map(_clean, values) if item is not None and not isinstance(item, tuple))
    kinds = {type(item) for item in cleaned}
    if len(kinds) > 1:
        return tuple(float(item) for item in cleaned) if kinds == {int, float} else tuple(str(item) for item in cleaned)
    return cleaned or None
