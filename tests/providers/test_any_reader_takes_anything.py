"""What is on the wire may be anything: every reader of every provider takes it, and what comes of it can be exported.

Needs none of the clients. The words of a provider's own source are the fields that are filled with nonsense, so that readers get far.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib
import json
import pkgutil
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genba import harmless, providers
from genba.observing.beginning import begun
from genba.observing.call import Call
from genba.observing.endpoint import Endpoint
from genba.providers.generated_clients import GeneratedClient
from genba.providers.litellm import answers
from genba.providers.litellm.noted import Noted
from genba.providers.openai import realtime
from genba.providers.openai.chat import CHAT
from genba.providers.vector_stores import retrieval
from genba.recording.pending import invocation_of
from support.clients import EVERY_SERVICE
from support.endings import STREAM_ENDINGS, play_stream, play_value
from support.hostile import deep, deep_mapping
from support.hosts import HOSTS
from support.services import Service
from support.spans import Spans, attributes, outcome, readable
from support.wire import Server

pytestmark = pytest.mark.hostile  # what is truly impossible to read may fail, under a guard; the tests say which may not


def _modules() -> Iterator[Any]:
    for module in pkgutil.walk_packages(providers.__path__, f"{providers.__name__}."):
        yield importlib.import_module(module.name)


def _endpoints_in(value: Any) -> Iterator[Endpoint]:
    if isinstance(value, Endpoint):
        yield value
    elif isinstance(value, dict):
        yield from (endpoint for item in value.values() for endpoint in _endpoints_in(item))
    elif isinstance(value, (list, tuple)):
        yield from (endpoint for item in value for endpoint in _endpoints_in(item))
    elif isinstance(value, GeneratedClient):
        yield from _endpoints_in(dict(value.routes))


def _declared() -> Iterator[tuple[str, Endpoint]]:
    """Every endpoint that a module of a provider declares, with the place where it does."""
    for module in _modules():
        for name, value in vars(module).items():
            for endpoint in _endpoints_in(value):
                place = module.__name__.removeprefix(f"{providers.__name__}.")
                yield f"{place}.{name}-{endpoint.provider}-{endpoint.operation}", endpoint
    # Those that are made when they are called.
    yield "litellm.any", replace(CHAT, request=partial(answers.asked, CHAT), response=partial(answers.read, CHAT, Noted(None)))
    readers = {"request": retrieval.read_request, "response": retrieval.read_response}
    yield "vector_stores.any", Endpoint(operation="retrieval", provider="any", **readers)


def _different(declared: Sequence[tuple[str, Endpoint]]) -> dict[str, Endpoint]:
    """One endpoint of all that have the same readers."""
    found: dict[Any, tuple[str, Endpoint]] = {}
    for name, endpoint in declared:
        found.setdefault((endpoint.request, endpoint.response, endpoint.fold, endpoint.failed), (name, endpoint))
    return dict(found.values())


DECLARED = list(_declared())
ENDPOINTS = _different(DECLARED)
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
many_examples = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _sources(endpoint: Endpoint) -> set[Path]:
    """The modules of the readers, and those beside them."""
    found: set[Path] = set()
    for reader in (endpoint.request, endpoint.response, endpoint.fold, endpoint.failed, endpoint.is_last):
        function: Any = reader
        while isinstance(function, functools.partial):
            function = function.func
        module = sys.modules.get(getattr(function, "__module__", ""))
        place = Path(str(getattr(module, "__file__", "")))
        if providers.__name__ in getattr(module, "__name__", ""):
            found.update(place.parent.glob("*.py") if place.parent.name != "providers" else (place,))
    return found


@functools.cache
def _words_of(source: Path) -> frozenset[str]:
    texts = (node.value for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Constant))
    return frozenset(text for text in texts if isinstance(text, str) and 0 < len(text) < 40 and " " not in text)


def _words(endpoint: Endpoint) -> list[str]:
    return sorted({"id", "type", "text", "content"}.union(*map(_words_of, _sources(endpoint))))


TEXTS = ("", "{", "[1]", '{"a": {"b": [null]}}', "data:image/png;base64,AAAA", "data:,", "https://\udcff[", "\ud800", "x" * 300)
NUMBERS = (-1, 0, 3, 2**63, -(2**64), 10**400, 1e308)


def odd(words: Sequence[str]) -> st.SearchStrategy[Any]:
    """JSON in which the fields that somebody looks for hold what they should not. A few words at a time, so that they meet."""
    return st.lists(st.sampled_from(words), min_size=4, max_size=16, unique=True).flatmap(_odd)


def _odd(words: Sequence[str]) -> st.SearchStrategy[Any]:
    word = st.sampled_from(["type", *words])
    leaves = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), word, st.text(max_size=4))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(word, inner, max_size=8)),
        max_leaves=30,
    )


def read(endpoint: Endpoint, request: Any, answer: Any = None, events: Sequence[Any] | None = None) -> None:
    """Have one call recorded that sent and got this."""
    call = begun(endpoint, dict)
    assert call is not None
    call.asked(request)
    if events is None:
        call.answered(answer)
    else:
        call.streams(lambda: list(enumerate(events)), lambda: events[-1] if events else None)
        call.drained()


@every_endpoint
@given(data=st.data())
@many_examples
def test_fields_that_hold_what_they_should_not_are_read_without_a_failure(
    endpoint: Endpoint, spans: Spans, data: st.DataObject
) -> None:
    spans.clear()
    anything = odd(_words(endpoint))
    with harmless.strict():
        read(endpoint, data.draw(anything), data.draw(anything))
        read(endpoint, data.draw(anything), events=data.draw(st.lists(anything, max_size=4)))
        for span in spans.all():
            readable(span)
            well_formed(span)
    assert {outcome(span) for span in spans.all()} <= {"completed", "failed"}


def well_formed(span: Any) -> None:
    """Messages are messages, whatever they were made of."""
    told = attributes(span)
    for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
        for message in json.loads(told.get(name, "[]")):
            assert isinstance(message["role"], str)
            for part in message["parts"]:
                assert isinstance(part["type"], str)
                assert part["type"] not in ("text", "reasoning") or isinstance(part["content"], str)
    for tool in json.loads(told.get("gen_ai.tool.definitions", "[]")):
        assert isinstance(tool["type"], str)
        assert isinstance(tool["name"], str)


ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 1.5, "", "x", "{", [], [None], [[]], [{}], {}, {"a": None}, [1], ["x"]),
    {"type": 5, "text": 5, "content": 5, "name": 5, "role": 5},
)
MOST_CHANGES = 500
"""Of one body; which ones is the same every time."""


def changed(body: Any) -> list[Any]:
    """The body with each of its values in turn gone, or another thing."""
    places = list(_places(body))
    chosen = [(place, value) for place in places for value in (*ODD, _places)]
    if len(chosen) > MOST_CHANGES:
        chosen = random.Random(7).sample(chosen, MOST_CHANGES)
    return [_with(body, place, value) for place, value in chosen]


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if here:
        yield here
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(item, (*here, key))


def _with(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    new = at = copy.deepcopy(body)
    for step in place[:-1]:
        at = at[step]
    if value is _places:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return new


@pytest.mark.parametrize("form", ["value", "stream"])
@pytest.mark.parametrize("service", EVERY_SERVICE, ids=lambda service: service.name)
def test_a_real_exchange_with_any_field_gone_or_another_thing_is_read_without_a_failure(
    service: Service, form: str, server: Server, spans: Spans
) -> None:
    if form == "value":
        play_value(HOSTS[0], service, service.value_forms[0], "end", server)
    elif service.stream_forms:
        play_stream(HOSTS[0], service, service.stream_forms[0], STREAM_ENDINGS[0], server)
    else:
        pytest.skip("has no stream")
    call = invocation_of(spans.only()).exchange
    assert isinstance(call, Call)
    raw = call.raw()
    assert raw.request is not None
    request = json.loads(raw.request)
    endpoint = call.endpoint
    with harmless.strict():
        for body in changed(request):
            each(spans, lambda body=body: read(endpoint, body, {}))
        for body in changed(json.loads(raw.response)) if raw.response is not None else ():
            each(spans, lambda body=body: read(endpoint, {}, body))
        for events in changed([json.loads(event) for _, event in raw.events or ()]):
            each(spans, lambda events=events: read(endpoint, {}, events=events))


def each(spans: Spans, play: Callable[[], None]) -> None:
    spans.clear()
    play()
    readable(spans.only())
    well_formed(spans.only())


BEYOND: dict[str, Callable[[], Any]] = {
    "deep list": deep,
    "deep object": deep_mapping,
    "deep object of known fields": lambda: _nested("content", "parts", "message", "choices"),
    "huge number": lambda: {"usage": {"input_tokens": 10**5000, "prompt_tokens": -(10**5000)}, "n": 10**5000},
    "lone surrogates": lambda: {"model": "\ud800", "\udc00": "\ud800", "messages": [{"role": "\udfff", "content": "\ud800"}]},
    "not a number": lambda: {"temperature": float("nan"), "top_p": float("inf"), "usage": {"total_tokens": float("-inf")}},
}


def _nested(*fields: str) -> Any:
    inner: Any = "leaf"
    for level in range(2000):
        inner = {fields[level % len(fields)]: [inner]}
    return inner


@every_endpoint
def test_what_no_json_should_be_costs_at_most_itself(endpoint: Endpoint, spans: Spans) -> None:
    for make in BEYOND.values():
        spans.clear()
        read(endpoint, make(), make())
        read(endpoint, make(), events=[make(), make()])
        assert len(spans.all()) == 2
        for span in spans.all():
            readable(span)
            assert outcome(span) in ("completed", "failed")


def test_no_provider_is_left_out() -> None:
    modules = {
        module.name: importlib.import_module(f"{providers.__name__}.{module.name}")
        for module in pkgutil.iter_modules(providers.__path__)
    }
    declaring = {name.partition(".")[0] for name, _ in DECLARED}
    assert {name for name, module in modules.items() if hasattr(module, "patches")} - declaring == set()


def test_a_place_that_the_wire_invents_costs_no_memory() -> None:
    """One event was once enough for a list of as many items as its index said."""
    sound = {"type": "response.output_audio.delta", "item_id": "i", "content_index": 2**40, "delta": "AAAA"}
    began = {"type": "response.output_item.added", "item": {"id": "i", "type": "message", "role": "assistant"}}
    [item] = realtime.fold([began, sound])["output"]
    assert item["content"] == [{"type": "output_audio", "audio": "AAAA"}]
