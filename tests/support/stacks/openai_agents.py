"""openai-agents → OpenAI: chat completions and responses, at once and streamed, in a plain program and in one with a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from support import openai_wire as wire
from support.stacks import Stack
from support.wire import Reply, Stream, json_answer

TREE = [
    "invoke_workflow Agent workflow",
    "  invoke_agent helper",
    f"    chat {wire.MODEL}",
    "    execute_tool weather",
    f"    chat {wire.MODEL}",
]
CALL = {
    "type": "function_call", "id": "fc_7", "call_id": "call_7", "name": "weather", "arguments": '{"city": "Bath"}', "status": "completed",
}  # fmt: skip


def agent(url: str, api: str, **more: Any) -> Any:
    """An agent with a tool."""
    import agents
    import openai

    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key-for-tests", max_retries=0)
    kind = agents.OpenAIChatCompletionsModel if api == "chat" else agents.OpenAIResponsesModel

    @agents.function_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    settings = agents.ModelSettings(include_usage=True)
    return agents.Agent(
        **{
            "name": "helper",
            "instructions": "Be brief.",
            "model": kind(wire.MODEL, client),
            "model_settings": settings,
            "tools": [weather],
            **more,
        }
    )


def quiet() -> None:
    """Nothing is sent to the vendor."""
    import agents

    agents.set_trace_processors([])


def replies(api: str, *, stream: bool) -> Sequence[Reply]:
    """A tool call, then the answer."""
    if api == "chat":
        if stream:
            asked = [*wire.chat_tool_chunks(), wire.chat_chunk({}, choices=[], usage=wire.CHAT_USAGE)]
            return [wire.chunks_stream(asked), wire.chunks_stream(wire.chat_chunks(usage=True))]
        return [json_answer(wire.chat(None, tool_calls=[wire.WEATHER_CALL])), json_answer(wire.chat())]
    asked = wire.response(output=[CALL])
    if stream:
        return [tool_call_stream(asked), wire.events_stream(wire.response_events())]
    return [json_answer(asked), json_answer(wire.response())]


def tool_call_stream(whole: Any) -> Stream:
    """A streamed response that calls a tool."""
    events = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**CALL, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "item_id": CALL["id"], "output_index": 0, "delta": CALL["arguments"]},
        {
            "type": "response.function_call_arguments.done",
            "item_id": CALL["id"],
            "output_index": 0,
            "name": CALL["name"],
            "arguments": CALL["arguments"],
        },
        {"type": "response.output_item.done", "output_index": 0, "item": CALL},
        {"type": "response.completed", "response": whole},
    ]
    return wire.events_stream([{**event, "sequence_number": number} for number, event in enumerate(events)])


def play_sync(url: str, api: str) -> None:
    """A plain program, which has no loop."""
    import agents

    quiet()
    agents.Runner.run_sync(agent(url, api), "How is the weather?")


def play_async(url: str, api: str) -> None:
    """A program with a loop."""
    import agents

    quiet()
    asyncio.run(agents.Runner.run(agent(url, api), "How is the weather?"))


def play_stream(url: str, api: str) -> None:
    """A streamed run."""
    import agents

    async def run() -> None:
        result = agents.Runner.run_streamed(agent(url, api), "How is the weather?")
        async for _ in result.stream_events():
            pass

    quiet()
    asyncio.run(run())


def _stack(api: str, form: str, play: Any, tokens: tuple[int, int]) -> Stack:
    return Stack(
        name=f"openai-agents → openai {api}, {form}",
        packages=["agents", "openai"],
        replies=lambda: replies(api, stream=form == "stream"),
        play=lambda url: play(url, api),
        input_tokens=2 * tokens[0],
        output_tokens=2 * tokens[1],
        tree=TREE,
    )


STACKS = [
    _stack(api, form, play, tokens)
    for api, tokens in (("chat", (20, 9)), ("responses", (21, 11)))
    for form, play in (("sync", play_sync), ("async", play_async), ("stream", play_stream))
]
