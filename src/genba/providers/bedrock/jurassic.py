"""The tokens that AI21's Jurassic models tell: of the prompt and of each completion, with the part of the text that each stands for."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from ...conversation import Tokens
from ...conversation.tokens import Alternative, Side, Source
from ..json_fields import Object, integer, member, objects, some_text, text
from ..token_fields import number

_GAPS: Final = "the tokens do not say of all of the text where in it they are"


def tokens(body: Object) -> list[Tokens]:
    """Those of the prompt and of the completions."""
    completions = objects(body.get("completions"))
    said = [one for index, each in enumerate(completions) for one in _read(member(each, "data"), "output", index)]
    return [*_read(member(body, "prompt"), "input", 0), *said]


def _read(told: Object, side: Side, index: int) -> list[Tokens]:
    listed = [one for one in objects(told.get("tokens")) if member(one, "generatedToken")]
    if not listed:
        return []
    pieces = _pieces(text(told, "text") or "", listed)
    top = [[_alternative(other) for other in objects(one.get("topTokens"))] for one in listed]
    return [
        Tokens(
            side=side,
            index=index,
            source=Source.LOGPROBS,
            pieces=pieces,
            logprobs=[number(member(one, "generatedToken").get("logprob")) for one in listed],
            top=top if any(top) else None,
            unknown={} if pieces is not None else {"pieces": _GAPS},
        )
    ]


def _pieces(whole: str, listed: list[Object]) -> list[bytes | None] | None:
    """What each stands for; None if not all of the text is told of. A token is written in a way of its own: `▁` for a space."""
    starts = [integer(member(one, "textRange"), "start") for one in listed]
    ends = [integer(member(one, "textRange"), "end") for one in listed]
    places = [place for place in (0, *ends) if place is not None]
    if len(places) <= len(ends) or starts != places[:-1] or places[-1] != len(whole) or places != sorted(places):
        return None
    # One of no width is control, or a part of a character.
    return [whole[start:end].encode("utf-8", "surrogatepass") if start != end else None for start, end in pairwise(places)]


def _alternative(told: Object) -> Alternative:
    """Its text is in the tokens' own writing, of which the bytes are not known for sure."""
    written = some_text(told, "token")
    is_plain = written is not None and written.isascii() and not written.startswith("<")
    return Alternative(None, written.encode() if written is not None and is_plain else None, number(told.get("logprob")))
