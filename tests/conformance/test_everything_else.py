"""What every client, framework and store causes, against the conventions: the same checks as for the operations played by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.conventions import wrong_with_span
from conformance.measurements import wrong_with_metrics
from support.clients import EVERY_SERVICE
from support.endings import STREAM_ENDINGS, Ending, play_stream, play_value
from support.hosts import HOSTS, Host
from support.services import Service
from support.signals import Signals
from support.spans import Spans
from support.stacks import STACKS, Stack
from support.stores import STANDS, Place, Stand
from support.wire import Server

VALUES = [
    pytest.param(service, ending, id=f"{service.name}-{ending}".replace(" ", "_"))
    for service in EVERY_SERVICE
    for ending in ("end", "retry", "server error", "connection cut")
    if service.plays("sync", ending)
]
STREAMS = [
    pytest.param(service, ending, id=f"{service.name}-{ending.name}".replace(" ", "_"))
    for service in EVERY_SERVICE
    for ending in STREAM_ENDINGS
    if service.stream_forms and service.plays("sync", ending.name)
]


UNSAID = {
    "bedrock converse": ("gen_ai.response.id", "gen_ai.response.model"),
    "cohere": ("gen_ai.response.model",),
    "cohere-v1": ("gen_ai.response.model",),
    "ollama": ("gen_ai.response.id",),
    "xai": ("server.address",),  # its channel does not keep what it was made for
    "dspy → own engine": ("gen_ai.response.id", "server.address"),  # it hands on neither what it asks nor whom
}
"""What the conventions recommend, and neither the wire nor the library says."""


class Watched:
    """A pipeline whose spans and metrics are held against the conventions."""

    def __init__(self, start_tracing: Callable[..., Spans]) -> None:
        self._signals = Signals()
        self.spans = start_tracing(meter_provider=self._signals.meters)

    def complaints(self, name: str) -> list[str]:
        """What is wrong with the spans and metrics of what is called so."""
        spans = self.spans.all()
        assert spans
        found = [*(problem for span in spans for problem in wrong_with_span(span)), *wrong_with_metrics(self._signals.metrics())]
        unsaid = tuple(f"recommended {attribute} is missing" for attribute in UNSAID.get(name.partition(",")[0], ()))
        return [problem for problem in found if not problem.endswith(unsaid)] if unsaid else found


@pytest.fixture
def watched(start_tracing: Callable[..., Spans]) -> Watched:
    return Watched(start_tracing)


@pytest.mark.parametrize(("service", "ending"), VALUES)
def test_a_client_s_call_follows_the_conventions(service: Service, ending: str, server: Server, watched: Watched) -> None:
    play_value(HOSTS[0], service, service.value_forms[0], ending, server)
    assert watched.complaints(service.name) == []


@pytest.mark.parametrize(("service", "ending"), STREAMS)
def test_a_client_s_stream_follows_the_conventions(service: Service, ending: Ending, server: Server, watched: Watched) -> None:
    play_stream(HOSTS[0], service, service.stream_forms[0], ending, server)
    assert watched.complaints(service.name) == []


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name.replace(" ", "_"))
def test_a_framework_s_spans_follow_the_conventions(stack: Stack, server: Server, watched: Watched) -> None:
    server.queue.extend(stack.replies())
    stack.play(server.url)
    assert watched.complaints(stack.name) == []


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
@pytest.mark.parametrize("way", ["search", "search_in_vain", "fail"])
@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.name)
def test_a_store_s_search_follows_the_conventions(
    stand: Stand, way: str, host: Host, server: Server, tmp_path: Path, watched: Watched
) -> None:
    host.run(lambda: searched(stand, way, Place(host, server, tmp_path)))
    assert watched.complaints(stand.name) == []


async def searched(stand: Stand, way: str, place: Place) -> Any:
    """What the search gives, or the error that it ends with."""
    client = await stand.open(place)
    try:
        return await place.host.result(getattr(stand, way)(client))
    except Exception as error:
        return error
    finally:
        for opened in place.opened:
            await place.host.result(opened.close())
