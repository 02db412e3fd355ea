"""Ollama's client: one function, `_request`, through which all its calls pass, those of the module's own functions too.

Those functions are methods bound when the module was imported, so that patching `Client.chat` would miss them. Answers come as a whole or
a line of JSON at a time. Counts are absent where older servers had the prompt in their cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .. import semconv
from ..conversation import JSON, Message, Part, Request, Response, Tokens, Usage, parts
from ..conversation.tokens import Piece, Timings
from ..conversation.usage import count
from ..observing import exchanges, methods
from ..observing.endpoint import Endpoint
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from . import characters, token_fields
from .extras import extra
from .json_fields import all_integers, as_object, integer, items, member, number, objects, present, some_text, texts
from .openai.tools import read_calls, read_definitions

_FINISH_REASONS = {"load": "stop", "unload": "stop"}
_TIMINGS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
_EXTRAS = (*_TIMINGS, "remote_model", "remote_host", "context")
"""`context` is what was said so far, the answer included, as token ids: but the server makes them of the text when all is said. They
need not be those that the model saw and chose, and so are not recorded as such."""
_NEVER = "Ollama tells no ids"
_ONLY_AFTERWARDS = "Ollama made the ids in `context` of the text, after the answer: they need not be those of the model"


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    module = "ollama._client"
    return [
        *methods.patches("ollama", [Method(where=f"{module}:{kind}._request", sent=_sent) for kind in ("Client", "AsyncClient")]),
        *exchanges.patches(
            "ollama",
            [
                exchanges.Exchange(where=f"{module}:{kind}._request_raw", received=lambda _, response: response.content)
                for kind in ("Client", "AsyncClient")
            ],
        ),
    ]


def _sent(arguments: Arguments) -> Sent | None:
    # `_request(cls, "POST", "/api/chat", json=…, stream=…)`
    place = arguments.args[3] if len(arguments.args) > 3 else None
    endpoint = ROUTES.get(place) if isinstance(place, str) else None
    if endpoint is None:
        return None
    body = arguments.kwargs.get("json")
    client = arguments.receiver._client  # noqa: SLF001  # the HTTP client that it stands on
    return Sent(endpoint=endpoint, body=body, model=as_object(body).get("model"), url=str(client.base_url))


def _read_options(body: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a `Request`, except what is said and which tools are offered."""
    options = member(body, "options")
    effort = some_text(body, "think")
    return {
        "model": some_text(body, "model"),
        "output_type": "json" if body.get("format") else None,
        "stream": True if body.get("stream") is True else None,
        "temperature": number(options, "temperature"),
        "top_p": number(options, "top_p"),
        "top_k": integer(options, "top_k"),
        "max_tokens": integer(options, "num_predict"),
        "frequency_penalty": number(options, "frequency_penalty"),
        "presence_penalty": number(options, "presence_penalty"),
        "stop_sequences": tuple(texts(options.get("stop"))),
        "seed": integer(options, "seed"),
        "reasoning_level": effort,
    }


def _images(body: dict[str, Any]) -> list[Part]:
    """Base64, whatever the kind of picture."""
    return [parts.blob("image", image) for image in texts(body.get("images"))]


def _read_message(message: dict[str, Any], finish_reason: str | None = None) -> Message:
    role, content, thought = some_text(message, "role") or "assistant", message.get("content"), some_text(message, "thinking")
    if role == "tool":
        name = some_text(message, "tool_name", "name")
        said: list[Part] = [parts.tool_call_response(content, some_text(message, "tool_call_id"), name=name), *_images(message)]
        return parts.message(role, said)
    said = [parts.reasoning(thought)] if thought else []
    if isinstance(content, str) and content:
        said.append(parts.text(content))
    return parts.message(role, [*said, *_images(message), *read_calls(message)], finish_reason=finish_reason)


def read_chat(body: JSON) -> Request:
    """What was asked of `/api/chat`."""
    body = as_object(body)
    said = [_read_message(message) for message in objects(body.get("messages"))]
    return Request(**_read_options(body), messages=said, tools=read_definitions(body))


def read_prompt(body: JSON) -> Request:
    """What was asked of `/api/generate`. `context` is what was said before, as token ids."""
    body = as_object(body)
    prompt, suffix, context = some_text(body, "prompt"), some_text(body, "suffix"), body.get("context")
    said: list[Part] = [parts.other("token_ids", {"content": context})] if all_integers(context) else []
    said += [parts.text(prompt)] if prompt else []
    said += [parts.other("suffix", {"content": suffix})] if suffix else []
    said += _images(body)
    system = some_text(body, "system")
    return Request(
        **_read_options(body),
        messages=[parts.message("user", said)] if said else [],
        system_instructions=[parts.text(system)] if system else [],
    )


def read_inputs(body: JSON) -> Request:
    """What was asked of `/api/embed`, or of the older `/api/embeddings`."""
    body = as_object(body)
    inputs = texts(body.get("input")) or texts(body.get("prompt"))
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", [parts.text(text)]) for text in inputs],
        dimension_count=integer(body, "dimensions"),
    )


def _read_answer(body: dict[str, Any], message: dict[str, Any]) -> Response:
    native = some_text(body, "done_reason")
    reason = _FINISH_REASONS.get(native, native) if native else None
    if reason == "stop" and message.get("tool_calls"):
        reason = "tool_call"  # the server has no word of its own for it
    read = _read_message({"role": "assistant", **message}, reason)
    return Response(
        model=some_text(body, "model"),
        messages=[read] if message else [],
        finish_reasons=[reason] if reason else [],
        native_finish_reasons=[native] if native else [],
        usage=_read_usage(body),
        tokens=_read_tokens(body),
        timings=_read_timings(body),
        attributes=_read_attributes(body),
    )


def read_chat_answer(body: JSON) -> Response:
    """What came back from `/api/chat`."""
    body = as_object(body)
    return _read_answer(body, member(body, "message"))


def read_completion(body: JSON) -> Response:
    """What came back from `/api/generate`: the same, without a message around it."""
    body = as_object(body)
    image = some_text(body, "image")
    said = {"content": body.get("response"), "thinking": body.get("thinking"), "images": [image] if image else []}
    return _read_answer(body, present(said) if "response" in body or image else {})


def read_vectors(body: JSON) -> Response:
    """What came back from `/api/embed`, or the one vector of the older `/api/embeddings`."""
    body = as_object(body)
    first = next(iter(items(body, "embeddings")), None) or body.get("embedding")
    return Response(
        model=some_text(body, "model"),
        usage=_read_usage(body),
        timings=_read_timings(body),
        dimension_count=len(first) or None if isinstance(first, list) else None,
        attributes=_read_attributes(body),
    )


def _read_usage(body: dict[str, Any]) -> Usage | None:
    said = {name: body[name] for name in ("prompt_eval_count", "eval_count") if body.get(name) is not None}
    if not said:
        return None
    return Usage(input_tokens=count(said.get("prompt_eval_count")), output_tokens=count(said.get("eval_count")), raw=said)


def _read_attributes(body: dict[str, Any]) -> dict[str, Any]:
    return extra({name: body[name] for name in _EXTRAS if body.get(name) is not None})


def _read_tokens(body: dict[str, Any]) -> list[Tokens]:
    why = _ONLY_AFTERWARDS if body.get("context") else _NEVER
    return [
        replace(one, unknown={"ids": why}) if one.ids is None else one for one in token_fields.of_logprobs(body.get("logprobs"))
    ]


def _read_timings(body: dict[str, Any]) -> Timings | None:
    """The count of the prompt is of all its tokens, even of those that were in the cache: it goes with no time."""
    said = Timings(
        queue=_seconds(body, "load_duration"),
        prefill=_seconds(body, "prompt_eval_duration"),
        decode=_seconds(body, "eval_duration"),
    )
    if said == Timings():
        return None
    return said if said.decode is None else replace(said, decode_tokens=count(body.get("eval_count")))


def _seconds(body: dict[str, Any], name: str) -> float | None:
    found = count(body.get(name))
    return None if found is None else found / 1e9


def fold_chat(events: Sequence[JSON]) -> JSON:
    """The lines of a streamed chat -> the answer that they add up to."""
    body = _folded(events, ("logprobs",))
    pieces = [member(event, "message") for event in objects(list(events))]
    return {**body, "message": _folded(pieces, ("tool_calls", "images"), ("content", "thinking"))}


def fold_completion(events: Sequence[JSON]) -> JSON:
    """The lines of a streamed completion -> the answer that they add up to."""
    return _folded(events, ("logprobs",), ("response", "thinking"))


def piece_of_chat(event: JSON) -> Piece:
    """What of an answer is in one line of a streamed chat."""
    event = as_object(event)
    message = member(event, "message")
    calls = [member(call, "function").get("arguments") for call in objects(message.get("tool_calls"))]
    said = characters.of(message.get("content"), message.get("thinking"))
    return Piece(said + sum(map(characters.of_arguments, calls)), _scored(event))


def piece_of_completion(event: JSON) -> Piece:
    """What of an answer is in one line of a streamed completion."""
    event = as_object(event)
    return Piece(characters.of(event.get("response"), event.get("thinking")), _scored(event))


def _scored(event: dict[str, Any]) -> dict[int, int]:
    scored = len(objects(event.get("logprobs")))
    return {0: scored} if scored else {}


def _folded(pieces: Sequence[JSON], lists: Sequence[str], joined: Sequence[str] = ()) -> dict[str, Any]:
    """One object: texts `joined`, `lists` appended, of all else the last word."""
    whole: dict[str, Any] = {}
    texts: dict[str, list[str]] = defaultdict(list)
    listed: dict[str, list[JSON]] = defaultdict(list)
    for piece in objects(list(pieces)):
        for name, value in piece.items():
            if name in joined and isinstance(value, str):
                texts[name].append(value)
            elif name in lists and isinstance(value, list):
                listed[name].extend(value)
            elif value is not None:
                whole[name] = value
    return {**whole, **{name: "".join(found) for name, found in texts.items()}, **listed}


def _is_last(event: JSON) -> bool:
    return as_object(event).get("done") is True


CHAT = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="ollama",
    request=read_chat,
    response=read_chat_answer,
    fold=fold_chat,
    is_last=_is_last,
    piece=piece_of_chat,
)
COMPLETION = replace(
    CHAT,
    operation=semconv.Operation.TEXT_COMPLETION,
    request=read_prompt,
    response=read_completion,
    fold=fold_completion,
    piece=piece_of_completion,
)
EMBEDDINGS = Endpoint(operation=semconv.Operation.EMBEDDINGS, provider="ollama", request=read_inputs, response=read_vectors)
ROUTES = {
    "/api/chat": CHAT,
    "/api/generate": COMPLETION,
    "/api/embed": EMBEDDINGS,
    "/api/embeddings": EMBEDDINGS,
}
