"""What was said in a call, as far as it is compared: its system instructions, tools, words and tokens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from .. import semconv
from ..conversation.reading import MISSING
from ..conversation.tokens import Side as Direction
from ..store.stored import StoredSpan
from ..tokens.written import TokensError, decode
from .facts import NONE, Labels, digest, label

NAMES: Final = (
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.TOOL_DEFINITIONS,
    semconv.TOKENS_INPUT,
    semconv.TOKENS_OUTPUT,
)
"""The attributes that are read."""

DIRECTIONS: Final[tuple[Direction, ...]] = ("input", "output")
LONGEST: Final = 20_000
"""Characters, or tokens, of one text that are counted: the first ones."""
OPENING: Final = 64
"""Words of the opening of a prompt."""

_RECORDS: Final[Mapping[Direction, str]] = {"input": semconv.TOKENS_INPUT, "output": semconv.TOKENS_OUTPUT}
_WORD: Final = re.compile(r"\w+|[^\w\s]")


@dataclass(slots=True)
class Said:
    """What was said in one call."""

    system: Labels | None = None
    tools: Labels | None = None
    opening: tuple[str, ...] = ()
    """The first words of the prompt."""
    words: dict[Direction, Counter[Any]] = field(default_factory=dict)
    ids: dict[Direction, tuple[str, Counter[Any]]] = field(default_factory=dict)
    """The tokenizer's fingerprint, and how often each token occurs."""
    pieces: dict[Direction, dict[int, bytes]] = field(default_factory=dict)
    gone: bool = False
    """Something of it was recorded and is not there any more."""


def read(span: StoredSpan, content: Mapping[str, Any]) -> Said:
    """What was said in `span`, whose `content` is given by attribute. What is damaged is passed over."""
    said = Said(gone=any(MISSING in one for value in content.values() for one in _objects(value)))
    instructions = _text(content.get(semconv.SYSTEM_INSTRUCTIONS))
    messages = [message for message in _objects(content.get(semconv.INPUT_MESSAGES)) if MISSING not in message]
    if instructions or messages:
        system = instructions or "\n".join(_text(one.get("parts")) for one in messages if one.get("role") in _SYSTEM)
        said.system = (f"{digest(system)} {_words(system)}" if system else NONE,)
        said.tools = _tools(content.get(semconv.TOOL_DEFINITIONS))
        first = system or _text(messages[0].get("parts") if messages else None)
        said.opening = tuple(_WORD.findall(first[:LONGEST])[:OPENING])
        text = "\n".join((instructions, *(_text(one.get("parts")) for one in messages)))
        said.words["input"] = Counter(_WORD.findall(text[:LONGEST]))
    answers = [_text(one.get("parts")) for one in _objects(content.get(semconv.OUTPUT_MESSAGES)) if MISSING not in one]
    if answers:
        said.words["output"] = Counter(_WORD.findall("\n".join(answers)[:LONGEST]))
    for direction in DIRECTIONS:
        _read_tokens(said, direction, content.get(_RECORDS[direction], span.attributes.get(_RECORDS[direction])))
    return said


def openings(
    texts: Sequence[tuple[str, ...]], units: Sequence[object], fewest: int = 4, share: float = 0.02
) -> list[Labels | None]:
    """For each text the longest opening that it has in common with others: its template, as far as that comes before what varies.

    In common means: with as many units as say `fewest` and `share`. Whoever has nothing in common has none.
    """
    having: dict[int, set[object]] = {}
    for words, unit in zip(texts, units, strict=True):
        for prefix in _prefixes(words):
            having.setdefault(prefix, set()).add(unit)
    enough = max(fewest, share * len(set(units)))
    found: list[Labels | None] = []
    for words in texts:
        length = sum(1 for prefix in _prefixes(words) if len(having[prefix]) >= enough)
        text = " ".join(words[:length])
        found.append(None if not words else (f"{digest(text)} {_words(text)}" if length else NONE,))
    return found


_SYSTEM: Final = ("system", "developer")


def _prefixes(words: Sequence[str]) -> Iterator[int]:
    """A number for each of its beginnings. One that contains a rarer one is as rare, so the common ones are the first ones."""
    so_far = 0
    for word in words:
        so_far = hash((so_far, word))
        yield so_far


def _tools(definitions: Any) -> Labels:
    found = []
    for tool in _objects(definitions):
        name = tool.get("name") or tool.get("type") or "?"
        found.append(f"{label(name)} {digest(orjson.dumps(tool, option=orjson.OPT_SORT_KEYS).decode())}")
    return tuple(dict.fromkeys(found)) or (NONE,)


def _read_tokens(said: Said, direction: Direction, written: Any) -> None:
    if not written:
        return
    try:
        records = decode(written, direction)
    except TokensError:
        return
    counts: Counter[Any] = Counter()
    tokenizer = None
    for record in records:
        if record.ids is None or record.tokenizer is None or tokenizer not in (None, record.tokenizer):
            continue
        tokenizer = record.tokenizer
        ids = record.ids[:LONGEST]
        counts.update(id for id in ids if id is not None)
        if record.pieces is not None:
            known = said.pieces.setdefault(direction, {})
            known.update((id, piece) for id, piece in zip(ids, record.pieces, strict=False) if None not in (id, piece))  # type: ignore[misc]
    if tokenizer is not None and counts:
        said.ids[direction] = (tokenizer, counts)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping)]


def _text(parts: Any) -> str:
    """What the parts of a message say, one after another."""
    said = []
    for part in _objects(parts):
        for key in ("content", "name", "arguments", "response"):
            value = part.get(key)
            if isinstance(value, str):
                said.append(value)
            elif value is not None:
                said.append(orjson.dumps(value, default=str).decode())
    return "\n".join(said)


def _words(text: str) -> str:
    """The beginning, in quotes."""
    start = " ".join(text[:200].split())
    return f'"{start}"' if len(start) <= _SHOWN and len(text) <= 200 else f'"{start[:_SHOWN]}…"'


_SHOWN: Final = 40
