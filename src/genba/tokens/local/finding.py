"""Find a tokenizer by what a person calls it: a file, a folder, an encoding, a model in the cache of Hugging Face's libraries."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from .. import vocabularies, vocabulary_files
from ..contents import Contents
from . import encodings
from .rebuilding import NotExactError, rebuilt

_AND_TEMPLATE: Final = "#"


class NotFoundError(LookupError):
    """Nothing that can be read goes by that name; the message says what to do."""


class Encoder(Protocol):
    """What cuts a text into tokens, whichever library does it."""

    native: Any
    """The library's own object."""

    def encode(self, text: str, special: bool) -> list[int]:
        """The ids of a text, nothing put around it. `special`: control tokens that it spells are control, else they are text."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for."""

    said: str
    contents: Contents
    encoder: Callable[[], Encoder | str]
    """Loads what encodes a text; as words, why nothing can. May take seconds."""
    of_llama_cpp: bool = False
    """Whether the file is one that llama.cpp runs, which then also says what is put around a text."""


Encoding: TypeAlias = Any


def find(said: str, *, may_fetch: bool = False) -> Found:
    """What `said` stands for: a path, the name of an encoding, alone or as `quicktok:cl100k_base`, or of a cached model.

    After a `#` may stand the file of another chat template than its own: `model.gguf#chat.jinja`.

    `may_fetch`: whether tiktoken may use the network.

    Raises:
        NotFoundError: there is nothing of that name, or nothing that can be read.
    """
    base, _, template = said.rpartition(_AND_TEMPLATE)
    if base and not Path(said).exists():
        return _with_template(find(base, may_fetch=may_fetch), said, Path(template))
    return _found(said, may_fetch=may_fetch)


def _with_template(found: Found, said: str, template: Path) -> Found:
    try:
        text = template.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise NotFoundError(f"{said}: the chat template {template} cannot be read: {error}") from error
    return replace(found, said=said, contents=replace(found.contents, chat_template=text))


def _found(said: str, *, may_fetch: bool) -> Found:
    path = Path(said)
    library, colon, name = said.partition(":")
    library = library.replace("-", "_").removesuffix("_v1")
    if path.exists():
        return _from_file(said, path)
    if colon and library in encodings.LIBRARIES:
        encoding = encodings.get(library, name, may_fetch=may_fetch)
        if isinstance(encoding, str):
            raise NotFoundError(f"{said}: {encoding}")
        return _from_encoding(said, encoding)
    if "/" in said or "\\" in said or path.suffix in (".json", ".gguf", ".tiktoken"):
        cached = _cached(said)
        if cached is not None:
            return _from_file(said, cached)
        raise NotFoundError(f"There is no file or folder {said}, and no model of that name with a tokenizer.json in {_cache()}.")
    found = encodings.first(said, may_fetch=may_fetch)
    if isinstance(found, list):
        reasons = "\n".join(f"  {reason}" for reason in found)
        raise NotFoundError(f"'{said}' is no file, and no encoding of a library that is installed here:\n{reasons}")
    return _from_encoding(said, found)


def _from_encoding(said: str, encoding: Encoding) -> Found:
    contents = vocabularies.read(encoding)
    if contents is None:
        raise NotFoundError(f"This release of {type(encoding).__module__} does not let its vocabulary be read.")
    return Found(said, contents, lambda: _OfEncoding(encoding))


def _from_file(said: str, path: Path) -> Found:
    try:
        contents = vocabulary_files.read(path)
    except vocabulary_files.FileError as error:
        raise NotFoundError(str(error)) from error
    if contents.library == "ranks":
        return Found(said, contents, lambda: "a file of ranks does not say how a text is split")
    if contents.library == "gguf":
        return Found(said, contents, lambda: _rebuilt(contents, path), of_llama_cpp=True)
    return Found(said, contents, lambda: _from_json(path / "tokenizer.json" if path.is_dir() else path))


def _from_json(path: Path) -> Encoder | str:
    try:
        tokenizers = importlib.import_module("tokenizers")
    except ImportError:
        return "tokenizers is not installed; it comes with: pip install 'genba[tokens]'"
    try:
        return _OfTokenizers(tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # noqa: BLE001  # the library has no exception of its own
        return f"tokenizers cannot read {path}: {error}"


def _rebuilt(contents: Contents, path: Path) -> Encoder | str:
    """What does as llama.cpp does: tokenizers where that is known to be the same, else llama.cpp itself."""
    try:
        tokenizers = importlib.import_module("tokenizers")
        made = rebuilt(contents)
        return _OfTokenizers(tokenizers.Tokenizer.from_buffer(made.description), made.absent)
    except ImportError:
        reason = "tokenizers is not installed; it comes with: pip install 'genba[tokens]'"
    except NotExactError as error:
        reason = f"only llama.cpp itself is known to cut a text as it does with this file: {error}"
    except Exception as error:  # noqa: BLE001  # the library has no exception of its own
        reason = f"tokenizers does not take what the file says: {error}"
    try:
        llama_cpp = importlib.import_module("llama_cpp")
    except (ImportError, OSError, RuntimeError):
        return f"{reason}; and llama.cpp is not installed, which comes with: pip install llama-cpp-python"
    try:
        return _OfLlamaCpp(llama_cpp.Llama(str(path), vocab_only=True, verbose=False))
    except Exception as error:  # noqa: BLE001  # ValueError and others, without a common base
        return f"{reason}; and llama.cpp does not load the file: {error}"


class _OfTokenizers:
    def __init__(self, tokenizer: Any, absent: frozenset[int] = frozenset()) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.native = tokenizer
        self._absent = absent
        self._lock = threading.Lock()

    def encode(self, text: str, special: bool) -> list[int]:
        with self._lock:  # whether control tokens are text is a switch on the tokenizer
            self.native.encode_special_tokens = not special
            ids = list(self.native.encode(text, add_special_tokens=False).ids)
        return [id for id in ids if id not in self._absent] if self._absent else ids


class _OfEncoding:
    def __init__(self, encoding: Encoding) -> None:
        self.native = encoding

    def encode(self, text: str, special: bool) -> list[int]:
        return list(self.native.encode(text, allowed_special="all") if special else self.native.encode_ordinary(text))


class _OfLlamaCpp:
    def __init__(self, model: Any) -> None:
        self.native = model

    def encode(self, text: str, special: bool) -> list[int]:
        return list(self.native.tokenize(text.encode(), add_bos=False, special=special))


def _cache() -> Path:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def _cached(model: str) -> Path | None:
    """The folder of a model that Hugging Face's libraries have downloaded; the newest, if there are several."""
    snapshots = (_cache() / f"models--{model.replace('/', '--')}" / "snapshots").glob("*/tokenizer.json")
    return max((one.parent for one in snapshots), key=lambda folder: folder.stat().st_mtime, default=None)
