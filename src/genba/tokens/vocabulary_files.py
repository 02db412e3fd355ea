"""Read what a tokenizer is made of from a file: a tokenizer.json, a folder with one, ranks (`*.tiktoken`), or a GGUF file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from . import splitting
from .contents import Added, Contents, Merging, Unknown
from .gguf import GGUFError, metadata
from .merging import ByRanks, from_merges
from .tokenizer_json import joined, loaded, parsed, spelled

_LLAMA3: Final = ("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano")
_EXPRESSIONS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    _LLAMA3: (splitting.CL100K,),
    ("gpt-2", "phi-2", "mpt", "olmo", "jais"): (splitting.GPT2,),
    ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"): (r"\p{N}", splitting.GPT2),
    ("qwen2", "stablelm2"): (splitting.QWEN2,),
    ("gpt-4o",): (splitting.O200K,),
}
_PRE: Final[Mapping[str, splitting.Steps]] = {
    pre: [step for pattern in patterns for step in splitting.by_pattern(pattern, ())]
    for names, patterns in _EXPRESSIONS.items()
    for pre in names
}
"""What llama.cpp does for the `tokenizer.ggml.pre` of a file: the file has only this name."""
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED = 1, 2, 3, 4, 5


class FileError(ValueError):
    """A file that holds no tokenizer known here."""


def read(path: Path) -> Contents:
    """What the tokenizer in a file or folder is made of; FileError says what is wrong with it."""
    try:
        if path.is_dir():
            return _folder(path)
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"GGUF":
            return read_gguf(path)
        if start.lstrip()[:1] == b"{":
            return parsed(loaded(path.read_bytes()), path.name, "tokenizer.json", None)
        return _ranks(path)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise FileError(f"{path} holds no tokenizer that is known here: {error}") from error


def read_gguf(path: Path, library: str = "gguf", version: str | None = None) -> Contents:
    """What the tokenizer in a GGUF file does, as llama.cpp does it."""
    found = metadata(path)
    listed = found.get("tokenizer.ggml.tokens")
    if not isinstance(listed, list):
        raise GGUFError("The file has no tokenizer: it may be a part of a model that is split over several files.")
    kinds = found.get("tokenizer.ggml.token_type") or [_NORMAL] * len(listed)
    is_bytes = found.get("tokenizer.ggml.model") == "gpt2"
    rows = [(id, one if isinstance(one, str) else one.decode("utf-8", "surrogateescape")) for id, one in enumerate(listed)]
    usual = [(id, token) for id, token in rows if kinds[id] not in (_UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED)]
    pre = found.get("tokenizer.ggml.pre")
    return Contents(
        name=str(found.get("general.name") or path.name),
        library=library,
        version=version,
        tokens={spelled(token, is_bytes): id for id, token in usual},
        unit="bytes" if is_bytes else "text",
        merging=_merging(found, [token for _, token in usual], is_bytes),
        normaliser=[] if is_bytes else Unknown("llama.cpp normalises as the kind of model has it; the file does not say how."),
        pre_tokeniser=_pre_tokeniser(found, is_bytes),
        added=[
            Added(id, token, kinds[id] != _USER_DEFINED) for id, token in rows if kinds[id] in (_UNKNOWN, _CONTROL, _USER_DEFINED)
        ],
        around=_around(found, str(pre)),
        chat_template=_templates(found),
        roles=_roles(found, rows),
    )


def _pre_tokeniser(found: Mapping[str, Any], is_bytes: bool) -> splitting.Steps | Unknown:
    pre = found.get("tokenizer.ggml.pre")
    if not is_bytes:
        return [{"space_prefix": bool(found.get("tokenizer.ggml.add_space_prefix", True))}]
    return _PRE.get(str(pre)) or Unknown(f"What llama.cpp does for {pre or 'a file that names nothing'} is not in our table.")


def _merging(found: Mapping[str, Any], tokens: list[str], is_bytes: bool) -> Merging | Unknown:
    merges = found.get("tokenizer.ggml.merges")
    pre = str(found.get("tokenizer.ggml.pre"))
    if not is_bytes or not isinstance(merges, list):
        scores = found.get("tokenizer.ggml.scores")
        if not isinstance(scores, list):
            return Unknown("The file has neither merges nor scores.")
        return Merging(f"scores of a {found.get('tokenizer.ggml.model')} model", other=scores)
    pairs = [(left, right) for left, _, right in (str(one).partition(" ") for one in merges)]
    joining = from_merges(pairs, tokens)
    finds_whole = pre in _LLAMA3 or pre == "tekken"
    if joining.unmade and not finds_whole and pre not in _PRE:
        return Unknown(f"Whether llama.cpp looks for whole pieces first, for {pre}, is not in our table.")
    return Merging("merges", joined(joining, is_bytes, finds_whole=finds_whole))


def _around(found: Mapping[str, Any], pre: str) -> tuple[list[int], list[int]] | Unknown:
    sides: list[list[int]] = []
    for end in ("bos", "eos"):
        adds = found.get(f"tokenizer.ggml.add_{end}_token")
        id = found.get(f"tokenizer.ggml.{end}_token_id")
        if adds is None:
            # What the engine does then depends on the kind of model.
            if end == "bos" and not (found.get("tokenizer.ggml.model") == "gpt2" and pre in _PRE and pre not in _LLAMA3):
                adds = pre in _LLAMA3 or found.get("tokenizer.ggml.model") == "llama" or None
            else:
                adds = False
        if adds is None or (adds and id is None):
            return Unknown(f"The file does not say whether '{end}' is added.")
        sides.append([int(id)] if adds and id is not None else [])
    return sides[0], sides[1]


def _templates(found: Mapping[str, Any]) -> dict[str, str] | None:
    start = "tokenizer.chat_template"
    return {
        name.removeprefix(start).lstrip(".") or "default": str(value)
        for name, value in found.items()
        if name == start or name.startswith(f"{start}.")
    } or None


def _roles(found: Mapping[str, Any], rows: list[tuple[int, str]]) -> dict[str, str]:
    """The two that llama.cpp tells its templates."""
    ids = {f"{role}_token": found.get(f"tokenizer.ggml.{role}_token_id") for role in ("bos", "eos")}
    return {role: rows[id][1] for role, id in ids.items() if isinstance(id, int) and 0 <= id < len(rows)}


def _ranks(path: Path) -> Contents:
    """A file of tiktoken's: on each line the bytes of a token in base64, and its rank."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line:
            token, _, rank = line.partition(b" ")
            try:
                ranks[base64.b64decode(token, validate=True)] = int(rank)
            except (binascii.Error, ValueError) as error:
                raise FileError(f"line {number} is no token in base64 with its rank.") from error
    if not ranks:
        raise FileError("it is empty.")
    why = Unknown("A file of ranks has the tokens alone.")
    return Contents(
        name=path.name,
        library="ranks",
        version=None,
        tokens=ranks,
        unit="bytes",
        merging=Merging("merges", ByRanks(ranks)),
        normaliser=why,
        pre_tokeniser=why,
        added=why,
        around=why,
        chat_template=None,
    )


def _folder(path: Path) -> Contents:
    """A folder as transformers saves one: the chat template lies beside the tokenizer."""
    found = path / "tokenizer.json"
    if not found.exists():
        raise FileError("there is no tokenizer.json in this folder.")
    templates: dict[str, str] = {}
    roles: dict[str, str] = {}
    beside = path / "tokenizer_config.json"
    if beside.exists():
        settings = orjson.loads(beside.read_bytes())
        roles = {name: text for name, value in settings.items() if name.endswith("_token") and (text := _text(value))}
        said = settings.get("chat_template")
        if isinstance(said, str):
            templates["default"] = said
        elif isinstance(said, list):
            templates.update((str(one["name"]), str(one["template"])) for one in said)
    alone = path / "chat_template.jinja"
    if alone.exists():
        templates["default"] = alone.read_text(encoding="utf-8")
    for more in sorted((path / "additional_chat_templates").glob("*.jinja")):
        templates[more.stem] = more.read_text(encoding="utf-8")
    return parsed(loaded(found.read_bytes()), path.name, "tokenizer.json", None, templates or None, roles)


def _text(token: Any) -> str | None:
    """The text of a token, which may be told with its options."""
    text = token.get("content") if isinstance(token, Mapping) else token
    return text if isinstance(text, str) else None
