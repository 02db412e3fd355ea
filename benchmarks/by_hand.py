"""The yardstick: the span that one would write by hand around each call, with the same content, and nothing generic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from opentelemetry.trace import Span, SpanKind, Tracer


def _asked(span: Span, request: dict[str, Any]) -> None:
    messages = [{"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]} for one in request["messages"]]
    span.set_attributes({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": request["model"],
        "gen_ai.request.temperature": request["temperature"], "gen_ai.request.max_tokens": request["max_tokens"],
        "server.address": "api.openai.com", "server.port": 443, "gen_ai.input.messages": orjson.dumps(messages).decode(),
    })  # fmt: skip


def _answered(span: Span, last: Any, reason: str | None, text: str, usage: Any) -> None:
    message = {"role": "assistant", "parts": [{"type": "text", "content": text}]}
    span.set_attributes({
        "gen_ai.response.id": last.id, "gen_ai.response.model": last.model, "gen_ai.response.finish_reasons": (reason or "",),
        "gen_ai.usage.input_tokens": usage.prompt_tokens, "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.output.messages": orjson.dumps([message]).decode(),
    })  # fmt: skip


def chat(tracer: Tracer, client: Any, request: dict[str, Any]) -> str:
    """A call, traced by hand."""
    with tracer.start_as_current_span("chat gpt-bench", kind=SpanKind.CLIENT) as span:
        _asked(span, request)
        answer = client.chat.completions.create(**request)
        choice = answer.choices[0]
        _answered(span, answer, choice.finish_reason, choice.message.content, answer.usage)
    return str(choice.message.content)


async def achat(tracer: Tracer, client: Any, request: dict[str, Any]) -> str:
    """An asynchronous call, traced by hand."""
    with tracer.start_as_current_span("chat gpt-bench", kind=SpanKind.CLIENT) as span:
        _asked(span, request)
        answer = await client.chat.completions.create(**request)
        choice = answer.choices[0]
        _answered(span, answer, choice.finish_reason, choice.message.content, answer.usage)
    return str(choice.message.content)


def stream(tracer: Tracer, client: Any, request: dict[str, Any]) -> str:
    """A stream, traced by hand: one generator around it."""

    def watched(span: Span) -> Iterator[Any]:
        parts, usage, reason, last = [], None, None, None
        for chunk in client.chat.completions.create(**request):
            last = chunk
            if chunk.choices:
                choice = chunk.choices[0]
                if choice.delta.content:
                    parts.append(choice.delta.content)
                reason = choice.finish_reason or reason
            elif chunk.usage:
                usage = chunk.usage
            yield chunk
        _answered(span, last, reason, "".join(parts), usage)

    with tracer.start_as_current_span("chat gpt-bench", kind=SpanKind.CLIENT) as span:
        _asked(span, request)
        return "".join(chunk.choices[0].delta.content or "" for chunk in watched(span) if chunk.choices)


def decorated(tracer: Tracer, function: Any) -> Any:
    """A decorator, written by hand for a function of two arguments."""

    def run(question: str, k: int) -> Any:
        with tracer.start_as_current_span("answer") as span:
            span.set_attribute("input", orjson.dumps({"question": question, "k": k}).decode())
            result = function(question, k)
            span.set_attribute("output", orjson.dumps(result).decode())
            return result

    return run
