"""What vLLM gave, as JSON in the shape of OpenAI's, and how the pieces of a stream are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...conversation import JSON
from ...conversation.tokens import Piece
from ..json_fields import as_object, objects


def answer(outputs: list[Any]) -> JSON:
    """The answers to all prompts: one choice for each text, in their order."""
    read = [event(output) for output in outputs]
    found = [choice for one in read for choice in one["choices"]]
    return {
        **_totals(read),
        "choices": [{**choice, "index": index} for index, choice in enumerate(found)],
        "prompts": [one["prompt"] for one in read],
        "metrics": read[0]["metrics"] if len(read) == 1 else None,  # many at once share their time
    }


def vectors(outputs: list[Any]) -> JSON:
    """How long the vectors are, and what they cost."""
    first = getattr(getattr(outputs[0], "outputs", None), "embedding", None) if outputs else None
    read = [_said(output, []) for output in outputs]
    return {
        **_totals(read),
        "dimension_count": None if first is None else len(first),
        "prompts": [one["prompt"] for one in read],
    }


def event(output: Any) -> dict[str, Any]:
    """What a `RequestOutput` says."""
    return _said(output, [_text(one) for one in output.outputs])


def _text(one: Any) -> dict[str, Any]:
    ids = list(one.token_ids)
    return {
        "index": one.index,
        "text": one.text,
        "tokens": len(ids),
        "ids": ids,
        "logprobs_of_ids": _logprobs(getattr(one, "logprobs", None)),
        "finish_reason": one.finish_reason,
    }


def _said(output: Any, texts: list[dict[str, Any]]) -> dict[str, Any]:
    encoder = getattr(output, "encoder_prompt_token_ids", None)
    prompt = encoder or getattr(output, "prompt_token_ids", None)
    is_last = getattr(output, "finished", None)
    return {
        "id": getattr(output, "request_id", None),
        "finished": is_last,
        "prompt_tokens": None if prompt is None else len(prompt),
        "cached_tokens": getattr(output, "num_cached_tokens", None),
        "choices": texts,
        # Each piece of a stream has the whole prompt with it: once is enough.
        "prompt": _prompt(output, prompt, is_encoder=bool(encoder)) if is_last is not False else None,
        "metrics": _metrics(getattr(output, "metrics", None)) if is_last is not False else None,
    }


def _prompt(output: Any, ids: Any, *, is_encoder: bool) -> dict[str, Any] | None:
    told = None if is_encoder else getattr(output, "prompt_logprobs", None)
    return None if ids is None else {"ids": list(ids), "logprobs_of_ids": _logprobs(told)}


def _logprobs(listed: Iterable[Any] | None) -> list[Any] | None:
    """For each token the likeliest ones and itself: id and log-probability. None for one that nothing came before."""
    if not listed:
        return None
    return [None if some is None else [[id, one.logprob] for id, one in some.items()] for some in listed]


def _metrics(told: Any) -> dict[str, float] | None:
    """Times of a request, by the engine's clock. They are there only where it was told to keep statistics."""
    if told is None:
        return None
    named = {
        "queued": _time(told, "queued_ts", "arrival_time"),
        "scheduled": _time(told, "scheduled_ts", "first_scheduled_time"),
        "first_token": _time(told, "first_token_ts", "first_token_time"),
        "last_token": _time(told, "last_token_ts", "last_token_time"),
    }
    return {name: time for name, time in named.items() if time is not None}


def _time(told: Any, name: str, older: str) -> float | None:
    value = getattr(told, name if hasattr(told, name) else older, None)
    return float(value) if isinstance(value, (int, float)) and value > 0 else None  # 0 is a time that has not come


def _totals(read: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all of them cost, and the id if it is one."""
    tokens = [choice["tokens"] for one in read for choice in one["choices"]]
    return {
        "id": read[0]["id"] if len(read) == 1 else None,
        "usage": {
            "prompt_tokens": _sum([one["prompt_tokens"] for one in read]),
            "completion_tokens": sum(tokens) if tokens else None,
            "prompt_tokens_details": {"cached_tokens": _sum([one["cached_tokens"] for one in read])},
        },
    }


def _sum(counts: list[Any]) -> int | None:
    known = [count for count in counts if type(count) is int]
    return sum(known) if known else None


def fold_pieces(events: Sequence[JSON]) -> JSON:
    """Each event has what is new."""

    def joined(so_far: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
        listed = [one["logprobs_of_ids"] for one in (so_far, piece)]
        return {
            **piece,
            **{name: so_far[name] + piece[name] for name in ("text", "tokens", "ids")},
            "logprobs_of_ids": None if None in listed else listed[0] + listed[1],
        }

    return _folded(events, joined)


def fold_wholes(events: Sequence[JSON]) -> JSON:
    """Each event has all that there is so far, of one text or of several."""
    return _folded(events, lambda _, latest: latest)


def _folded(events: Sequence[JSON], joined: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> JSON:
    texts: dict[int, dict[str, Any]] = {}
    said: dict[str, Any] = {}
    for event in objects(list(events)):
        said.update({name: value for name, value in event.items() if value is not None})
        for piece in objects(event.get("choices")):
            index = piece["index"]
            texts[index] = joined(texts[index], piece) if index in texts else piece
    whole = {"id": None, "prompt_tokens": None, "cached_tokens": None, **said, "choices": [texts[index] for index in sorted(texts)]}
    prompt = whole.get("prompt")
    return {
        **_totals([whole]),
        "choices": whole["choices"],
        "prompts": [] if prompt is None else [prompt],
        "metrics": whole.get("metrics"),
    }


def piece(event: JSON) -> Piece:
    """How much of the answer is in an event that has what is new."""
    choices = objects(as_object(event).get("choices"))
    return Piece(sum(len(one["text"]) for one in choices), {one["index"]: one["tokens"] for one in choices})


def is_last(event: JSON) -> bool:
    """Whether this event is the last of its stream."""
    return as_object(event).get("finished") is True
