"""LiteLLM, over OpenAI's client and over its own HTTP to Anthropic."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from support import anthropic_wire, openai_wire, services
from support.litellm_hushed import hush
from support.services import CHAT, MESSAGES, Other

NOT_CLOSABLE = "a plain stream of litellm's has nothing to close it by"


@dataclass
class Asking:
    """Its functions, with the client that they are to use."""

    client: Any
    arguments: dict[str, Any]
    asynchronous: bool

    def ask(self, **more: Any) -> Any:
        litellm = importlib.import_module("litellm")
        litellm.disable_streaming_logging = True  # its thread holds a stream that was dropped for a moment longer
        hush()
        function = litellm.acompletion if self.asynchronous else litellm.completion
        return function(**self.arguments, client=self.client, **more)

    def close(self) -> Any:
        return self.client.close()


def _over_openai(url: str, asynchronous: bool, transport: Any, retries: int) -> Asking:
    client = services.client("openai", url, asynchronous=asynchronous, transport=transport, max_retries=retries)
    arguments = {"model": f"openai/{openai_wire.MODEL}", "messages": openai_wire.MESSAGES, "api_base": f"{url}/v1", "api_key": "k"}
    return Asking(client, arguments, asynchronous)


def _over_http(url: str, asynchronous: bool, transport: Any, retries: int) -> Asking:
    handlers, httpx = importlib.import_module("litellm.llms.custom_httpx.http_handler"), importlib.import_module("httpx")
    if asynchronous:
        client = handlers.AsyncHTTPHandler()
    else:
        client = handlers.HTTPHandler(client=httpx.Client(trust_env=False, transport=transport(httpx) if transport else None))
    said = [{"role": "system", "content": anthropic_wire.SYSTEM}, *anthropic_wire.MESSAGES]
    arguments = {"model": f"anthropic/{anthropic_wire.MODEL}", "messages": said, "api_base": url, "api_key": "k"}
    return Asking(client, {**arguments, "max_tokens": 100}, asynchronous)


_CLOSINGS = ("break", "host raises", "close", "close twice", "close before reading", "closed elsewhere")


def _litellm(like: Any, name: str, make: Any, **different: Any) -> Other:
    fields = (
        "model",
        "served",
        "whole",
        "events",
        "events_arrived",
        "error_event",
        "error",
        "finish",
        "output_tokens",
        "input_tokens",
    )
    return Other(
        name=name,
        package="litellm",
        **{**{field: getattr(like, field) for field in fields}, **different},
        make=make,
        value=lambda asking: asking.ask(),
        streamed=lambda asking: asking.ask(stream=True, stream_options={"include_usage": True}),
    )


LEFT_OUT = {f"sync {ending}": NOT_CLOSABLE for ending in _CLOSINGS}

OVER_HTTP = _litellm(MESSAGES, "litellm-anthropic", _over_http, finish="stop", left_out=LEFT_OUT)
"""Not among the services that are compared with and without genba: litellm makes up an id for each of its answers."""

SERVICES = (_litellm(CHAT, "litellm", _over_openai, left_out=LEFT_OUT),)
