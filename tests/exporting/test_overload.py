"""When spans come faster than they can be written: memory is bounded, what a call cost is kept, and every call is accounted for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.background import CROWDED, LIMIT, Background
from genba.conversation import Response, Usage
from genba.exporting import crowding
from genba.recording.ledger import OVERLOADED
from support.programs import run
from support.spans import Spans, attributes

PROGRAM = """
import json, resource, threading, warnings
warnings.simplefilter("ignore")
import genba
from genba import running
from genba.conversation import Response, Usage
genba.init(export="jsonl:spans.jsonl")
background = running.state().signals.background
entered, release = threading.Event(), threading.Event()
def stuck(items):
    entered.set()
    release.wait(500)
background.put(stuck, None)
entered.wait(20)
text = "x" * 100_000
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(CALLS):
    with genba.inference("m") as call:
        call.request(messages=text + str(number))
        call.response(Response(usage=Usage(input_tokens=1, output_tokens=2)))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
release.set()
flushed = genba.flush(60)
account = running.state().signals.ledger.account()
absent = [tuple(one) for one in running.state().signals.ledger.absences()]
print(json.dumps([grown // 1024, flushed, account._asdict(), absent]))
"""


def test_50_000_calls_of_100_kb_before_a_destination_that_is_stuck(tmp_path: Path) -> None:
    calls = 50_000
    ran = run(PROGRAM.replace("CALLS", str(calls)), folder=tmp_path, limit=500)
    grown, flushed, account, absent = json.loads(ran.out)
    lines = [json.loads(line)["attributes"] for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert flushed == [True, 0]
    assert grown < 400, "MiB; unbounded it would be 5,000"
    exported, dropped = account["exported"]["jsonl:spans.jsonl"], account["dropped"][OVERLOADED]
    assert (account["made"], account["ended"], exported + dropped) == (calls, calls, calls)
    assert absent == [[1, dropped, "", OVERLOADED]]
    assert [one["genba.call.sequence"] for one in lines] == list(range(dropped + 1, calls + 1))
    assert all(one["gen_ai.usage.input_tokens"] == 1 and one["gen_ai.request.model"] == "m" for one in lines)
    assert account["dropped_usage"] == {"input_tokens": dropped, "output_tokens": 2 * dropped}
    print(f"grew by {grown} MiB, {exported} exported, {account['content_dropped']} without what was said, {dropped} dropped")


class Stuck:
    """A thread of genba's that does nothing until it is let go."""

    def __init__(self, background: Background) -> None:
        self.release = threading.Event()
        entered = threading.Event()

        def work(items: Sequence[Any]) -> None:
            entered.set()
            self.release.wait(60)

        background.put(work, None)
        assert entered.wait(20)


def ask(number: int) -> None:
    with genba.inference(model="m", provider="acme") as call:
        call.request(messages=f"{number} " + "x" * 1000)
        call.response(Response(id=f"r-{number}", usage=Usage(input_tokens=number)))


def at_work() -> Any:
    from genba import running

    state = running.state()
    assert state is not None
    return state


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A budget of some calls."""
    monkeypatch.setitem(crowding.Crowd.__init__.__kwdefaults__, "budget", 20_000)
    return 20_000


def test_the_newest_content_goes_first_and_says_so(small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    genba.init(export="jsonl:spans.jsonl")
    stuck = Stuck(at_work().signals.background)
    ask(0)
    for number in range(1, CROWDED + 40):
        ask(number)
    stuck.release.set()
    assert genba.flush(20)
    lines = [json.loads(line)["attributes"] for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert [one["gen_ai.response.id"] for one in lines] == [f"r-{number}" for number in range(CROWDED + 40)]
    assert [one["gen_ai.usage.input_tokens"] for one in lines] == list(range(CROWDED + 40))
    dropped = [one.get("genba.content.dropped") == "overload" for one in lines]
    assert dropped == sorted(dropped)
    assert 0 < dropped.count(True) < 40
    assert [("gen_ai.input.messages" in one) for one in lines] == [not one for one in dropped]
    assert at_work().signals.ledger.content_dropped == dropped.count(True)
    assert "kept without what was said" in str(genba.doctor())
    ask(1000)  # there is room again
    assert genba.flush(20)
    assert "gen_ai.input.messages" in json.loads((tmp_path / "spans.jsonl").read_text().splitlines()[-1])["attributes"]
    genba.uninstrument()


def test_in_the_app_s_own_pipeline_nothing_is_taken_from_its_exporters(
    small: int, tmp_path: Path, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(export=f"jsonl:{tmp_path / 'spans.jsonl'}", store=None)
    stuck = Stuck(at_work().signals.background)
    for number in range(CROWDED + 40):
        ask(number)
    stuck.release.set()
    flushed = genba.flush(20)
    assert all("gen_ai.input.messages" in attributes(span) for span in spans.all())
    assert len(spans.all()) == CROWDED + 40
    written = len((tmp_path / "spans.jsonl").read_text().splitlines())
    assert flushed.dropped == {OVERLOADED: CROWDED + 40 - written}
    assert 0 < flushed.dropped[OVERLOADED] < 40


def test_the_oldest_goes_out_of_the_middle_of_other_work() -> None:
    background = Background(limit=LIMIT)
    stuck = Stuck(background)
    done: list[tuple[str, Any]] = []

    def ours(items: Sequence[Any]) -> None:
        done.extend(("ours", item) for item in items)

    def others(items: Sequence[Any]) -> None:
        done.extend(("others", item) for item in items)

    for number in range(3):
        background.put(others, number)
        background.put(ours, number)
    assert background.displace(ours) == 0
    assert background.displace(print) is None
    assert background.waiting_for(ours) == [1, 2]
    stuck.release.set()
    assert background.flush(10)
    assert [item for who, item in done if who == "others"] == [0, 1, 2]
    assert [item for who, item in done if who == "ours"] == [1, 2]
