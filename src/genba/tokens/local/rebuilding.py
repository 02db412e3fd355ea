"""A tokenizer.json made from what a GGUF file says, so that `tokenizers` does what llama.cpp does with it; a reason where it would not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson

from ..contents import Added, Contents, Merging, Unknown
from ..merging import ByRanks, Joining
from ..tokenizer_json import BYTES

_SPACE: Final = "▁"
_NEVER: Final = float("inf")
_CHARACTERS: Final = {byte: character for character, byte in BYTES.items()}
_STRIPPING: Final = ("phi-3", "phi3")
"""llama.cpp lets the special tokens of models of these names take the white space after them; the file does not say so."""


class Rebuilt(NamedTuple):
    """A tokenizer that cuts texts as llama.cpp does."""

    description: bytes
    """Its tokenizer.json."""
    absent: frozenset[int]
    """Ids that stand for bytes which the vocabulary has no token for: nothing joins with them, and llama.cpp leaves them out at the end."""


class NotExactError(ValueError):
    """What `tokenizers` would do is not known to be what llama.cpp does."""


def rebuilt(contents: Contents) -> Rebuilt:
    """The description of a tokenizer with the ids that llama.cpp gives.

    Raises:
        NotExactError: with the reason, in words.
    """
    merging, added = contents.merging, contents.added
    for part in (contents.tokens, merging, added, contents.pre_tokeniser):
        if isinstance(part, Unknown):
            raise NotExactError(part.why)
    assert isinstance(merging, Merging)
    if merging.joining is not None and contents.unit == "bytes":
        absent = _absent(contents)
        return Rebuilt(_described(contents, **_byte_level(contents, merging.joining, absent)), frozenset(absent.values()))
    if merging.form == "scores of a llama model":
        return Rebuilt(_described(contents, **_sentence_piece(contents, merging)), frozenset())
    raise NotExactError(f"how llama.cpp joins by the {merging.form} is not rebuilt here.")


def _described(contents: Contents, *, vocab: Mapping[str, int], **parts: Any) -> bytes:
    added: Sequence[Added] = () if isinstance(contents.added, Unknown) else contents.added
    # An added token keeps its id only if the vocabulary has it too.
    parts["model"] = {"type": "BPE", **parts["model"], "vocab": {**vocab, **{one.content: one.id for one in added}}}
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    listed = [{"id": one.id, "content": one.content, "special": one.is_special, **usual, **one.options} for one in added]
    return orjson.dumps({"version": "1.0", "added_tokens": listed, "post_processor": None, **parts})


# BPE over bytes.


def _absent(contents: Contents) -> dict[bytes, int]:
    """Single bytes that are no tokens, with ids after all others."""
    tokens = _tokens(contents)
    added = () if isinstance(contents.added, Unknown) else contents.added
    start = 1 + max([*tokens.values(), *(one.id for one in added)], default=0)
    missing = [byte for value in range(256) if (byte := bytes([value])) not in tokens]
    return {byte: start + at for at, byte in enumerate(missing)}


def _byte_level(contents: Contents, joining: Joining[bytes], absent: Mapping[bytes, int]) -> dict[str, Any]:
    steps = contents.pre_tokeniser
    assert not isinstance(steps, Unknown)
    splits = [{"type": "Split", "pattern": {"Regex": _split(step)}, "behavior": "Isolated", "invert": False} for step in steps]
    in_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "vocab": {_spelled(token): id for token, id in {**_tokens(contents), **absent}.items()},
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits, in_bytes]},
        "decoder": in_bytes,
        "model": {
            "ignore_merges": bool(joining.unmade),  # else every token that could be found whole is also made by joining
            "merges": [[_spelled(left), _spelled(right)] for left, right in joining.pairs],
        },
    }


def _split(step: Any) -> str:
    pattern = step.get("split") if isinstance(step, Mapping) else None
    if not isinstance(pattern, str):
        raise NotExactError(f"the step {step} before joining is not rebuilt here.")
    return pattern


def _spelled(token: bytes) -> str:
    return "".join(map(_CHARACTERS.__getitem__, token))


# SentencePiece's BPE, in which the score of a token says how early it is made.


def _sentence_piece(contents: Contents, merging: Merging) -> dict[str, Any]:
    if any(name in (contents.name or "").lower() for name in _STRIPPING):
        raise NotExactError(f"llama.cpp treats the special tokens of models named {_STRIPPING[0]} in its own way.")
    tokens = {token.decode("utf-8", "surrogatepass"): id for token, id in _tokens(contents).items()}
    joining = _by_score(tokens, merging.other)
    alone = {character for pair in joining.pairs for side in pair for character in side}
    if not alone <= set(tokens):
        raise NotExactError("some of its tokens have characters that are no tokens themselves.")
    if not {f"<0x{byte:02X}>" for byte in range(256)} <= set(tokens):
        raise NotExactError("it has no tokens for single bytes.")
    [step] = contents.pre_tokeniser if not isinstance(contents.pre_tokeniser, Unknown) else [{}]
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    prefix = [{"type": "Prepend", "prepend": _SPACE}] if step.get("space_prefix") else []
    return {
        "vocab": tokens,
        "normalizer": {"type": "Sequence", "normalizers": [*prefix, spaces]},
        "pre_tokenizer": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {"byte_fallback": True, "merges": [list(pair) for pair in joining.pairs]},
    }


def _by_score(tokens: Mapping[str, int], scores: Sequence[float]) -> Joining[str]:
    """The joining that makes the token of the highest score first: as by ranks, if no two that are made have the same score."""
    ordered = sorted(tokens, key=lambda token: (-scores[tokens[token]], tokens[token]))
    joining = ByRanks({token: at for at, token in enumerate(ordered)})
    made = [scores[tokens[left + right]] for left, right in joining.pairs]
    tied = {one for one, other in pairwise(made) if one == other}
    if tied and not (tied == {made[-1]} and _runs_alike(joining.pairs[made.index(made[-1]) :])):
        raise NotExactError("some of its tokens have the same score.")
    return joining


def _runs_alike(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether these, the last to be made, are runs of one character that come out the same in this order and from the left.

    Of tokens of the same score, llama.cpp makes the leftmost first. Llama 2's runs of spaces are such tokens.
    """
    if len({character for pair in pairs for side in pair for character in side}) != 1:
        return False
    order = {(len(left), len(right)): at for at, (left, right) in enumerate(pairs)}
    lengths = {left + right for left, right in order}
    for count in range(2, 4 * max(lengths)):
        by_order = _joined(count, lambda pair: order.get(pair, _NEVER))
        from_the_left = _joined(count, lambda pair: 0 if sum(pair) in lengths else _NEVER)
        if by_order != from_the_left:
            return False
    return True


def _joined(count: int, rank: Callable[[tuple[int, int]], float]) -> list[int]:
    """A run of `count` characters, joined: the pair of the lowest rank first, then the leftmost. Lengths stand for the parts."""
    parts = [1] * count
    while len(parts) > 1:
        ranks = [rank(pair) for pair in pairwise(parts)]
        best = min(ranks)
        if best == _NEVER:
            break
        at = ranks.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def _tokens(contents: Contents) -> Mapping[bytes, int]:
    return {} if isinstance(contents.tokens, Unknown) else contents.tokens
