"""An agent that asks a model, does what the model asks of it, and lets the model say the answer: one trace, four spans."""

from __future__ import annotations

import json
import os
from typing import Any

import openai

import genba

genba.init()

MODEL = os.environ.get("OPENAI_MODEL", "smollm2-135m")
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a city now",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
client = openai.OpenAI()


@genba.tool  # its arguments and its result are recorded, under the agent's span
def weather(city: str) -> str:
    """The weather in a city now."""
    return f"18 degrees and sunny in {city}"


@genba.agent("forecaster")  # everything that happens inside becomes part of one trace
def forecaster(question: str) -> str:
    """Answer a question about the weather."""
    messages: list[Any] = [{"role": "user", "content": question}]
    for _ in range(4):  # a small model may never stop asking
        completion = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS, temperature=0, max_tokens=64)
        message = completion.choices[0].message
        if not message.tool_calls:
            return message.content or ""
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            if call.type == "function":
                messages.append(
                    {"role": "tool", "tool_call_id": call.id, "content": weather(**json.loads(call.function.arguments))}
                )
    return "I could not find out."


# Whatever happens inside belongs to this conversation and this user.
with genba.conversation(id="demo", user="newcomer"):
    print(forecaster("What is the weather in Paris?"))
