"""Replicate's client: a model is given an input and makes a prediction, which is asked for again and again until it is finished.

`run` and `stream` are one call with all their asking; `create` is one that ends when the prediction is begun, and waiting for it later
is a call that fetches it. All requests pass one function. The module's own `run` is a method bound at import, the functions are not.
"""

from __future__ import annotations

import functools
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import semconv
from ..conversation import JSON, Part, Request, Response, Usage, parts
from ..conversation.encoding import decode, encode
from ..conversation.tokens import Piece
from ..conversation.usage import count
from ..observing import exchanges, methods
from ..observing.call import Call
from ..observing.endpoint import Endpoint, nothing_asked
from ..observing.exchanges import Exchange
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from . import characters
from .extras import extra
from .json_fields import Object, as_object, integer, member, number, objects, present, some_text, texts

_LIBRARY = "replicate"
_CREATING = (
    "prediction:Predictions",
    "model:ModelsPredictions",
    "deployment:DeploymentPredictions",
    "deployment:DeploymentsPredictions",
)
_READING = ("stream", "async_stream", "output_iterator", "async_output_iterator")
_STATUSES = {
    "starting": "queued",
    "processing": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "canceled": "cancelled",
}
_FINISH_REASONS = {"succeeded": "stop", "failed": "error", "canceled": "canceled"}
"""By the statuses that are final."""
_NO_VERSION = "hidden"
"""What it says of models that have no versions."""
_MAX_TOKENS = ("max_tokens", "max_new_tokens", "max_completion_tokens", "max_length")


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    run = [Method(where=f"replicate.client:{name}", sent=_run, watches=_watched, known=_told) for name in ("run", "async_run")]
    streamed = [Method(where=f"replicate.client:{name}", sent=_stream, event=_event) for name in ("stream", "async_stream")]
    created = [
        Method(where=f"replicate.{place}.{name}", sent=_create, watches=_watched, optional=True)
        for place in _CREATING
        for name in ("create", "async_create")
    ]
    fetched = [
        *(Method(where=f"replicate.prediction:Prediction.{name}", sent=_wait, watches=_watched) for name in ("wait", "async_wait")),
        *(Method(where=f"replicate.prediction:Predictions.{name}", sent=_get, watches=_watched) for name in ("get", "async_get")),
        *(Method(where=f"replicate.prediction:Prediction.{name}", sent=_wait, event=_event, optional=True) for name in _READING),
    ]
    heard = [
        Exchange(where=f"replicate.client:Client.{name}", sent=_request, received=_answer, known=_head)
        for name in ("_request", "_async_request")
    ]
    retried = Exchange(where="replicate.client:RetryTransport._calculate_sleep", retried=lambda _: None, of=(PREDICTION, FETCH))
    return [
        *methods.patches(_LIBRARY, [*run, *streamed, *created, *fetched]),
        *exchanges.patches(_LIBRARY, [*heard, retried]),
    ]


def _run(arguments: Arguments) -> Sent:
    return _asked(arguments.get("client"), _named(arguments.get("ref")), {"input": arguments.get("input")})


def _stream(arguments: Arguments) -> Sent:
    return _asked(arguments.get("client"), _named(arguments.get("ref")), {"input": arguments.get("input"), "stream": True})


def _create(arguments: Arguments) -> Sent | None:
    if exchanges.at_work((PREDICTION, FETCH)) is not None:  # it is a part of that
        return None
    of = [arguments.kwargs.get(name) for name in ("model", "deployment", "version")]
    own, given = getattr(arguments.receiver, "_deployment", None), arguments.args[1:2]
    model = next((value for value in (*of, own, *given) if value and not isinstance(value, dict)), None)
    return _asked(arguments.receiver._client, _named(model), {"input": arguments.get("input")})  # noqa: SLF001


def _wait(arguments: Arguments) -> Sent | None:
    prediction = arguments.receiver
    finished = prediction.status in _FINISH_REASONS
    if finished or exchanges.at_work((PREDICTION, FETCH)) is not None:
        return None
    return replace(
        _asked(prediction._client, None, None),  # noqa: SLF001
        endpoint=FETCH,
        attributes={semconv.RESPONSE_ID: prediction.id},
    )


def _get(arguments: Arguments) -> Sent | None:
    if exchanges.at_work((PREDICTION, FETCH)) is not None:
        return None
    known = {semconv.RESPONSE_ID: str(arguments.get("id"))}
    return replace(_asked(arguments.receiver._client, None, None), endpoint=FETCH, attributes=known)  # noqa: SLF001


def _asked(client: Any, model: str | None, body: JSON) -> Sent:
    """As near to the wire as the arguments are; `_request` replaces it when files have become addresses."""
    url = client._base_url or "https://api.replicate.com"  # noqa: SLF001  # the default, which it reads when it must
    return Sent(endpoint=PREDICTION, body=body, model=model, url=str(url))


def _named(model: Any) -> str | None:
    """A model, a version or a deployment, by its name, its name's two halves, or as an object."""
    if isinstance(model, (tuple, list)):
        return "/".join(map(str, model))
    if isinstance(model, str):
        return model
    name = getattr(model, "id", None)  # `owner/name`, except of a version
    return name if isinstance(name, str) else None


def _request(arguments: Arguments) -> JSON:
    path, body = str(arguments.get("path")), arguments.kwargs.get("json")
    return body if arguments.get("method") == "POST" and path.endswith("/predictions") else None


def _answer(arguments: Arguments, response: Any) -> bytes | None:
    """The prediction as it was last seen. Others of its requests are for the model's description, or send files."""
    if "/predictions" in str(arguments.get("path")):
        return bytes(response.content)
    call = exchanges.at_work()
    return call.body_received if call is not None else None


def _head(response: Any) -> Mapping[str, Any]:
    """Whose output is to come: of a stream, nothing else tells it."""
    if response.request.method != "POST":
        return {}
    said = as_object(decode(response.content))
    return present({semconv.RESPONSE_ID: some_text(said, "id"), semconv.RESPONSE_MODEL: some_text(said, "model")})


def _watched(result: Any, call: Call) -> bool:
    """Whether it ends in a way of its own: it failed without raising, or the host is given an iterator over what is all there."""
    if call.body_received is None:
        return False
    said = as_object(decode(call.body_received))
    read = functools.partial(decode, call.body_received)
    is_iterated = hasattr(type(result), "__next__") or hasattr(type(result), "__anext__")
    if said.get("status") == "failed":
        call.answered_later(read, ("failed", some_text(said, "error")))
    elif is_iterated and some_text(said, "status") in _FINISH_REASONS:
        call.answered_later(read)
    elif is_iterated:
        call.so_far(lambda: decode(call.body_received or b"null"))  # it is asked for again as the host reads
        return False
    return call.ended


def _told(result: Any) -> Mapping[str, Any]:
    """The error for a prediction that failed has it with it."""
    prediction = getattr(result, "prediction", None) if isinstance(result, Exception) else None
    return present({semconv.RESPONSE_ID: getattr(prediction, "id", None)})


def _event(chunk: Any) -> JSON:
    """An event of a stream, or a piece of the output as it was asked for."""
    if hasattr(chunk, "event") and hasattr(chunk, "data"):
        return {"event": getattr(chunk.event, "value", chunk.event), "data": str(chunk.data), "id": chunk.id}
    return {"event": "output", "data": chunk if isinstance(chunk, (dict, list)) else str(chunk)}


def read_request(body: JSON) -> Request:
    """What was asked. Every model has inputs of its own: those that most have are known, and what is an address is looked at."""
    body = as_object(body)
    input = member(body, "input")
    prompt, system = some_text(input, "prompt", "text"), some_text(input, "system_prompt")
    said = [parts.text(prompt)] if prompt else []
    said += [_media(value) for name in input for value in texts(input[name]) if value != prompt and _is_address(value)]
    return Request(
        messages=[parts.message("user", said)] if said else [],
        system_instructions=[parts.text(system)] if system else [],
        stream=True if body.get("stream") is True else None,
        temperature=number(input, "temperature"),
        top_p=number(input, "top_p"),
        top_k=integer(input, "top_k"),
        max_tokens=integer(input, *_MAX_TOKENS),
        frequency_penalty=number(input, "frequency_penalty"),
        presence_penalty=number(input, "presence_penalty"),
        stop_sequences=tuple(texts(input.get("stop_sequences")) or texts(input.get("stop"))),
        seed=integer(input, "seed"),
    )


def read_response(body: JSON) -> Response:
    """What came back: a prediction, finished or not."""
    body = as_object(body)
    native = some_text(body, "status") or ""
    reason, said, metrics = _FINISH_REASONS.get(native), list(_output(body.get("output"))), member(body, "metrics")
    went_in, came_out = count(metrics.get("input_token_count")), count(metrics.get("output_token_count"))
    counted = went_in is not None or came_out is not None
    version = some_text(body, "version")
    known = present({"version": version if version != _NO_VERSION else None, "metrics": None if counted else metrics or None})
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        messages=[parts.message("assistant", said, finish_reason=reason)] if said or reason else [],
        finish_reasons=[reason] if reason else [],
        native_finish_reasons=[native] if reason else [],
        usage=Usage(input_tokens=went_in, output_tokens=came_out, raw=metrics) if counted else None,
        status=_STATUSES.get(native),
        attributes=extra(known),
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The events of a stream -> the prediction that they tell of."""
    found = objects(list(events))
    pieces = [event.get("data") for event in found if event.get("event") == "output"]
    return {"output": pieces, **({"status": "succeeded"} if any(map(_is_done, found)) else {})}


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream."""
    event = as_object(event)
    said = event.get("data") if event.get("event") == "output" else None
    return Piece(0 if said is None else characters.of_parts([_piece(said)]))


def _is_done(event: Object) -> bool:
    return event.get("event") == "done" and "reason" not in str(event.get("data"))  # else it was cancelled, or went wrong


def _output(output: JSON) -> Iterable[Part]:
    """Words, which come in pieces, files by their addresses, or whatever the model gives."""
    pieces = output if isinstance(output, list) else [output]
    if all(isinstance(piece, str) and not _is_address(piece) for piece in pieces):
        words = "".join(pieces)
        return [parts.text(words)] if words else []
    return [_piece(piece) for piece in pieces if piece is not None]


def _piece(piece: JSON) -> Part:
    if isinstance(piece, str):
        return _media(piece) if _is_address(piece) else parts.text(piece)
    return parts.text(encode(piece).decode())


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://", "data:")) and not any(space in text for space in " \n")


def _media(address: str) -> Part:
    name = address.partition("?")[0].partition("#")[0].rpartition("/")[2]  # not taken apart as an address: it may be none
    kind = address[5:] if address.startswith("data:") else mimetypes.guess_type(name)[0] or ""
    modality = kind.partition("/")[0]
    return parts.media(modality if modality in ("image", "audio", "video") else "document", address)


PREDICTION = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="replicate",
    request=read_request,
    response=read_response,
    fold=fold,
    is_last=lambda event: as_object(event).get("event") == "done",
    piece=piece,
)
FETCH = replace(PREDICTION, operation=semconv.Operation.FETCH_RESPONSE, request=nothing_asked)
