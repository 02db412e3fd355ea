"""What the levels of `genba.init(tokens=…)` cost a call, in turns in one process: calling thread, and whole process with export.

Run by `nox -s bench`. A call of 200 output tokens, whose reply tells each with five alternatives, or tells none.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import fake_openai
import openai
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import genba

try:
    import httpx2 as httpx  # openai 3 and later
except ImportError:
    import httpx  # type: ignore[no-redef]

TOKENS = 200
WORDS = [f" word{number}" for number in range(50)]
LEVELS = ("off", "counts", "full")
REPEATS = 20


class Reading(SpanExporter):
    """Reads every attribute, as an exporter that encodes them must."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            dict(span.attributes or {})
        return SpanExportResult.SUCCESS


def _token(number: int) -> dict[str, Any]:
    word = WORDS[number % len(WORDS)]
    return {"token": word, "bytes": list(word.encode()), "logprob": -0.01 * (number + 1)}


def answer(*, tells_tokens: bool) -> bytes:
    """The reply, with log-probabilities or without."""
    listed = [{**_token(at), "top_logprobs": [_token(at + more) for more in range(5)]} for at in range(TOKENS)]
    text = "".join(token["token"] for token in listed)
    message = {"role": "assistant", "content": text}
    scored = {"content": listed} if tells_tokens else None
    usage = {"prompt_tokens": 12, "completion_tokens": TOKENS, "total_tokens": TOKENS + 12}
    choice = {"index": 0, "message": message, "logprobs": scored, "finish_reason": "stop"}
    return json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


class _Transport(httpx.BaseTransport):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return httpx.Response(200, headers={"content-type": "application/json"}, content=self._body)


def measured(client: openai.OpenAI, level: str | None) -> tuple[float, float]:
    """µs a call: calling thread, whole process. Without genba for None."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Reading(), max_queue_size=20_000))
    if level is not None:
        genba.init(tracer_provider=provider, store="off", tokens=level)  # type: ignore[arg-type]  # one of LEVELS
    request = fake_openai.small()
    client.chat.completions.create(**request)
    provider.force_flush()
    gc.collect()
    gc.disable()
    process, thread = time.process_time(), time.thread_time()
    for _ in range(REPEATS):
        client.chat.completions.create(**request)
    calling = time.thread_time() - thread
    provider.force_flush()
    whole = time.process_time() - process
    gc.enable()
    if level is not None:
        genba.uninstrument()
    provider.shutdown()
    return calling / REPEATS * 1e6, whole / REPEATS * 1e6


def report(rounds: int) -> str:
    """The table: what tracing adds, and the ratio to the level `counts`."""
    lines = [
        "| call of 200 output tokens | level | calling thread, µs | whole process, µs | ratio to `counts` |",
        "|---|---|---|---|---|",
    ]
    for name, tells in (("told with log-probabilities", True), ("no token data", False)):
        body = answer(tells_tokens=tells)
        client = openai.OpenAI(api_key="bench", max_retries=0, http_client=httpx.Client(transport=_Transport(body)))
        samples: dict[str | None, list[tuple[float, float]]] = {}
        for round_ in range(rounds + 1):
            ways: list[str | None] = [None, *LEVELS]
            random.shuffle(ways)
            for level in ways:
                sample = measured(client, level)
                if round_:  # the first one warms up
                    samples.setdefault(level, []).append(sample)
        base = [statistics.median(one[at] for one in samples[None]) for at in (0, 1)]
        cost = {level: [statistics.median(one[at] for one in samples[level]) - base[at] for at in (0, 1)] for level in LEVELS}
        lines += [
            f"| {name} | {level} | {cost[level][0]:.1f} | {cost[level][1]:.1f} | {cost[level][1] / cost['counts'][1]:.2f} |"
            for level in LEVELS
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(15))
