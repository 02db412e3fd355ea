"""Which tokenizer it was: its name, library and version, and a fingerprint that is equal across libraries for equal behaviour.

The fingerprint is made of one hash for each part, so that it can be told what differs. A part that a library does not let be known is
`unknown`, with the reason: then the fingerprint ends in `?` and proves no equality.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from . import patience, splitting, vocabulary_files
from .contents import Contents, Unknown
from .merging import ByRanks
from .vocabularies import read, state

SHORT: Final = 16
"""Hexadecimal digits of a hash that are shown; the whole hash has 64."""
_KNOWN: Final = {
    # cl100k_base
    "e07bea79ad488ea49952bde5e5ed54832dd1a2e1b920d09920f75203023e559c": (
        "fa47b4a1e17fe417d5ff64f8c1f2fa84fe59eb81400841ec145534b56525ab49",
        100_000,
    ),
    # o200k_base, o200k_harmony
    "eb08c9faf5c521b5a2944d7f1e339d66d6f475df1b7ae3c6d7ab5043ff74f974": (
        "f3ca094cd4e8180365cb6410898f00e20db761eb0cbc118409d4d604e169e801",
        199_742,
    ),
    # Llama 3
    "0a2e607f99e1789909269c987c126c7beddd8652a0e92c36b42a91e7d7efb9d3": (
        "6a61e82bb299469a0580d42cc9cdc23bac09cd2ff5a76b045d98b0186ef97906",
        127_156,
    ),
    # Qwen 3
    "52f36ad511dbb40f9888a3e4e3a65edca3cfdccee70fe21969cbf504432420a2": (
        "f00e05cddde69a219d7ba472180fa0b726c1b59291cc1d8695d3a18103d5b5b8",
        151_387,
    ),
}
"""Hash of a vocabulary -> hash and number of the merges, where its ids are the ranks: to find them takes seconds each time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a tokenizer's identity."""

    name: str
    form: str
    """Of what kind it is, such as `bytes` or `merges`; `none` if there is none. Parts of different form are not comparable."""
    digest: str | None
    """SHA-256 in hexadecimal; None if it is unknown."""
    why: str | None = None
    """Why it is unknown."""
    size: int | None = None
    """How many tokens, merges or steps it has."""

    @property
    def short(self) -> str:
        """The hash, shortened; `unknown`, or `none`."""
        return "unknown" if self.digest is None else "none" if self.form == "none" else self.digest[:SHORT]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a tokenizer is."""

    name: str | None
    library: str
    version: str | None
    parts: tuple[Part, ...]

    @property
    def fingerprint(self) -> str:
        """One word for all parts: equal for equal behaviour. It ends in `?` if a part is unknown."""
        said = "\n".join(f"{part.name} {part.form} {part.digest or '?'}" for part in self.parts)
        return _digest([b"genba tokenizer 1", said.encode()])[:SHORT] + ("" if self.is_whole else "?")

    @property
    def is_whole(self) -> bool:
        """Whether every part is known."""
        return all(part.digest is not None for part in self.parts)

    def part(self, name: str) -> Part:
        """The part of that name."""
        return next(part for part in self.parts if part.name == name)

    def as_json(self) -> dict[str, Any]:
        """All of it, for JSON."""
        parts = {
            part.name: {"form": part.form, "digest": part.digest, "size": part.size, **({"why": part.why} if part.why else {})}
            for part in self.parts
        }
        return {
            "name": self.name,
            "library": self.library,
            "version": self.version,
            "fingerprint": self.fingerprint,
            "is_whole": self.is_whole,
            "parts": parts,
        }


class UnknownTokenizerError(TypeError):
    """An object that is no tokenizer of a known library."""


_lock = threading.Lock()
_found: dict[int, tuple[weakref.ref[Any], Any, Identity]] = {}
"""By the address of the object: a tokenizer may have no hash, or one that is dear. The weak reference takes the entry away."""


def of(tokenizer: Any) -> Identity:
    """The identity of a tokenizer object. Takes up to some seconds the first time: not for a hot path."""
    found = known(tokenizer)
    if found is not None:
        return found
    with _lock:
        found = known(tokenizer)  # another thread may have been first
        if found is not None:
            return found
        as_it_is = state(tokenizer)
        contents = read(tokenizer)
        if contents is None:
            raise UnknownTokenizerError(f"{type(tokenizer).__module__}.{type(tokenizer).__qualname__} is no tokenizer known here.")
        identity = made_of(contents)
        key = id(tokenizer)
        with contextlib.suppress(TypeError):  # an object that cannot be referred to weakly is read each time
            _found[key] = (weakref.ref(tokenizer, lambda _gone: _found.pop(key, None)), as_it_is, identity)
        return identity


def known(tokenizer: Any) -> Identity | None:
    """The identity of a tokenizer object if it was asked for before, and the object has not changed since."""
    found = _found.get(id(tokenizer))
    if found is None or found[0]() is not tokenizer or found[1] != state(tokenizer):
        return None
    return found[2]


def by_fingerprint(fingerprint: str) -> Identity | None:
    """The identity with this fingerprint, if a tokenizer object that is still there was found to have it."""
    return next((identity for _, _, identity in list(_found.values()) if identity.fingerprint == fingerprint), None)


def of_file(path: Path) -> Identity:
    """The identity of a tokenizer.json, a folder with one, a file of ranks (`*.tiktoken`) or a GGUF file."""
    return made_of(vocabulary_files.read(path))


def made_of(contents: Contents) -> Identity:
    """The identity of a tokenizer with these contents."""
    return Identity(contents.name, contents.library, contents.version, tuple(_parts(contents)))


def _parts(contents: Contents) -> Iterator[Part]:
    vocabulary = _vocabulary(contents)
    yield vocabulary
    yield _merging(contents, vocabulary)
    for name, steps in (("normalizer", contents.normaliser), ("pre_tokenizer", contents.pre_tokeniser)):
        if isinstance(steps, Unknown):
            yield _unknown(name, steps)
        else:
            yield _part(name, "steps", [splitting.written(steps)], len(steps))
    yield _added(contents)
    if isinstance(contents.around, Unknown):
        yield _unknown("put_around", contents.around)
    else:
        before, after = contents.around
        yield _part("put_around", "ids", [orjson.dumps([list(before), list(after)])], len(before) + len(after))
    template = contents.chat_template
    if isinstance(template, Unknown):
        yield _unknown("chat_template", template)
    else:
        named = {"default": template} if isinstance(template, str) else template or {}
        yield _part(
            "chat_template", "text", (part for name in sorted(named) for part in (name.encode(), _utf8(named[name]))), len(named)
        )


def _vocabulary(contents: Contents) -> Part:
    if isinstance(contents.tokens, Unknown):
        return _unknown("vocabulary", contents.tokens)
    rows = sorted((id, token) for token, id in contents.tokens.items())
    return _part("vocabulary", contents.unit, (field for id, token in rows for field in (b"%d" % id, token)), len(rows))


def _merging(contents: Contents, vocabulary: Part) -> Part:
    merging = contents.merging
    if isinstance(merging, Unknown):
        return _unknown("merges", merging)
    if isinstance(merging.joining, ByRanks) and merging.other is None and vocabulary.digest in _KNOWN:
        digest, size = _KNOWN[vocabulary.digest]
        return Part("merges", merging.form, digest, size=size)
    pairs = merging.joining.pairs if merging.joining is not None else ()
    unmade = merging.joining.unmade if merging.joining is not None else ()
    fields = [orjson.dumps(merging.other, option=orjson.OPT_SORT_KEYS), *(side for pair in pairs for side in pair), b"", *unmade]
    return Part("merges", merging.form, _digest(fields), size=len(pairs) or None)


def _added(contents: Contents) -> Part:
    if isinstance(contents.added, Unknown):
        return _unknown("added_tokens", contents.added)
    rows = [
        orjson.dumps([one.id, one.is_special, dict(one.options)], option=orjson.OPT_SORT_KEYS) + _utf8(one.content)
        for one in sorted(contents.added, key=lambda one: (one.id, one.content))
    ]
    return _part("added_tokens", "tokens", rows, len(rows))


def _part(name: str, form: str, fields: Iterable[bytes], size: int) -> Part:
    return Part(name, form, _digest(fields), size=size) if size else Part(name, "none", _digest([]), size=0)


def _unknown(name: str, unknown: Unknown) -> Part:
    return Part(name, "unknown", None, unknown.why)


def _digest(fields: Iterable[bytes]) -> str:
    """The hash of some fields, each with its length: what stands where cannot be mistaken."""
    digest = hashlib.sha256()
    for at, one in enumerate(fields):
        if not at % 4096:
            patience.check()
        digest.update(b"%d:" % len(one))
        digest.update(one)
    return digest.hexdigest()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
