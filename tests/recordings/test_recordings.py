"""Real exchanges, served again to the real clients: what is recorded is what the wire said, and the host got what it gets without genba.

The exchanges are not part of the project: `GENBA_RECORDINGS` says where they are, else a folder beside the project is looked at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from recordings.calling import FORMS, call
from recordings.clients import OTHERS
from recordings.reading import Part, Said, read
from support.spans import Spans, attributes, failed, messages, outcome
from support.wire import Server

PLACE = Path(os.environ.get("GENBA_RECORDINGS") or Path(__file__).resolve().parents[3] / "shared" / "recordings")
CLIENTS = [*(name for name in ("openai", "anthropic", "groq", "together") if find_spec(name)), *OTHERS]


def exchanges() -> Iterator[Any]:
    for client in CLIENTS:
        for path in sorted((PLACE / "providers" / client).glob("*.json")):
            for form in OTHERS[client].FORMS if client in OTHERS else FORMS:
                yield pytest.param(json.loads(path.read_text()), form, id=f"{client}-{path.stem}-{form}".replace(" ", "_"))


def test_there_are_recordings() -> None:
    if not PLACE.exists():
        pytest.skip(f"no recordings at {PLACE}; set GENBA_RECORDINGS to the folder that holds them")
    assert {parameters.values[0]["client"] for parameters in exchanges()} == set(CLIENTS)


@pytest.mark.parametrize(("exchange", "form"), list(exchanges()))
def test_a_real_exchange_is_recorded_as_the_wire_said_it(
    exchange: Mapping[str, Any], form: str, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    other = OTHERS.get(exchange["client"])
    play = other.call if other else call
    without = play(exchange, form, server)
    spans = start_tracing()
    seen = play(exchange, form, server)
    assert seen == without, "the host got something else"
    assert seen, "the host got nothing"
    [request] = server.received
    assert wanted(request.json) == wanted(exchange["request"]["body"]), "this is not the call that was recorded"

    span, said = spans.only(), (other.read if other else read)(exchange)
    told = attributes(span)
    assert span.name == f"{said.operation} {said.asked['gen_ai.request.model']}"
    assert {name: told.get(name) for name in said.asked} == said.asked
    assert [name for name in told if name.startswith("gen_ai.request.") and name not in said.asked and name not in UNREAD] == []
    assert recorded_turns(span, "input") == [(role, parts) for role, parts in said.turns if parts]
    assert "".join(part["content"] for part in json.loads(told.get("gen_ai.system_instructions", "[]"))) == said.instructions
    assert [tool["name"] for tool in json.loads(told.get("gen_ai.tool.definitions", "[]"))] == said.tools
    if exchange["response"]["status"] >= 400:
        assert outcome(span) == "failed"
        assert failed(span)
        assert messages(span) == []
        return
    assert outcome(span) == "completed"
    assert not failed(span)
    check_answer(span, told, said)


def wanted(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request less what clients of different ages put differently."""
    said = {name: value for name, value in body.items() if value is not None and value != []}
    return {name: value for name, value in said.items() if (name, value) != ("stream", False) and name != "encoding_format"}


UNREAD = ("gen_ai.request.encoding_formats",)


def check_answer(span: Any, told: Mapping[str, Any], said: Said) -> None:
    """The answer's ids, reasons, numbers and parts."""
    assert told.get("gen_ai.response.id") == said.id
    assert told.get("gen_ai.response.model") == said.model
    assert list(told.get("genba.response.finish_reasons", ())) == said.finish
    assert len(told.get("gen_ai.response.finish_reasons", ())) == len(said.finish)
    assert [parts for _, parts in recorded_turns(span, "output")] == [parts for parts in said.answers if parts]
    assert {name: value for name, value in told.items() if name.startswith("gen_ai.usage.") and value} == said.usage
    if said.raw_usage:
        raw = json.loads(told["genba.usage.raw"])
        assert {name: value for name, value in raw.items() if value is not None} == {
            name: value for name, value in said.raw_usage.items() if value is not None
        }
    else:
        assert "genba.usage.raw" not in told


def recorded_turns(span: Any, which: str) -> list[tuple[str, list[Part]]]:
    """The recorded messages in the judge's form."""
    turns = [(message["role"], [_recorded(part) for part in message["parts"]]) for message in messages(span, which)]
    return [(role, parts) for role, parts in turns if parts]


def _recorded(part: Mapping[str, Any]) -> Part:
    kind = part["type"]
    keys = {
        "tool_call": ("id", "name", "arguments"),
        "tool_call_response": ("id", "response"),
        "server_tool_call": ("id",),
        "uri": ("uri",),
    }.get(kind, ("content",))
    return kind, *(part.get(key) for key in keys)
