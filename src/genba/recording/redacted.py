"""What was recorded of one operation, redacted: content, attributes, token records, the raw exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from .. import semconv
from ..conversation.tokens import Tokens
from ..redacting.finding import Findings

if TYPE_CHECKING:
    from ..redacting.redactor import Redactor
    from .exchange import Raw
    from .rendering import Content

_NUMBERS = (semconv.CHUNKS_TIMELINE, semconv.RUN_ID, semconv.OUTCOME, semconv.OPERATION_NAME, semconv.TOKENIZER_FINGERPRINT)
"""What genba writes itself, and has no words in it."""
_TENSORS = semconv.TENSOR.partition("{")[0]


@dataclass(slots=True)
class Sides:
    """What was found in what went in and in what came out, to look it up in the tokens and the raw exchange of the same side."""

    input: Findings = field(default_factory=Findings)
    output: Findings = field(default_factory=Findings)
    choices: list[Findings] = field(default_factory=list)
    """Of each message that came out, by itself."""

    def of(self, tokens: Tokens) -> Findings:
        """What was found in the text of these tokens."""
        if tokens.side == "output" and tokens.index < len(self.choices):
            return self.choices[tokens.index]
        return self.input if tokens.side == "input" else self.output


_OUTPUTS = frozenset((semconv.OUTPUT_MESSAGES, semconv.TOOL_CALL_RESULT, semconv.RETRIEVAL_DOCUMENTS, semconv.OUTPUT))


def content(content: Content, redactor: Redactor, findings: Findings) -> Sides:
    """Redact what was said."""
    sides = Sides()
    for name, elements in content.lists.items():
        found = [Findings() for _ in elements]
        content.lists[name] = [
            redactor.json(element, f"{name}[{at}]", one) for at, (element, one) in enumerate(zip(elements, found, strict=True))
        ]
        for one in found:
            (sides.output if name in _OUTPUTS else sides.input).absorb(one)
        if name == semconv.OUTPUT_MESSAGES:
            sides.choices = found
    for name, encoded in content.singles.items():
        side = sides.output if name in _OUTPUTS else sides.input
        if name == semconv.RETRIEVAL_QUERY_TEXT:  # plain text
            content.singles[name] = redactor.text(encoded.decode("utf-8", "replace"), name, side).encode()
        else:
            content.singles[name] = redactor.json(encoded, name, side)
    findings.absorb(sides.input)
    findings.absorb(sides.output)
    return sides


def attributes(attributes: Mapping[str, Any], redactor: Redactor, findings: Findings) -> dict[str, Any]:
    """Redact everything else."""
    words = {name: value for name, value in attributes.items() if name not in _NUMBERS and not _is_of_numbers(name, value)}
    kept = redactor.attributes(words, findings)
    if len(words) == len(attributes):
        return kept
    # In their own order: a limit takes the last ones.
    renamed = dict(zip(words, kept.items(), strict=True))
    return dict(renamed.get(name, (name, value)) for name, value in attributes.items())


def _is_of_numbers(name: str, value: Any) -> bool:
    return type(value) in (bool, float) or name.startswith(_TENSORS)


def before(
    before: Mapping[str, Any], started: Mapping[str, Any], rendered: Mapping[str, Any], redactor: Redactor, findings: Findings
) -> dict[str, Any]:
    """What stood on the span already: from its start, which was redacted with the rest, or put there by others since."""
    same = {name for name, value in before.items() if name in rendered and name in started and _equal(started[name], value)}
    others = redactor.attributes({name: value for name, value in before.items() if name not in same}, findings)
    return {**{name: rendered[name] for name in before if name in same}, **others}


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other or (isinstance(one, (list, tuple)) and isinstance(other, tuple) and tuple(one) == other))


def mask(redactor: Redactor, sides: Sides) -> Callable[[Tokens], Tokens]:
    """What takes tokens out of a record."""
    from ..redacting import token_masks  # the detectors are nothing that importing genba should load

    return lambda tokens: token_masks.masked(tokens, redactor, sides.of(tokens))


def exchange(raw: Raw, redactor: Redactor, findings: Findings, sides: Sides) -> Raw:
    """The raw exchange, redacted. `findings` and `sides` are what was found in the content that was read from it."""
    from ..redacting import exchanges

    return replace(
        raw,
        request=exchanges.document(raw.request, "request", redactor, findings),
        response=exchanges.document(raw.response, "response", redactor, findings),
        events=exchanges.stream(raw.events, redactor, findings, sides.output) if raw.events else raw.events,
    )


def counted(findings: Findings) -> str:
    """The value of `genba.redacted`."""
    return orjson.dumps(findings.counts, option=orjson.OPT_SORT_KEYS).decode()
