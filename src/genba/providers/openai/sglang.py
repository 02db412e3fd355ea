"""SGLang's own text completion: `POST /generate` at its server's root, which takes and gives token ids.

Each event of its stream has all that was said so far, unless the server was started to send only what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, Timings, Tokens, Usage, parts
from ...conversation.tokens import Alternative, Side, Source
from ...conversation.usage import count, total
from ...observing.endpoint import Endpoint
from .. import token_fields
from ..extras import chosen
from ..json_fields import Object, as_object, integer, items, member, objects, some_text, text
from . import content, failures, parameters
from .timings import seconds

_GROWING = ("input_token_logprobs", "output_token_logprobs", "input_top_logprobs", "output_top_logprobs")
_COUNTS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


def read_request(body: JSON) -> Request:
    """What was asked. Each text, or list of ids, is a turn of the user."""
    body = as_object(body)
    sampling = body.get("sampling_params")
    sampling = as_object(sampling[0] if isinstance(sampling, list) and sampling else sampling)
    asked = Request(
        **parameters.read({**sampling, "model": body.get("model"), "stream": body.get("stream")}),
        messages=[parts.message("user", said) for name in ("text", "input_ids") for said in content.read_prompt(body.get(name))],
        tokens=token_fields.of_prompts(body.get("input_ids")),
    )
    limit = integer(sampling, "max_new_tokens")
    wants_json = bool(sampling.get("json_schema"))
    return replace(asked, max_tokens=limit, output_type="json" if wants_json else asked.output_type)


def read_response(body: JSON) -> Response:
    """What came back: an object, or a list of several."""
    answers = objects(body) if isinstance(body, list) else [as_object(body)]
    about = [member(answer, "meta_info") for answer in answers]
    native = [some_text(member(one, "finish_reason"), "type") for one in about]
    reasons = [reason or "error" for reason in native] if any(native) else []
    first, failed = about[0] if about else {}, failures.read(body)
    return Response(
        id=some_text(first, "id"),
        messages=[
            _message(answer, why) for answer, why in zip(answers, native, strict=True) if "text" in answer or "output_ids" in answer
        ],
        finish_reasons=reasons,
        native_finish_reasons=[reason or "" for reason in native] if reasons else [],
        usage=_usage(about),
        tokens=[one for at, answer in enumerate(answers) for one in _tokens(answer, at)],
        timings=_timings(first) if len(answers) == 1 else None,
        error_type=failed[0] if failed else None,
        error_message=failed[1] if failed else None,
        attributes=chosen(first, "weight_version", "e2e_latency") if len(answers) == 1 else {},
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The response body: a list, if there are several answers."""
    answers: dict[int, Object] = {}
    for event in objects(list(events)):
        index = count(event.get("index")) or 0
        answers[index] = _grown(answers[index], event) if index in answers else event
    whole = [answers[index] for index in sorted(answers)]
    return whole[0] if len(whole) == 1 else whole


def _grown(known: Object, event: Object) -> Object:
    said, before = text(event, "text"), text(known, "text") or ""
    ids, about = items(event, "output_ids"), member(event, "meta_info")
    amount = count(about.get("completion_tokens"))
    has_all = len(ids) == amount if ids and amount is not None else said is None or said.startswith(before)
    if has_all:
        return {**known, **event, "text": before if said is None else said}
    earlier = member(known, "meta_info")
    lists = {name: [*items(earlier, name), *items(about, name)] for name in _GROWING if items(earlier, name) or items(about, name)}
    return {
        **known,
        **event,
        "text": before + (said or ""),
        "output_ids": [*items(known, "output_ids"), *ids],
        "meta_info": {**earlier, **about, **lists},
    }


def _tokens(answer: Object, at: int) -> list[Tokens]:
    about = member(answer, "meta_info")
    seen = _scored(about, "input", at)
    is_whole = len(seen) == count(about.get("prompt_tokens"))  # it may have been asked for those of the end of a prompt only
    prompts = token_fields.of_ids(answer.get("prompt_token_ids"), "input", at)
    scored = _scored(about, "output", at)
    return [
        *token_fields.combined(prompts, [seen] if is_whole and len(seen) else []),
        *token_fields.combined(token_fields.of_ids(answer.get("output_ids"), index=at), [scored] if len(scored) else []),
    ]


def _scored(about: Object, side: Side, at: int) -> Tokens:
    """Triples of a log-probability, an id and, where it was asked for, a text."""
    rows = [_row(one) for one in items(about, f"{side}_token_logprobs")]
    tops = items(about, f"{side}_top_logprobs")
    pieces = [row.piece for row in rows]
    return Tokens(
        side=side,
        index=at,
        source=Source.SERVER,
        ids=[row.id for row in rows],
        pieces=pieces if any(one is not None for one in pieces) else None,
        logprobs=[row.logprob for row in rows],
        top=[[_row(one) for one in (top if isinstance(top, list) else ())] for top in tops]
        if tops and len(tops) == len(rows)
        else None,
        unknown={"pieces": token_fields.NO_BYTES} if None in pieces and any(pieces) else {},
    )


def _row(told: Any) -> Alternative:
    logprob, id, said = (*told, None, None, None)[:3] if isinstance(told, list) else (None, None, None)
    return Alternative(count(id), token_fields.piece_of_text(said), token_fields.number(logprob))


def _message(answer: Object, reason: str | None) -> Message:
    said, ids = content.read(answer.get("text")), answer.get("output_ids")
    if not said and token_fields.id_list(ids):
        said = [parts.other("token_ids", {"content": ids})]  # a server without a tokenizer
    return parts.message("assistant", said, finish_reason=reason)


def _usage(about: Sequence[Object]) -> Usage | None:
    raw = {name: counted for name in _COUNTS if (counted := total(*(count(one.get(name)) for one in about))) is not None}
    return (
        Usage(
            input_tokens=raw.get("prompt_tokens"),
            output_tokens=raw.get("completion_tokens"),
            cache_read_input_tokens=raw.get("cached_tokens"),
            reasoning_output_tokens=raw.get("reasoning_tokens"),
            raw=raw,
        )
        if raw
        else None
    )


def _timings(about: Object) -> Timings | None:
    queue = seconds(about.get("queue_time"))
    return None if queue is None else Timings(queue=queue)


GENERATE = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=failures.read,
)
"""Without `piece`: whether an event has all that was said, or what is new, cannot be seen in it alone."""
