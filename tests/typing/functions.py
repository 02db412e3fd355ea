"""What is decorated keeps its type: every decorator, bare and with options, on every kind of function. Never run; the type checkers read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import overload

from typing_extensions import assert_type

import genba


# The four kinds of function, bare.
@genba.observe
def plain(question: str, *, loud: bool = False) -> int:
    return len(question) + loud


@genba.observe
async def coroutine(question: str) -> int:
    return len(question)


@genba.observe
def generator(question: str) -> Iterator[str]:
    yield question


@genba.observe
async def async_generator(question: str) -> AsyncIterator[str]:
    yield question


async def bare_keeps_types() -> None:
    assert_type(plain("why", loud=True), int)
    assert_type(await coroutine("why"), int)
    assert_type(generator("why"), Iterator[str])
    assert_type(async_generator("why"), AsyncIterator[str])
    plain(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plain("why", quiet=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    generator()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def coroutines_are_awaited() -> None:
    assert_type(await coroutine("why"), int)
    async for word in async_generator("why"):
        assert_type(word, str)


# With options.
@genba.observe("answer", attributes={"app.part": "front"})
def named(question: str) -> bytes:
    return question.encode()


@genba.observe()
def with_empty_parentheses(question: str) -> bytes:
    return question.encode()


@genba.observe(attributes={"app.part": "front"})
async def named_coroutine(question: str) -> bytes:
    return question.encode()


async def options_keep_types() -> None:
    assert_type(named("why"), bytes)
    assert_type(with_empty_parentheses("why"), bytes)
    assert_type(await named_coroutine("why"), bytes)
    named(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Every decorator, bare.
@genba.tool
def tool(city: str) -> float:
    return float(len(city))


@genba.agent
async def agent(task: str) -> str:
    return task


@genba.workflow
def workflow(task: str) -> Iterator[str]:
    yield task


@genba.retrieval
def retrieval(query: str) -> list[dict[str, str]]:
    return [{"content": query}]


@genba.embeddings
async def embeddings(texts: list[str]) -> list[list[float]]:
    return [[float(len(text))] for text in texts]


@genba.inference
async def inference(messages: list[dict[str, str]], temperature: float = 0) -> AsyncIterator[str]:
    yield messages[0]["content"] * int(temperature)


async def every_bare_decorator_keeps_types() -> None:
    assert_type(tool("Bath"), float)
    assert_type(await agent("plan"), str)
    assert_type(workflow("plan"), Iterator[str])
    assert_type(retrieval("honey"), list[dict[str, str]])
    assert_type(await embeddings(["honey"]), list[list[float]])
    assert_type(inference([{"content": "hi"}]), AsyncIterator[str])
    tool(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Every decorator, with all its options.
@genba.tool("weather", type="function", description="The weather.", call_id="call_1", attributes={"a": 1})
async def tool_with(city: str) -> float:
    return float(len(city))


@genba.agent("planner", id="a-1", description="Plans.", version="2", provider="acme", model="acme-1", attributes={"a": 1})
def agent_with(task: str) -> Iterator[str]:
    yield task


@genba.workflow("review", attributes={"a": 1})
async def workflow_with(task: str) -> AsyncIterator[str]:
    yield task


@genba.retrieval("library", data_source="library", provider="acme", model="acme-embed", top_k=3, attributes={"a": 1})
def retrieval_with(query: str) -> list[str]:
    return [query]


@genba.embeddings("acme-embed", provider="acme", model="acme-embed", attributes={"a": 1})
def embeddings_with(texts: list[str]) -> list[list[float]]:
    return [[float(len(text))] for text in texts]


@genba.inference(provider="acme", model="acme-1", operation="text_completion", attributes={"a": 1})
def inference_with(prompt: str) -> str:
    return prompt


async def every_decorator_with_options_keeps_types() -> None:
    assert_type(await tool_with("Bath"), float)
    assert_type(agent_with("plan"), Iterator[str])
    assert_type(workflow_with("plan"), AsyncIterator[str])
    assert_type(retrieval_with("honey"), list[str])
    assert_type(embeddings_with(["honey"]), list[list[float]])
    assert_type(inference_with("hi"), str)
    inference_with(prompt=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def unknown_options_are_errors() -> None:
    genba.observe(colour="red")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    genba.tool("weather", top_k=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    genba.retrieval(top_k="three")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


# Methods of every kind.
class Assistant:
    @genba.observe
    def method(self, question: str) -> int:
        return len(question)

    @genba.tool("look up")
    async def async_method(self, question: str) -> int:
        return len(question)

    @classmethod
    @genba.observe
    def class_method(cls, question: str) -> Assistant:
        assert question
        return cls()

    @staticmethod
    @genba.agent
    def static_method(question: str) -> list[str]:
        return [question]

    @genba.observe
    @staticmethod
    def static_method_outside(question: str) -> list[str]:
        return [question]

    @property
    @genba.observe
    def name(self) -> str:
        return "assistant"

    @genba.observe
    def __call__(self, question: str) -> float:
        return 0.5


async def methods_keep_types(assistant: Assistant) -> None:
    assert_type(assistant.method("why"), int)
    assert_type(await assistant.async_method("why"), int)
    assert_type(Assistant.class_method("why"), Assistant)
    assert_type(assistant.class_method("why"), Assistant)
    assert_type(Assistant.static_method("why"), list[str])
    assert_type(assistant.static_method("why"), list[str])
    assert_type(Assistant.static_method_outside("why"), list[str])
    assert_type(assistant.name, str)
    assert_type(assistant("why"), float)
    assistant.method(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Overloads stay overloads.
@overload
def chat(prompt: str, *, stream: None = None) -> str: ...
@overload
def chat(prompt: str, *, stream: bool) -> Iterator[str]: ...
@genba.inference(model="acme-1")
def chat(prompt: str, *, stream: bool | None = None) -> str | Iterator[str]:
    return iter([prompt]) if stream else prompt


def overloads_keep_types() -> None:
    assert_type(chat("why"), str)
    assert_type(chat("why", stream=True), Iterator[str])


# What is given as a value is decorated as well.
def handed_over(function: Callable[[str], Awaitable[int]]) -> None:
    assert_type(genba.observe(function), Callable[[str], Awaitable[int]])
    assert_type(genba.tool("weather")(function), Callable[[str], Awaitable[int]])


def not_a_function_is_an_error() -> None:
    genba.observe(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    genba.observe("name")("not a function")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
