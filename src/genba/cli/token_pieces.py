"""Tokens as a person can see them: where each begins and ends, what is control, what cannot be seen otherwise, and how likely each was.

On a terminal neighbours differ in their shade, and special tokens are dark on light. Where there are no colours, `|` stands between tokens and
`[[…]]` around special ones. A backslash before one of our own signs says that it is part of the text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ..conversation.reading import Words, escaped
from ..conversation.tokens import Tokens
from .printing import Painted, PaintedLine

Colour: TypeAlias = Literal["logprob", "entropy", "none"]

_SHADES: Final = ("#262626", "#4a4a4a")
"""Backgrounds, in turn. The letters have a colour of their own as well, so both can be read on a light terminal too."""
_UNCOLOURED: Final = "#dadada"
_LADDER: Final = ("#87d787", "#d7d75f", "#ffaf5f", "underline #ff8787", "bold underline #ff5f5f")
"""From the expected to the surprising. The last two are underlined, for those who do not see the colours apart."""
_STEPS: Final[dict[Colour, Sequence[float]]] = {"logprob": (0.9, 0.5, 0.1, 0.01), "entropy": (0.1, 0.5, 1.5, 3.0), "none": ()}
_SPECIAL: Final = "bold #1c1c1c on #dadada"
_SPELLED: Final = ("bold #1c1c1c on #ffaf00", "bold #1c1c1c on #ffd75f")
DELETED: Final = ("#ffd7d7 on #5f0000", "#ffd7d7 on #9f0000")
INSERTED: Final = ("#d7ffd7 on #004f00", "#d7ffd7 on #007f00")
RECUT: Final = ("#d7d7ff on #00005f", "#d7d7ff on #0000af")
FOLDED: Final = tuple(f"#a8a8a8 on {shade}" for shade in _SHADES)


class Shown(NamedTuple):
    """One token."""

    place: int
    text: str
    """May hold line breaks, each after a `↵`."""
    is_special: bool = False


def shown(record: Tokens, places: Iterable[int], *, has_colours: bool) -> Iterator[Shown]:
    """The tokens at these places, which follow one another."""
    special = frozenset(record.special or ())
    half = b""
    for place in places:
        piece = entry(record.pieces, place)
        if piece is None:
            half = b""
            id = entry(record.ids, place)
            yield Shown(place, "⟨?⟩" if id is None else f"⟨#{id}⟩", place in special)
        elif place in special:
            half = b""
            yield Shown(place, escaped(piece.decode("utf-8", "backslashreplace"), one_line=True), is_special=True)
        else:
            text, half = _visible(piece, half, has_colours=has_colours)
            yield Shown(place, text)


def entry(column: Sequence[Any] | None, place: int) -> Any:
    """What a column has at this place. A damaged record may have shorter ones."""
    return column[place] if column is not None and place < len(column) else None


def painted(
    record: Tokens, tokens: Iterable[Shown], colour: Colour, *, has_colours: bool, spelled: Collection[int] = ()
) -> Iterator[PaintedLine]:
    """The text, cut into its tokens. `spelled` are the places of text that looks like a special token."""

    def style(token: Shown) -> str:
        if token.is_special:
            return _SPECIAL
        if token.place in spelled:
            return _SPELLED[token.place % 2]
        return f"{_letters(record, token.place, colour)} on {_SHADES[token.place % 2]}"

    return _lines(tokens, style, has_colours=has_colours)


def painted_alike(tokens: Iterable[Shown], shades: Sequence[str], *, has_colours: bool) -> Iterator[PaintedLine]:
    """The text, cut into its tokens, in two shades in turn."""
    return _lines(tokens, lambda token: shades[token.place % 2], has_colours=has_colours)


def _lines(tokens: Iterable[Shown], style: Any, *, has_colours: bool) -> Iterator[PaintedLine]:
    line: list[Words | Painted] = []
    is_first = True
    for token in tokens:
        text = token.text
        if not has_colours:
            text = f"[[{text}]]" if token.is_special else text
            text = text if is_first else f"|{text}"
        is_first = False
        colours = style(token)
        first, *rest = text.split("\n")
        line.append(Painted(first, colours))
        for more in rest:
            yield line
            line = [Painted(more, colours)] if more else []
    if line:
        yield line


def plain_text(record: Tokens, places: Iterable[int]) -> str:
    """The tokens on one line, with `|` between them."""
    tokens = shown(record, places, has_colours=False)
    return "|".join(f"[[{one.text}]]" if one.is_special else one.text for one in tokens).replace("\n", "")


def legend(colour: Colour) -> PaintedLine:
    """What the colours mean."""
    steps = _STEPS[colour]
    if not steps:
        return []
    said = (
        [f"p ≥ {steps[0]}", *(f"≥ {step}" for step in steps[1:]), "less"]
        if colour == "logprob"
        else [f"entropy ≤ {steps[0]}", *(f"≤ {step}" for step in steps[1:]), "more nats"]
    )
    words: list[Words | Painted] = [Words("  ")]
    for step, letters in zip(said, _LADDER, strict=True):
        words += [Painted(f" {step} ", f"{letters} on {_SHADES[0]}"), Words(" ")]
    return [*words, Painted(" not known ", f"{_UNCOLOURED} on {_SHADES[0]}"), Words(" "), Painted(" control ", _SPECIAL)]


def best_colour(record: Tokens) -> Colour:
    """What there is to colour by."""
    return "logprob" if any(one is not None for one in record.logprobs or ()) else "none"


def one_line(piece: bytes) -> str:
    """A token by itself."""
    return _visible(piece, b"", has_colours=True)[0].replace("\n", "")


def probability(logprob: float) -> float:
    """Of its natural logarithm."""
    return math.exp(min(logprob, 0.0))


def _letters(record: Tokens, place: int, colour: Colour) -> str:
    value = entry(record.logprobs if colour == "logprob" else record.entropies, place) if colour != "none" else None
    if value is None or math.isnan(value):
        return _UNCOLOURED
    is_worse = [probability(value) < bound if colour == "logprob" else value > bound for bound in _STEPS[colour]]
    return _LADDER[sum(is_worse)]


def _visible(piece: bytes, half: bytes, *, has_colours: bool) -> tuple[str, bytes]:
    """A piece, where the one before ended with `half` a character; and what this one ends with.

    Bytes that are no text by themselves are written in hex, and the last of them says which character they make.
    """
    found: list[str] = []
    if half:
        wanted = _length(half[0]) - len(half)
        rest = len(piece) - len(piece.lstrip(_CONTINUING)) if piece else 0
        more = piece[: min(wanted, rest)]
        whole = half + more
        if len(more) == len(piece) and len(more) < wanted:
            return _hex(more), whole
        try:
            found.append(_hex(more, _marked(whole.decode(), has_colours=has_colours)))
            piece = piece[len(more) :]
        except UnicodeDecodeError:
            pass  # the halves do not fit
    unread = b""
    while piece:
        try:
            text, start, end = piece.decode(), len(piece), len(piece)
        except UnicodeDecodeError as error:
            text, start, end = piece[: error.start].decode(), error.start, error.end
            if error.reason == "unexpected end of data":
                found += [_hex(unread), _marked(text, has_colours=has_colours)] if text else []
                left = piece[start:]
                return "".join([*found, _hex(left if text else unread + left)]), left
        if text:
            found += [_hex(unread), _marked(text, has_colours=has_colours)]
            unread = b""
        unread += piece[start:end]
        piece = piece[end:]
    return "".join([*found, _hex(unread)]) or "⟨⟩", b""


_CONTINUING: Final = bytes(range(0x80, 0xC0))


def _length(first: int) -> int:
    """How many bytes a character has, by its first one."""
    return 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2


def _hex(some: bytes, makes: str = "") -> str:
    return f"⟨{some.hex(' ')}{'=' if makes else ''}{makes}⟩" if some else ""


def _marked(text: str, *, has_colours: bool) -> str:
    """Text with everything in it visible, and line breaks where they are."""
    if not text:
        return ""
    text = (_OUR_SIGNS if has_colours else _OUR_SIGNS_ALONE).sub(r"\\\g<0>", text)
    text = escaped(text)
    if not text.isascii():
        # What remains beside controls: joiners, spaces of other widths, marks without a width.
        text = "".join(one if one.isprintable() or one in "\n\t" else _code(one) for one in text)
        if unicodedata.category(text[0]).startswith("M"):
            text = f"◌{text}"  # else it would sit on the token before
    text = _SPACES.sub(lambda match: "·" * len(match[0]), text)
    return text.replace("\t", "→").replace("\n", "↵\n")


def _code(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_OUR_SIGNS: Final = re.compile("[·↵→⟨⟩◌]")
_OUR_SIGNS_ALONE: Final = re.compile(r"[·↵→⟨⟩◌|\\]|\[\[|\]\]")
_SPACES: Final = re.compile(r"^ +| +$| {2,}| +(?=\n)|(?<=\n) +")
