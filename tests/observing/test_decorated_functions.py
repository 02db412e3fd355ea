"""A decorated function of any kind stays what it was, and each use of it is one span, whatever its end."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace

import genba
from support.spans import Spans, attributes, failed, is_child, outcome

DECORATORS = {
    "observe": lambda: genba.observe,
    "tool": lambda: genba.tool,
    "agent": lambda: genba.agent,
    "workflow": lambda: genba.workflow,
    "retrieval": lambda: genba.retrieval,
    "embeddings": lambda: genba.embeddings,
    "inference": lambda: genba.inference,
    "observe with options": lambda: genba.observe("named"),
    "tool with options": lambda: genba.tool("named"),
    "agent with options": lambda: genba.agent("named"),
    "inference with options": lambda: genba.inference(provider="acme", model="acme-1"),
}
decorators = pytest.mark.parametrize("decorator", DECORATORS.values(), ids=[name.replace(" ", "_") for name in DECORATORS])


def plain_function(question: str, *, times: int = 2) -> str:
    """Say it again."""
    return question * times


async def coroutine_function(question: str, *, times: int = 2) -> str:
    """Say it again."""
    await asyncio.sleep(0)
    return question * times


def generator_function(question: str, *, times: int = 2) -> Iterator[str]:
    """Say it again."""
    for _ in range(times):
        yield question


async def async_generator_function(question: str, *, times: int = 2) -> AsyncIterator[str]:
    """Say it again."""
    for _ in range(times):
        await asyncio.sleep(0)
        yield question


KINDS = (plain_function, coroutine_function, generator_function, async_generator_function)
kinds = pytest.mark.parametrize("function", KINDS, ids=lambda function: function.__name__)


def use(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a full use of the function gives: its result, or the list of what it yields."""
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(*arguments, **named))
    if inspect.isasyncgenfunction(function):

        async def collect() -> list[Any]:
            return [item async for item in function(*arguments, **named)]

        return asyncio.run(collect())
    result = function(*arguments, **named)
    return list(result) if inspect.isgenerator(result) or hasattr(result, "__next__") else result


@decorators
@kinds
def test_a_decorated_function_is_still_of_its_kind(
    function: Callable[..., Any], decorator: Callable[[], Any], spans: Spans
) -> None:
    decorated = decorator()(function)
    for question in (inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        assert question(decorated) == question(function), question.__name__
    assert asyncio.iscoroutinefunction(decorated) == asyncio.iscoroutinefunction(function)
    assert inspect.signature(decorated) == inspect.signature(function)
    assert inspect.getdoc(decorated) == inspect.getdoc(function)
    assert (decorated.__name__, decorated.__qualname__, decorated.__module__) == (
        function.__name__,
        function.__qualname__,
        function.__module__,
    )


@decorators
@kinds
def test_a_decorated_function_gives_what_it_gave(function: Callable[..., Any], decorator: Callable[[], Any], spans: Spans) -> None:
    decorated = decorator()(function)
    assert use(decorated, "again ", times=3) == use(function, "again ", times=3)
    span = spans.only()
    assert outcome(span) == "completed"
    assert not failed(span)


@decorators
@kinds
def test_a_decorated_function_refuses_wrong_arguments_as_before(
    function: Callable[..., Any], decorator: Callable[[], Any], spans: Spans
) -> None:
    decorated = decorator()(function)
    with pytest.raises(TypeError) as before:
        use(function, "a", tims=3)
    with pytest.raises(TypeError) as after:
        use(decorated, "a", tims=3)
    assert str(after.value) == str(before.value)


@kinds
def test_arguments_and_result_are_recorded_by_name(function: Callable[..., Any], spans: Spans) -> None:
    use(genba.observe(function), "again", times=3)
    told = attributes(spans.only())
    assert json.loads(told["genba.input"]) == {"question": "again", "times": 3}
    expected: Any = "againagainagain" if function in (plain_function, coroutine_function) else ["again"] * 3
    assert json.loads(told["genba.output"]) == expected


@kinds
def test_a_function_decorated_before_init_or_after_uninstrument_just_runs(
    function: Callable[..., Any], start_tracing: Callable[..., Spans]
) -> None:
    decorated = genba.observe(function)
    assert use(decorated, "a") == use(function, "a")
    spans = start_tracing()
    assert use(decorated, "a") == use(function, "a")
    assert len(spans.all()) == 1
    genba.uninstrument()
    assert use(decorated, "a") == use(function, "a")
    assert len(spans.all()) == 1


class Refusal(Exception):
    pass


def failing(kind: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """A function of the same kind that raises; the generators yield once before."""

    def plain() -> None:
        raise error

    async def coroutine() -> None:
        raise error

    def generator() -> Iterator[str]:
        yield "first"
        raise error

    async def async_generator() -> AsyncIterator[str]:
        yield "first"
        raise error

    return dict(zip(KINDS, (plain, coroutine, generator, async_generator), strict=True))[kind]


@kinds
def test_an_error_passes_through_as_the_same_object_and_fails_the_span(function: Callable[..., Any], spans: Spans) -> None:
    error = Refusal("not today")
    with pytest.raises(Refusal) as caught:
        use(genba.observe(failing(function, error)))
    assert caught.value is error
    span = spans.only()
    assert outcome(span) == "failed"
    assert failed(span)
    assert attributes(span)["error.type"].endswith("Refusal")
    if function in (generator_function, async_generator_function):
        assert json.loads(attributes(span)["genba.output"]) == ["first"]


@kinds
def test_an_interrupt_passes_through_and_is_no_failure(function: Callable[..., Any], spans: Spans) -> None:
    with pytest.raises(KeyboardInterrupt):
        use(genba.observe(failing(function, KeyboardInterrupt())))
    span = spans.only()
    assert outcome(span) == "cancelled"
    assert not failed(span)


class Bee:
    """Every way to define a function in a class, decorated in every order."""

    @genba.observe
    def method(self, word: str) -> Any:
        return self, word

    @genba.observe
    async def async_method(self, word: str) -> Any:
        return self, word

    @genba.observe
    def generator_method(self, word: str) -> Iterator[Any]:
        yield self, word

    @genba.observe
    async def async_generator_method(self, word: str) -> AsyncIterator[Any]:
        yield self, word

    @classmethod
    @genba.observe
    def class_method(cls, word: str) -> Any:
        return cls, word

    @genba.observe
    @classmethod
    def decorated_class_method(cls, word: str) -> Any:
        return cls, word

    @staticmethod
    @genba.observe
    def static_method(word: str) -> Any:
        return None, word

    @genba.observe
    @staticmethod
    def decorated_static_method(word: str) -> Any:
        return None, word


@pytest.mark.parametrize("by", ["instance", "class"])
@pytest.mark.parametrize("name", [name for name in vars(Bee) if name.endswith("method")])
def test_methods_of_every_kind_are_bound_as_before(name: str, by: str, spans: Spans) -> None:
    bee = Bee()
    bound_to = {"class_method": Bee, "decorated_class_method": Bee, "static_method": None, "decorated_static_method": None}.get(
        name, bee
    )
    if by == "instance":
        [given] = [use(getattr(bee, name), "hum")] if "generator" not in name else use(getattr(bee, name), "hum")
    else:
        arguments = ("hum",) if bound_to is not bee else (bee, "hum")
        result = use(getattr(Bee, name), *arguments)
        given = result[0] if "generator" in name else result
    assert given == (bound_to, "hum")
    assert json.loads(attributes(spans.only())["genba.input"])["word"] == "hum"


def test_a_partial_and_a_callable_object_can_be_decorated(spans: Spans) -> None:
    class Caller:
        def __call__(self, word: str) -> str:
            return word.upper()

    assert genba.observe(functools.partial(plain_function, times=3))("a") == "aaa"
    assert genba.observe(Caller())("a") == "A"
    assert len(spans.all()) == 2


@kinds
def test_spans_made_inside_are_children_and_the_caller_s_stay_the_caller_s(function: Callable[..., Any], spans: Spans) -> None:
    def inside() -> None:
        with spans.app.start_as_current_span("inside"):
            pass

    def between() -> None:
        with spans.app.start_as_current_span("between"):
            pass

    @genba.observe
    def plain() -> None:
        inside()

    @genba.observe
    async def coroutine() -> None:
        await asyncio.sleep(0)
        inside()

    @genba.observe
    def generator() -> Iterator[int]:
        for number in range(3):
            inside()
            yield number

    @genba.observe
    async def async_generator() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            inside()
            yield number

    async def walk() -> None:
        async for _ in async_generator():
            between()

    with spans.app.start_as_current_span("caller") as caller:
        if function is plain_function:
            plain()
            between()
        elif function is coroutine_function:
            asyncio.run(coroutine())
            between()
        elif function is generator_function:
            for _ in generator():
                between()
        else:
            asyncio.run(walk())
        assert trace.get_current_span() is caller

    span = spans.only()
    assert is_child(span, caller)
    assert all(is_child(own, span) for own in spans.own() if own.name == "inside")
    assert all(is_child(own, caller) for own in spans.own() if own.name == "between")
    assert len(spans.own()) > 2
