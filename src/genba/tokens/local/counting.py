"""Cut the text of one call into tokens, and count them: only what the text lets be known, with the reason for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ... import semconv
from ...conversation import Message, Request, Response, Tokens
from ...conversation.tokens import Side, Source
from ..contents import Unknown
from ..identity import Identity
from ..vocabulary import Vocabulary
from . import encodings, openai_overhead
from .plain_text import Uncountable, input_texts, output_text
from .spelling import Spelled, spelled_by_the_texts
from .templates import RenderingError
from .tokenizer import Tokenizer

INPUT = "input_tokens"
OUTPUT = "output_tokens"


class Counted(NamedTuple):
    """What a tokenizer on this machine tells of a call."""

    identity: Identity
    """The tokenizer's."""
    tokens: Sequence[Tokens]
    """The prompt as a whole, and one record for each choice; those that can be told."""
    counts: Mapping[str, int]
    """`input_tokens`, `output_tokens`: those that can be counted."""
    allowance: Mapping[str, int]
    """By how many the provider's number may differ from that, for a reason that is known."""
    unknown: Mapping[str, str]
    """`input_tokens`, `output_tokens`: why it cannot be counted, or why its tokens are not told."""


@dataclass(slots=True)
class _Side:
    """What was found of one side."""

    tokens: list[Tokens] = field(default_factory=list)
    count: int = 0
    allowance: int = 0
    why: str | None = None
    """Why the tokens are not told, though they were counted."""


def count(tokenizer: Tokenizer, provider: str | None, request: Request, response: Response, operation: str | None) -> Counted:
    """What `tokenizer` tells of a call."""
    tokens: list[Tokens] = []
    counts: dict[str, int] = {}
    allowance: dict[str, int] = {}
    unknown: dict[str, str] = {}
    for name in (INPUT, OUTPUT):
        try:
            is_input = name == INPUT
            found = (
                _input(tokenizer, provider, request, response, operation)
                if is_input
                else _output(tokenizer, provider, request, response)
            )
        except (Uncountable, RenderingError) as error:
            unknown[name] = str(error)
            continue
        tokens += found.tokens
        counts[name] = found.count
        allowance[name] = found.allowance
        if found.why is not None:
            unknown[name] = found.why
    return Counted(tokenizer.identity, tokens, counts, allowance, unknown)


# What went in.


def _input(tokenizer: Tokenizer, provider: str | None, request: Request, response: Response, operation: str | None) -> _Side:
    if operation == semconv.Operation.TEXT_COMPLETION:
        return _prompts(tokenizer, request)
    messages = input_texts(request)
    if tokenizer.chat_template is not None:
        return _conversation(tokenizer, messages)
    if provider in encodings.OPENAI:
        counted, allowance = openai_overhead.count(tokenizer, messages, request, response)
        return _Side(count=counted, allowance=allowance, why="OpenAI does not tell how it puts the messages into one prompt")
    raise Uncountable("the tokenizer has no chat template, so how the messages are put into one prompt is not known")


def _prompts(tokenizer: Tokenizer, request: Request) -> _Side:
    """Texts that the model continues, as they are: nothing but the usual is put around them."""
    around = tokenizer.around
    if isinstance(around, Unknown):
        raise Uncountable(f"what is put around the text is not known: {around.why}")
    side = _Side()
    for index, message in enumerate(request.messages):
        text = output_text(message)
        inner = tokenizer.encode(text, special=True)
        ids = [*around[0], *inner, *around[1]]
        side.tokens.append(_tokens(tokenizer, "input", index, ids, _left_out(tokenizer, text, inner)))
        side.count += len(ids)
    if not side.tokens:
        raise Uncountable("the request has no text")
    return side


def _conversation(tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]) -> _Side:
    rendered = tokenizer.render(messages)
    if rendered.is_dated:
        raise Uncountable("the chat template writes the time at which it is rendered")
    before, doubt = _put_before(tokenizer, rendered.text)
    inner = tokenizer.encode(rendered.text, special=True)
    ids = [*before, *inner]
    spelled = spelled_by_the_texts(tokenizer, messages, rendered.text, ids)
    unknown = _left_out(tokenizer, rendered.text, inner)
    if spelled is not None:
        unknown["special"] = _which(spelled)
        as_text = spelled.count_as_text
        if as_text is None:
            raise Uncountable(f"{spelled.said}, and where that comes to stand in the prompt cannot be told")
        doubt += abs(len(ids) - len(before) - as_text)
    return _Side([_tokens(tokenizer, "input", 0, ids, unknown)], len(ids), doubt)


def _which(spelled: Spelled) -> str:
    places = ", ".join(map(str, spelled.places[:10])) + (", …" if len(spelled.places) > 10 else "")
    where = f" (here tokens {places})" if places else ""
    return (
        f"{spelled.said}; that is taken as control, as llama.cpp's server and transformers do{where}, where others take it as text"
    )


def _put_before(tokenizer: Tokenizer, text: str) -> tuple[list[int], int]:
    """What the engine puts before a rendered conversation, and how many tokens of that are in doubt.

    llama.cpp puts there what the file says, unless the template has done so; transformers leaves all to the template.
    """
    around = tokenizer.around
    if isinstance(around, Unknown):
        return [], 1
    before, after = around
    written = b"".join(tokenizer.piece(id) or b"" for id in before)
    is_there = text.encode("utf-8", "surrogatepass").startswith(written)
    if tokenizer.of_llama_cpp:
        return ([] if is_there else list(before)), len(after)
    return [], 0 if is_there else len(before) + len(after)


def _left_out(tokenizer: Tokenizer, text: str, ids: Sequence[int]) -> dict[str, str]:
    if not tokenizer.keeps_bytes or b"".join(tokenizer.piece(id) or b"" for id in ids) == text.encode("utf-8", "surrogatepass"):
        return {}
    return {"text": "the vocabulary has no tokens for some of its characters: the model does not see them"}


# What came out.


def _output(tokenizer: Tokenizer, provider: str | None, request: Request, response: Response) -> _Side:
    _refuse_what_is_hidden(provider, request, response)
    side = _Side()
    for index, message in enumerate(response.messages):
        text = output_text(message)
        if "\N{REPLACEMENT CHARACTER}" in text:
            raise Uncountable("the answer has U+FFFD in it, which may stand for bytes that are lost")
        reason = _finish_reason(message, response, index)
        if request.stop_sequences and reason != "length":
            raise Uncountable("the request has stop sequences: one may have been said, and left out of the answer")
        ids = tokenizer.encode(text)
        if _left_out(tokenizer, text, ids):
            raise Uncountable("the answer has characters that this tokenizer has no tokens for: it is not the model's own")
        side.tokens.append(_tokens(tokenizer, "output", index, ids))
        side.count += len(ids)
        side.allowance += 0 if reason == "length" else 1  # the token that ends the answer
    if not side.tokens:
        raise Uncountable("there is no answer")
    return side


def _refuse_what_is_hidden(provider: str | None, request: Request, response: Response) -> None:
    thought = response.usage.reasoning_output_tokens if response.usage is not None else None
    if thought:
        raise Uncountable("the model reasoned, and how it did is not in the answer as it was said")
    is_openai = provider in encodings.OPENAI
    if thought is None and is_openai and any(encodings.reasons(model) for model in (request.model, response.model)):
        raise Uncountable("the model reasons before it answers, and that is hidden")


def _finish_reason(message: Message, response: Response, index: int) -> str | None:
    reasons = response.finish_reasons
    return message.get("finish_reason") or (reasons[index] if index < len(reasons) else None)


def _tokens(tokenizer: Tokenizer, side: Side, index: int, ids: Sequence[int], unknown: Mapping[str, str] | None = None) -> Tokens:
    vocabulary = Vocabulary(tokenizer.piece, tokenizer.special, tokenizer.identity.fingerprint, source=Source.LOCAL)
    found = vocabulary.tokens(ids, side, index, unknown)
    if found.pieces is None or None not in found.pieces:
        return found
    return replace(found, unknown={"pieces": "the vocabulary does not tell what some of its tokens stand for", **found.unknown})
