"""Every vector store, sync and async: a search that finds, one that finds nothing, one that fails, one that is cancelled."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.hosts import HOSTS, Host, Looping
from support.spans import Spans, attributes, failed
from support.stores import DOCUMENTS, NEAREST, STANDS, TELLTALE, WORDS, Place, Stand
from support.wire import Server

if not STANDS:
    pytest.skip("no vector store is installed", allow_module_level=True)

pytestmark = [
    pytest.mark.parametrize("stand", STANDS, ids=[stand.name for stand in STANDS]),
    pytest.mark.parametrize("host", HOSTS, ids=[host.name for host in HOSTS]),
]
Start = Callable[..., Spans]


@pytest.fixture
def place(host: Host, server: Server, tmp_path: Path) -> Place:
    return Place(host, server, tmp_path)


def play(stand: Stand, place: Place, ending: str) -> Any:
    """What the host saw of a search that ended so: type and ids of its result, or the type of what was raised."""
    host = place.host

    async def scenario() -> Any:
        client = await stand.open(place)
        try:
            if ending == "cancelled":
                return await _struck(lambda strike: stand.hang(client, place, strike), host)
            search = {"found": stand.search, "nothing found": stand.search_in_vain, "error": stand.fail}[ending]
            result = await host.result(search(client))
            return type(result).__name__, await stand.ids(result, host)
        except BaseException as error:
            return type(error).__name__
        finally:
            for opened in place.opened:
                await host.result(opened.close())

    return host.run(scenario)


async def _struck(search: Callable[[Callable[[], None]], Any], host: Host) -> Any:
    if not isinstance(host, Looping):
        return search(lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    loop, tasks = asyncio.get_running_loop(), []

    async def run() -> Any:
        return await search(lambda: loop.call_soon_threadsafe(tasks[0].cancel))

    tasks.append(asyncio.create_task(run()))
    return await tasks[0]


def documents(told: Any) -> Any:
    return json.loads(told.get("gen_ai.retrieval.documents", "[]"))


def test_a_search_is_a_retrieval_with_what_it_found(stand: Stand, place: Place, start_tracing: Start) -> None:
    untraced = play(stand, place, "found")
    spans = start_tracing(instrument=[stand.library])
    assert play(stand, place, "found") == untraced
    assert untraced[1] == list(NEAREST)
    span = spans.only()
    told = attributes(span)
    assert span.name == ("retrieval" if stand.collection is None else f"retrieval {stand.collection}")
    assert (told["gen_ai.operation.name"], told["db.system.name"], told["gen_ai.provider.name"]) == (
        "retrieval",
        stand.name,
        stand.name,
    )
    assert (told.get("gen_ai.data_source.id"), told.get("db.collection.name")) == (stand.collection, stand.collection)
    assert (told["gen_ai.retrieval.top_k"], told["db.response.returned_rows"], told["genba.outcome"]) == (2, 2, "completed")
    assert told["db.operation.name"] == stand.operation
    assert told.get("gen_ai.retrieval.query.text") == (WORDS if stand.reads_words else None)
    assert {name: told[name] for name in stand.says} == stand.says
    found = documents(told)
    assert [one["content"] for one in found] == [DOCUMENTS[one] for one in NEAREST]
    assert all(one["id"] and isinstance(one["score"], float) for one in found)
    assert not failed(span)


def test_a_search_that_finds_nothing_says_so(stand: Stand, place: Place, start_tracing: Start) -> None:
    spans = start_tracing(instrument=[stand.library])
    assert play(stand, place, "nothing found")[1] == []
    told = attributes(spans.only())
    assert (told["db.response.returned_rows"], told["genba.retrieval.filtered"], documents(told)) == (0, True, [])
    assert told["genba.outcome"] == "completed"


def test_a_search_that_fails_raises_as_before(stand: Stand, place: Place, start_tracing: Start) -> None:
    untraced = play(stand, place, "error")
    spans = start_tracing(instrument=[stand.library])
    assert play(stand, place, "error") == untraced
    span = spans.only()
    assert failed(span)
    assert attributes(span)["error.type"].rpartition(".")[2] == untraced
    assert "db.response.returned_rows" not in attributes(span)


def test_a_search_that_is_cancelled_is_no_failure(stand: Stand, place: Place, start_tracing: Start) -> None:
    spans = start_tracing(instrument=[stand.library])
    assert play(stand, place, "cancelled") == ("CancelledError" if place.host.asynchronous else "KeyboardInterrupt")
    span = spans.only()
    assert (attributes(span)["genba.outcome"], failed(span)) == ("cancelled", False)


def test_no_vector_is_recorded(stand: Stand, place: Place, start_tracing: Start, tmp_path: Path) -> None:
    spans = start_tracing(instrument=[stand.library], store=str(tmp_path / "traces"))
    play(stand, place, "found")
    assert TELLTALE not in spans.only().to_json()
    import genba

    genba.flush()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"retrieval" in kept
    assert TELLTALE.encode() not in kept


def test_without_content_what_was_found_is_counted_only(stand: Stand, place: Place, start_tracing: Start) -> None:
    spans = start_tracing(instrument=[stand.library], capture_content="none")
    play(stand, place, "found")
    span = spans.only()
    assert attributes(span)["db.response.returned_rows"] == 2
    assert not any(text in span.to_json() for text in (*DOCUMENTS.values(), WORDS))


def test_uninstrument_puts_the_stores_own_functions_back(stand: Stand, place: Place, start_tracing: Start) -> None:
    import genba
    from genba.observing import patching

    play(stand, place, "found")
    start_tracing(instrument=[stand.library])
    seams = [seam for seam in patching.seams() if seam.state == "patched"]
    wrapped = [_function(seam) for seam in seams]
    assert seams
    genba.uninstrument()
    assert [_function(seam) for seam in seams] == [function.__wrapped__ for function in wrapped]


def _function(seam: Any) -> Any:
    import sys

    owner: Any = sys.modules[seam.patch.module]
    for step in seam.patch.attribute.split("."):
        owner = vars(owner)[step]
    return owner
