"""Operations that our own decorators record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import genba
from conformance.registry import table
from support.wire import Server

OPERATIONS, operation = table()


@operation("decorated tool")
def tool(server: Server) -> object:
    @genba.tool(call_id="call_7")
    def weather(city: str) -> dict[str, int]:
        """The weather in a city."""
        return {"degrees": len(city)}

    return weather("Bath")


@operation("decorated tool that gives text")
def text_tool(server: Server) -> object:
    @genba.tool
    def weather(city: str) -> str:
        return "sunny"

    return weather("Bath")


@operation("decorated agent with a tool")
def agent(server: Server) -> object:
    @genba.tool
    def weather(city: str) -> dict[str, int]:
        return {"degrees": len(city)}

    @genba.agent("planner", description="Plans.", version="2")
    def plan() -> object:
        return weather("Bath")

    return plan()


@operation("decorated workflow")
def workflow(server: Server) -> object:
    return genba.workflow(lambda: "done")()


@operation("decorated retrieval")
def retrieval(server: Server) -> object:
    @genba.retrieval("library", top_k=2)
    def search(query: str) -> list[dict[str, Any]]:
        return [{"id": "d1", "score": 0.5, "text": "bees"}, {"id": "d2", "score": 0.25}]

    return search("bees")


@operation("decorated embeddings")
def own_embeddings(server: Server) -> object:
    @genba.embeddings(provider="acme", model="acme-embed")
    def embed(input: str) -> list[float]:
        return [0.5, 1.0]

    return embed("bees")


@operation("decorated inference")
def inference(server: Server) -> object:
    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]], temperature: float = 0) -> str:
        return "hello"

    return call_model([{"role": "user", "content": "hi"}], temperature=1)


@operation("decorated inference that streams")
def streaming_inference(server: Server) -> object:
    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]]) -> Iterator[str]:
        yield from ("hel", "lo")

    return list(call_model([{"role": "user", "content": "hi"}]))


@operation("decorated tool that fails")
def failing_tool(server: Server) -> object:
    @genba.tool
    def weather(city: str) -> str:
        raise LookupError(city)

    with suppress(LookupError):
        weather("Bath")
    return None
