"""The Model Context Protocol, of either version: client and server, over pipes and HTTP and in memory, in one trace."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from support import mcp_server
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, tree

pytest.importorskip("mcp", reason="mcp is not installed")

TESTS = Path(__file__).parent.parent
IS_OLD = find_spec("mcp.server.mcpserver") is None


@contextlib.asynccontextmanager
async def over_pipes(written: Path) -> AsyncIterator[Any]:
    """A session with a server in a process of its own, which writes its spans to `written`."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    server = StdioServerParameters(command=sys.executable, args=[mcp_server.__file__, str(written)], env=environment)
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        yield session


@contextlib.asynccontextmanager
async def in_memory() -> AsyncIterator[Any]:
    """A session with a server in this process."""
    if IS_OLD:
        connected = importlib.import_module("mcp.shared.memory").create_connected_server_and_client_session
        async with connected(mcp_server.make()._mcp_server) as session:
            yield session
    else:
        from mcp import Client

        async with Client(mcp_server.make()) as client:
            yield client


def call(connect: Callable[[], Any], *calls: tuple[str, Any]) -> list[Any]:
    """What the server answers to each call; the exception where it raises."""

    async def run() -> list[Any]:
        results: list[Any] = []
        async with connect() as session:
            for name, arguments in calls:
                results.append(await session.call_tool(name, arguments))
        return results

    return asyncio.run(run())


def is_error(result: Any) -> bool:
    return bool(getattr(result, "is_error", None) or getattr(result, "isError", None))


def test_a_call_over_pipes_is_one_trace_in_both_processes(spans: Spans, tmp_path: Path) -> None:
    with spans.app.start_as_current_span("caller"):
        (result,) = call(lambda: over_pipes(tmp_path / "server.jsonl"), ("add", {"a": 1, "b": 2}))

    assert result.content[0].text == "3"
    assert tree(spans) == ["caller", "  execute_tool add"]
    client = spans.named("execute_tool add")
    assert client.kind is SpanKind.INTERNAL
    assert json.loads(attributes(client)["gen_ai.tool.call.arguments"]) == {"a": 1, "b": 2}
    assert json.loads(attributes(client)["gen_ai.tool.call.result"])["structuredContent"] == {"result": 3}

    (server,) = [json.loads(line) for line in (tmp_path / "server.jsonl").read_text().splitlines()]
    assert (server["name"], server["kind"]) == ("execute_tool add", "server")
    assert client.context
    assert server["trace_id"] == f"{client.context.trace_id:032x}"
    assert server["parent_span_id"] == f"{client.context.span_id:016x}"
    assert server["attributes"]["mcp.method.name"] == "tools/call"


def test_a_tool_that_fails_has_failed_on_both_sides(spans: Spans) -> None:
    (result,) = call(in_memory, ("divide", {"a": 1, "b": 0}))

    assert is_error(result)
    assert tree(spans) == ["execute_tool divide", "  execute_tool divide"]
    for span in spans.all():
        assert failed(span)
        assert attributes(span)["error.type"] == "tool_error"
    assert {span.kind for span in spans.all()} == {SpanKind.INTERNAL, SpanKind.SERVER}


def test_calls_at_once_are_each_below_their_own_caller(spans: Spans) -> None:
    async def one(session: Any, number: int) -> None:
        with spans.app.start_as_current_span(f"caller {number}"):
            await session.call_tool("add", {"a": number, "b": number})

    async def run() -> None:
        async with in_memory() as session:
            await asyncio.gather(*(one(session, number) for number in range(3)))

    asyncio.run(run())

    for number in range(3):
        (client,) = [span for span in spans.all() if is_child(span, spans.named(f"caller {number}"))]
        (server,) = [span for span in spans.all() if is_child(span, client)]
        for span in (client, server):
            assert json.loads(attributes(span)["gen_ai.tool.call.arguments"])["a"] == number


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_call_over_http_is_one_trace(spans: Spans) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = mcp_server.make().streamable_http_app()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()

    @contextlib.asynccontextmanager
    async def over_http() -> AsyncIterator[Any]:
        while not server.started:  # noqa: ASYNC110  # it tells by this alone
            await asyncio.sleep(0.01)
        http = importlib.import_module("mcp.client.streamable_http")
        connect = getattr(http, "streamable_http_client", None) or http.streamablehttp_client
        async with (
            connect(f"http://127.0.0.1:{port}/mcp") as streams,
            importlib.import_module("mcp").ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            yield session

    with spans.app.start_as_current_span("caller"):
        call(over_http, ("add", {"a": 1, "b": 2}))
    server.should_exit = True
    thread.join(10)

    assert tree(spans) == ["caller", "  execute_tool add", "    execute_tool add"]


@pytest.mark.skipif(IS_OLD, reason="version 1 makes no spans of its own")
def test_spans_of_its_own_stay_and_are_told_what_was_said(
    start_tracing: Callable[..., Spans], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mcp.shared import _otel

    spans = start_tracing()
    monkeypatch.setattr(_otel, "_tracer", spans.provider.get_tracer("mcp-python-sdk"))  # as if the app had set a global provider
    call(in_memory, ("add", {"a": 1, "b": 2}))
    call(lambda: over_pipes(tmp_path / "server.jsonl"), ("divide", {"a": 1, "b": 0}))

    lines = tree(spans)
    at = lines.index("execute_tool add")
    assert lines[at : at + 2] == ["execute_tool add", "  tools/call add"]
    told = attributes(spans.named("tools/call add"))
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"a": 1, "b": 2}
    assert json.loads(told["gen_ai.tool.call.result"])["isError"] is False
    sent = spans.named("MCP send tools/call divide")
    assert is_child(sent, spans.named("execute_tool divide"))
    assert sent.context
    server = [json.loads(line) for line in (tmp_path / "server.jsonl").read_text().splitlines()]
    assert [one["parent_span_id"] for one in server] == [f"{sent.context.span_id:016x}"]


def test_content_stays_out_where_it_is_not_wanted(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(capture_content="none")
    call(in_memory, ("add", {"a": 123456, "b": 2}))

    assert len(spans.all()) == 2
    assert "123456" not in "".join(span.to_json() for span in spans.all())


def test_a_tool_of_the_same_name_around_it_is_this_very_call(spans: Spans) -> None:
    import genba

    async def run() -> None:
        async with in_memory() as session:

            @genba.tool("calculator_add")
            async def add(a: int, b: int) -> Any:
                return (await session.call_tool("add", {"a": a, "b": b})).content[0].text

            @genba.tool
            async def double(a: int) -> Any:
                return (await session.call_tool("add", {"a": a, "b": a})).content[0].text

            await add(1, 2)
            await double(2)

    asyncio.run(run())

    server = "execute_tool add"
    assert tree(spans) == ["execute_tool calculator_add", f"  {server}", "execute_tool double", f"  {server}", f"    {server}"]


def test_a_call_that_is_cancelled_says_so(spans: Spans) -> None:
    async def run() -> None:
        async with in_memory() as session:
            task = asyncio.create_task(session.call_tool("add", {"a": 1, "b": 2}))
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())

    client = [span for span in spans.all() if span.kind is SpanKind.INTERNAL]
    assert [attributes(span)["genba.outcome"] for span in client] == ["cancelled"]


def test_the_servers_own_requests_and_the_hosts_meta_are_left_as_they_are(spans: Spans) -> None:
    from genba.frameworks.mcp.client import _with_trace

    odd = object()
    assert _with_trace(odd) is odd
    with trace.use_span(trace.INVALID_SPAN):
        assert _with_trace(odd) is odd


def test_what_was_patched_is_as_it_was(start_tracing: Callable[..., Spans]) -> None:
    from mcp.client.session import ClientSession

    import genba

    before = ClientSession.call_tool
    start_tracing()
    assert ClientSession.call_tool is not before
    genba.uninstrument()
    assert ClientSession.call_tool is before


@pytest.mark.skipif(IS_OLD, reason="the example is for version 2")
def test_the_example_runs(tmp_path: Path) -> None:
    ran = run_example("mcp_in_memory", tmp_path, GENBA_EXPORT=f"jsonl:{tmp_path}/spans.jsonl")
    assert "{'result': 3}" in ran.out
    assert [span["name"] for span in ran.spans()] == ["execute_tool add"] * 2
