"""Instructor over OpenAI's client: one attempt, a second one after an answer that is not valid, and an answer that grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from support import openai_wire as wire
from support import services
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {wire.MODEL}"
ASK = {"model": wire.MODEL, "messages": wire.MESSAGES}


def person() -> Any:
    from pydantic import BaseModel

    class Person(BaseModel):
        name: str
        age: int

    return Person


def client(url: str, *, asynchronous: bool = False) -> Any:
    import instructor

    return instructor.from_openai(services.client("openai", url, asynchronous=asynchronous))


def answer(arguments: str) -> Reply:
    call = {"id": "call_7", "type": "function", "function": {"name": "Person", "arguments": arguments}}
    return json_answer(wire.chat(None, tool_calls=[call]))


def valid() -> list[Reply]:
    return [answer('{"name": "Ann", "age": 4}')]


def at_second_try() -> list[Reply]:
    return [answer('{"name": "Ann"}'), *valid()]


def growing() -> list[Reply]:
    head = {"index": 0, "id": "call_7", "type": "function", "function": {"name": "Person", "arguments": ""}}
    deltas = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"name": "An', 'n", "age"', ": 4}")]
    chunks = [wire.chat_chunk({"role": "assistant", "content": None, "tool_calls": [head]})]
    chunks += [wire.chat_chunk({"tool_calls": [delta]}) for delta in deltas]
    usage = wire.chat_chunk({}, choices=[], usage=wire.CHAT_USAGE)
    return [wire.chunks_stream([*chunks, wire.chat_chunk({}, "tool_calls"), usage])]


def _value(url: str) -> None:
    client(url).chat.completions.create(response_model=person(), max_retries=2, **ASK)


def _async_value(url: str) -> None:
    asyncio.run(client(url, asynchronous=True).chat.completions.create(response_model=person(), max_retries=2, **ASK))


def _partial(url: str) -> None:
    list(client(url).chat.completions.create_partial(response_model=person(), **ASK))


def _async_partial(url: str) -> None:
    async def read() -> None:
        async for _ in client(url, asynchronous=True).chat.completions.create_partial(response_model=person(), **ASK):
            pass

    asyncio.run(read())


def _stack(name: str, play: Callable[[str], None], replies: Callable[[], Sequence[Reply]], about: str = "Person") -> Stack:
    calls = len(replies())
    return Stack(
        name=f"instructor → openai, {name}",
        packages=("instructor", "openai"),
        replies=replies,
        play=play,
        input_tokens=20 * calls,
        output_tokens=9 * calls,
        tree=[f"instructor {about}", *[f"  {CHAT}"] * calls],
    )


STACKS = (
    _stack("value", _value, valid),
    _stack("second attempt", _value, at_second_try),
    _stack("async value", _async_value, valid),
    _stack("async second attempt", _async_value, at_second_try),
    _stack("partial", _partial, growing, "PartialPerson"),
    _stack("async partial", _async_partial, growing, "PartialPerson"),
)
