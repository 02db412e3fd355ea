"""Take out of a token record what was taken out of the text that its tokens make: ids and pieces tell the text just as well."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from .. import harmless
from ..conversation.tokens import Tokens
from .finding import Findings, RedactionError
from .redactor import Redactor

WITHHELD: Final = "withheld: what was redacted in the text cannot be found in the tokens"
FAILED: Final = "withheld: redaction failed"
REDACTED: Final = "{number} tokens were redacted"
_COLUMNS: Final = ("ids", "pieces", "logprobs", "top", "entropies", "special", "chunks")


def masked(tokens: Tokens, redactor: Redactor, findings: Findings) -> Tokens:
    """The tokens without those that a finding overlaps: ids, pieces, probabilities and alternatives.

    `findings` is what was found in the text that they belong to. Where that is not found in the tokens, all of them are withheld.
    """
    try:
        return _masked(tokens, redactor, findings)
    except Exception as error:  # noqa: BLE001  # fails closed
        harmless.failed("redacting tokens", RedactionError(type(error).__name__))
        return _withheld(tokens, FAILED)


def _masked(tokens: Tokens, redactor: Redactor, findings: Findings) -> Tokens:
    if tokens.pieces is None or any(piece is None for piece in tokens.pieces):
        # Ids alone, or with holes: nothing can be looked for in them.
        return _withheld(tokens, WITHHELD) if findings or _has_a_finding(tokens, redactor) else tokens
    joined = b"".join(tokens.pieces)  # type: ignore[arg-type]  # None was looked for
    text = joined.decode("utf-8", "surrogateescape")
    found = redactor.matches(text)
    ranges = [(one.start, one.end) for one in found]
    said = {one.said for one in found}
    for original in findings.originals - said:
        places = _places(text, original)
        if not places:
            return _withheld(tokens, WITHHELD)
        ranges += places
    if findings.is_rewritten and not ranges:
        return _withheld(tokens, WITHHELD)
    return _without(tokens, _overlapped(tokens.pieces, _in_bytes(text, ranges))) if ranges else tokens  # type: ignore[arg-type]


def _has_a_finding(tokens: Tokens, redactor: Redactor) -> bool:
    """Whether something is found in the pieces that are known, though some are not."""
    known = b"\xff".join(piece if piece is not None else b"\xff" for piece in tokens.pieces or ())
    text = known.replace(b"\xff", b"").decode("utf-8", "surrogateescape")
    return bool(redactor.matches(text))


def _places(text: str, said: str) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    at = text.find(said) if said else -1
    while at >= 0:
        places.append((at, at + len(said)))
        at = text.find(said, at + len(said))
    return places


def _in_bytes(text: str, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    if text.isascii():
        return sorted(ranges)
    return sorted((_length(text[:start]), _length(text[:end])) for start, end in ranges)


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _overlapped(pieces: Sequence[bytes], ranges: Sequence[tuple[int, int]]) -> set[int]:
    """The places of the tokens that some of the sorted `ranges` touch; tokens of no width between two of them too."""
    places: set[int] = set()
    end = next_range = 0
    for at, piece in enumerate(pieces):
        start, end = end, end + len(piece)
        while next_range < len(ranges) and ranges[next_range][1] <= start:
            next_range += 1
        if next_range < len(ranges) and ranges[next_range][0] < max(end, start + 1) and ranges[next_range][1] > start:
            places.add(at)
    return places


def _without(tokens: Tokens, places: Collection[int]) -> Tokens:
    changed: dict[str, Any] = {}
    for name in ("ids", "pieces", "logprobs", "entropies"):
        column = getattr(tokens, name)
        if column is not None:
            changed[name] = [None if at in places else value for at, value in enumerate(column)]
    if tokens.top is not None:
        changed["top"] = [[] if at in places else some for at, some in enumerate(tokens.top)]
    unknown = {**tokens.unknown, "redacted": REDACTED.format(number=len(places))}
    return replace(tokens, **changed, unknown=unknown)


def _withheld(tokens: Tokens, why: str) -> Tokens:
    nothing: dict[str, Any] = dict.fromkeys(_COLUMNS)
    return replace(tokens, **nothing, unknown={"tokens": f"{why} ({len(tokens)} tokens)", "ids": why, "pieces": why})
