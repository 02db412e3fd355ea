"""Azure's inference client for models of any maker: what OpenAI's API says, under names of its own.

Its methods say when a call begins and how it ends; the functions that make the HTTP requests, below them, are given the very words that
are sent. Its stream object leaves out what it does not understand, an error midway too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..conversation import JSON, Request, parts
from ..observing import exchanges, methods, stream_objects
from ..observing.endpoint import Endpoint
from ..observing.exchanges import Exchange
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from .json_fields import as_object, objects, some_text
from .openai import chat, embeddings

_LIBRARY = "azure-ai-inference"
_MODULES = ("azure.ai.inference._patch", "azure.ai.inference.aio._patch")
_STREAMS = ("StreamingChatCompletions", "AsyncStreamingChatCompletions")
_RETRIES = (
    "azure.core.pipeline.policies._retry:RetryPolicy.sleep",
    "azure.core.pipeline.policies._retry_async:AsyncRetryPolicy.sleep",
)


def read_pictures(body: JSON) -> Request:
    """What was asked of a model that makes vectors of pictures, each with a text perhaps: a turn of the user each."""
    body = as_object(body)
    asked = embeddings.read_request({**body, "input": []})
    turns = []
    for item in objects(body.get("input")):
        picture, text = some_text(item, "image"), some_text(item, "text")
        turns.append([*([parts.media("image", picture)] if picture else []), *([parts.text(text)] if text else [])])
    return replace(asked, messages=[parts.message("user", said) for said in turns if said])


CHAT = replace(chat.CHAT, provider="azure.ai.inference", attributes={})
EMBEDDINGS = replace(embeddings.EMBEDDINGS, provider="azure.ai.inference", attributes={})
PICTURES = replace(EMBEDDINGS, request=read_pictures)
_METHODS = (
    ("ChatCompletionsClient.complete", "build_chat_completions_complete_request", CHAT),
    ("EmbeddingsClient.embed", "build_embeddings_embed_request", EMBEDDINGS),
    ("ImageEmbeddingsClient.embed", "build_image_embeddings_embed_request", PICTURES),
)


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    found = [
        Method(where=f"{module}:{name}", sent=functools.partial(_sent, endpoint), answer=_plain, event=_plain)
        for module in _MODULES
        for name, _, endpoint in _METHODS
    ]
    heard = [Exchange(where=f"{module}:{make}", sent=_request) for module in _MODULES for _, make, _ in _METHODS]
    # Every client of Azure tries again in the same way: one that fetches a token in the midst of another's call too.
    retries = [Exchange(where=where, retried=_refused, of=(CHAT, EMBEDDINGS, PICTURES)) for where in _RETRIES]
    return [
        *methods.patches(_LIBRARY, found),
        *exchanges.patches(_LIBRARY, [*heard, *retries]),
        *stream_objects.patches(_LIBRARY, [f"azure.ai.inference.models._patch:{name}" for name in _STREAMS]),
    ]


def _sent(endpoint: Endpoint, arguments: Arguments) -> Sent:
    """Only what a sampler may want to see; `_request` has the rest."""
    client, body = arguments.receiver, arguments.get("body")
    given = body.get("model") if isinstance(body, dict) else arguments.get("model") or client._model  # noqa: SLF001  # sticky
    return Sent(endpoint=endpoint, model=given, url=client._config.endpoint)  # noqa: SLF001  # it says nowhere else where it goes


def _request(arguments: Arguments) -> bytes | None:
    content = arguments.get("content")
    if isinstance(content, str):
        return content.encode()
    return content if isinstance(content, bytes) else None  # a file is still to be read


def _plain(result: Any) -> JSON:
    """What the server said, also what the client has no name for."""
    return result.as_dict() if hasattr(result, "as_dict") else None


def _refused(arguments: Arguments) -> Any:
    return getattr(arguments.get("response"), "http_response", None)
