"""DSPy over LiteLLM over OpenAI's client, and over its own engine: a module, streamed and not, in threads, and an agent with a tool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from support import openai_wire as wire
from support.litellm_hushed import hush
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {wire.MODEL}"
PREDICTED = ["invoke_workflow Predict", f"  {CHAT}"]
WITH_FIELDS = "[[ ## answer ## ]]\nBees.\n\n[[ ## completed ## ]]"


def model(url: str, engine: str) -> Any:
    import dspy

    hush()
    chosen = {"engine": "litellm"} if engine == "litellm" else {}
    return dspy.LM(f"openai/{wire.MODEL}", api_base=f"{url}/v1", api_key="none", cache=False, num_retries=0, **chosen)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def _value(engine: str, url: str) -> None:
    import dspy

    with dspy.context(lm=model(url, engine)):
        dspy.Predict("question -> answer")(question=wire.QUESTION)


def _async_value(engine: str, url: str) -> None:
    import dspy

    async def ask() -> None:
        with dspy.context(lm=model(url, engine)):
            await dspy.Predict("question -> answer").acall(question=wire.QUESTION)

    asyncio.run(ask())


def _streamed(engine: str, url: str) -> None:
    import dspy

    async def ask() -> None:
        with dspy.context(lm=model(url, engine), track_usage=True):
            async for _ in dspy.streamify(dspy.Predict("question -> answer"))(question=wire.QUESTION):
                pass

    asyncio.run(ask())


def _parallel(engine: str, url: str) -> None:
    import dspy

    with dspy.context(lm=model(url, engine)):
        predict = dspy.Predict("question -> answer")
        dspy.Parallel(num_threads=2, disable_progress_bar=True)([(predict, {"question": "One?"}), (predict, {"question": "Two?"})])


def _agent(engine: str, url: str) -> None:
    import dspy

    with dspy.context(lm=model(url, engine)):
        dspy.ReAct("question -> answer", tools=[weather], max_iters=2)(question="How is Bath?")


def _whole() -> list[Reply]:
    return [json_answer(wire.chat(WITH_FIELDS))]


def _chunks() -> list[Reply]:
    return [wire.chunks_stream(wire.chat_chunks(WITH_FIELDS.splitlines(keepends=True), usage=True))]


def _two() -> list[Reply]:
    return [*_whole(), *_whole()]


def stack(
    name: str, engine: str, play: Callable[[str, str], None], replies: Callable[[], Sequence[Reply]], tree: Sequence[str]
) -> Stack:
    calls = len(replies())
    return Stack(
        name=f"dspy → {engine}, {name}",
        packages=("dspy", "litellm", "openai"),
        replies=replies,
        play=lambda url: play(engine, url),
        input_tokens=20 * calls,
        output_tokens=9 * calls,
        tree=tree,
    )


STACKS = tuple(
    stack(name, engine, play, replies, tree)
    for engine in ("litellm", "own engine")
    for name, play, replies, tree in (
        ("value", _value, _whole, PREDICTED),
        ("async value", _async_value, _whole, PREDICTED),
        ("streamified", _streamed, _chunks, PREDICTED),
        ("threads", _parallel, _two, [*PREDICTED, *PREDICTED]),
    )
)
