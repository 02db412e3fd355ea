"""Hugging Face's `InferenceClient`: one client for many providers, each asked in its own way.

Its methods say when a call begins and how it ends; `_inner_post`, below them, has what is sent and what comes back whole. Streams are
read as the host gets them. `client.chat.completions.create` is `chat_completion`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ...conversation import JSON
from ...observing import exchanges, methods
from ...observing.endpoint import Endpoint
from ...observing.exchanges import Exchange
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from .chat import CHAT
from .embeddings import EMBEDDINGS
from .generation import TEXT_COMPLETION

_CLIENTS = (
    "huggingface_hub.inference._client:InferenceClient",
    "huggingface_hub.inference._generated._async_client:AsyncInferenceClient",
)
_ENDPOINTS = {"chat_completion": CHAT, "text_generation": TEXT_COMPLETION, "feature_extraction": EMBEDDINGS}
_PROVIDERS = {
    "openai": "openai",
    "cohere": "cohere",
    "groq": "groq",
    "together": "together",
    "cerebras": "cerebras",
    "fireworks-ai": "fireworks",
}
"""Providers by the client's names for them: those that have a name elsewhere too. All others are reached through Hugging Face."""


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    return [
        *methods.patches(
            "huggingface_hub",
            [
                Method(where=f"{client}.{name}", sent=functools.partial(_sent, endpoint), answer=_plain, event=_event)
                for client in _CLIENTS
                for name, endpoint in _ENDPOINTS.items()
            ],
        ),
        *exchanges.patches(
            "huggingface_hub",
            [Exchange(where=f"{client}._inner_post", sent=_request, received=_answer) for client in _CLIENTS],
        ),
    ]


def _sent(endpoint: Endpoint, arguments: Arguments) -> Sent:
    """Said in the words of the arguments; `_request` replaces it as soon as the request is made."""
    client = arguments.receiver
    named = [name for name in (arguments.get("model"), client.model) if isinstance(name, str)]
    return Sent(
        endpoint=endpoint,
        body=arguments.given(),
        model=next((name for name in named if not _is_address(name)), None),
        provider=_PROVIDERS.get(str(client.provider)),
        url=next((name for name in reversed(named) if _is_address(name)), None),
    )


def _is_address(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _request(arguments: Arguments) -> JSON:
    return arguments.get("request_parameters").json


def _answer(_: Arguments, result: Any) -> bytes | None:
    return result if isinstance(result, bytes) else None


def _event(chunk: Any) -> JSON:
    """Without details, a chunk of generated text is only that."""
    return {"token": {"text": chunk}} if isinstance(chunk, str) else _plain(chunk)


def _plain(value: Any) -> JSON:
    """The client's objects are dictionaries too, but only as attributes do they have all that the server said; what it did not is null."""
    if hasattr(type(value), "__dataclass_fields__"):
        value = vars(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list) else value
