"""`genba tokenizer`: which tokenizer a name or a file is, and what differs between two."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from ..conversation.reading import Line, Words, escaped
from ..tokens import differing, identity, vocabularies, vocabulary_files
from ..tokens.contents import Contents
from .printing import Column, print_json, print_lines, print_table

_LIBRARIES: Final = {"quicktok": "quicktok-v1", "bpe_openai": "bpe-openai", "tiktoken": "tiktoken"}
"""Those with encodings that have a name, in the order in which they are asked -> what to install. The last one may need the network."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a word on the command line stands for."""

    said: str
    contents: Contents
    encode: differing.Encode | None
    why: str = ""
    """Why a text cannot be encoded with it."""


@click.group("tokenizer")
def tokenizer() -> None:
    """Which tokenizer is it, and does another one do the same?"""


@tokenizer.command()
@click.argument("what", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, with the whole hashes.")
def fingerprint(what: str, as_json: bool) -> None:
    """Identify a tokenizer: a tokenizer.json or its folder, a *.tiktoken or GGUF file, the name of an encoding or of a cached model.

    A name may say which library has it, as in quicktok:cl100k_base. Equal fingerprints mean equal ids for every text.
    """
    found = identity.made_of(_chosen(what).contents)
    if as_json:
        print_json(found.as_json())
        return
    print_lines(_title(found))
    rows = [
        [
            Words(part.name, "name"),
            Words(part.short, "error" if part.digest is None else "plain"),
            Words("" if part.size is None else f"{part.size:,}", "fact"),
            Words(part.why or ("" if part.form == "none" else part.form), "faint"),
        ]
        for part in found.parts
    ]
    print_table([Column("PART"), Column("HASH"), Column("SIZE", is_number=True), Column("FORM")], rows)
    print_lines([Words(f"{part.name} is unknown: {part.why}", "faint")] for part in found.parts if part.why)


@tokenizer.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--text", "texts", multiple=True, help="Show where the ids of this text part ways; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
def diff(first: str, second: str, texts: Sequence[str], as_json: bool) -> int:
    """Compare two tokenizers: which part differs, and where the ids of a text part ways. Exit code 1 if anything differs.

    Without --text, some texts are used on which tokenizers usually part.
    """
    left, right = _chosen(first), _chosen(second)
    differences = differing.compare(left.contents, right.contents)
    partings = _partings(left, right, texts or differing.TEXTS)
    whys = [f"{one.said}: {one.why}" for one in (left, right) if one.encode is None]
    if as_json:
        print_json(_diff_as_json(left, right, differences, partings, whys))
    else:
        print_lines(_diff_lines(left, right, differences, partings, whys))
    is_other = any(one.verdict in ("differs", "not comparable") for one in differences) or any(
        one.at is not None for one in partings
    )
    return 1 if is_other else 0


def _partings(left: Chosen, right: Chosen, texts: Sequence[str]) -> list[differing.Parting]:
    if left.encode is None or right.encode is None:
        return []
    return [differing.parting(text, (left.contents, left.encode), (right.contents, right.encode)) for text in texts]


def _diff_as_json(
    left: Chosen,
    right: Chosen,
    differences: Sequence[differing.Difference],
    partings: Sequence[differing.Parting],
    whys: Sequence[str],
) -> dict[str, Any]:
    def side(ids: Sequence[tuple[int, bytes | None]]) -> list[dict[str, Any]]:
        return [{"id": id, "bytes": None if token is None else list(token)} for id, token in ids]

    return {
        "a": identity.made_of(left.contents).as_json(),
        "b": identity.made_of(right.contents).as_json(),
        "parts": {one.part: {"verdict": one.verdict, "details": list(one.details)} for one in differences},
        "texts": [
            {"text": one.text, "lengths": list(one.lengths), "part_at": one.at, "a": side(one.left), "b": side(one.right)}
            for one in partings
        ],
        "texts_not_compared": list(whys),
    }


def _diff_lines(
    left: Chosen,
    right: Chosen,
    differences: Sequence[differing.Difference],
    partings: Sequence[differing.Parting],
    whys: Sequence[str],
) -> Iterator[Line]:
    for letter, chosen in (("A", left), ("B", right)):
        for line in _title(identity.made_of(chosen.contents)):
            yield [Words(f"{letter}  ", "role"), *line]
    for one in differences:
        style: Any = {"equal": "faint", "differs": "error"}.get(one.verdict, "tool")
        yield [Words(f"{one.part:<14}", "name"), Words(one.verdict, style)]
        for detail in one.details:
            yield [Words(f"  {escaped(detail, one_line=True)}", "fact")]
    for why in whys:
        yield [Words("texts are not compared: ", "error"), Words(escaped(why, one_line=True), "fact")]
    for text in partings:
        yield []
        yield [Words(escaped(repr(text.text), one_line=True), "plain")]
        if text.at is None:
            yield [Words(f"  the same {text.lengths[0]} ids", "faint")]
            continue
        yield [Words(f"  the ids part at token {text.at} ({text.lengths[0]} in A, {text.lengths[1]} in B)", "error")]
        for letter, ids in (("A", text.left), ("B", text.right)):
            shown = "  ".join(f"{id} {_piece(token)}" for id, token in ids) or "nothing more"
            yield [Words(f"  {letter}  ", "role"), Words(escaped(shown, one_line=True), "fact")]


def _piece(token: bytes | None) -> str:
    if token is None:
        return "?"
    try:
        return repr(token.decode())
    except UnicodeDecodeError:
        return token.hex(" ")


def _title(found: identity.Identity) -> Iterator[Line]:
    library = " ".join(word for word in (found.library, found.version) if word)
    yield [
        Words(found.fingerprint, "name"),
        Words(f"  {escaped(found.name or 'without a name', one_line=True)}", "plain"),
        Words(f"  {library}", "fact"),
        Words("" if found.is_whole else "  a part is unknown: this proves no equality", "faint"),
    ]


def _chosen(said: str) -> Chosen:
    path = Path(said)
    library, colon, name = said.partition(":")
    library = library.replace("-", "_").removesuffix("_v1")
    if path.exists():
        return _from_file(said, path)
    if colon and library in _LIBRARIES:
        found = _encoding(library, name)
        if isinstance(found, str):
            raise click.ClickException(f"{said}: {found}")
        return _from_encoding(said, found)
    if "/" in said or "\\" in said or path.suffix in (".json", ".gguf", ".tiktoken"):
        cached = _cached(said)
        if cached is not None:
            return _from_file(said, cached)
        raise click.ClickException(
            f"There is no file or folder {said}, and no model of that name with a tokenizer.json in {_cache()}."
        )
    reasons = []
    for one in _LIBRARIES:
        found = _encoding(one, said)
        if not isinstance(found, str):
            return _from_encoding(said, found)
        reasons.append(f"  {found}")
    reasons_said = "\n".join(reasons)
    raise click.ClickException(f"'{said}' is no file, and no encoding of a library that is installed here:\n{reasons_said}")


def _encoding(library: str, name: str) -> Any | str:
    """The named encoding of a library; as words, why there is none."""
    try:
        module = importlib.import_module(library)
    except ImportError:
        return f"{library} is not installed; it comes with: pip install {_LIBRARIES[library]}"
    try:
        return module.get_encoding(name)
    except Exception as error:  # noqa: BLE001  # each library has its own, and tiktoken those of the network
        reason = str(error).partition("\n")[0]
        return f"{library} has no encoding '{name}' at hand: {reason[:120]}"


def _from_encoding(said: str, encoding: Any) -> Chosen:
    contents = vocabularies.read(encoding)
    if contents is None:
        raise click.ClickException(f"This release of {type(encoding).__module__} does not let its vocabulary be read.")
    # Special tokens in the text count, as they do in the other libraries.
    return Chosen(said, contents, lambda text: list(encoding.encode(text, allowed_special="all")))


def _from_file(said: str, path: Path) -> Chosen:
    try:
        contents = vocabulary_files.read(path)
    except vocabulary_files.FileError as error:
        raise click.ClickException(str(error)) from error
    if contents.library == "ranks":
        return Chosen(said, contents, None, "a file of ranks does not say how a text is split")
    if contents.library == "gguf":
        return _with_llama_cpp(said, contents, path)
    try:
        tokenizers = importlib.import_module("tokenizers")
    except ImportError:
        return Chosen(said, contents, None, "tokenizers is not installed; it comes with: pip install tokenizers")
    loaded = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))
    loaded.no_truncation()
    loaded.no_padding()
    return Chosen(said, contents, lambda text: list(loaded.encode(text, add_special_tokens=False).ids))


def _with_llama_cpp(said: str, contents: Contents, path: Path) -> Chosen:
    try:
        llama_cpp = importlib.import_module("llama_cpp")
    except (ImportError, OSError, RuntimeError):
        return Chosen(said, contents, None, "llama.cpp is not installed; it comes with: pip install llama-cpp-python")
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    return Chosen(said, contents, lambda text: list(model.tokenize(text.encode(), add_bos=False, special=True)))


def _cache() -> Path:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def _cached(model: str) -> Path | None:
    """The folder of a model that Hugging Face's libraries have downloaded; the newest, if there are several."""
    snapshots = (_cache() / f"models--{model.replace('/', '--')}" / "snapshots").glob("*/tokenizer.json")
    return max((one.parent for one in snapshots), key=lambda folder: folder.stat().st_mtime, default=None)
