"""Read a tokenizer.json, the format of Hugging Face's tokenizers: what `Tokenizer.to_str` gives, and what lies beside a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from . import splitting
from .contents import Added, Contents, Merging, Unknown
from .merging import Joining, from_merges


def _byte_characters() -> dict[str, int]:
    """GPT-2's characters for bytes: printable ones stand for themselves, the others for 256 and up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{chr(byte): byte for byte in printable}, **{chr(256 + at): byte for at, byte in enumerate(others)}}


BYTES: Final = _byte_characters()
"""The character that stands for a byte -> that byte."""


def loaded(text: str | bytes) -> Mapping[str, Any]:
    """The JSON object in `text`; ValueError if there is none that describes a tokenizer."""
    found = orjson.loads(text)
    if not isinstance(found, Mapping) or not isinstance(found.get("model"), Mapping):
        raise ValueError("This JSON describes no tokenizer: it has no 'model'.")  # noqa: TRY004  # the text is wrong, not its type
    return found


def parsed(
    description: Mapping[str, Any],
    name: str | None,
    library: str,
    version: str | None,
    chat_template: str | Mapping[str, str] | None = None,
    roles: Mapping[str, str] | None = None,
) -> Contents:
    """What the tokenizer described by a tokenizer.json is made of."""
    model = description["model"]
    steps = splitting.normaliser(description.get("normalizer"))
    added = [_added(one, bool(steps)) for one in description.get("added_tokens") or ()]
    apart = {(one.content, one.id) for one in added}
    listed = [(token, id) for token, id in _vocabulary(model) if (token, id) not in apart]
    is_bytes = any(splitting.works_on_bytes(description.get(part)) for part in ("pre_tokenizer", "normalizer"))
    tokens = {spelled(token, is_bytes): id for token, id in listed}
    return Contents(
        name=name,
        library=library,
        version=version,
        tokens=tokens,
        unit="bytes" if is_bytes else "text",
        merging=_merging(model, [token for token, _ in listed], is_bytes),
        normaliser=steps,
        pre_tokeniser=splitting.pre_tokeniser(description.get("pre_tokenizer"), tokens),
        added=added,
        around=_around(description.get("post_processor")),
        chat_template=chat_template,
        roles=roles or {},
    )


def spelled(token: str, is_bytes: bool) -> bytes:
    """The bytes that a token stands for; if they are not written in GPT-2's characters, those of its own spelling."""
    if is_bytes:
        try:
            return bytes([BYTES[character] for character in token])
        except KeyError:
            pass  # a token that no byte leads to, kept as it is written
    return token.encode("utf-8", "surrogatepass")


def joined(joining: Joining[str], is_bytes: bool, *, finds_whole: bool) -> Joining[bytes]:
    """The joining with every token spelled in bytes, and the unmade tokens only where they are looked for."""
    pairs = [(spelled(left, is_bytes), spelled(right, is_bytes)) for left, right in joining.pairs]
    return Joining(pairs, sorted(spelled(token, is_bytes) for token in joining.unmade) if finds_whole else ())


def _vocabulary(model: Mapping[str, Any]) -> list[tuple[str, int]]:
    listed = model.get("vocab")
    if isinstance(listed, Mapping):
        return list(listed.items())
    return [(row[0], at) for at, row in enumerate(listed or ())]  # Unigram: token and score


def _merging(model: Mapping[str, Any], tokens: Sequence[str], is_bytes: bool) -> Merging | Unknown:
    kind = model.get("type")
    if kind in (None, "BPE") and "merges" in model:
        return _bpe(model, tokens, is_bytes)
    if kind == "Unigram":
        scores = [float(row[1]) for row in model.get("vocab") or ()]
        return Merging("Unigram", other=[scores, model.get("unk_id"), bool(model.get("byte_fallback"))])
    options = {name: value for name, value in model.items() if name not in ("vocab", "type")}
    return Merging(str(kind or "model"), other=options)


def _bpe(model: Mapping[str, Any], tokens: Sequence[str], is_bytes: bool) -> Merging:
    merges = [tuple(one.split(" ", 1)) if isinstance(one, str) else (one[0], one[1]) for one in model["merges"]]
    whole = bool(model.get("ignore_merges"))
    other = {name: value for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix") if (value := model.get(name))}
    if "continuing_subword_prefix" in other or "end_of_word_suffix" in other:
        # What a symbol is depends on where it stands in its word: the pairs stay as they are written.
        raw: list[tuple[bytes, bytes]] = [(spelled(pair[0], is_bytes), spelled(pair[1], is_bytes)) for pair in merges]
        return Merging("merges as written", Joining(raw, ()), {**other, "whole": whole})
    joining = from_merges([(pair[0], pair[1]) for pair in merges], tokens)
    if not (is_bytes and set(BYTES) <= set(tokens)):  # with all bytes there, nothing is ever unknown
        for option in ("unk_token", "fuse_unk", "byte_fallback"):
            if model.get(option):
                other[option] = model[option]
    return Merging("merges", joined(joining, is_bytes, finds_whole=whole), other or None)


def _added(one: Mapping[str, Any], is_normalised: bool) -> Added:
    special = bool(one.get("special"))
    options = {name: True for name in ("lstrip", "rstrip", "single_word") if one.get(name)}
    # It matters only where there is a normaliser; usual is that special tokens are looked for in the text as it came.
    if is_normalised and bool(one.get("normalized")) is special:
        options["normalized"] = not special
    return Added(int(one["id"]), str(one["content"]), special, options)


def _around(processor: Any) -> tuple[Sequence[int], Sequence[int]] | Unknown:
    kind = processor.get("type") if isinstance(processor, Mapping) else None
    if kind in (None, "ByteLevel"):
        return (), ()
    if kind == "Sequence":
        inner = [_around(one) for one in processor.get("processors") or ()]
        before: list[int] = []
        after: list[int] = []
        for one in inner:
            if isinstance(one, Unknown):
                return one
            before[:0] = one[0]
            after += one[1]
        return before, after
    if kind in ("BertProcessing", "RobertaProcessing"):
        return (processor["cls"][1],), (processor["sep"][1],)
    if kind == "TemplateProcessing":
        return _template(processor)
    return Unknown(f"A post-processor of the kind {kind} is not known here.")


def _template(processor: Mapping[str, Any]) -> tuple[Sequence[int], Sequence[int]]:
    before: list[int] = []
    after: list[int] = []
    side = before
    for piece in processor.get("single") or ():
        if "Sequence" in piece:
            side = after
        else:
            side += processor["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
    return before, after
