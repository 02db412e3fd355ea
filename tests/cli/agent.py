"""The spans of an agent that asks a tool: what `genba show` is for."""

from __future__ import annotations

from typing import Any

import orjson

from genba.store.rows import RawExchange, SpanRow
from store.example import BEGAN, encoded, span

TRACE = bytes.fromhex("abc1" + "00" * 14)
ROOT, ASK, TOOL, ANSWER, EMBED = (bytes([number]) * 8 for number in (0xD0, 0xD1, 0xD2, 0xD3, 0xD4))

USER = {"role": "user", "parts": [{"type": "text", "content": "Weather in Paris?"}]}
CALLS = {
    "role": "assistant",
    "parts": [
        {"type": "reasoning", "content": "The tool knows."},
        {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}},
    ],
}
RESULT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "18 °C"}]}
SAYS = {"role": "assistant", "parts": [{"type": "text", "content": "It is 18 °C."}], "finish_reason": "stop"}
TOOLS = [{"type": "function", "name": "get_weather", "description": "The weather of a city"}]


def spans() -> list[SpanRow]:
    """Their rows."""

    def one(id: bytes, name: str, began: float, took: float, attributes: dict[str, Any], **more: Any) -> SpanRow:
        values = {
            "trace_id": TRACE,
            "span_id": id,
            "parent_span_id": ROOT if id != ROOT else b"elsewhre",
            "start_ns": BEGAN + int(began * 1e9),
            "end_ns": BEGAN + int((began + took) * 1e9),
            "attributes": {"genba.outcome": "completed", "gen_ai.operation.name": name.split(maxsplit=1)[0], **attributes},
        }
        return span(name=name, **{**values, **more})

    model = {"gen_ai.request.model": "m", "gen_ai.response.model": "m-2"}
    return [
        one(
            ASK,
            "chat m",
            0.1,
            1,
            {
                **model,
                "gen_ai.usage.input_tokens": 40,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.response.time_to_first_chunk": 0.25,
            },
            content={
                "gen_ai.system_instructions": encoded({"type": "text", "content": "Be brief."}),
                "gen_ai.tool.definitions": encoded(*TOOLS),
                "gen_ai.input.messages": encoded(USER),
                "gen_ai.output.messages": encoded({**CALLS, "finish_reason": "tool_call"}),
            },
            exchange=RawExchange(request=orjson.dumps({"model": "m"}), response=None, events=[(7, b'{"x":1}')], read_to=1),
        ),
        one(
            TOOL,
            "execute_tool get_weather",
            1.2,
            0.1,
            {},
            single_content={"gen_ai.tool.call.arguments": b'{"city":"Paris"}', "gen_ai.tool.call.result": orjson.dumps("18 °C")},
        ),
        one(
            ANSWER,
            "chat m",
            1.4,
            0.5,
            {**model, "gen_ai.usage.input_tokens": 60, "gen_ai.usage.output_tokens": 8},
            content={
                "gen_ai.system_instructions": encoded({"type": "text", "content": "Be brief."}),
                "gen_ai.input.messages": encoded(USER, CALLS, RESULT),
                "gen_ai.output.messages": encoded(SAYS),
            },
        ),
        one(
            EMBED,
            "embeddings e",
            2,
            0.02,
            {
                "gen_ai.request.model": "e",
                "genba.outcome": "failed",
                "error.type": "RateLimitError",
                "gen_ai.embeddings.dimension.count": 384,
            },
            status="error",
            status_description="429: slow down",
            events=[
                {
                    "name": "exception",
                    "time_ns": 1,
                    "attributes": {"exception.stacktrace": "Traceback:\n  a line\nRateLimitError: 429\n"},
                }
            ],
        ),
        one(ROOT, "invoke_agent planner", 0, 2.5, {}, single_content={"genba.input": b'{"question":"Weather?"}'}),
    ]
