"""Work done elsewhere goes on where it was handed in: below the same span, in the same conversation."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace

import genba
from support.spans import Spans, attributes, tree


@genba.tool
def work(number: int) -> int:
    """Doubles."""
    return 2 * number


def in_a_thread(function: Callable[[], Any]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@pytest.mark.parametrize("way", ["thread", "pool", "map", "run_in_executor"])
def test_a_carried_function_goes_on_below_the_span_where_it_was_made(way: str, spans: Spans) -> None:
    with spans.app.start_as_current_span("caller"), genba.conversation(id="c-1", tags=["t"]), ThreadPoolExecutor(2) as pool:
        carried = genba.carry(work)
        if way == "thread":
            in_a_thread(lambda: carried(1))
        elif way == "pool":
            assert pool.submit(carried, 3).result() == 6
        elif way == "map":
            assert list(pool.map(carried, [1])) == [2]
        else:

            async def scenario() -> int:
                return await asyncio.get_running_loop().run_in_executor(pool, carried, 4)

            assert asyncio.run(scenario()) == 8
    assert tree(spans) == ["caller", "  execute_tool work"]
    assert attributes(spans.only())["gen_ai.conversation.id"] == "c-1"


def test_without_carrying_a_thread_begins_a_trace_of_its_own(spans: Spans) -> None:
    with spans.app.start_as_current_span("caller"):
        in_a_thread(lambda: work(1))
    assert sorted(tree(spans)) == ["caller", "execute_tool work"]


def test_a_task_and_to_thread_need_no_carrying(spans: Spans) -> None:
    async def scenario() -> None:
        await asyncio.to_thread(work, 1)
        await asyncio.create_task(asyncio.to_thread(work, 2))

    with spans.app.start_as_current_span("caller"):
        asyncio.run(scenario())
    assert tree(spans) == ["caller", "  execute_tool work", "  execute_tool work"]


def test_a_carried_function_is_called_and_looks_like_the_function(spans: Spans) -> None:
    carried = genba.carry(work)
    assert (carried.__name__, carried.__doc__, carried(2)) == ("work", "Doubles.", 4)
    assert genba.carry(carried) is carried
    with pytest.raises(TypeError):
        carried("a", "b")  # type: ignore[call-arg,arg-type]


def test_nothing_stays_current_after_a_carried_function(spans: Spans) -> None:
    with spans.app.start_as_current_span("caller"):
        carried = genba.carry(work)
    carried(1)
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_carried_function_can_be_copied_and_pickled(spans: Spans) -> None:
    with spans.app.start_as_current_span("caller"):
        carried = genba.carry(_plain)
    for again in (pickle.loads(pickle.dumps(carried)), copy.copy(carried)):
        with pytest.raises(ZeroDivisionError):
            again(0)
        assert again(2) == 0.5
    assert [line for line in tree(spans) if "  " in line] == []


def _plain(number: int) -> float:
    return 1 / number


def test_a_carrier_says_it_in_text_that_any_queue_can_hold(spans: Spans) -> None:
    with (
        spans.app.start_as_current_span("caller") as caller,
        genba.conversation(id="c-1", user="u", tags=["a"], attributes={"n": 7}),
    ):
        sent = genba.carrier()
    assert all(isinstance(value, str) for value in sent.values())
    with genba.resume(sent):
        work(1)
    assert tree(spans) == ["caller", "  execute_tool work"]
    told = attributes(spans.only())
    assert (told["gen_ai.conversation.id"], told["user.id"], told["genba.tags"], told["n"]) == ("c-1", "u", ("a",), 7)
    assert f"{caller.get_span_context().trace_id:032x}" in sent["traceparent"]


def test_where_nothing_is_current_a_carrier_is_empty_and_carries_nothing(spans: Spans) -> None:
    assert genba.carrier() == {}
    with genba.resume({}):
        work(1)
    assert tree(spans) == ["execute_tool work"]


@pytest.mark.parametrize(
    "sent",
    [
        {"traceparent": "nonsense"},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
        {"traceparent": ""},
        {"genba-conversation": "[1]"},
        {"genba-conversation": '{"id": 7, "tags": [1], "attributes": 3}'},
    ],
)
def test_a_carrier_that_says_nothing_usable_changes_nothing(sent: dict[str, str], spans: Spans) -> None:
    with genba.resume(sent):
        assert work(1) == 2
    assert tree(spans) == ["execute_tool work"]
    assert "gen_ai.conversation.id" not in attributes(spans.only())


@pytest.mark.hostile
def test_a_conversation_that_is_no_json_is_counted_and_left_out(spans: Spans) -> None:
    with genba.resume({"genba-conversation": "{broken"}):
        work(1)
    assert tree(spans) == ["execute_tool work"]


def test_the_environment_for_a_program_has_the_current_span(spans: Spans) -> None:
    assert "TRACEPARENT" not in genba.environment({})
    with spans.app.start_as_current_span("caller"):
        said = genba.environment({"PATH": "/bin"})
    assert said["PATH"] == "/bin"
    assert said["TRACEPARENT"].startswith("00-")


class Subclassed(threading.Thread):
    """A thread of the host's own kind."""

    def run(self) -> None:
        work(1)


def test_threads_and_pools_take_the_span_along_where_that_was_asked_for(start_tracing: Callable[..., Spans]) -> None:
    originals = threading.Thread.start, ThreadPoolExecutor.submit
    spans = start_tracing(carry_context=["threads"])
    with spans.app.start_as_current_span("caller"), ThreadPoolExecutor(1) as pool:
        in_a_thread(lambda: work(1))
        thread = Subclassed()
        thread.start()
        thread.join()
        assert thread.run.__func__ is Subclassed.run
        timer = threading.Timer(0, lambda: work(1))
        timer.start()
        timer.join()
        assert list(pool.map(work, [1])) == [2]
    assert tree(spans) == ["caller", *["  execute_tool work"] * 4]
    genba.uninstrument()
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == originals


def test_a_thread_that_cannot_be_started_twice_says_so_as_ever(start_tracing: Callable[..., Spans]) -> None:
    start_tracing(carry_context=True)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    with pytest.raises(RuntimeError, match="once"):
        thread.start()
    thread.join()
