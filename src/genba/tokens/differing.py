"""What differs between two tokenizers, part by part, and where the ids of a text part ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from . import identity
from .contents import Added, Contents, Merging, Unknown

EXAMPLES: Final = 3
"""How many differing entries of a part are told."""
TEXTS: Final = (
    "Hello world, it's 2024-01-31 and 1234567 isn't 3.14!",
    "DON'T Stop  now,   please…\n\n\tdef f(x):\r\n        return x  ",
    "naïve cafe\u0301 日本語のテキスト 한국어 Ελληνικά हिन्दी",
    "👩‍👩‍👧‍👦 🇯🇵 ½ ﬁ Ⅷ <|endoftext|>",
)
"""Texts on which tokenizers usually part: numbers, contractions, white space, scripts, composed characters, special tokens."""

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one part compares."""

    part: str
    verdict: Literal["equal", "differs", "unknown", "not comparable"]
    details: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Parting:
    """Where the ids of one text part ways; None everywhere if they do not."""

    text: str
    lengths: tuple[int, int]
    at: int | None
    """The first place where the ids differ."""
    left: Sequence[tuple[int, bytes | None]]
    """From that place on, some ids with their bytes."""
    right: Sequence[tuple[int, bytes | None]]


def compare(left: Contents, right: Contents) -> list[Difference]:
    """Every part of the two, compared."""
    found = []
    for one, other in zip(identity.made_of(left).parts, identity.made_of(right).parts, strict=True):
        if one.digest is None or other.digest is None:
            whys = dict.fromkeys(part.why for part in (one, other) if part.why)
            found.append(Difference(one.name, "unknown", [why for why in whys if why]))
        elif one.digest == other.digest and one.form == other.form:
            found.append(Difference(one.name, "equal"))
        elif one.form != other.form and "none" not in (one.form, other.form):
            found.append(Difference(one.name, "not comparable", [f"one is given as {one.form}, the other as {other.form}"]))
        else:
            found.append(Difference(one.name, "differs", list(_DETAILS[one.name](left, right))))
    return found


def parting(text: str, left: tuple[Contents, Encode], right: tuple[Contents, Encode]) -> Parting:
    """Encode `text` with both, and see where the ids part."""
    ids, others = list(left[1](text)), list(right[1](text))
    at = next((at for at, (one, other) in enumerate(zip(ids, others, strict=False)) if one != other), min(len(ids), len(others)))
    if at == len(ids) == len(others):
        return Parting(text, (len(ids), len(others)), None, (), ())
    return Parting(text, (len(ids), len(others)), at, _named(left[0], ids[at : at + 4]), _named(right[0], others[at : at + 4]))


def _named(contents: Contents, ids: Sequence[int]) -> list[tuple[int, bytes | None]]:
    names: dict[int, bytes] = {}
    wanted = set(ids)
    if not isinstance(contents.tokens, Unknown):
        names.update((id, token) for token, id in contents.tokens.items() if id in wanted)
    if not isinstance(contents.added, Unknown):
        names.update((one.id, one.content.encode("utf-8", "surrogatepass")) for one in contents.added if one.id in wanted)
    return [(id, names.get(id)) for id in ids]


def _vocabulary(left: Contents, right: Contents) -> Iterator[str]:
    one, other = left.tokens, right.tokens
    if not isinstance(one, Unknown) and not isinstance(other, Unknown):
        yield from _entries(one, other)


def _added(left: Contents, right: Contents) -> Iterator[str]:
    def by_content(added: Sequence[Added]) -> dict[str, tuple[Any, ...]]:
        return {one.content: (one.id, "special" if one.is_special else "not special", *sorted(one.options)) for one in added}

    if not isinstance(left.added, Unknown) and not isinstance(right.added, Unknown):
        yield from _entries(by_content(left.added), by_content(right.added))


def _entries(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> Iterator[str]:
    for title, only in (
        ("only in A", [key for key in one if key not in other]),
        ("only in B", [key for key in other if key not in one]),
    ):
        if only:
            yield f"{title}: {len(only)}, such as {', '.join(repr(key) for key in only[:EXAMPLES])}"
    moved = [key for key in one if key in other and one[key] != other[key]]
    if moved:
        shown = ", ".join(f"{key!r} ({one[key]} in A, {other[key]} in B)" for key in moved[:EXAMPLES])
        yield f"not the same: {len(moved)}, such as {shown}"


def _merges(left: Contents, right: Contents) -> Iterator[str]:
    one, other = left.merging, right.merging
    if not isinstance(one, Merging) or not isinstance(other, Merging):
        return
    if one.other != other.other:
        yield "settings of the model or scores differ"
    pairs, others = (merging.joining.pairs if merging.joining else () for merging in (one, other))
    at = next((at for at, (pair, its) in enumerate(zip(pairs, others, strict=False)) if pair != its), min(len(pairs), len(others)))
    if at < max(len(pairs), len(others)):
        yield f"the order parts at merge {at + 1}: {_shown(pairs, at)} in A, {_shown(others, at)} in B"
    whole, its = (len(merging.joining.unmade) if merging.joining else 0 for merging in (one, other))
    if whole != its:
        yield f"tokens found only as whole pieces: {whole} in A, {its} in B"


def _shown(pairs: Sequence[tuple[bytes, bytes]], at: int) -> str:
    return f"{pairs[at][0]!r} + {pairs[at][1]!r}" if at < len(pairs) else "none"


def _template(left: Contents, right: Contents) -> Iterator[str]:
    def named(template: Any) -> dict[str, str]:
        return {"default": template} if isinstance(template, str) else dict(template or {})

    one, other = named(left.chat_template), named(right.chat_template)
    for name in sorted({*one, *other}):
        if name not in one or name not in other:
            yield f"template '{name}': only in {'A' if name in one else 'B'}"
        elif one[name] != other[name]:
            at = next((at for at, (a, b) in enumerate(zip(one[name], other[name], strict=False)) if a != b), None)
            at = min(len(one[name]), len(other[name])) if at is None else at
            yield f"template '{name}' parts at character {at}: {one[name][at : at + 30]!r} in A, {other[name][at : at + 30]!r} in B"


_DETAILS: Final[Mapping[str, Callable[[Contents, Contents], Iterator[str]]]] = {
    "vocabulary": _vocabulary,
    "merges": _merges,
    "normalizer": lambda left, right: iter([f"A: {left.normaliser}", f"B: {right.normaliser}"]),
    "pre_tokenizer": lambda left, right: iter([f"A: {left.pre_tokeniser}", f"B: {right.pre_tokeniser}"]),
    "added_tokens": _added,
    "put_around": lambda left, right: iter([f"A: {left.around}", f"B: {right.around}"]),
    "chat_template": _template,
}
