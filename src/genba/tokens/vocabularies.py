"""Read what a tokenizer object is made of, from the attributes it has: no library is imported for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from . import splitting
from .contents import Added, Contents, Merging, Unknown
from .merging import ByRanks
from .tokenizer_json import loaded, parsed
from .vocabulary_files import read_gguf

_DISTRIBUTIONS: Final = {
    "tokenizers": "tokenizers",
    "transformers": "transformers",
    "tiktoken": "tiktoken",
    "bpe_openai": "bpe-openai",
    "quicktok": "quicktok-v1",
    "llama_cpp": "llama-cpp-python",
}
_BUNDLED: Final[Mapping[str, tuple[str, splitting.Steps]]] = {
    "cl100k_base": (splitting.CL100K, []),
    "o200k_base": (splitting.O200K, []),
    "o200k_harmony": (splitting.O200K, []),
    "llama3": (splitting.CL100K, []),
    "qwen3": (splitting.QWEN2, [{"type": "NFC"}]),
}
"""What quicktok's own encodings do with a text before they join it; the objects do not tell."""


def read(tokenizer: Any) -> Contents | None:
    """What a tokenizer object is made of; None if it is none of a known library."""
    library = library_of(tokenizer)
    if library == "tokenizers" and hasattr(tokenizer, "to_str"):
        return parsed(loaded(tokenizer.to_str()), None, library, _version(library))
    if library == "transformers" and hasattr(tokenizer, "get_vocab"):
        return _transformers(tokenizer)
    if library in ("tiktoken", "bpe_openai") and hasattr(tokenizer, "_mergeable_ranks"):
        return _tiktoken(tokenizer, library)
    if library == "quicktok" and hasattr(tokenizer, "decode_single_token_bytes"):
        return _quicktok(tokenizer)
    if library == "llama_cpp" and hasattr(tokenizer, "model_path"):
        return _llama_cpp(tokenizer)
    return None


def state(tokenizer: Any) -> Any:
    """What changes if a tokenizer that can be changed is: cheap to ask, equal as long as it stays as it was."""
    library = library_of(tokenizer)
    if library == "transformers":
        backend = getattr(tokenizer, "backend_tokenizer", None)
        template = getattr(tokenizer, "chat_template", None)
        return (repr(template), len(tokenizer) if backend is None else _state(backend))
    return _state(tokenizer) if library == "tokenizers" else None


def _state(tokenizer: Any) -> Any:
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.post_processor)
    return (tokenizer.get_vocab_size(), *(None if part is None else part.__getstate__() for part in parts))


def library_of(tokenizer: Any) -> str | None:
    """The library that the object's class, or a class it is made from, comes from."""
    roots = [kind.__module__.partition(".")[0] for kind in type(tokenizer).__mro__]
    return next((root for root in roots if root in _DISTRIBUTIONS), None)


def _version(library: str) -> str | None:
    try:
        return metadata.version(_DISTRIBUTIONS[library])
    except metadata.PackageNotFoundError:
        return None


def _tiktoken(encoding: Any, library: str) -> Contents:
    ranks: dict[bytes, int] = encoding._mergeable_ranks  # noqa: SLF001  # there is no public way to the ranks
    return Contents(
        name=encoding.name,
        library=library,
        version=_version(library),
        tokens=ranks,
        unit="bytes",
        merging=Merging("merges", ByRanks(ranks)),
        normaliser=[],
        pre_tokeniser=splitting.by_pattern(encoding._pat_str, ranks),  # noqa: SLF001
        added=[Added(id, content, is_special=True) for content, id in encoding._special_tokens.items()],  # noqa: SLF001
        around=((), ()),
        chat_template=None,
    )


def _quicktok(encoding: Any) -> Contents:
    special = {content: int(encoding.encode_single_token(content)) for content in encoding.special_tokens_set}
    taken = set(special.values())
    ranks: dict[bytes, int] = {}
    for id in range(encoding.n_vocab):
        if id not in taken:
            try:
                ranks[bytes(encoding.decode_single_token_bytes(id))] = id
            except KeyError:
                continue  # between the vocabulary and the special tokens there are gaps
    name = str(encoding.name)
    why = Unknown("quicktok does not tell the expression and the normaliser of an imported encoding.")
    pattern, normaliser = _BUNDLED.get(name, (None, why))
    return Contents(
        name=name,
        library="quicktok",
        version=_version("quicktok"),
        tokens=ranks,
        unit="bytes",
        merging=Merging("merges", ByRanks(ranks)),
        normaliser=normaliser,
        pre_tokeniser=why if pattern is None else splitting.by_pattern(pattern, ranks),
        added=[Added(id, content, is_special=True) for content, id in special.items()],
        around=((), ()),
        chat_template=None,
    )


def _transformers(tokenizer: Any) -> Contents:
    name = getattr(tokenizer, "name_or_path", None) or None
    template = getattr(tokenizer, "chat_template", None)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None and hasattr(backend, "to_str"):
        return parsed(loaded(backend.to_str()), name, "transformers", _version("transformers"), template)
    why = Unknown(f"{type(tokenizer).__name__} is written in Python; it does not tell how it splits and joins.")
    known = getattr(tokenizer, "added_tokens_decoder", None)
    added = [_added_token(id, one) for id, one in known.items()] if isinstance(known, Mapping) else []
    apart = {one.content for one in added}
    return Contents(
        name=name,
        library="transformers",
        version=_version("transformers"),
        tokens={token.encode("utf-8", "surrogatepass"): id for token, id in tokenizer.get_vocab().items() if token not in apart},
        unit="text",
        merging=why,
        normaliser=why,
        pre_tokeniser=why,
        added=added if isinstance(known, Mapping) else why,
        around=why,
        chat_template=template,
    )


def _added_token(id: int, token: Any) -> Added:
    options = {name: True for name in ("lstrip", "rstrip", "single_word") if getattr(token, name, False)}
    return Added(id, str(getattr(token, "content", token)), bool(getattr(token, "special", False)), options)


def _llama_cpp(model: Any) -> Contents:
    return read_gguf(Path(model.model_path), "llama_cpp", _version("llama_cpp"))
