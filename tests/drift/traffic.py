"""Made-up traffic of an application: conversations of some turns each, whose calls resemble one another more than those of others."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from genba.conversation.tokens import Tokens
from genba.store.reader import Store
from genba.store.rows import SpanRow
from genba.store.writer import StoreWriter
from genba.tokens.written import write
from store.example import BEGAN, encoded, span

SYSTEM = "You are the assistant of a small library. Answer in one sentence, and say which shelf a book stands on."
TOOLS = ({"type": "function", "name": "find_book", "parameters": {"type": "object", "properties": {"title": {"type": "string"}}}},)
WORDS = [f"word{number}" for number in range(400)]
FINGERPRINT = "5f1c02aa93b1d0e7"

Change = Callable[[dict[str, Any], random.Random], None]
"""What is otherwise in a call: changes its `attributes`, its `system`, its `tools`, how `long` its answer is."""


def traffic(
    seed: int, conversations: int, change: Change | None = None, *, content: bool = True, tokens: bool = False
) -> list[SpanRow]:
    """The calls of so many conversations."""
    chance = random.Random(seed)
    rows: list[SpanRow] = []
    for number in range(conversations):
        topic = chance.sample(WORDS, 40)
        wordy = chance.lognormvariate(0, 0.3)
        model = chance.choices(["small-1", "large-1"], [4, 1])[0]
        said: list[tuple[str, str]] = []
        for _ in range(chance.choices([1, 2, 3, 6], [6, 3, 2, 1])[0]):
            call: dict[str, Any] = {
                "system": SYSTEM,
                "tools": TOOLS,
                "long": max(1, round(30 * wordy * chance.lognormvariate(0, 0.3))),
                "words": topic,
                "duration": 0.4 + chance.expovariate(2),
                "attributes": {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": model,
                    "gen_ai.response.model": f"{model}-2026",
                    "gen_ai.request.temperature": 0.2,
                    "gen_ai.response.finish_reasons": ["stop" if chance.random() < 0.95 else "length"],
                    "genba.outcome": "completed",
                    "genba.tokenizer.fingerprint": FINGERPRINT,
                    "gen_ai.conversation.id": f"c{seed}-{number}",
                    **({"error.type": "RateLimit"} if chance.random() < 0.03 else {}),
                },
            }
            if change is not None:
                change(call, chance)
            rows.append(_row(call, said, chance, BEGAN + len(rows) * 1_000_000_000, content=content, tokens=tokens))
    return rows


def _row(
    call: dict[str, Any], said: list[tuple[str, str]], chance: random.Random, start: int, *, content: bool, tokens: bool
) -> SpanRow:
    said.append(("user", " ".join(_zipf(chance, call["words"], 12))))
    answer = _zipf(chance, call["words"], call["long"])
    messages = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in (("system", call["system"]), *said)]
    said.append(("assistant", " ".join(answer)))
    lists = {
        "gen_ai.input.messages": encoded(*messages),
        "gen_ai.output.messages": encoded({"role": "assistant", "parts": [{"type": "text", "content": said[-1][1]}]}),
        "gen_ai.tool.definitions": encoded(*call["tools"]),
    }
    if tokens:
        lists["genba.tokens.output"] = [_record("output", answer, call["attributes"]["genba.tokenizer.fingerprint"])]
        prompt = " ".join(text for _, text in ((("", call["system"])), *said[:-1])).split()
        lists["genba.tokens.input"] = [_record("input", prompt, call["attributes"]["genba.tokenizer.fingerprint"])]
    return span(
        trace_id=chance.randbytes(16),
        span_id=chance.randbytes(8),
        start_ns=start,
        end_ns=start + round(call["duration"] * 1e9),
        attributes={
            "gen_ai.usage.input_tokens": sum(len(text.split()) for _, text in said[:-1]) + len(call["system"].split()),
            "gen_ai.usage.output_tokens": call["long"],
            **call["attributes"],
        },
        content=lists if content else {},
        resource={"service.name": "library", "deployment.environment.name": "made up"},
        run_id="run",
    )


def _zipf(chance: random.Random, words: list[str], number: int) -> list[str]:
    return chance.choices(words, [1 / (rank + 1) for rank in range(len(words))], k=number)


def _record(side: Any, words: list[str], tokenizer: str) -> bytes:
    ids = [int.from_bytes(word.encode(), "little") % 50_000 for word in words]
    record = Tokens(side=side, source="server", ids=ids, pieces=[word.encode() for word in words], tokenizer=tokenizer)
    return bytes(orjson.dumps(orjson.loads(write(record))))


def stored(path: Path, rows: list[SpanRow]) -> Store:
    """The calls in a store at `path`."""
    writer = StoreWriter(path)
    for start in range(0, len(rows), 1000):
        writer.write(rows[start : start + 1000])
    writer.close()
    return Store(path)
