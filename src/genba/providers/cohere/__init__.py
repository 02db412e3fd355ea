"""Cohere's client, both generations of its API.

Hooked at the raw clients, through which the plain methods go as well, and which have the HTTP response: so the wire's own bytes are read.
Their streams are context managers, that the plain methods enter when the host asks for the first item.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ...observing import exchanges, methods
from ...observing.endpoint import Endpoint
from ...observing.exchanges import Exchange
from ...observing.methods import Arguments, Held, Method, Sent
from ...observing.patching import Patch
from ...observing.wire import unwrapped
from . import generate, threads, v1, v2
from .embeddings import EMBEDDINGS
from .rerank import RERANK

_NOT_SENT = ("request_options", "accepts")
_METHODS = {
    "cohere.v2.raw_client:{}RawV2Client": {"chat": v2.CHAT, "embed": EMBEDDINGS, "rerank": RERANK},
    "cohere.raw_base_client:{}RawBaseCohere": {
        "chat": v1.CHAT,
        "generate": generate.TEXT_COMPLETION,
        "embed": EMBEDDINGS,
        "rerank": RERANK,
    },
}
_STREAMED = ("chat", "generate")


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    found = []
    for where, endpoints in _METHODS.items():
        for name, endpoint in endpoints.items():
            for kind in ("", "Async"):
                place = f"{where.format(kind)}.{name}"
                found.append(Method(where=place, sent=functools.partial(_sent, endpoint), response=_response))
                if name in _STREAMED:
                    found.append(
                        Method(
                            where=f"{place}_stream",
                            sent=functools.partial(_sent, endpoint, stream=True),
                            response=_response,
                            holds=_held,
                            is_entered=True,
                        )
                    )
    retries = [
        Exchange(where="cohere.core.http_client:_retry_timeout", retried=lambda arguments: arguments.get("response")),
        Exchange(where="cohere.core.http_client:_retry_timeout_from_retries", retried=lambda _: None),
    ]
    return [*methods.patches("cohere", found), *exchanges.patches("cohere", retries), threads.patch()]


def _sent(endpoint: Endpoint, arguments: Arguments, *, stream: bool = False) -> Sent:
    body = {name: unwrapped(value) for name, value in arguments.given(without=_NOT_SENT).items()}
    if stream:
        body["stream"] = True
    options = arguments.get("request_options") or {}
    body.update(options.get("additional_body_parameters") or {})
    url = arguments.receiver._client_wrapper.get_base_url()  # noqa: SLF001  # all that the raw client has
    return Sent(endpoint=endpoint, body=body, model=body.get("model"), url=url)


def _response(result: Any) -> Any:
    return result._response  # noqa: SLF001  # public only in newer versions


def _held(result: Any) -> Held:
    return Held(holder=result, attribute="_data")
