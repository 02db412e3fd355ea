"""Decorated generators and coroutines, driven in every way Python allows and ended in every way it knows."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import trace

import genba
from support.spans import Spans, attributes, failed, is_child, outcome


class Refusal(Exception):
    pass


async def coroutine_function(question: str) -> str:
    await asyncio.sleep(0)
    return question


def generator_function(question: str, *, times: int = 2) -> Iterator[str]:
    for _ in range(times):
        yield question


async def async_generator_function(question: str, *, times: int = 2) -> AsyncIterator[str]:
    for _ in range(times):
        await asyncio.sleep(0)
        yield question


def test_a_generator_takes_what_is_sent_and_returns_its_value(spans: Spans) -> None:
    @genba.observe
    def echo() -> Any:
        got = yield "ready"
        while got != "stop":
            got = yield got
        return "done"

    generator = echo()
    assert inspect.isgenerator(generator)
    assert next(generator) == "ready"
    assert generator.send("one") == "one"
    with pytest.raises(StopIteration) as end:
        generator.send("stop")
    assert end.value.value == "done"
    assert outcome(spans.only()) == "completed"


def test_an_async_generator_takes_what_is_sent(spans: Spans) -> None:
    @genba.observe
    async def echo() -> Any:
        got = yield "ready"
        while got != "stop":
            got = yield got

    async def talk() -> None:
        generator = echo()
        assert inspect.isasyncgen(generator)
        assert await generator.__anext__() == "ready"
        assert await generator.asend("one") == "one"
        with pytest.raises(StopAsyncIteration):
            await generator.asend("stop")

    asyncio.run(talk())
    assert outcome(spans.only()) == "completed"


def test_an_error_thrown_into_a_generator_may_be_caught_there(spans: Spans) -> None:
    @genba.observe
    def brave() -> Iterator[str]:
        try:
            yield "first"
        except Refusal as refusal:
            yield f"caught {refusal}"

    generator = brave()
    next(generator)
    assert generator.throw(Refusal("x")) == "caught x"
    assert list(generator) == []
    span = spans.only()
    assert outcome(span) == "completed"
    assert json.loads(attributes(span)["genba.output"]) == ["first", "caught x"]


def test_an_error_thrown_into_an_async_generator_may_be_caught_there(spans: Spans) -> None:
    @genba.observe
    async def brave() -> AsyncIterator[str]:
        try:
            yield "first"
        except Refusal as refusal:
            yield f"caught {refusal}"

    async def talk() -> None:
        generator: Any = brave()
        await generator.__anext__()
        assert await generator.athrow(Refusal("x")) == "caught x"
        assert [item async for item in generator] == []

    asyncio.run(talk())
    assert outcome(spans.only()) == "completed"


def test_an_error_thrown_into_a_generator_and_not_caught_fails_it(spans: Spans) -> None:
    generator = genba.observe(generator_function)("a")
    next(generator)
    error = Refusal("x")
    with pytest.raises(Refusal) as caught:
        generator.throw(error)  # type: ignore[attr-defined]
    assert caught.value is error
    assert outcome(spans.only()) == "failed"


def test_an_error_thrown_into_an_async_generator_and_not_caught_fails_it(spans: Spans) -> None:
    error = Refusal("x")

    async def talk() -> None:
        generator: Any = genba.observe(async_generator_function)("a")
        await generator.__anext__()
        with pytest.raises(Refusal) as caught:
            await generator.athrow(error)
        assert caught.value is error

    asyncio.run(talk())
    assert outcome(spans.only()) == "failed"


def left_midway(span: Any) -> None:
    assert outcome(span) in ("cancelled", "abandoned")
    assert not failed(span)
    assert json.loads(attributes(span)["genba.output"]) == ["a"]


def test_a_generator_left_by_break_and_dropped_keeps_what_it_yielded(spans: Spans) -> None:
    for _ in genba.observe(generator_function)("a", times=5):
        break
    gc.collect()
    left_midway(spans.only())


def test_a_closed_generator_keeps_what_it_yielded_and_runs_its_own_finally(spans: Spans) -> None:
    cleaned: list[str] = []

    @genba.observe
    def careful() -> Iterator[str]:
        try:
            yield "a"
        finally:
            with spans.app.start_as_current_span("cleaning"):
                cleaned.append("up")

    generator: Any = careful()
    next(generator)
    generator.close()
    generator.close()
    assert cleaned == ["up"]
    left_midway(spans.only())
    assert is_child(spans.named("cleaning"), spans.only())


def test_a_generator_closed_in_another_thread_is_one_span(spans: Spans) -> None:
    generator: Any = genba.observe(generator_function)("a", times=5)
    next(generator)
    thread = threading.Thread(target=generator.close)
    thread.start()
    thread.join()
    left_midway(spans.only())


def test_a_generator_read_by_several_threads_in_turn_is_one_span(spans: Spans) -> None:
    generator = genba.observe(generator_function)("a", times=3)
    got: list[str] = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: got.append(next(generator)))
        thread.start()
        thread.join()
    assert list(generator) == []
    assert got == ["a", "a", "a"]
    assert outcome(spans.only()) == "completed"


def test_a_generator_that_was_never_started_ran_nothing_and_leaves_nothing_open(spans: Spans) -> None:
    ran: list[str] = []

    @genba.observe
    def lazy() -> Iterator[str]:
        ran.append("ran")
        yield "a"

    unused: Any = lazy()
    unused.close()
    dropped = lazy()
    del dropped
    gc.collect()
    assert ran == []
    assert all(outcome(span) in ("abandoned", "cancelled") for span in spans.all())
    assert len(spans.all()) <= 2


def test_a_coroutine_that_was_never_awaited_leaves_nothing_open(spans: Spans) -> None:
    unused: Any = genba.observe(coroutine_function)("a")
    assert inspect.iscoroutine(unused)
    unused.close()
    del unused
    gc.collect()
    assert all(outcome(span) in ("abandoned", "cancelled") for span in spans.all())
    assert len(spans.all()) <= 1


def test_an_async_generator_closed_in_another_task_is_one_span(spans: Spans) -> None:
    async def talk() -> None:
        generator: Any = genba.observe(async_generator_function)("a", times=5)
        await generator.__anext__()
        await asyncio.create_task(generator.aclose())
        left_midway(spans.only())

    asyncio.run(talk())
    left_midway(spans.only())


def test_an_async_generator_read_by_several_tasks_in_turn_is_one_span(spans: Spans) -> None:
    async def talk() -> list[str]:
        generator: Any = genba.observe(async_generator_function)("a", times=3)
        return [await asyncio.create_task(generator.__anext__()) for _ in range(3)]

    assert asyncio.run(talk()) == ["a", "a", "a"]
    gc.collect()
    assert outcome(spans.only()) in ("cancelled", "abandoned")


def test_an_async_generator_left_by_break_is_one_span(spans: Spans) -> None:
    async def talk() -> None:
        async for _ in genba.observe(async_generator_function)("a", times=5):
            break
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(talk())
    left_midway(spans.only())


def test_an_async_generator_left_open_when_its_loop_ends_is_one_span(spans: Spans) -> None:
    kept: list[Any] = []

    async def talk() -> None:
        kept.append(genba.observe(async_generator_function)("a", times=5))
        await kept[0].__anext__()

    asyncio.run(talk())
    left_midway(spans.only())


@pytest.mark.parametrize("kind", ["coroutine", "async generator"])
def test_a_cancelled_task_ends_the_span_as_cancelled(kind: str, spans: Spans) -> None:
    @genba.observe
    async def forever() -> None:
        await asyncio.Event().wait()

    @genba.observe
    async def forever_after_one() -> AsyncIterator[str]:
        yield "a"
        await asyncio.Event().wait()

    async def consume() -> None:
        if kind == "coroutine":
            await forever()
        async for _ in forever_after_one():
            pass

    async def talk() -> None:
        task = asyncio.create_task(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(talk())
    span = spans.only()
    assert outcome(span) == "cancelled"
    assert not failed(span)


def test_a_span_held_open_across_a_yield_neither_leaks_nor_complains(spans: Spans) -> None:
    @genba.observe
    def holding() -> Iterator[int]:
        with spans.app.start_as_current_span("held"):
            yield 1
            yield 2

    with spans.app.start_as_current_span("caller") as caller:
        for _ in holding():
            assert trace.get_current_span() is caller
        assert trace.get_current_span() is caller
    assert is_child(spans.named("held"), spans.only())


def test_a_recursive_generator_nests_its_spans(spans: Spans) -> None:
    @genba.observe
    def countdown(number: int) -> Iterator[int]:
        yield number
        if number:
            yield from countdown(number - 1)

    assert list(countdown(3)) == [3, 2, 1, 0]
    found = {json.loads(attributes(span)["genba.input"])["number"]: span for span in spans.all()}
    assert sorted(found) == [0, 1, 2, 3]
    assert all(is_child(found[number - 1], found[number]) for number in (1, 2, 3))
