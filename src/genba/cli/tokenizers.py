"""`genba tokenizer`: which tokenizer a name or a file is, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from ..conversation.reading import Line, Words, escaped
from ..tokens import differing, identity
from ..tokens.local.finding import Encoder, Found, NotFoundError, find
from .printing import Column, print_json, print_lines, print_table


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
    encoders = [one.encoder() for one in (left, right)]
    whys = [f"{one.said}: {why}" for one, why in zip((left, right), encoders, strict=True) if isinstance(why, str)]
    encodes = [_encode(encoder) for encoder in encoders if not isinstance(encoder, str)]
    partings = [] if whys else _partings(left, right, encodes, texts or differing.TEXTS)
    if as_json:
        print_json(_diff_as_json(left, right, differences, partings, whys))
    else:
        print_lines(_diff_lines(left, right, differences, partings, whys))
    is_other = any(one.verdict in ("differs", "not comparable") for one in differences) or any(
        one.at is not None for one in partings
    )
    return 1 if is_other else 0


def _encode(encoder: Encoder) -> differing.Encode:
    # Special tokens in the text count, in every library.
    return lambda text: encoder.encode(text, special=True)


def _partings(left: Found, right: Found, encodes: Sequence[differing.Encode], texts: Sequence[str]) -> list[differing.Parting]:
    one, other = encodes
    return [differing.parting(text, (left.contents, one), (right.contents, other)) for text in texts]


def _diff_as_json(
    left: Found,
    right: Found,
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
    left: Found,
    right: Found,
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


def _chosen(said: str) -> Found:
    try:
        return find(said, may_fetch=True)
    except NotFoundError as error:
        raise click.ClickException(str(error)) from error
