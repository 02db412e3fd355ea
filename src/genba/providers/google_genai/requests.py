"""What a request of the client is: which operation, of which model, at which of the two services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation import JSON
from ...conversation.encoding import decode
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Sent
from ..json_fields import as_object, items
from .counting import COMPUTE_TOKENS, COUNT_TOKENS, CREATE_BATCH
from .embedding import EMBED
from .generating import GENERATE, STREAM
from .media import IMAGES, VIDEOS
from .names import camel

ROUTES: Mapping[str, Endpoint] = {
    "generateContent": GENERATE,
    "streamGenerateContent": STREAM,
    "batchEmbedContents": EMBED,
    "embedContent": EMBED,
    "predict": IMAGES,
    "predictLongRunning": VIDEOS,
    "countTokens": COUNT_TOKENS,
    "computeTokens": COMPUTE_TOKENS,
    "batchGenerateContent": CREATE_BATCH,
    "asyncBatchEmbedContent": CREATE_BATCH,
}
"""Endpoints by what the path ends in, behind its colon."""


def sent(arguments: Arguments) -> Sent | None:
    """What one use of the client's `request` says."""
    model, _, verb = str(arguments.get("path")).partition("?")[0].rpartition(":")
    endpoint = ROUTES.get(verb)
    if endpoint is None or str(arguments.get("http_method")).lower() != "post":
        return None
    client, options = arguments.receiver, arguments.get("http_options")
    body = _body(as_object(arguments.get("request_dict")), option(options, "extra_body") or option(_own(client), "extra_body"))
    if verb == "predict" and _is_text(body):
        endpoint = EMBED
    url = option(options, "base_url") or option(_own(client), "base_url")
    return Sent(endpoint=endpoint, body=body, model=model_name(model), provider=provider(client), url=url)


def provider(client: Any) -> str:
    """Which of the two services a client talks to."""
    return "gcp.vertex_ai" if client.vertexai else "gcp.gemini"


def model_name(path: str) -> str:
    """The model as the user names it: a tuned one, or an endpoint, stays where it is."""
    return path.rpartition("/models/")[2].removeprefix("models/")


def option(options: Any, name: str) -> Any:
    """One of the HTTP options, which the host may give as a dictionary or as the client's own object."""
    return options.get(name) if isinstance(options, dict) else getattr(options, name, None)


def _own(client: Any) -> Any:
    return getattr(client, "_http_options", None)


def _body(request: dict[str, Any], extra: Any) -> dict[str, Any]:
    """What goes over the wire: less the client's own notes, and with what the host adds by hand."""
    body = {key: value for key, value in request.items() if not key.startswith("_")}
    return _merged(body, extra) if isinstance(extra, dict) else body


def _merged(body: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """As the client merges them: whichever way a key is written."""
    known = {camel(key): key for key in body}
    merged = dict(body)
    for name, value in extra.items():
        key = known.get(camel(name), name)
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _is_text(body: dict[str, Any]) -> bool:
    """`predict` serves embeddings and pictures alike."""
    return any(isinstance(each, dict) and "content" in each for each in items(body, "instances"))


def answer(response: Any) -> JSON:
    """The body of an answer, which the client holds as text."""
    body = response.body
    try:
        return decode(body.encode()) if isinstance(body, str) and body else None
    except ValueError:
        return body
