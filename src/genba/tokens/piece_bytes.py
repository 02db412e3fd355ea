"""What each token of a tokenizer object stands for, as bytes, read from its vocabulary.

Decoding would not do: a character can span tokens, and half of one decodes to nothing that can be put together again. What is not known
is None. A token that a library writes without the space beside it, such as BERT's `##ing`, stands for its characters alone.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from . import splitting
from .tokenizer_json import spelled
from .vocabularies import library_of, state

PieceOf: TypeAlias = Callable[[int], "bytes | None"]
Spell: TypeAlias = Callable[[str], "bytes | None"]

_MARK: Final = "▁"
"""SentencePiece's way to write a space."""
_BYTE: Final = re.compile("<0x[0-9A-Fa-f]{2}>$")
_NO_SUCH_TOKEN: Final = (KeyError, IndexError, OverflowError, TypeError, ValueError)


@dataclass(slots=True)
class _Spelling:
    """How one tokenizer writes its tokens. It keeps nothing of the tokenizer itself alive."""

    spell: Spell | None = None
    """A token's written form -> its bytes. None: not known."""
    added: Mapping[int, bytes] = field(default_factory=dict)
    special: frozenset[int] | None = None
    pieces: dict[int, bytes | None] = field(default_factory=dict)


_lock = threading.Lock()
_found: dict[int, tuple[weakref.ref[Any], Any, _Spelling]] = {}
"""By the address of the object. The weak reference takes the entry away."""
_kept: deque[tuple[Any, Any, _Spelling]] = deque(maxlen=4)
"""The last ones that cannot be referred to weakly."""


def pieces_of(tokenizer: Any) -> PieceOf:
    """A function from an id to what the token stands for: special tokens as they are written, None for what is not known.

    It keeps the tokenizer alive. Takes some milliseconds the first time: not for a hot path.
    """
    while (inner := _inner(tokenizer)) is not None:
        tokenizer = inner
    name = _READERS.get(library_of(tokenizer) or "")
    if name is None:
        return _unknown
    if hasattr(tokenizer, "decode_single_token_bytes"):
        return _asking(tokenizer.decode_single_token_bytes)
    spelling = _spelling(tokenizer)
    written: Any = getattr(tokenizer, name, None)
    if spelling.spell is None or written is None:
        return _unknown
    return _spelling_out(spelling, spelling.spell, written)


def special_ids(tokenizer: Any) -> frozenset[int] | None:
    """The ids of the tokens that are control and no text; None if that is not known of this tokenizer."""
    if hasattr(tokenizer, "special_tokens_set") and hasattr(tokenizer, "encode_single_token"):
        if library_of(tokenizer) in _READERS:
            return frozenset(int(tokenizer.encode_single_token(content)) for content in tokenizer.special_tokens_set)
        return None
    named = getattr(tokenizer, "all_special_ids", None)
    while (inner := _inner(tokenizer)) is not None:
        tokenizer = inner
    if library_of(tokenizer) not in _READERS:
        return None
    special = _spelling(tokenizer).special
    if special is None:
        return None
    return special | frozenset(id for id in named if isinstance(id, int)) if named else special


_READERS: Final[Mapping[str, str]] = {
    "tokenizers": "id_to_token",
    "transformers": "convert_ids_to_tokens",
    "tiktoken": "decode_single_token_bytes",
    "quicktok": "decode_single_token_bytes",
    "bpe_openai": "decode_single_token_bytes",
}
"""Library -> the method that tells of one token."""


def _inner(tokenizer: Any) -> Any:
    """The tokenizer of another library that this one rests on: a fast one of transformers."""
    if library_of(tokenizer) != "transformers":
        return None
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend if hasattr(backend, "id_to_token") else None


def _unknown(_id: int) -> bytes | None:
    return None


def _asking(ask: Callable[[int], bytes]) -> PieceOf:
    """For libraries that tell the bytes of a token themselves."""

    def piece(id: int) -> bytes | None:
        if id < 0:
            return None  # some would count from the end
        try:
            return bytes(ask(id))
        except _NO_SUCH_TOKEN:
            return None

    return piece


def _spelling_out(spelling: _Spelling, spell: Spell, written: Callable[[int], Any]) -> PieceOf:
    pieces = spelling.pieces

    def piece(id: int) -> bytes | None:
        if id in pieces:
            return pieces[id]
        found = spelling.added.get(id)
        if found is None:
            try:
                token = written(id)
            except _NO_SUCH_TOKEN:
                return None
            found = spell(token) if isinstance(token, str) else None
        pieces[id] = found
        return found

    return piece


def _spelling(tokenizer: Any) -> _Spelling:
    """How this tokenizer writes its tokens, read anew once it has changed."""
    try:
        as_it_is = state(tokenizer)
    except Exception:  # noqa: BLE001  # a part that is written in Python does not tell what it does
        return _Spelling()
    key = id(tokenizer)
    for kept, its_state, spelling in tuple(_kept):
        if kept is tokenizer and its_state == as_it_is:
            return spelling
    found = _found.get(key)
    if found is not None and found[0]() is tokenizer and found[1] == as_it_is:
        return found[2]
    with _lock:
        read = _of_tokenizers if library_of(tokenizer) == "tokenizers" else _of_python
        spelling = read(tokenizer)
        try:
            _found[key] = (weakref.ref(tokenizer, lambda gone: _forget(key, gone)), as_it_is, spelling)
        except TypeError:  # tokenizers before 0.23
            _kept.append((tokenizer, as_it_is, spelling))
        return spelling


def _forget(key: int, gone: Any) -> None:
    found = _found.get(key)
    if found is not None and found[0] is gone:  # the address may be another's by now
        del _found[key]


# A tokenizer of the library `tokenizers`.


def _of_tokenizers(tokenizer: Any) -> _Spelling:
    decoder, before, normaliser = (_described(getattr(tokenizer, part)) for part in ("decoder", "pre_tokenizer", "normalizer"))
    model = tokenizer.model
    spell: Spell
    spell_added: Spell
    if any(step.get("type") == "ByteLevel" for step in (*before, *normaliser)):
        spell, spell_added = _in_bytes, _utf8
    else:
        spell = spell_added = _in_text(
            list(_spaces(decoder, before, normaliser)),
            has_bytes=bool(getattr(model, "byte_fallback", False)) or any(step.get("type") == "ByteFallback" for step in decoder),
            beginning=_affix(model, decoder, "continuing_subword_prefix", "WordPiece", "prefix"),
            ending=_affix(model, decoder, "end_of_word_suffix", "BPEDecoder", "suffix"),
        )
    listed = tokenizer.get_added_tokens_decoder()
    added = {id: _utf8(one.content) if one.special else spell_added(one.content) for id, one in listed.items()}
    return _Spelling(
        spell,
        {id: piece for id, piece in added.items() if piece is not None},
        frozenset(id for id, one in listed.items() if one.special),
    )


def _described(part: Any) -> list[Mapping[str, Any]]:
    """The steps of a normaliser, pre-tokeniser or decoder."""
    if part is None:
        return []
    description = orjson.loads(part.__getstate__())
    inner = next((name for name in ("decoders", "pretokenizers", "normalizers") if name in description), "")
    return [step for step in splitting.flat(description, inner) if isinstance(step, Mapping)]


def _spaces(*parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What stands for a space, or for other text, in a written token -> that text."""
    decoder, before, normaliser = parts
    for step in (*decoder, *before):
        if step.get("type") == "Metaspace":
            yield str(step.get("replacement") or _MARK), " "
    for step in decoder:
        if step.get("type") == "Replace" and (mark := _mark(step)):
            yield mark, str(step.get("content"))
    for step in normaliser:
        if step.get("type") == "Replace" and _mark(step) == " " and step.get("content") == _MARK:
            yield _MARK, " "


def _mark(step: Mapping[str, Any]) -> str:
    pattern = step.get("pattern")
    return str(pattern.get("String") or "") if isinstance(pattern, Mapping) else ""


def _affix(model: Any, decoder: Sequence[Mapping[str, Any]], option: str, kind: str, name: str) -> str:
    """What marks a token as the middle or the end of its word, if anything does."""
    of_model = getattr(model, option, None)
    return of_model or next((str(step.get(name) or "") for step in decoder if step.get("type") == kind), "")


# A tokenizer of transformers that is written in Python.


def _of_python(tokenizer: Any) -> _Spelling:
    listed = getattr(tokenizer, "added_tokens_decoder", None)
    known: Mapping[int, Any] = listed if isinstance(listed, Mapping) else {}
    spell: Spell | None = None
    if isinstance(getattr(tokenizer, "byte_decoder", None), Mapping):
        spell = _in_bytes
    elif hasattr(tokenizer, "sp_model"):
        spell = _in_text([(_MARK, " ")], has_bytes=True)
    elif hasattr(tokenizer, "wordpiece_tokenizer"):
        spell = _in_text([], beginning="##")
    return _Spelling(
        spell,
        {id: _utf8(str(getattr(one, "content", one))) for id, one in known.items()},
        frozenset(id for id, one in known.items() if getattr(one, "special", False)) if isinstance(listed, Mapping) else None,
    )


# Ways to write a token.


def _in_bytes(token: str) -> bytes:
    return spelled(token, True)


def _utf8(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")


def _in_text(spaces: Collection[tuple[str, str]], *, has_bytes: bool = False, beginning: str = "", ending: str = "") -> Spell:
    """For tokens that are written as text, with marks in it."""

    def spell(token: str) -> bytes | None:
        if has_bytes and _BYTE.match(token):
            return bytes([int(token[3:5], 16)])
        token = token.removeprefix(beginning) if len(token) > len(beginning) else token
        token = token.removesuffix(ending) if len(token) > len(ending) else token
        for mark, text in spaces:
            token = token.replace(mark, text)
        return _utf8(token)

    return spell
