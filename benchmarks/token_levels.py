"""What the levels of `genba.init(tokens=…)` cost a call, in turns in one process: calling thread, and whole process with export.

    nox -s bench            or: python benchmarks/token_levels.py [rounds]

A call of 200 output tokens, whose reply tells each with five alternatives, or tells none; the latter also with a tokenizer named for
the model, where `tokenizers` is installed: it then cuts the text of each call. The ways to trace a call take turns. What one adds is the
difference of the best rounds, since what else a machine does only adds to a time; the ratio's middle half is of single rounds.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
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
ROUNDS, REPEATS = 25, 20


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


def tokenizer_file(folder: str) -> str:
    """A small tokenizer over bytes, to which each of the words is one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(WORDS * 10, trainer)
    path = str(Path(folder, "tokenizer.json"))
    tokenizer.save(path)
    return path


def measured(client: openai.OpenAI, level: str | None, named: Mapping[str, str]) -> tuple[float, float]:
    """µs a call: calling thread, whole process. Without genba for None."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Reading(), max_queue_size=20_000))
    if level is not None:
        genba.init(tracer_provider=provider, store="off", tokens=level, tokenizers=named)  # type: ignore[arg-type]  # one of LEVELS
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


def cases(folder: str) -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    """What is measured: its name, the reply, and the tokenizers that are named to genba."""
    yield "told with log-probabilities", answer(tells_tokens=True), {}
    yield "no token data", answer(tells_tokens=False), {}
    if find_spec("tokenizers") is not None:
        yield "no token data, a tokenizer named", answer(tells_tokens=False), {"*": tokenizer_file(folder)}


def report(rounds: int, folder: str) -> str:
    """The table: what tracing adds, and the ratio to the level `counts`."""
    lines = [
        "| call of 200 output tokens | level | calling thread, µs | whole process, µs | ratio to `counts` | middle half |",
        "|---|---|---|---|---|---|",
    ]
    for name, body, named in cases(folder):
        client = openai.OpenAI(api_key="bench", max_retries=0, http_client=httpx.Client(transport=_Transport(body)))
        samples: dict[str | None, list[tuple[float, float]]] = {}
        for round_ in range(rounds + 1):
            ways: list[str | None] = [None, *LEVELS]
            random.shuffle(ways)
            for level in ways:
                sample = measured(client, level, named)
                if round_:  # the first one warms up
                    samples.setdefault(level, []).append(sample)
        best = {level: [min(one[at] for one in some) for at in (0, 1)] for level, some in samples.items()}
        base = best[None]
        for level in LEVELS:
            calling, whole = (best[level][at] - base[at] for at in (0, 1))
            ratio = whole / (best["counts"][1] - base[1])
            single = [
                (one[1] - base[1]) / (other[1] - base[1]) for one, other in zip(samples[level], samples["counts"], strict=True)
            ]
            low, _, high = statistics.quantiles(single, n=4)
            lines.append(f"| {name} | {level} | {calling:.1f} | {whole:.1f} | {ratio:.2f} | {low:.2f}–{high:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(report(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, made))
