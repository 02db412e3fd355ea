"""Blocks give an invocation, and the calls of the public API have the types they promise. Never run; the type checkers read it."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from typing_extensions import assert_type

import genba


def a_block_gives_an_invocation() -> None:
    with genba.observe("step") as observed:
        assert_type(observed, genba.Invocation)
    with genba.observe() as unnamed:
        assert_type(unnamed, genba.Invocation)
    with genba.tool("weather", call_id="call_1") as tool:
        assert_type(tool, genba.Invocation)
    with genba.agent("planner", model="acme-1") as agent:
        assert_type(agent, genba.Invocation)
    with genba.workflow("review") as workflow:
        assert_type(workflow, genba.Invocation)
    with genba.retrieval(data_source="library", top_k=3) as retrieval:
        assert_type(retrieval, genba.Invocation)
    with genba.embeddings(provider="acme", model="acme-embed") as embeddings:
        assert_type(embeddings, genba.Invocation)
    with genba.inference(provider="acme", model="acme-1") as inference:
        assert_type(inference, genba.Invocation)


async def an_async_block_gives_one_too() -> None:
    async with genba.agent("planner") as agent:
        assert_type(agent, genba.Invocation)
    async with genba.inference("acme-1") as inference:
        assert_type(inference, genba.Invocation)
    async with genba.conversation(id="c-1") as conversation:
        assert_type(conversation, genba.conversation)


def a_block_does_not_swallow_what_is_raised() -> int:
    with genba.observe("step"):
        return 1
    # No code is reachable here, and no checker asks for a return: `__exit__` gives None.


def with_options_is_an_observation() -> None:
    assert_type(genba.observe("step"), genba.Observation)
    assert_type(genba.tool(), genba.Observation)


def what_an_invocation_is_told(invocation: genba.Invocation) -> None:
    assert_type(invocation.request(messages="Why?", model="acme-1", temperature=0.5), None)
    assert_type(invocation.request(genba.Request(model="acme-1")), None)
    assert_type(invocation.chunk("Be"), None)
    assert_type(invocation.response("Because."), None)
    assert_type(invocation.response(genba.Response(id="r-1", usage=genba.Usage(input_tokens=1))), None)
    assert_type(invocation.response(id="r-1", usage={"input_tokens": 1}), None)
    assert_type(invocation.usage(input_tokens=1, output_tokens=2), None)
    assert_type(invocation.usage(genba.Usage(input_tokens=1)), None)
    assert_type(invocation.set_attribute("app.part", 1), None)
    assert_type(invocation.fail(ValueError("no")), None)
    invocation.usage(input_tokens="one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    invocation.fail("no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_conversation() -> None:
    with genba.conversation(
        id="c-1", user="u-1", tags=["beta"], attributes={"app.part": "front", "app.sizes": [1, 2]}
    ) as conversation:
        assert_type(conversation, genba.conversation)
    with genba.conversation("c-1"):
        pass
    genba.conversation(session="s-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    genba.conversation(attributes={"app.part": object()})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def starting() -> None:
    assert_type(genba.init(), None)
    genba.init(
        tracer_provider=TracerProvider(),
        store=Path("traces.db"),
        export=["console", "jsonl:spans.jsonl", ConsoleSpanExporter()],
        capture_content="event",
        semconv="1.37",
        stream_usage="inject",
        instrument=["openai"],
        set_global=True,
        service_name="app",
    )
    genba.init(store="off")
    genba.init(store=False)


def an_unknown_option_is_an_error() -> None:
    genba.init(unknown=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    genba.init(tracer=TracerProvider())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def an_option_of_another_type_is_an_error() -> None:
    genba.init(semconv="1.36")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    genba.init(stream_usage="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    genba.init(store=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    genba.init(set_global="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    genba.init(tracer_provider="global")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def flushing() -> None:
    flushed = genba.flush(timeout=1.0)
    assert_type(flushed, genba.Flushed)
    assert_type(flushed.complete, bool)
    assert_type(flushed.waiting, int)
    complete, waiting = flushed
    assert_type(complete, bool)
    assert_type(waiting, int)
    assert_type(genba.shutdown(), genba.Flushed)
    assert_type(genba.uninstrument(), None)


def looking() -> None:
    doctor = genba.doctor()
    assert_type(doctor, genba.Doctor)
    assert_type(doctor.version, str)
    assert_type(doctor.is_running, bool)
    assert_type(doctor.counts, dict[str, int])
    assert_type(str(doctor), str)


def catching() -> None:
    try:
        genba.init(store="")
    except genba.SettingsError as error:
        assert_type(error, genba.SettingsError)
        _: ValueError = error
