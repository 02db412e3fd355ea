"""The example of Anthropic's client, run as a person would."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import anthropic_wire, stored
from support.examples import run_example
from support.wire import Server

pytest.importorskip("anthropic", reason="anthropic is not installed")


def test_the_example_prints_the_answer_and_stores_the_call(server: Server, tmp_path: Path) -> None:
    server.serve(anthropic_wire.events_stream(anthropic_wire.message_events()))
    ran = run_example("anthropic_messages", tmp_path, ANTHROPIC_API_KEY="key", ANTHROPIC_BASE_URL=server.url)
    assert ran.out.strip() == "".join(anthropic_wire.ANSWER)
    assert stored.tree(tmp_path / stored.PLACE) == [("chat claude-haiku-4-5", None)]
