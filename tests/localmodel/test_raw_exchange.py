"""The store keeps the exchange as it was on the wire: from it the call could be made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.store.reader import Store
from genba.store.stored import StoredExchange
from localmodel.relay import Wire

openai = pytest.importorskip("openai")

ASK = {"model": "smollm2-135m", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 12}


@pytest.fixture
def client(wire: Wire, start_tracing: Callable[..., Any], tmp_path: Path) -> Any:
    start_tracing(store=str(tmp_path / "kept.db"))
    with openai.OpenAI(base_url=f"{wire.url}/v1", api_key="none") as made:
        yield made


@pytest.fixture
def exchange(tmp_path: Path) -> Callable[[], StoredExchange]:
    def read() -> StoredExchange:
        assert genba.flush()
        with Store(tmp_path / "kept.db") as store:
            [span] = store.latest()
            found = store.exchange(span)
        assert found
        return found

    return read


def test_a_call_is_kept_as_it_was_sent_and_answered(client: Any, wire: Wire, exchange: Callable[[], StoredExchange]) -> None:
    client.chat.completions.create(**ASK)
    kept = exchange()
    assert json.loads(kept.request or b"") == wire.last.asked
    assert json.loads(kept.response or b"") == wire.last.answered


def test_every_event_of_a_stream_is_kept_with_its_time(client: Any, wire: Wire, exchange: Callable[[], StoredExchange]) -> None:
    for _ in client.chat.completions.create(**ASK, stream=True):
        pass
    kept = exchange()
    assert json.loads(kept.request or b"") == wire.last.asked
    assert [json.loads(event) for _, event in kept.events] == wire.last.events
    assert [when for when, _ in kept.events] == sorted(when for when, _ in kept.events)
    assert kept.read_to == len(kept.events)


def test_a_stream_left_early_says_where_the_reader_stopped(client: Any, wire: Wire, exchange: Callable[[], StoredExchange]) -> None:
    with client.chat.completions.create(**ASK, stream=True) as stream:
        next(stream)
        next(stream)
    kept = exchange()
    assert [json.loads(event) for _, event in kept.events][:2] == wire.last.events[:2]
    assert kept.read_to == 2
