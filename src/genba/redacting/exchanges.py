"""The raw exchange, redacted: a request, a response, and the events of a stream, as JSON.

A secret can be split across two events. So the pieces that stand at one place of every event are put together, looked through, and
taken out where they are. If what was found in the answer is not found in the events, the events are withheld.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from .. import harmless
from .finding import FAILED, WITHHELD, Findings, Match, RedactionError
from .redactor import Redactor
from .views import views

PATH: Final = "genba.exchange"
NO_TOKENS: Final = "‹withheld: tokens of a redacted text›"
_OF_TOKENS: Final = frozenset(
    (
        *(
            "logprobs",
            "top_logprobs",
            "prompt_logprobs",
            "completion_probabilities",
            "logprobs_result",
            "logprobsResult",
            "avgLogprobs",
        ),
        *("token_ids", "prompt_token_ids", "output_token_ids", "input_ids", "output_ids", "tokens", "bytes", "context", "prefill"),
    )
)
_NAMES_A_PLACE: Final = ("index", "type", "id")


@dataclass(slots=True)
class _Leaf:
    """A text somewhere in an event."""

    event: int
    holder: Any
    key: Any
    text: str
    cuts: list[tuple[int, int, str]] = field(default_factory=list)


Events = Sequence[tuple[int, bytes]]


def document(encoded: bytes | None, name: str, redactor: Redactor, known: Findings) -> bytes | None:
    """A request or a response. `known` is what was found in the span's content."""
    if encoded is None:
        return None
    findings = Findings()
    kept = redactor.json(encoded, f"{PATH}.{name}", findings)
    if not (findings or known):
        return kept
    kept = _changed(kept, _without_tokens)
    return orjson.dumps(WITHHELD) if _still_says(kept, known) else kept


def stream(events: Events, redactor: Redactor, known: Findings, answered: Findings) -> Events:
    """The events of a stream. `known` is what was found in the span's content, `answered` what of it in the answer."""
    try:
        return _stream(events, redactor, known, answered)
    except Exception as error:  # noqa: BLE001  # fails closed
        harmless.failed("redacting the events of a stream", RedactionError(type(error).__name__))
        return [(when, orjson.dumps(FAILED)) for when, _ in events]


def _stream(events: Events, redactor: Redactor, known: Findings, answered: Findings) -> Events:
    loaded: list[Any] = []
    for _, event in events:
        try:
            loaded.append(orjson.loads(event))
        except ValueError:
            loaded.append(redactor.text(event.decode("utf-8", "surrogateescape"), f"{PATH}.events", Findings()))
    findings = Findings()
    joined = b"\n".join(event for _, event in events).decode("utf-8", "surrogateescape")
    changed: set[int] = set()
    columns = _columns(loaded)
    for path, leaves in columns.items():
        changed |= _across(path, leaves, redactor, findings)
    if redactor.matches(joined) or redactor.has_rules or known or findings:
        for at, value in enumerate(loaded):
            kept = redactor.value(value, f"{PATH}.events[{at}]", findings)
            if kept != value:
                changed.add(at)
                loaded[at] = kept
    if not (findings or known):
        return events
    plain = [_without_tokens(value) for value in loaded]
    kept_events = [
        (when, orjson.dumps(value) if at in changed or value != loaded[at] else event)
        for at, ((when, event), value) in enumerate(zip(events, plain, strict=True))
    ]
    texts = ["".join(leaf.text for leaf in leaves) for leaves in columns.values()]
    if answered.is_rewritten or answered.originals - findings.originals or any(_says(text, known.originals) for text in texts):
        return [(when, orjson.dumps(WITHHELD)) for when, _ in events]
    return kept_events


def _columns(loaded: Sequence[Any]) -> dict[str, list[_Leaf]]:
    """The texts at each place of the events: by path, and by path and what numbers the parts, as several answers may take turns."""
    columns: dict[str, list[_Leaf]] = {}
    for at, value in enumerate(loaded):
        for path, place, holder, key in _leaves(value, "", ""):
            leaf = _Leaf(at, holder, key, holder[key])
            columns.setdefault(path, []).append(leaf)
            if place:
                columns.setdefault(f"{path} {place}", []).append(leaf)
    return {
        path: leaves for path, leaves in columns.items() if len(leaves) > 1 and any(one.text != leaves[0].text for one in leaves)
    }


def _leaves(value: Any, path: str, place: str) -> Iterator[tuple[str, str, Any, Any]]:
    if isinstance(value, dict):
        said = [str(item) for key, item in value.items() if key.endswith(_NAMES_A_PLACE) and isinstance(item, (str, int))]
        place = f"{place}/{','.join(said)}" if said else place
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return
    for key, item in items:
        where = f"{path}.{key}" if isinstance(key, str) else f"{path}[]"
        if isinstance(item, str):
            yield where, place, value, key
        elif isinstance(item, (dict, list)):
            yield from _leaves(item, where, place)


def _across(path: str, leaves: Sequence[_Leaf], redactor: Redactor, findings: Findings) -> set[int]:
    """Take out what is found in the texts of these leaves together; in which events something was changed."""
    text = "".join(leaf.text for leaf in leaves)
    found = redactor.matches(text)
    if redactor.has_callables and not found:
        return _rewritten(path, leaves, text, redactor, findings)
    if not found:
        return set()
    findings.add(found)
    return _cut(leaves, found, redactor)


def _rewritten(path: str, leaves: Sequence[_Leaf], text: str, redactor: Redactor, findings: Findings) -> set[int]:
    """What a function of the user's makes of them together stands in the first one."""
    kept = redactor.text(text, f"{PATH}.events{path.partition(' ')[0]}", findings)
    if kept == text:
        return set()
    for at, leaf in enumerate(leaves):
        leaf.text = leaf.holder[leaf.key] = kept if at == 0 else ""
    return {leaf.event for leaf in leaves}


def _cut(leaves: Sequence[_Leaf], found: Sequence[Match], redactor: Redactor) -> set[int]:
    changed: set[int] = set()
    start = 0
    for leaf in leaves:
        end = start + len(leaf.text)
        mine = [one for one in found if one.start < end and one.end > start]
        if mine:
            parts, at = [], 0
            for one in mine:
                parts.append(leaf.text[at : max(one.start - start, 0)])
                if one.start >= start:  # it begins here
                    parts.append(redactor.replaced(one.said, [Match(0, len(one.said), one.kind, one.said)]))
                at = min(one.end - start, len(leaf.text))
            parts.append(leaf.text[at:])
            leaf.text = leaf.holder[leaf.key] = "".join(parts)
            changed.add(leaf.event)
        start = end
    return changed


def _without_tokens(value: Any) -> Any:
    """The value without tokens, their bytes and ids: together they say what was taken out."""
    if isinstance(value, dict):
        return {
            key: NO_TOKENS if key in _OF_TOKENS and isinstance(item, (dict, list)) else _without_tokens(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        if len(value) >= 4 and all(type(one) is int for one in value):
            return NO_TOKENS
        return [_without_tokens(one) for one in value]
    return value


def _changed(encoded: bytes, change: Any) -> bytes:
    try:
        value = orjson.loads(encoded)
    except ValueError:
        return encoded
    changed = change(value)
    return encoded if changed == value else orjson.dumps(changed)


def _still_says(encoded: bytes, known: Findings) -> bool:
    text = encoded.decode("utf-8", "surrogateescape")
    return bool(known.originals) and any(_says(one, known.originals) for one in (text, *(view.text for view in views(text))))


def _says(text: str, originals: Any) -> bool:
    return any(len(one) >= 4 and one in text for one in originals)
