"""Spans and conversations as text for people: lines of words, each with what it is, for a terminal to colour or a pipe to join.

Whatever was recorded is hostile input: every text goes through `escaped`, so that nothing in it moves a cursor, rings a bell or
reorders what stands beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from .. import semconv
from .parts import JSON

Style: TypeAlias = Literal["plain", "name", "role", "fact", "faint", "tool", "reasoning", "error"]


MISSING = "genba.missing"
"""Key of the object that stands for content that was deleted; its value says why."""


class Words(NamedTuple):
    """A piece of a line."""

    text: str
    style: Style = "plain"


Line: TypeAlias = Sequence[Words]


class SpanLike(Protocol):
    """What is read of a span."""

    @property
    def span_id(self) -> bytes: ...
    @property
    def parent_span_id(self) -> bytes | None: ...
    @property
    def name(self) -> str: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def status_description(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


S = TypeVar("S", bound=SpanLike)


@dataclass(frozen=True, slots=True)
class Branch(Generic[S]):
    """A span and where it hangs in the tree."""

    span: S
    last: tuple[bool, ...]
    """For each of its ancestors below the root, and then itself: whether it is the last child of its parent."""


def tree(spans: Sequence[S]) -> list[Branch[S]]:
    """The spans, each followed by its children, in the order they began. Whose parent is not among them is a root."""
    present = {span.span_id for span in spans}
    children: dict[bytes | None, list[S]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        children.setdefault(span.parent_span_id if span.parent_span_id in present else None, []).append(span)
    branches: list[Branch[S]] = []
    met: set[bytes] = set()
    # A loop of parents hangs on no root, so each of its spans gets its chance to be one.
    for root in (*children.get(None, ()), *spans):
        waiting: list[Branch[S]] = [Branch(root, ())]
        while waiting:
            branch = waiting.pop()
            if branch.span.span_id in met:
                continue
            met.add(branch.span.span_id)
            branches.append(branch)
            below = children.get(branch.span.span_id, [])
            waiting.extend(Branch(span, (*branch.last, span is below[-1])) for span in reversed(below))
    return branches


def trace_lines(spans: Sequence[SpanLike]) -> Iterator[Line]:
    """The tree of the spans: a line each, with what it took and how it ended."""
    for branch in tree(spans):
        guide = "".join("   " if last else "│  " for last in branch.last[:-1])
        guide += ("└─ " if branch.last[-1] else "├─ ") if branch.last else ""
        span = branch.span
        yield [Words(guide, "faint"), Words(escaped(span.name, one_line=True), "name"), *facts(span)]


def facts(span: SpanLike) -> Iterator[Words]:
    """What a span took and how it ended, after its name."""
    attributes = span.attributes
    yield Words(f"  {duration(span.end_ns - span.start_ns)}", "fact")
    first = attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)
    if isinstance(first, (int, float)):
        yield Words(f"  first {duration(first * 1e9)}", "fact")
    model = attributes.get(semconv.RESPONSE_MODEL) or attributes.get(semconv.REQUEST_MODEL)
    if isinstance(model, str) and not span.name.endswith(model):
        yield Words(f"  {escaped(model, one_line=True)}", "fact")
    counts = [attributes.get(semconv.USAGE + side) for side in ("input_tokens", "output_tokens")]
    if any(isinstance(count, int) for count in counts):
        read, written = (count if isinstance(count, int) else "?" for count in counts)
        is_vector = attributes.get(semconv.OPERATION_NAME) == semconv.Operation.EMBEDDINGS
        yield Words(f"  {read} in" if is_vector and written == "?" else f"  {read} in, {written} out", "fact")
    dimensions = attributes.get(semconv.EMBEDDINGS_DIMENSION_COUNT)
    if isinstance(dimensions, int):
        yield Words(f"  {dimensions} dimensions", "fact")
    ended = outcome(span)
    yield Words(f"  {ended}", "fact" if ended == semconv.Outcome.COMPLETED else "error")
    for trouble in (attributes.get(semconv.ERROR_TYPE), span.status_description):
        if trouble:
            yield Words(f"  {escaped(str(trouble), one_line=True)}", "error")


def outcome(span: SpanLike) -> str:
    """How a span ended, also one that is not ours."""
    said = span.attributes.get(semconv.OUTCOME)
    if isinstance(said, str):
        return escaped(said, one_line=True)
    return semconv.Outcome.FAILED if span.status == "error" else semconv.Outcome.COMPLETED


class Transcript:
    """What was said in the spans of a trace, one span after another. What the reader has just seen is only counted.

    `contents` are the contents of all the spans that will be shown, attribute -> JSON value: a tool's result often comes with the call
    after, and is shown beside the tool call.
    """

    def __init__(self, contents: Iterable[Mapping[str, JSON]]) -> None:
        self._results = {id: part for content in contents for id, part in _results(_messages(content))}
        self._shown: set[str] = set()
        self._before: Sequence[JSON] = ()
        self._said: dict[str, JSON] = {}

    def lines(self, content: Mapping[str, JSON]) -> Sequence[Line]:
        """The content of the next span, in the order it was said."""
        found: list[Line] = []
        for name, lines in ((semconv.SYSTEM_INSTRUCTIONS, _instructions), (semconv.TOOL_DEFINITIONS, _tools)):
            if content.get(name) and content[name] != self._said.get(name):
                self._said[name] = content[name]
                found.extend(lines(_list(content[name])))
        messages = _messages(content)
        repeated = _repeated(messages, self._before)
        self._before = messages or self._before
        if repeated:
            found.append([Words(f"({repeated} message{'s' if repeated > 1 else ''} as above)", "faint")])
        for message in messages[repeated:]:
            found.extend(_message(message, self._results, self._shown))
        for name, value in content.items():
            if name in semconv.TOKEN_RECORDS:
                found.extend(_recorded_tokens(name, value))
            elif name not in _ELSEWHERE:
                found.append([Words(_TITLES.get(name) or escaped(name, one_line=True), "role")])
                found.extend(_body(written(value)))
        return found


def _recorded_tokens(name: str, value: JSON) -> Iterator[Line]:
    """That there are token records, and how to see them."""
    records = [one for one in _list(value) if isinstance(one, Mapping)]
    counts = " + ".join(str(count) for one in records if type(count := one.get("count")) is int)
    sources = ", ".join(dict.fromkeys(escaped(str(one.get("source")), one_line=True) for one in records))
    side = name.removeprefix("genba.tokens.")
    yield [Words(f"{side} tokens recorded: {counts or 'how many is not known'} ({sources}); see 'genba tokens'", "faint")]


def first_words(content: Mapping[str, JSON]) -> str:
    """The beginning of what was answered, or else of what was asked, on one line."""
    answers, questions = _list(content.get(semconv.OUTPUT_MESSAGES)), _list(content.get(semconv.INPUT_MESSAGES))
    for message in (*answers, *reversed(questions)):
        for part in _parts(message):
            said = _said(part)
            if said:
                return escaped(" ".join(said[:1000].split()), one_line=True)
    for name in (semconv.RETRIEVAL_QUERY_TEXT, semconv.TOOL_CALL_RESULT, semconv.OUTPUT, semconv.INPUT):
        if name in content:
            return escaped(" ".join(written(content[name])[:1000].split()), one_line=True)
    return ""


def plain(lines: Iterator[Line] | Sequence[Line]) -> str:
    """The lines without their styles."""
    return "\n".join("".join(words.text for words in line).rstrip() for line in lines)


def duration(nanoseconds: float) -> str:
    """A time span as people say it."""
    seconds = nanoseconds / 1e9
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def moment(nanoseconds: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time in the local zone."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc).astimezone().strftime(form)
    except (OverflowError, OSError, ValueError):
        return f"{nanoseconds} ns"


def written(value: JSON) -> str:
    """A JSON value on one line: text as it is, anything else as JSON."""
    return escaped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def escaped(text: str, *, one_line: bool = False) -> str:
    """`text` with its control characters, direction marks and lone surrogates written out. Line breaks and tabs may stay."""
    return (_UNSAFE_IN_LINE if one_line else _UNSAFE).sub(_as_escape, text)


_TITLES = {
    semconv.RETRIEVAL_QUERY_TEXT: "query",
    semconv.RETRIEVAL_DOCUMENTS: "documents",
    semconv.TOOL_CALL_ARGUMENTS: "arguments",
    semconv.TOOL_CALL_RESULT: "result",
    semconv.INPUT: "arguments",
    semconv.OUTPUT: "result",
}
_ELSEWHERE = {semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS, semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES}


def _said(part: Mapping[str, JSON]) -> str | None:
    kind, content = part.get("type"), part.get("content")
    if kind in ("text", "refusal") and isinstance(content, str):
        return content
    if kind == "tool_call":
        return f"{part.get('name')}({_arguments(part)})"
    return None


def _instructions(parts: Sequence[JSON]) -> Iterator[Line]:
    yield [Words("system", "role")]
    for part in parts:
        yield from _part(part if isinstance(part, Mapping) else {"type": "text", "content": part}, {}, set())


def _tools(definitions: Sequence[JSON]) -> Iterator[Line]:
    yield [Words("tools", "role")]
    for tool in definitions:
        if not isinstance(tool, Mapping) or MISSING in tool:
            yield from _body(_gone(tool), "faint")
            continue
        described = tool.get("description")
        yield [
            Words(f"  {escaped(str(tool.get('name') or tool.get('type')), one_line=True)}", "tool"),
            Words(f"  {escaped(described, one_line=True)}" if isinstance(described, str) else "", "faint"),
        ]


def _id(part: Mapping[str, JSON]) -> str | None:
    """A part's id, if it has one: whatever was recorded may stand there."""
    said = part.get("id")
    return said if isinstance(said, str) else None


def _message(message: JSON, results: Mapping[str, Mapping[str, JSON]], shown: set[str]) -> Iterator[Line]:
    parts = [part for part in _parts(message) if not (part.get("type") == "tool_call_response" and _id(part) in shown)]
    if isinstance(message, Mapping) and MISSING not in message:
        if not parts and _parts(message):
            return  # It held only results, and they stand beside their calls.
        who = str(message.get("role") or "?")
        name = message.get("name")
        yield [Words(escaped(f"{who} {name}" if name else who, one_line=True), "role")]
        for part in parts:
            yield from _part(part, results, shown)
    else:
        yield from _body(_gone(message), "faint", indent="")


def _part(part: Mapping[str, JSON], results: Mapping[str, Mapping[str, JSON]], shown: set[str]) -> Iterator[Line]:
    kind, content = part.get("type"), part.get("content")
    if MISSING in part:
        yield from _body(_gone(part), "faint")
    elif kind == "text":
        yield from _body(written(content))
    elif kind == "reasoning":
        yield from _body(f"(thinks) {written(content)}" if content else "(thinks, encrypted)", "reasoning")
    elif kind == "refusal":
        yield from _body(f"(refuses) {written(content)}", "error")
    elif kind == "compaction":
        yield from _body(f"(summary of turns left out) {written(content or '')}", "faint")
    elif kind == "tool_call":
        yield from _body(f"calls {escaped(str(part.get('name')), one_line=True)}({_arguments(part)})", "tool")
        id = _id(part)
        if isinstance(id, str) and id in results and id not in shown:
            shown.add(id)
            yield from _body(f"= {written(results[id].get('response'))}", "tool", indent="    ")
    elif kind == "tool_call_response":
        yield from _body(f"result of {written(part.get('id') or 'a call')} = {written(part.get('response'))}", "tool")
    elif kind in ("blob", "file", "uri"):
        yield from _body(_medium(part), "faint")
    else:
        yield from _body(written(part), "tool")


def _medium(part: Mapping[str, JSON]) -> str:
    what = " ".join(str(part[key]) for key in ("modality", "mime_type") if part.get(key))
    content = part.get("content")
    size = len(content) * 3 // 4 if isinstance(content, str) else part.get("size")
    facts = [f"{size} bytes"] if isinstance(size, int) else []
    facts += [str(part[key]) for key in ("uri", "file_id") if part.get(key)]
    return escaped(f"[{what}: {', '.join(facts)}]", one_line=True)


def _arguments(part: Mapping[str, JSON]) -> str:
    arguments = part.get("arguments")
    return "" if arguments is None else written(arguments)


def _messages(content: Mapping[str, JSON]) -> list[JSON]:
    return [*_list(content.get(semconv.INPUT_MESSAGES)), *_list(content.get(semconv.OUTPUT_MESSAGES))]


def _results(messages: Sequence[JSON]) -> Iterator[tuple[str, Mapping[str, JSON]]]:
    """Tool call id and the part with its result."""
    for message in messages:
        for part in _parts(message):
            if part.get("type") == "tool_call_response" and isinstance(part.get("id"), str):
                yield part["id"], part


def _repeated(messages: Sequence[JSON], before: Sequence[JSON]) -> int:
    count = 0
    for one, other in zip(messages, before, strict=False):
        # An answer comes back as input without its finish reason.
        if one != other and _bare(one) != _bare(other):
            break
        count += 1
    return count


def _bare(message: JSON) -> JSON:
    return {key: value for key, value in message.items() if key != "finish_reason"} if isinstance(message, Mapping) else message


def _parts(message: JSON) -> list[Mapping[str, JSON]]:
    return [part for part in _list(message.get("parts")) if isinstance(part, Mapping)] if isinstance(message, Mapping) else []


def _list(value: JSON) -> list[JSON]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _gone(value: JSON) -> str:
    if isinstance(value, Mapping) and MISSING in value:
        return f"[not there any more: {written(value[MISSING])}]"
    return written(value)


def _body(text: str, style: Style = "plain", indent: str = "  ") -> Iterator[Line]:
    for line in text.split("\n"):
        yield [Words(indent + line, style)]


def _as_escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# C0 and C1 controls; separators that some terminals break lines at; marks that turn the direction of text; surrogates; tags.
_ALWAYS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNSAFE = re.compile(f"[{_ALWAYS}]")
_UNSAFE_IN_LINE = re.compile(f"[{_ALWAYS}\n\t]")
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
