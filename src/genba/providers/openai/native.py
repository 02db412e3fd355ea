"""llama.cpp's own text completion: `POST /completion` at its server's root, which tells more than the same under `/v1`.

A stream says nothing before a character is whole, and then only the last of its tokens: how many there were by then is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, Tokens, Usage, parts
from ...conversation.tokens import Alternative, Piece, Source
from ...conversation.usage import count, total
from ...observing.endpoint import Endpoint
from .. import token_fields
from ..extras import chosen
from ..json_fields import Object, as_object, integer, member, objects, some_text, text
from . import content, failures, parameters, timings
from .choice_tokens import unmerged

LEFT_OUT = "this server's streams leave out all but the last of the tokens that make a character"
SAMPLED = "the server was asked for the probabilities after sampling, or is so old that it tells no others"

_REASONS = {"eos": "stop", "word": "stop", "limit": "length"}
_OLDER_REASONS = {"stopped_eos": "eos", "stopped_word": "word", "stopped_limit": "limit"}
_COUNTS = ("tokens_evaluated", "tokens_predicted", "tokens_cached")
_EXTRAS = ("timings", "tokens_cached", "truncated", "stopping_word")
_BYTE = re.compile(r"byte: \\x([0-9a-f]{2})")
"""How older servers write a token that is a part of a character."""


def is_one(body: JSON) -> bool:
    """Whether this is an answer of this format, or an event of its stream."""
    first = as_object(body[0] if isinstance(body, list) and body else body)
    return "choices" not in first and "content" in first and ("stop" in first or "tokens_predicted" in first)


def read_request(body: JSON) -> Request:
    """What was asked. Each prompt is a turn of the user, and may be made of texts and ids."""
    body = as_object(body)
    prompt, limit = body.get("prompt"), integer(body, "n_predict")
    prompts = prompt if isinstance(prompt, list) and not _is_mixed(prompt) else [] if prompt is None else [prompt]
    said = content.read_prompt(prompt) if token_fields.id_list(prompt) else [_prompt(one) for one in prompts]
    asked = Request(**parameters.read(body), messages=[parts.message("user", one) for one in said])
    return replace(
        asked,
        max_tokens=asked.max_tokens if limit is None else limit if limit >= 0 else None,
        output_type="json" if body.get("json_schema") else asked.output_type,
        tokens=token_fields.of_prompts(prompt),
    )


def read_response(body: JSON) -> Response:
    """What came back: an object, or a list with one for each prompt."""
    answers = objects(body) if isinstance(body, list) else [as_object(body)]
    first, failed = answers[0] if answers else {}, failures.read(body)
    native = [_native_reason(answer) for answer in answers]
    reasons = [_REASONS.get(reason, reason) if reason else "error" for reason in native] if any(native) else []
    return Response(
        model=some_text(first, "model"),
        messages=[_message(answer, reason) for answer, reason in zip(answers, native, strict=True) if "content" in answer],
        finish_reasons=reasons,
        native_finish_reasons=[reason or "" for reason in native] if reasons else [],
        usage=_usage(answers),
        tokens=[one for at, answer in enumerate(answers) for one in read_tokens(answer, at)],
        timings=timings.read(first) if len(answers) == 1 else None,
        error_type=failed[0] if failed else None,
        error_message=failed[1] if failed else None,
        attributes=chosen(first, *_EXTRAS) if len(answers) == 1 else {},
    )


def read_tokens(answer: Object, at: int = 0) -> list[Tokens]:
    """The ids, where they were asked for, and the probabilities."""
    index, amount = _index(answer, at), count(answer.get("tokens_predicted"))
    scored = [unmerged(one, amount) for one in _probabilities(answer.get("completion_probabilities"), index)]
    return token_fields.combined(_ids(answer.get("tokens"), index), scored)


def fold(events: Sequence[JSON]) -> JSON:
    """The response body: a list, if there are several answers."""
    answers: dict[int, _Answer] = {}
    for event in objects(list(events)):
        index = _index(event, 0)
        if index not in answers:
            answers[index] = _Answer()
        answers[index].add(event)
    whole = [answers[index].whole() for index in sorted(answers)]
    return whole[0] if len(whole) == 1 else whole


def piece(event: JSON) -> Piece:
    """How much of the answer is in an event."""
    said = as_object(event)
    ids, scored = said.get("tokens"), objects(said.get("completion_probabilities"))
    told = len(ids) if isinstance(ids, list) and ids else len(scored)
    return Piece(len(text(said, "content") or ""), {_index(said, 0): told} if told else {})


def is_last(event: JSON) -> bool:
    """Whether an event is the last of its stream."""
    return as_object(event).get("stop") is True


class _Answer:
    """An answer that is arriving."""

    def __init__(self) -> None:
        self._fields: Object = {}
        self._texts: list[str] = []
        self._ids: list[JSON] = []
        self._probabilities: list[JSON] = []

    def add(self, event: Object) -> None:
        said = count(event.get("tokens_predicted"))
        ids, scored = event.get("tokens"), objects(event.get("completion_probabilities"))
        self._texts.append(text(event, "content") or "")
        self._fields.update(event)
        if isinstance(ids, list) and ids:
            self._ids += [*[None] * _gap(said, self._ids, ids), *ids]
        if scored:
            gap = _gap(said, self._probabilities, scored)
            if gap:  # these bytes are those of several tokens
                scored[0] = {name: value for name, value in scored[0].items() if name not in ("token", "bytes")}
            self._probabilities += [*[{}] * gap, *scored]

    def whole(self) -> Object:
        said = count(self._fields.get("tokens_predicted"))
        columns = {"tokens": self._ids, "completion_probabilities": self._probabilities}
        known = {
            name: [*column, *[None if name == "tokens" else {}] * _gap(said, column, ())]
            for name, column in columns.items()
            if column
        }
        return {**self._fields, "content": "".join(self._texts), **known}


def _gap(said: int | None, before: Sequence[JSON], now: Sequence[JSON]) -> int:
    """How many tokens were left out before these, as the server counts; it never means so many that they would fill the memory."""
    gap = 0 if said is None else said - len(before) - len(now)
    return gap if 0 < gap < 1 << 20 else 0


def _ids(listed: JSON, index: int) -> list[Tokens]:
    if not isinstance(listed, list) or None not in listed:
        return token_fields.of_ids(listed, index=index)
    ids = [count(one) for one in listed]
    return [Tokens(side="output", index=index, source=Source.SERVER, ids=ids, unknown={"ids": LEFT_OUT})]


def _probabilities(listed: JSON, index: int) -> list[Tokens]:
    entries = objects(listed)
    if any("probs" in entry for entry in entries):
        return [
            Tokens(
                side="output",
                index=index,
                source=Source.LOGPROBS,
                pieces=[_older_piece(entry.get("content")) for entry in entries],
                top=[
                    [Alternative(None, _older_piece(one.get("tok_str")), None) for one in objects(entry.get("probs"))]
                    for entry in entries
                ],
                unknown={"logprobs": SAMPLED},
            )
        ]
    found = token_fields.of_logprobs(
        [{**entry, "top_logprobs": entry.get("top_logprobs") or entry.get("top_probs")} for entry in entries], index
    )
    if any("prob" in entry for entry in entries):
        return [replace(one, logprobs=None, unknown={**one.unknown, "logprobs": SAMPLED}) for one in found]
    return found


def _older_piece(said: JSON) -> bytes | None:
    found = _BYTE.fullmatch(said) if isinstance(said, str) else None
    return bytes.fromhex(found[1]) if found else token_fields.piece_of_text(said)


def _usage(answers: Sequence[Object]) -> Usage | None:
    raw = {name: counted for name in _COUNTS if (counted := total(*(count(answer.get(name)) for answer in answers))) is not None}
    if not raw:
        return None
    return Usage(
        input_tokens=raw.get("tokens_evaluated"),
        output_tokens=raw.get("tokens_predicted"),
        # `tokens_cached` is how many are in the cache afterwards.
        cache_read_input_tokens=total(*(count(member(answer, "timings").get("cache_n")) for answer in answers)),
        raw=raw,
    )


def _message(answer: Object, native: str | None) -> Message:
    reason = _REASONS.get(native, native) if native else None
    return parts.message("assistant", content.read(answer.get("content")), finish_reason=reason)


def _native_reason(answer: Object) -> str | None:
    told = some_text(answer, "stop_type") or next((why for name, why in _OLDER_REASONS.items() if answer.get(name) is True), None)
    return None if told == "none" else told


def _index(answer: Object, otherwise: int) -> int:
    index = count(answer.get("index"))
    return otherwise if index is None else index


def _is_mixed(prompt: list[Any]) -> bool:
    """Whether it is one prompt, of ids or of ids and texts, rather than a list of prompts."""
    return any(type(one) is int for one in prompt)


def _prompt(prompt: JSON) -> list[Part]:
    if isinstance(prompt, dict):  # with pictures or sound
        media = [parts.other("multimodal_data", {"content": prompt["multimodal_data"]})] if prompt.get("multimodal_data") else []
        return [*content.read(prompt.get("prompt_string")), *media]
    if isinstance(prompt, list):
        runs = groupby(prompt, key=lambda one: type(one) is int)
        read: list[list[Part]] = [
            [parts.other("token_ids", {"content": list(run)})] if are_ids else content.read(list(run)) for are_ids, run in runs
        ]
        return [part for some in read for part in some]
    return content.read(prompt)


NATIVE_COMPLETION = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=failures.read,
    is_last=is_last,
    piece=piece,
)
