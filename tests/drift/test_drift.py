"""What is planted is found; what is not there is not."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from drift.traffic import SYSTEM, Change, stored, traffic
from genba.drift import Report, compare, gather
from genba.drift.facts import unit_of
from genba.drift.lines import Line
from genba.store.querying import Scan
from genba.store.reader import Store
from genba.store.rows import RunRow, SpanRow
from genba.store.writer import StoreWriter
from store.example import chat, encoded


@pytest.fixture
def report(tmp_path: Path) -> Iterator[Any]:
    open_stores: list[Store] = []

    def compared(base: list[SpanRow], other: list[SpanRow], **more: Any) -> Report:
        sides = []
        for name, rows in (("base", base), ("other", other)):
            store = stored(tmp_path / f"{name}{len(open_stores)}.db", rows)
            open_stores.append(store)
            sides.append(gather(store, name, store.scan(), unit=more.get("unit", "conversation")))
        return compare(sides[0], sides[1], **more)

    yield compared
    for store in open_stores:
        store.close()


@pytest.fixture
def imported(tmp_path: Path) -> Any:
    """Compare calls of runs, twenty of each, that differ in their packages."""

    def compared(base: list[dict[str, str] | None], other: list[dict[str, str] | None]) -> Report:
        sides = []
        for name, runs in (("base", base), ("other", other)):
            path = tmp_path / f"{name}.db"
            for number, packages in enumerate(runs):
                run = RunRow(
                    run_id=f"{name}{number}", pid=1, started_ns=1, python="3.12", genba="0.1.0", command=[], packages=packages
                )
                writer = StoreWriter(path, run=run)
                writer.write([chat(("user", "q"), ("assistant", "a"), run_id=run.run_id) for _ in range(20)])
                writer.close()
            with Store(path) as store:
                sides.append(gather(store, name, store.scan()))
        return compare(*sides)

    return compared


def drifted(report: Report) -> list[str]:
    return [line.key for line in report.lines if line.verdict == "drifted"]


def line(report: Report, key: str) -> Line:
    return next(line for line in report.lines if line.key == key)


def to(name: str, value: Any) -> Change:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        call["attributes"][name] = value

    return change


def test_two_samples_of_the_same_traffic_are_not_called_drifted(tmp_path: Path) -> None:
    splits, alpha = 200, 0.1
    with stored(tmp_path / "same.db", traffic(5, 40)) as store:
        units = {row: unit_of(span) for row, span in store.read(store.rows())}
        names = sorted(set(map(str, units.values())))
        smallest = []
        for seed in range(splits):
            chosen = set(random.Random(seed).sample(names, 20))
            halves = [[row for row, unit in units.items() if (unit in chosen) is is_base] for is_base in (True, False)]
            base, other = (
                gather(store, name, Scan(len(rows), store.read(rows)), sample=40)
                for name, rows in zip(("base", "other"), halves, strict=True)
            )
            found = compare(base, other, alpha=alpha, seed=seed)
            assert found.tests > 5
            smallest.append(min(line.p for line in found.lines if line.p is not None))
    for level in (0.01, alpha):
        # No more than three standard deviations above what was promised.
        most = splits * level + 3 * math.sqrt(splits * level * (1 - level))
        assert sum(p <= level for p in smallest) <= most


def test_one_added_token_is_another_fingerprint_and_is_found(report: Any) -> None:
    found = report(traffic(1, 20), traffic(2, 20, to("genba.tokenizer.fingerprint", "77aa02aa93b1d0e7")))
    assert drifted(found) == ["tokenizer"]
    told = line(found, "tokenizer")
    assert told.effect == 1.0
    assert told.words == "5f1c02aa93b1d0e7 only in base (100 %); 77aa02aa93b1d0e7 only in other (100 %)"
    assert len(told.base_spans) == len(told.other_spans) == 3


def test_ten_words_more_in_the_instructions_are_found(report: Any) -> None:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        call["system"] = SYSTEM + " If you do not know it, say so and be kind."

    found = report(traffic(1, 30), traffic(2, 30, change))
    assert drifted(found)[0] == "system"
    assert {"input_tokens", "input_tokens_used"} <= set(drifted(found))


def test_a_prompt_whose_beginning_always_varies_is_found_by_its_words(report: Any) -> None:
    def dated(call: dict[str, Any], chance: random.Random) -> None:
        call["system"] = f"Today is day {chance.randrange(10_000)}. {call['system']}"

    def changed(call: dict[str, Any], chance: random.Random) -> None:
        call["system"] = SYSTEM.replace("Answer in one sentence", "Answer at length")
        dated(call, chance)

    found = report(traffic(1, 60, dated), traffic(2, 60, changed))
    assert "system" not in drifted(found)
    told = line(found, "input_tokens_used")
    assert told.verdict == "drifted"
    assert {"'length'", "'at'"} & {token["token"] for token in told.details["tokens"][:4]}


def test_another_temperature_in_a_tenth_of_the_calls_is_found(report: Any) -> None:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        if chance.random() < 0.1:
            call["attributes"]["gen_ai.request.temperature"] = 0.9

    found = report(traffic(1, 200), traffic(2, 200, change))
    assert drifted(found) == ["temperature"]
    assert "0.9 only in other (" in line(found, "temperature").words


def test_answers_a_fifth_longer_are_found(report: Any) -> None:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        call["long"] = round(call["long"] * 1.2)

    found = report(traffic(1, 250, content=False), traffic(2, 250, change, content=False))
    assert drifted(found) == ["output_tokens"]
    assert 0.1 < line(found, "output_tokens").details["dominance"] < 0.4


def test_a_wider_spread_around_the_same_median_is_found(report: Any) -> None:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        call["duration"] = 0.75 * chance.choice([0.3, 3])

    assert "duration" in drifted(report(traffic(1, 60, content=False), traffic(2, 60, change, content=False)))


def test_tokens_are_compared_where_both_sides_have_those_of_one_tokenizer(report: Any) -> None:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        call["words"] = [*call["words"][:2], "moreover", *call["words"][2:]]

    found = report(traffic(1, 40, tokens=True), traffic(2, 40, change, tokens=True))
    told = line(found, "output_tokens_used")
    assert told.title == "answer: tokens"
    assert told.verdict == "drifted"
    assert told.details["tokens"][0]["token"].endswith(" 'moreover'")
    assert isinstance(told.details["tokens"][0]["id"], int)

    apart = report(traffic(1, 40, tokens=True), traffic(2, 40, to("genba.tokenizer.fingerprint", "other"), tokens=True))
    assert line(apart, "output_tokens_used").title == "answer: words"
    assert line(apart, "output_tokens_used").verdict == "same"


def test_a_changed_tool_is_found_and_named(report: Any) -> None:
    def change(call: dict[str, Any], chance: random.Random) -> None:
        call["tools"] = (*call["tools"], {"type": "function", "name": "lend_book"})

    found = report(traffic(1, 30), traffic(2, 30, change))
    assert drifted(found) == ["tools"]
    assert line(found, "tools").words.startswith("lend_book ")


def test_too_few_calls_get_no_verdict(report: Any) -> None:
    found = report(traffic(1, 3), traffic(2, 5, to("genba.tokenizer.fingerprint", "other")))
    assert not found.drifted
    told = line(found, "tokenizer")
    assert told.verdict == "too few"
    assert told.words.startswith("too few conversations or traces to tell (3 and 5): ")
    assert told.base_spans
    assert line(found, "provider").verdict == "same"


def test_calls_of_one_conversation_count_as_one_unless_said_otherwise(report: Any) -> None:
    base = [
        chat(("user", "q"), ("assistant", "a"), trace_id=b"1" * 16, attributes={"gen_ai.request.top_p": 0.1}) for _ in range(30)
    ]
    other = [
        chat(("user", "q"), ("assistant", "a"), trace_id=b"2" * 16, attributes={"gen_ai.request.top_p": 0.2}) for _ in range(30)
    ]
    assert line(report(base, other), "top_p").verdict == "too few"
    assert "top_p" in drifted(report(base, other, unit="call"))


def test_without_content_it_is_said_what_could_not_be_compared(report: Any) -> None:
    found = report(traffic(1, 20), traffic(2, 20, content=False))
    for key in ("system", "opening", "tools", "input_tokens_used", "output_tokens_used"):
        assert line(found, key).verdict == "not compared"
        assert line(found, key).words == "what was said is not recorded in other: content was off, or the calls have none"
    assert line(found, "temperature").verdict == "same"


def test_what_only_one_side_records_is_not_compared(report: Any) -> None:
    found = report(traffic(1, 20, to("openai.response.system_fingerprint", "fp_1")), traffic(2, 20))
    assert line(found, "system_fingerprint").verdict == "not compared"
    assert line(found, "system_fingerprint").words == "not recorded in other"
    assert not found.drifted


def test_content_that_was_removed_is_said(tmp_path: Path) -> None:
    with stored(tmp_path / "a.db", traffic(1, 20)) as store:
        ids = {
            id
            for _, span in store.read(store.rows())
            for some in span.content_ids.values()
            for id in (some if isinstance(some, list) else [some])
        }
        StoreWriter(tmp_path / "a.db").delete_content(ids, "asked for")
        side = gather(store, "base", store.scan())
        found = compare(side, gather(store, "other", store.scan()))
    assert line(found, "system").words == "what was said in base has been removed from the store"
    assert any("has been removed" in note for note in found.notes)
    assert any("are on both sides" in note for note in found.notes)


def test_versions_come_from_the_runs(tmp_path: Path) -> None:
    sides = []
    for name, python in (("base", "3.11.7"), ("other", "3.13.1")):
        run = RunRow(run_id=name, pid=1, started_ns=1, python=python, genba="0.1.0", command=["app.py"])
        writer = StoreWriter(tmp_path / f"{name}.db", run=run)
        writer.write([chat(("user", "q"), ("assistant", "a"), run_id=name) for _ in range(20)])
        writer.close()
        with Store(tmp_path / f"{name}.db") as store:
            sides.append(gather(store, name, store.scan()))
    found = compare(sides[0], sides[1])
    assert drifted(found) == ["python"]
    assert line(found, "genba").words == "always 0.1.0"


def test_the_version_of_each_package_comes_from_the_runs(imported: Any) -> None:
    found = imported(
        [{"openai": "1.109.0", "tiktoken": "0.12.0"}], [{"openai": "2.8.1", "tiktoken": "0.12.0", "langgraph": "1.0.4"}]
    )
    assert sorted(drifted(found)) == ["package langgraph", "package openai"]
    assert line(found, "package openai").words == "1.109.0 only in base (100 %); 2.8.1 only in other (100 %)"
    assert line(found, "package langgraph").words == "1.0.4 only in other (100 %); none only in base (100 %)"
    assert line(found, "package tiktoken").words == "always 0.12.0"


def test_a_package_may_differ_in_some_runs_of_one_side_only(imported: Any) -> None:
    found = imported([{"openai": "1.109.0"}, {"openai": "1.109.0"}], [{"openai": "1.109.0"}, {"openai": "2.8.1"}, None])
    told = line(found, "package openai")
    assert told.words == "1.109.0: 100 % → 50.0 %; 2.8.1 only in other (50.0 %)"
    assert told.verdict == "drifted"


@pytest.mark.parametrize(
    ("base", "other", "said"),
    [
        ([None], [{"openai": "2.8.1", "tiktoken": "0.12.0"}], [("packages", "not compared", "not recorded in base")]),
        ([None], [None], []),
    ],
)
def test_what_an_older_genba_did_not_record_is_no_drift(base: Any, other: Any, said: Any, imported: Any) -> None:
    found = imported(base, other)
    assert drifted(found) == []
    assert [(one.key, one.verdict, one.words) for one in found.lines if one.key.startswith("package")] == said


def test_damaged_token_records_and_odd_values_cost_nothing_but_themselves(report: Any) -> None:
    odd = {
        "gen_ai.response.finish_reasons": "stop",
        "gen_ai.usage.output_tokens": "many",
        "gen_ai.request.stop_sequences": ["\n", "x"],
    }
    rows = [
        chat(("user", "q"), ("assistant", "a"), attributes=odd, single_content={"genba.tokens.output": orjson.dumps([{"v": 99}])})
        for _ in range(10)
    ]
    hostile = [chat(("user", "q"), ("assistant", "a")) for _ in range(10)]
    hostile[0].content["gen_ai.tool.definitions"] = encoded("no object", 7, None, {"parameters": [1]})  # type: ignore[index]  # a dict
    found = report(rows, hostile)
    assert line(found, "stop").verdict in ("same", "drifted")
    assert line(found, "output_tokens_used").verdict == "same"


def test_the_same_two_sides_give_the_same_report(report: Any) -> None:
    base, other = traffic(1, 30), traffic(2, 30)
    assert report(base, other, seed=4) == report(base, other, seed=4)


def test_a_sample_is_read_where_there_are_many_and_it_is_told_how_far_it_is(tmp_path: Path) -> None:
    told = []
    with stored(tmp_path / "a.db", traffic(1, 40)) as store:
        side = gather(store, "base", store.scan(), sample=10, seed=3, progress=lambda *how: told.append(how))
        again = gather(store, "base", store.scan(), sample=10, seed=3)
    assert len(side.content.calls) == 10
    assert side.content.calls == again.content.calls
    assert told[0] == ("reading base", 0, len(side))
