"""What holds inside a block reaches every span in it; and every call is counted, without gaps."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import genba
from genba.recording.ledger import Ledger
from genba.recording.scope import current
from support.spans import Spans, attributes

KEYS = ("gen_ai.conversation.id", "user.id", "genba.tags", "app.part", "app.room")


def told(spans: Spans, name: str) -> dict[str, Any]:
    return {key: value for key, value in attributes(spans.named(name)).items() if key in KEYS}


def mark(name: str) -> None:
    with genba.observe(name):
        pass


def test_inner_blocks_add_to_outer_ones_and_replace_what_they_name_again(spans: Spans) -> None:
    with genba.conversation(id="c-1", user="u-1", tags=["a"], attributes={"app.part": "front", "app.room": 1}):
        mark("outer")
        with genba.conversation(id="c-2", tags=["b", "a"], attributes={"app.part": "back"}):
            mark("inner")
        mark("outer again")
    mark("outside")
    outer = {"gen_ai.conversation.id": "c-1", "user.id": "u-1", "genba.tags": ("a",), "app.part": "front", "app.room": 1}
    assert told(spans, "outer") == told(spans, "outer again") == outer
    assert told(spans, "inner") == {**outer, "gen_ai.conversation.id": "c-2", "genba.tags": ("a", "b"), "app.part": "back"}
    assert told(spans, "outside") == {}


def test_one_word_is_one_tag(spans: Spans) -> None:
    with genba.conversation(tags="beta"):
        mark("step")
    assert told(spans, "step") == {"genba.tags": ("beta",)}


def test_a_block_may_be_entered_again_and_inside_itself(spans: Spans) -> None:
    block = genba.conversation(id="c-1")
    with block, block:
        mark("twice")
    mark("outside")
    with block:
        mark("again")
    assert told(spans, "twice") == told(spans, "again") == {"gen_ai.conversation.id": "c-1"}
    assert told(spans, "outside") == {}


def test_an_exception_ends_it(spans: Spans) -> None:
    with pytest.raises(KeyError), genba.conversation(id="c-1"):
        raise KeyError
    assert current.get() is None


async def test_tasks_keep_their_own(spans: Spans) -> None:
    async def talk(number: int) -> None:
        async with genba.conversation(id=f"c-{number}"):
            await asyncio.sleep(0)
            mark(f"step {number}")

    await asyncio.gather(*(talk(number) for number in range(5)))
    assert [told(spans, f"step {number}")["gen_ai.conversation.id"] for number in range(5)] == [
        f"c-{number}" for number in range(5)
    ]


def test_one_block_used_by_many_threads_at_once_leaves_nothing_behind(spans: Spans) -> None:
    block = genba.conversation(id="c-1")
    entered, first_is_out = threading.Event(), threading.Event()
    after: list[Any] = []

    def first() -> None:
        with block:
            entered.wait(20)
        after.append(current.get())
        first_is_out.set()

    def second() -> None:
        with block:
            entered.set()
            first_is_out.wait(20)
            mark("still inside")
        after.append(current.get())

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert after == [None, None]
    assert told(spans, "still inside") == {"gen_ai.conversation.id": "c-1"}


def test_left_in_another_context_it_leaves_that_one_alone() -> None:
    block = genba.conversation(id="c-1")
    block.__enter__()
    thread = threading.Thread(target=lambda: block.__exit__(None, None, None))
    thread.start()
    thread.join()
    assert current.get() is not None
    current.set(None)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "value",
    [object(), 10**5000, 2**70, None, [object()], float("nan"), "\ud800"],
    ids=["object", "huge", "big", "none", "objects", "nan", "surrogate"],
)
def test_a_value_that_no_attribute_can_have_costs_itself_at_most(
    value: Any, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    with genba.conversation(id="c-1", attributes={"app.part": value, "app.room": 1}):
        mark("step")
    found = attributes(spans.only())
    assert (found["app.room"], found["genba.outcome"]) == (1, "completed")
    assert can_be_exported(found.get("app.part", ""))
    assert "Invalid type" not in caplog.text


def can_be_exported(value: Any) -> bool:
    """Whether it is a text that UTF-8 holds, a finite float, a 64-bit integer, or a list of such."""
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, tuple):
        return all(can_be_exported(one) for one in value)
    return (isinstance(value, int) and -(2**63) <= value < 2**63) or (isinstance(value, float) and math.isfinite(value))


@pytest.mark.hostile
@pytest.mark.parametrize("tags", [[1, 2], [None], [object()], [["a"]]], ids=["numbers", "none", "objects", "lists"])
def test_tags_are_words_whatever_was_given(tags: Any, spans: Spans) -> None:
    with genba.conversation(tags=tags):
        mark("step")
    found = attributes(spans.only())
    assert found["genba.outcome"] == "completed"
    assert all(isinstance(tag, str) for tag in found.get("genba.tags", ()))


def test_calls_are_numbered_from_1_without_gaps(spans: Spans) -> None:
    def work(number: int) -> None:
        for _ in range(20):
            mark(f"{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = [attributes(span) for span in spans.all()]
    assert sorted(one["genba.call.sequence"] for one in found) == list(range(1, 161))
    assert len({one["genba.run.id"] for one in found}) == 1


def test_each_start_is_a_run_of_its_own(start_tracing: Callable[..., Spans]) -> None:
    runs = []
    for _ in range(2):
        spans = start_tracing()
        mark("step")
        genba.uninstrument()
        runs.append(attributes(spans.only())["genba.run.id"])
    assert runs[0] != runs[1]


def test_a_fork_is_a_run_of_its_own_that_knows_its_parent() -> None:
    ledger = Ledger()
    before = ledger.run_id
    ledger.number()
    ledger.open[1] = object()
    ledger.dropped["x"] += 1
    ledger.forked()
    assert ledger.run_id != before
    assert ledger.parent_run_id == before
    assert ledger.number() == 1
    assert (ledger.open, ledger.dropped, ledger.ended) == ({}, {}, 0)


def test_the_counts_add_up(spans: Spans) -> None:
    with genba.observe("in flight"):
        mark("done")
        counts = genba.doctor().counts
        assert (counts["made"], counts["in flight"], counts["ended"]) == (2, 1, 1)
    counts = genba.doctor().counts
    assert (counts["made"], counts["in flight"], counts["ended"]) == (2, 0, 2)
