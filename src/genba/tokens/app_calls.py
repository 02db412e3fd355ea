"""Which of the application's own tokenizer calls made the input of a model call: only one that took in all of what the model saw.

A text that is one message of several is not that, since a template comes around it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import orjson

from .. import harmless
from ..conversation import Request, Tokens, loose
from ..conversation.tokens import Source
from ..semconv import Operation
from . import identity, vocabularies
from .piece_bytes import pieces_of, special_ids

_OF_A_TEXT: Final = (Operation.TEXT_COMPLETION, Operation.EMBEDDINGS)
"""Operations that give the model a text as it is, without a template."""
GONE: Final = "the application no longer has the tokenizer that it called"


class TokenizerCall(NamedTuple):
    """One call, as the application's thread noted it."""

    time_ns: int
    """When it had ended, since the epoch."""
    tokenizer: Callable[[], Any]
    """Gives the tokenizer; None if it is gone."""
    given: str | tuple[Any, ...] | None
    """A text, or several: what of these is no text says nothing. None where only the conversation is known."""
    result: Any
    """What came of it: ids or an `Encoding`; a tuple of these for several texts. A list is the application's own."""
    chat: tuple[bytes, bytes] | None = None
    """The messages and the tools of a conversation, as JSON, that was put into the model's template, up to where the answer begins."""


class _Encoded(NamedTuple):
    """One text, and what became of it."""

    call: TokenizerCall
    text: str | None
    result: Any


def seen(calls: Iterable[Any], request: Request, started_ns: int, operation: str | None = None) -> list[Tokens]:
    """The tokens of what was asked, for each prompt that the application had tokenized whole; the call that was last before it counts.

    `operation` is the model call's: a text is looked for only where the model is given one, and not a conversation.
    """
    known = [TokenizerCall._make(call) for call in list(calls)]
    in_order = [call for call in known if call.time_ns > started_ns]  # those after it, such as an engine's own, the first one first
    in_order[:0] = [call for call in reversed(known) if call.time_ns <= started_ns]
    if request.tokens:
        return list(_by_ids(in_order, request.tokens))
    if operation in _OF_A_TEXT:
        return list(_by_texts(in_order, request))
    found = next((one for one in _by_conversation(in_order, request) if one is not None), None)
    return [] if found is None else [found]


# Ways to find it.


def _by_ids(calls: Sequence[TokenizerCall], prompts: Sequence[Tokens]) -> Iterator[Tokens]:
    """The prompts were sent as ids: who made these?"""
    for prompt in prompts:
        if prompt.ids is None:
            continue
        ids = list(prompt.ids)
        found = next((one for one in _encoded(calls) if _length(one.result) >= len(ids) and _ids(one.result) == ids), None)
        if found is not None:
            yield _tokens(found, ids, prompt.index)


def _by_texts(calls: Sequence[TokenizerCall], request: Request) -> Iterator[Tokens]:
    wanted = {index: text for index, message in enumerate(request.messages) if (text := _only_text(message)) is not None}
    texts = frozenset(wanted.values())
    found: dict[str, Tokens] = {}
    for one in _encoded(calls):
        if one.text in texts and one.text not in found:
            tokens = _whole(one)
            if tokens is not None and one.text is not None:
                found[one.text] = tokens
                if len(found) == len(texts):
                    break
    for index, text in wanted.items():
        if text in found:
            yield replace(found[text], index=index)


def _by_conversation(calls: Sequence[TokenizerCall], request: Request) -> Iterator[Tokens | None]:
    asked: bytes | None = None
    for call in calls:
        if call.chat is None:
            continue
        asked = asked or _written(_messages(request), request.tools)
        messages, tools = orjson.loads(call.chat[0]), orjson.loads(call.chat[1])
        offered = loose.request({"tools": tools}).tools
        if len(offered) == len(tools or ()) and _written(loose.messages(messages), offered) == asked:
            one = next(_encoded([call]), None)
            yield None if one is None else _whole(one)


def _messages(request: Request) -> list[Mapping[str, Any]]:
    apart = request.system_instructions
    return [*([{"role": "system", "parts": list(apart)}] if apart else []), *request.messages]


def _written(messages: Iterable[Mapping[str, Any]], tools: Sequence[Any]) -> bytes:
    """A conversation in one form, equal where it is."""
    turns = [[message.get("role"), message.get("name"), message.get("parts")] for message in messages]
    return orjson.dumps([turns, list(tools)], option=orjson.OPT_SORT_KEYS)


def _only_text(message: Mapping[str, Any]) -> str | None:
    said = message.get("parts") or [{"type": "text", "content": ""}]
    content = said[0].get("content") if len(said) == 1 and said[0].get("type") == "text" else None
    return content if isinstance(content, str) else None


# What became of it.


def _encoded(calls: Iterable[TokenizerCall]) -> Iterator[_Encoded]:
    """Each text of each call."""
    for call in calls:
        if isinstance(call.given, tuple):
            for text, result in zip(call.given, call.result, strict=False):
                yield _Encoded(call, text if isinstance(text, str) else None, result)
        else:
            yield _Encoded(call, call.given, call.result)


def _length(result: Any) -> int:
    return len(result) if hasattr(result, "__len__") else 0


def _ids(result: Any) -> list[int] | None:
    """The ids, without those that only fill a batch up; None if the text was cut."""
    if hasattr(result, "attention_mask"):
        if result.overflowing:
            return None
        return [id for id, is_real in zip(result.ids, result.attention_mask, strict=True) if is_real]
    listed = result.tolist() if hasattr(result, "tolist") else list(result)
    return listed if all(isinstance(id, int) for id in listed) else None


def _whole(one: _Encoded) -> Tokens | None:
    """The tokens of the text, if the result is still that of the text."""
    ids = _ids(one.result)
    if ids is None:
        return None
    tokens = _tokens(one, ids, 0)
    is_the_apps_own = not hasattr(one.result, "attention_mask") and not isinstance(one.result, tuple)
    if is_the_apps_own and (tokens.pieces is None or one.text is None or not _is_of(tokens.pieces, one.text)):
        return None
    return tokens


def _is_of(pieces: Sequence[bytes | None], text: str) -> bool:
    """Whether the pieces make the text: a list of ids that the application was given, it may have changed since."""
    try:
        written = text.encode()
    except UnicodeEncodeError:  # as tiktoken then does
        written = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return None not in pieces and b"".join(piece for piece in pieces if piece is not None) == written


def _tokens(one: _Encoded, ids: Sequence[int | None], index: int) -> Tokens:
    tokenizer = one.call.tokenizer()
    if tokenizer is None:
        return Tokens(side="input", index=index, source=Source.APP, ids=ids, unknown={"pieces": GONE, "special": GONE})
    piece = pieces_of(tokenizer)
    pieces: list[bytes | None] | None = [None if id is None else piece(id) for id in ids]
    unknown = {}
    if ids and all(known is None for known in pieces or ()):
        pieces, unknown = None, {"pieces": f"{type(tokenizer).__name__} does not let it be known what its tokens stand for"}
    return Tokens(
        side="input",
        index=index,
        source=Source.APP,
        ids=ids,
        pieces=pieces,
        special=_special(one.result, ids, special_ids(tokenizer)),
        tokenizer=_fingerprint(tokenizer),
        unknown=unknown,
    )


def _special(result: Any, ids: Sequence[int | None], known: frozenset[int] | None) -> list[int] | None:
    """The places of the tokens that are control: known as such, or put around the text."""
    mask = getattr(result, "special_tokens_mask", None)
    if mask is not None:
        mask = [flag for flag, is_real in zip(mask, result.attention_mask, strict=True) if is_real]
    if known is None and mask is None:
        return None
    return [at for at, id in enumerate(ids) if (known is not None and id in known) or (mask is not None and mask[at])]


_fingerprints: deque[tuple[Any, Any, str]] = deque(maxlen=4)
"""Of tokenizers that cannot be referred to weakly, whose identity is not kept elsewhere: those of tokenizers before 0.23."""


def _fingerprint(tokenizer: Any) -> str | None:
    try:
        found = identity.known(tokenizer)
        if found is not None:
            return found.fingerprint
        as_it_is = vocabularies.state(tokenizer)
        for kept, its_state, fingerprint in tuple(_fingerprints):
            if kept is tokenizer and its_state == as_it_is:
                return fingerprint
        fingerprint = identity.of(tokenizer).fingerprint
        if identity.known(tokenizer) is None:
            _fingerprints.append((tokenizer, as_it_is, fingerprint))
        return fingerprint
    except identity.UnknownTokenizerError:
        return None
    except Exception as ours:  # noqa: BLE001  # what it is made of may be out of reach
        harmless.failed("working out which tokenizer the application called", ours)
        return None
