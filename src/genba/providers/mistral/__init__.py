"""Mistral's client: its methods say when a call begins and how it ends, the one function below them what was on the wire.

A stream object keeps the response that it reads, and says by that whether it was closed. Version 1 has the same modules one level higher.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

from ...observing import exchanges, methods
from ...observing.endpoint import Endpoint
from ...observing.exchanges import Exchange
from ...observing.methods import Arguments, Held, Method, Sent
from ...observing.patching import Patch
from ...observing.wire import unwrapped
from . import native
from .chat import AGENT, CHAT, FIM
from .conversations import CONVERSATION
from .embeddings import EMBEDDINGS
from .ocr import OCR
from .responses import RESPONSES

_NOT_SENT = ("retries", "server_url", "timeout_ms", "http_headers")
_COMPLETIONS = ("complete", "stream")
_CONVERSATIONS = ("start", "start_stream", "append", "append_stream", "restart", "restart_stream")
_METHODS: Sequence[tuple[str, Sequence[str], Endpoint]] = (
    ("chat:Chat", _COMPLETIONS, CHAT),
    ("fim:Fim", _COMPLETIONS, FIM),
    ("agents:Agents", _COMPLETIONS, AGENT),
    ("conversations:Conversations", _CONVERSATIONS, CONVERSATION),
    ("responses:Responses", ("create",), RESPONSES),
    ("embeddings:Embeddings", ("create",), EMBEDDINGS),
    ("ocr:Ocr", ("process",), OCR),
)
_ELSEWHERE: Mapping[str, tuple[Sequence[str], str]] = {
    "mistralai.azure.client": (("chat:Chat", "ocr:Ocr"), "azure.ai.inference"),
    "mistralai.gcp.client": (("chat:Chat", "fim:Fim"), "gcp.vertex_ai"),
}
"""Copies of the client for those who serve its models elsewhere: what they have of it, and who that is."""


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    package = "mistralai" if metadata.version("mistralai").startswith("1.") else "mistralai.client"
    found = list(_methods(package, _METHODS))
    for elsewhere, (classes, provider) in _ELSEWHERE.items():
        rows = [(name, names, replace(endpoint, provider=provider)) for name, names, endpoint in _METHODS if name in classes]
        found.extend(_methods(elsewhere, rows))
    return [
        *methods.patches("mistralai", found),
        *exchanges.patches(
            "mistralai",
            [
                Exchange(where=f"{place}.basesdk:BaseSDK.{name}", sent=_request, received=_answer)
                for place in (package, *_ELSEWHERE)
                for name in ("do_request", "do_request_async")
            ],
        ),
        *exchanges.patches(
            "mistralai",
            [Exchange(where=f"{place}.utils.retries:_get_sleep_interval", retried=_refused) for place in (package, *_ELSEWHERE)],
        ),
        native.patch(package),
    ]


def _methods(package: str, rows: Sequence[tuple[str, Sequence[str], Endpoint]]) -> Iterable[Method]:
    for where, names, endpoint in rows:
        for name in names:
            sent = functools.partial(_sent, endpoint, "stream" in name)
            for spelt in (name, f"{name}_async"):
                yield Method(where=f"{package}.{where}.{spelt}", sent=sent, holds=_held, response=_response, optional=True)


def _sent(endpoint: Endpoint, stream: bool, arguments: Arguments) -> Sent:
    """As near to the wire as the arguments are; `_request` replaces it as soon as the request is made."""
    body = {name: _plain(value) for name, value in arguments.given(without=_NOT_SENT).items()}
    if stream:
        body["stream"] = True
    url = arguments.get("server_url") or arguments.receiver.sdk_configuration.get_server_details()[0]
    return Sent(endpoint=endpoint, body=body, model=body.get("model"), url=url)


def _plain(value: Any) -> Any:
    """The client's own models say what they leave unsaid, such as roles, only when they are written out."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    return [_plain(item) for item in value] if isinstance(value, list) else unwrapped(value)


def _request(arguments: Arguments) -> bytes | None:
    request = arguments.get("request")
    is_json = "json" in (request.headers.get("content-type") or "")
    return bytes(request.content) if is_json else None  # a form may hold files that are still to be read


def _answer(arguments: Arguments, response: Any) -> bytes | None:
    return None if arguments.get("stream") else response.content


def _refused(arguments: Arguments) -> Any:
    return getattr(arguments.get("exception"), "response", None)


def _held(result: Any) -> Held | None:
    return Held(holder=result, attribute="generator") if hasattr(result, "generator") else None


def _response(result: Any) -> Any:
    """Only a stream keeps it."""
    return getattr(result, "response", None) if hasattr(result, "generator") else None
