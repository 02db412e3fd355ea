"""What genba costs a call, as a ratio to the span written by hand, in one process and in turns.

    nox -s bench            or: python benchmarks/bench.py [rounds]

Each round runs every workload three ways (no tracing, by hand, genba) in random order, and takes what tracing added: the CPU time of the
calling thread per call, and that of the whole process with export. Ratios are of the medians over rounds; their spread is the middle half.
Times are this machine's, on this day: quote ratios.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import by_hand
import fake_openai
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import genba

Run = Callable[[], Any]


class Reading(SpanExporter):
    """Reads every attribute, as an exporter that encodes them must, and sends nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            dict(span.attributes or {})
        return SpanExportResult.SUCCESS


def provider(**options: Any) -> TracerProvider:
    """A provider that exports as an app's does, in batches on a thread."""
    made = TracerProvider(**options)
    made.add_span_processor(BatchSpanProcessor(Reading(), max_queue_size=20_000))
    return made


def plain_chat(client: Any, request: dict[str, Any]) -> str:
    return str(client.chat.completions.create(**request).choices[0].message.content)


def plain_stream(client: Any, request: dict[str, Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**request) if chunk.choices)


async def plain_achat(client: Any, request: dict[str, Any]) -> str:
    return str((await client.chat.completions.create(**request)).choices[0].message.content)


def answer(question: str, k: int) -> str:
    return question


class Bench:
    """The workloads, each with its three ways."""

    def __init__(self) -> None:
        self.pipeline = provider()
        self.tracer = self.pipeline.get_tracer("by hand")
        self.client = fake_openai.client()
        self.async_client = fake_openai.async_client()
        self.loop = asyncio.new_event_loop()
        self.samples: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def run(self, rounds: int) -> None:
        """Measure."""
        workloads: list[tuple[str, int, int, Run, Run]] = [
            ("chat, small", 40, 1, *self._chat(fake_openai.small())),
            ("chat, 100 KB", 15, 1, *self._chat(fake_openai.large())),
            ("stream of 400 chunks, per chunk", 2, fake_openai.CHUNKS, *self._stream()),
            ("64 async calls at once", 1, 64, *self._wave()),
            ("decorated function", 200, 1, *self._decorated()),
        ]
        for round_ in range(rounds + 1):  # the first one warms up
            for name, repeats, parts, plain, hand in workloads:
                ours = self.by_genba if name == "decorated function" else plain
                ways: list[tuple[str, Run, TracerProvider | None]] = [
                    ("none", plain, None),
                    ("hand", hand, None),
                    ("genba", ours, self.pipeline),
                ]
                if name == "chat, small":
                    ways.append(("sampled out", plain, self.off))
                random.shuffle(ways)
                for way, run, pipeline in ways:
                    sample = self._measured(run, repeats, parts, pipeline)
                    if round_:
                        self.samples.setdefault((name, way), []).append(sample)

    off = provider(sampler=ALWAYS_OFF)

    def _measured(self, run: Run, repeats: int, parts: int, pipeline: TracerProvider | None) -> tuple[float, float]:
        if pipeline is not None:
            genba.init(tracer_provider=pipeline, store="off")
        run()
        gc.collect()
        gc.disable()
        process = time.process_time()
        times = []
        for _ in range(repeats):
            start = time.thread_time()
            run()
            times.append(time.thread_time() - start)
        (pipeline or self.pipeline).force_flush()
        whole = (time.process_time() - process) / repeats
        gc.enable()
        if pipeline is not None:
            genba.uninstrument()
        return statistics.median(times) / parts * 1e6, whole / parts * 1e6

    def _chat(self, request: dict[str, Any]) -> tuple[Run, Run]:
        return lambda: plain_chat(self.client, request), lambda: by_hand.chat(self.tracer, self.client, request)

    def _stream(self) -> tuple[Run, Run]:
        request = fake_openai.streamed()
        return lambda: plain_stream(self.client, request), lambda: by_hand.stream(self.tracer, self.client, request)

    def _wave(self) -> tuple[Run, Run]:
        request = fake_openai.small()

        async def gathered(call: Callable[[], Any]) -> Any:
            return await asyncio.gather(*(call() for _ in range(64)))

        def plain() -> Any:
            return self.loop.run_until_complete(gathered(lambda: plain_achat(self.async_client, request)))

        def hand() -> Any:
            return self.loop.run_until_complete(gathered(lambda: by_hand.achat(self.tracer, self.async_client, request)))

        return plain, hand

    def _decorated(self) -> tuple[Run, Run]:
        hand = by_hand.decorated(self.tracer, answer)
        ours = genba.observe(answer)
        self.by_genba = lambda: ours("What is the time?", 3)
        return lambda: answer("What is the time?", 3), lambda: hand("What is the time?", 3)

    def report(self) -> str:
        """The table."""
        lines = ["| workload | by hand, µs | genba, µs | ratio | middle half | whole process, ratio |", "|---|---|---|---|---|---|"]
        for name in dict.fromkeys(name for name, way in self.samples if way == "hand"):
            none, hand, ours = (self.samples[name, way] for way in ("none", "hand", "genba"))
            base, whole_base = statistics.median(one[0] for one in none), statistics.median(one[1] for one in none)
            floor = statistics.median(one[0] for one in hand) - base
            ratios = sorted((one[0] - base) / floor for one in ours)
            whole_floor = statistics.median(one[1] for one in hand) - whole_base
            whole = (statistics.median(one[1] for one in ours) - whole_base) / whole_floor
            low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
            cost = statistics.median(one[0] for one in ours) - base
            lines.append(
                f"| {name} | {floor:.2f} | {cost:.2f} | {statistics.median(ratios):.2f} | {low:.2f}–{high:.2f} | {whole:.2f} |"
            )
        pairs = zip(self.samples["chat, small", "sampled out"], self.samples["chat, small", "none"], strict=True)
        off = sorted(one[0] - without[0] for one, without in pairs)
        lines.append(
            f"| sampled-out call | – | {statistics.median(off):.2f} | – | {off[len(off) // 4]:.2f}–{off[-1 - len(off) // 4]:.2f} µs | – |"
        )
        return "\n".join(lines)


_IMPORT = """
import sys, time
import opentelemetry.sdk.trace, opentelemetry.sdk.resources, wrapt, orjson
before = set(sys.modules)
start = time.process_time()
import genba
genba.init()
spent = time.process_time() - start
new = sorted(name for name in set(sys.modules) - before if not name.startswith("genba"))
foreign = sorted({name.partition(".")[0] for name in new})
print(f"import genba; genba.init(): {spent * 1000:.0f} ms CPU beyond the SDK's own import, "
      f"{len(set(sys.modules) - before)} modules, top-level names beside genba: {', '.join(foreign)}")
"""


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    bench = Bench()
    bench.run(rounds)
    print(f"CPU time that tracing adds to a call, calling thread, median of {rounds} rounds; ratio to the span written by hand\n")
    print(bench.report())
    print()
    print(subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
