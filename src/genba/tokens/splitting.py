"""One form for what happens to a text before its pieces are joined: the normaliser, and the pre-tokeniser with its regular expressions.

A regular expression is taken to match every character, as those in use do: then it is all one whether a library keeps or drops what
is between the matches. Two expressions that are not known to be alike are compared as they are written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import orjson

GPT2: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2: Final = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
_ENDING: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
O200K: Final = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDING}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDING}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_FAST_GPT2: Final = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_FAST_CL100K: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
ALIKE: Final[Mapping[str, str]] = {
    _FAST_GPT2: GPT2,
    GPT2.replace(r" ?\p{L}+| ?\p{N}+", r" ?[\p{L}]+| ?[\p{N}]+"): GPT2,
    GPT2.removesuffix(r"|\s+"): GPT2,  # llama.cpp's: it keeps what no match takes
    CL100K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'(?i:[sdmt]|ll|ve|re)"): CL100K,
    CL100K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"): CL100K,
    QWEN2.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"): QWEN2,
}
"""Other ways to write the same expression; each is held against its like by a test."""
NEARLY_ALIKE: Final[Mapping[str, str]] = {
    _FAST_CL100K: CL100K,
    _FAST_CL100K.replace(r"\p{N}{1,3}+", r"\p{N}"): QWEN2,
}
"""These part in white space at the end of a text, after its last line break: alike where no token has more after a line break."""

Steps = list[Any]


def normaliser(description: Any) -> Steps:
    """The steps of the `normalizer` of a tokenizer.json."""
    return flat(description, "normalizers")


def pre_tokeniser(description: Any, tokens: Collection[bytes]) -> Steps:
    """The steps of the `pre_tokenizer` of a tokenizer.json whose vocabulary has these tokens."""
    return [step for one in flat(description, "pretokenizers") for step in _pre_tokenising(one, tokens)]


def by_pattern(pattern: str, tokens: Collection[bytes]) -> Steps:
    """The steps of a tokenizer that has one expression for the pieces, as tiktoken's do."""
    alike = ALIKE.get(pattern)
    if alike is None and pattern in NEARLY_ALIKE and not any(_goes_on_after_a_line_break(token) for token in tokens):
        alike = NEARLY_ALIKE[pattern]
    return [{"split": alike or pattern}]


def _goes_on_after_a_line_break(token: bytes) -> bool:
    return token[-1:] not in (b"\n", b"\r") and (b"\n" in token or b"\r" in token)


def works_on_bytes(description: Any) -> bool:
    """Whether this part of a tokenizer.json writes bytes as characters, in GPT-2's manner."""
    return any(isinstance(one, Mapping) and one.get("type") == "ByteLevel" for one in flat(description, "pretokenizers"))


def written(steps: Steps) -> bytes:
    """The steps in bytes, equal where the steps are."""
    return orjson.dumps(steps, option=orjson.OPT_SORT_KEYS)


def _pre_tokenising(one: Any, tokens: Collection[bytes]) -> Steps:
    kind = one.get("type") if isinstance(one, Mapping) else None
    if kind == "ByteLevel":
        prefix = [{"prefix": " "}] if one.get("add_prefix_space") else []
        return [*prefix, *(by_pattern(GPT2, tokens) if one.get("use_regex", True) else [])]
    if kind == "Digits" and one.get("individual_digits"):
        return by_pattern(r"\p{N}", tokens)
    if kind == "Split" and (one.get("behavior"), bool(one.get("invert"))) in (("Isolated", False), ("Removed", True)):
        pattern = one.get("pattern")
        if isinstance(pattern, Mapping) and isinstance(pattern.get("Regex"), str):
            return by_pattern(pattern["Regex"], tokens)
    return [one]


def flat(description: Any, inner: str) -> Steps:
    """The steps of a description, where one may be a `Sequence` of others, listed under `inner`."""
    if description is None:
        return []
    if isinstance(description, Mapping) and description.get("type") == "Sequence":
        parts = description.get(inner)
        return [step for part in (parts if isinstance(parts, Sequence) else []) for step in flat(part, inner)]
    return [description]
