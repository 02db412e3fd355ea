"""`genba drift`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Genba, Piped
from drift.traffic import stored, traffic
from genba.store.rows import SpanRow

Stores = Callable[..., None]


@pytest.fixture
def stores(folder: Path) -> Stores:
    def make(**sides: list[SpanRow]) -> None:
        for name, rows in sides.items():
            stored(folder / f"{name}.db", rows).close()

    return make


def other_tokenizer(call: dict[str, Any], chance: random.Random) -> None:
    call["attributes"]["genba.tokenizer.fingerprint"] = "77aa02aa93b1d0e7"
    call["attributes"]["gen_ai.request.temperature"] = 0.9


def test_each_difference_is_told_with_its_size_its_certainty_and_spans_to_look_at(
    stores: Stores, piped: Piped, genba: Genba
) -> None:
    stores(production=traffic(1, 20), test=traffic(2, 20, other_tokenizer))
    done = piped("drift", "--base", "production.db", "--other", "test.db")
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "base   production.db  43 calls in 20 conversations or traces"
    at = next(at for at, line in enumerate(lines) if line.startswith("drifted  tokenizer"))
    assert "effect 1.00" in lines[at]
    assert "5f1c02aa93b1d0e7 only in base (100 %); 77aa02aa93b1d0e7 only in other (100 %)" in lines[at + 1]
    words = lines[at + 2].split()
    assert words[0] == "base"
    assert words[4] == "other"
    assert genba("show", "--store", "production.db", words[1]).exit_code == 0
    assert genba("show", "--store", "test.db", words[5]).exit_code == 0


def test_no_drift_is_exit_code_0(stores: Stores, genba: Genba) -> None:
    stores(a=traffic(1, 30), b=traffic(2, 30))
    done = genba("drift", "--base", "a.db", "--other", "b.db")
    assert done.exit_code == 0
    assert "No drift found." in done.output
    assert "no difference beyond chance in " in done.output


def test_json_has_everything(stores: Stores, genba: Genba) -> None:
    stores(a=traffic(1, 20), b=traffic(2, 20, other_tokenizer))
    told = json.loads(genba("drift", "--base", "a.db", "--other", "b.db", "--json", "--seed", "3").output)
    assert told["drifted"] is True
    assert (told["alpha"], told["seed"], told["base"]["calls"], told["base"]["units"]) == (0.01, 3, 43, 20)
    first, second = told["lines"][:2]
    assert {first["key"], second["key"]} == {"tokenizer", "temperature"}
    assert first["verdict"] == "drifted"
    assert 0 < first["p"] < 1e-5
    assert all(len(span) == 16 for span in first["base_spans"])


def test_queries_choose_calls_of_one_store(stored: Any, genba: Genba) -> None:
    stored([*traffic(1, 20), *traffic(2, 20, other_tokenizer)])
    models = genba("drift", "--base", "model=small-1", "--other", "model='large-1' provider=openai", "--json")
    told = json.loads(models.output)
    assert told["base"]["calls"] + told["other"]["calls"] == 80
    assert next(line for line in told["lines"] if line["key"] == "request_model")["words"] == (
        "large-1 only in other (100 %); small-1 only in base (100 %)"
    )
    same = genba("drift", "--base", "service=library environment='made up' until=2100-01-01", "--other", "store=.genba/genba.db")
    assert same.exit_code == 0
    assert "are on both sides" in same.output


def test_fewer_differences_can_be_shown(stores: Stores, genba: Genba) -> None:
    stores(a=traffic(1, 20), b=traffic(2, 20, other_tokenizer))
    done = genba("drift", "--base", "a.db", "--other", "b.db", "--limit", "1")
    assert done.output.count("\ndrifted  ") == 1
    assert "… and 1 more: --limit 2 shows them" in done.output


def test_what_cannot_be_told_is_said(stores: Stores, genba: Genba) -> None:
    stores(a=traffic(1, 2), b=traffic(2, 3, other_tokenizer, content=False))
    done = genba("drift", "--base", "a.db", "--other", "b.db")
    assert done.exit_code == 0
    assert "tokenizer: too few conversations or traces to tell (2 and 3)" in done.output
    assert "system instructions: not compared: what was said is not recorded in other" in done.output
    assert "--unit call" in done.output


def test_mistakes_are_answered_with_what_to_do(stores: Stores, genba: Genba) -> None:
    stores(a=traffic(1, 2))
    wrong = genba("drift", "--base", "a.db", "--other", "color=red")
    assert wrong.exit_code == 2
    assert "--other: 'color' in 'color=red' is nothing to choose by" in wrong.output
    none = genba("drift", "--base", "a.db", "--other", "store=a.db model=none")
    assert none.exit_code == 1
    assert "There are no model calls that fit 'store=a.db model=none'" in none.output
    assert "There is no genba store at" in genba("drift", "--base", "a.db", "--other", "missing.db").output
    assert genba("drift", "--base", "a.db").exit_code == 2
    assert "no model calls that fit" in genba("drift", "--base", "store=a.db operation=execute_tool", "--other", "a.db").output


def test_words_of_strangers_move_no_cursor(stores: Stores, genba: Genba) -> None:
    def hostile(call: dict[str, Any], chance: random.Random) -> None:
        call["attributes"]["gen_ai.response.model"] = "a\x1b[2Jb\n"

    stores(a=traffic(1, 20), b=traffic(2, 20, hostile))
    done = genba("drift", "--base", "a.db", "--other", "b.db")
    assert "a\\x1b[2Jb\\n only in other (100 %)" in done.output
    assert "\x1b" not in done.output
