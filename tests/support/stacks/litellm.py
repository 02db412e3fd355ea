"""LiteLLM over OpenAI's client: its functions, and a router that falls back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from support import openai_wire as wire
from support.litellm_hushed import hush
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {wire.MODEL}"


def _asked(url: str, **more: Any) -> dict[str, Any]:
    hush()
    return {"model": f"openai/{wire.MODEL}", "api_base": f"{url}/v1", "api_key": "none", "max_retries": 0, **more}


def _value(url: str) -> None:
    import litellm

    litellm.completion(**_asked(url), messages=wire.MESSAGES)


def _stream(url: str) -> None:
    import litellm

    list(litellm.completion(**_asked(url), messages=wire.MESSAGES, stream=True))


def _async_value(url: str) -> None:
    import litellm

    asyncio.run(litellm.acompletion(**_asked(url), messages=wire.MESSAGES))


def _async_stream(url: str) -> None:
    import litellm

    async def read() -> None:
        async for _ in await litellm.acompletion(**_asked(url), messages=wire.MESSAGES, stream=True):
            pass

    asyncio.run(read())


def router(url: str) -> Any:
    import litellm

    smart, other = _asked(url), _asked(url, model="openai/gpt-other")
    models = [{"model_name": "smart", "litellm_params": smart}, {"model_name": "other", "litellm_params": other}]
    return litellm.Router(model_list=models, fallbacks=[{"smart": ["other"]}], num_retries=0)


def _routed(url: str) -> None:
    router(url).completion(model="smart", messages=wire.MESSAGES)


def _async_routed(url: str) -> None:
    async def ask() -> None:
        await router(url).acompletion(model="smart", messages=wire.MESSAGES)

    asyncio.run(ask())


def _stack(name: str, play: Callable[[str], None], replies: Callable[[], Sequence[Reply]], tree: Sequence[str]) -> Stack:
    return Stack(
        name=f"litellm → openai, {name}",
        packages=("litellm", "openai"),
        replies=replies,
        play=play,
        input_tokens=20,
        output_tokens=9,
        tree=tree,
    )


def _whole() -> list[Reply]:
    return [json_answer(wire.chat())]


def _streamed() -> list[Reply]:
    return [wire.chunks_stream(wire.chat_chunks(usage=True))]


def _refused_once() -> list[Reply]:
    return [json_answer(wire.error(), 500), json_answer(wire.chat())]


STACKS = (
    _stack("value", _value, _whole, [CHAT]),
    _stack("stream", _stream, _streamed, [CHAT]),
    _stack("async value", _async_value, _whole, [CHAT]),
    _stack("async stream", _async_stream, _streamed, [CHAT]),
    _stack("router", _routed, _refused_once, ["litellm.Router.completion smart", f"  {CHAT}", "  chat gpt-other"]),
    _stack("async router", _async_routed, _refused_once, ["litellm.Router.acompletion smart", f"  {CHAT}", "  chat gpt-other"]),
)
