"""What calls weigh on their way into ClickHouse, and how long genba's questions take there: the figures of docs/do/scale-out.md.

    nox -s clickhouse -- measure [calls] [rows]      or: PYTHONPATH=tests python benchmarks/scale_out.py [calls] [rows]

`calls` go through the real openai client (its transport replaced) and genba, are encoded as OTLP, turned into rows as the collector does,
and put into the engine of ClickHouse (chDB), its data on disk. They are then copied, with new ids and times over a day, until there are
`rows`. Words are made up, drawn by Zipf's law from 30,000: real text compresses about as well, often better.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import openai
from click.testing import CliRunner
from fake_openai import httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import genba
from genba.cli.commands import commands
from genba.store.opening import open_store
from support import otel_traces
from support.both_stores import command, url
from support.clickhouse import ClickHouse

DAY = 86_400
BATCH = 512
chance = random.Random(1)
LETTERS = "etaoinshrdlucmfw"
WORDS = ["".join(chance.choices(LETTERS, weights=range(len(LETTERS), 0, -1), k=chance.randint(2, 11))) for _ in range(30_000)]
WEIGHTS = list(accumulate(1 / (rank + 3) for rank in range(len(WORDS))))
SYSTEMS: list[str] = []
TOOLS: list[Any] = []


def words(characters: int) -> str:
    return " ".join(chance.choices(WORDS, cum_weights=WEIGHTS, k=max(1, round(characters / 6.2))))


def request() -> dict[str, Any]:
    """Of ten calls six are short, three carry documents, one is a turn of an agent with tools."""
    kind = chance.choices(["chat", "documents", "agent"], [6, 3, 1])[0]
    system = {"role": "system", "content": SYSTEMS[len(kind) % len(SYSTEMS)]}
    if kind == "chat":
        messages = [system, {"role": "user", "content": words(chance.lognormvariate(5.8, 0.6))}]
        return {"model": "gpt-5-mini", "temperature": 0.2, "messages": messages}
    if kind == "documents":
        messages = [system, {"role": "user", "content": words(6000) + "\n\n" + words(200)}]
        return {"model": "gpt-5-mini", "messages": messages}
    turns = [{"role": ("user", "assistant")[at % 2], "content": words(400)} for at in range(7)]
    return {"model": "gpt-5", "messages": [system, *turns], "tools": TOOLS}


class _Transport(httpx.BaseTransport):
    def handle_request(self, request: Any) -> Any:
        asked = json.loads(request.read())
        message: dict[str, Any] = {"role": "assistant", "content": words(chance.lognormvariate(6.4, 0.5))}
        if asked.get("tools"):
            call = {"name": "search", "arguments": json.dumps({"query": words(60)})}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"call_{chance.randbytes(12).hex()}", "type": "function", "function": call}],
            }
        sizes = [sum(len(one["content"] or "") for one in some) // 4 for some in (asked["messages"], [message])]
        return httpx.Response(
            200,
            json={
                "id": f"chatcmpl-{chance.randbytes(14).hex()}",
                "object": "chat.completion",
                "created": 1_767_225_600,
                "model": f"{asked['model']}-2026-08-07",
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": sizes[0], "completion_tokens": sizes[1], "total_tokens": sum(sizes)},
            },
        )


class Weighing(SpanExporter):
    """Encodes and weighs batches, and keeps their rows as the lines of an INSERT."""

    def __init__(self, file: Any, calls: int) -> None:
        self.file, self.step, self.spans, self.bytes, self.zipped = file, DAY * 10**9 // calls, 0, 0, 0
        self.start = time.time_ns() - DAY * 10**9

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encoded = encode_spans(spans)
        body = encoded.SerializeToString()
        self.bytes += len(body)
        self.zipped += len(gzip.compress(body))
        for row in otel_traces.rows([encoded]):
            row["Timestamp"] = otel_traces.time_text(self.start + self.spans * self.step)
            row["Duration"] = int(chance.lognormvariate(0.3, 0.7) * 1e9)
            self.file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self.spans += 1
        return SpanExportResult.SUCCESS


def calls(number: int, lines: Path) -> Weighing:
    SYSTEMS.extend(words(1200) for _ in range(4))
    schema = {"type": "object", "properties": {"query": {"type": "string", "description": words(80)}}}
    TOOLS.extend(
        {"type": "function", "function": {"name": name, "description": words(200), "parameters": schema}}
        for name in ("search", "read", "write")
    )
    with lines.open("w") as file:
        weighing = Weighing(file, number)
        provider = TracerProvider(resource=Resource.create({"service.name": "assistant", "host.name": "worker-17"}))
        provider.add_span_processor(BatchSpanProcessor(weighing, max_queue_size=4096, max_export_batch_size=BATCH))
        genba.init(tracer_provider=provider)
        client = openai.OpenAI(api_key="k", http_client=httpx.Client(transport=_Transport()))
        for at in range(number):
            with genba.conversation(id=f"c{at // 3}", user=f"u{at % 997}"):
                client.chat.completions.create(**request())
            if at % 1000 == 0:
                provider.force_flush()
        provider.shutdown()
        genba.uninstrument()
    return weighing


def batches(lines: Path, size: int) -> Iterator[tuple[int, str]]:
    with lines.open() as file:
        while some := [line for _, line in zip(range(size), file, strict=False)]:
            yield len(some), "".join(some)


def timed(what: str, do: Callable[[], Any]) -> None:
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        done = do()
        taken.append(time.perf_counter() - began)
    print(f"  {what:<58} first {taken[0]:7.3f} s   then {min(taken[1:]):7.3f} s   {done}", flush=True)


def main(number: int = 50_000, rows: int = 1_000_000) -> None:
    folder = Path(tempfile.mkdtemp(prefix="scale-out-"))
    server = ClickHouse(folder / "data")
    try:
        lines = folder / "rows.jsonl"
        weighed = calls(number, lines)
        print(
            f"OTLP: {weighed.bytes / weighed.spans:,.0f} bytes a call as protobuf, "
            f"{weighed.zipped / weighed.spans:,.0f} gzipped in batches of {BATCH}"
        )
        for statement in otel_traces.TABLES:
            command(server, statement.format(name="otel_traces"))
        began = time.perf_counter()
        for _, text in batches(lines, 10_000):
            command(server, "INSERT INTO otel_traces FORMAT JSONEachRow\n" + text)
        took = time.perf_counter() - began
        print(f"insert: {weighed.spans / took:,.0f} rows/s in batches of 10,000 (as JSON, one at a time)")
        command(server, "OPTIMIZE TABLE otel_traces FINAL")
        size = (
            "SELECT sum(bytes_on_disk), sum(data_uncompressed_bytes), sum(rows), sum(secondary_indices_compressed_bytes) "
            "FROM system.parts WHERE active AND table = '{}' FORMAT TSV"
        )
        disk, raw, count, indices = map(int, command(server, size.format("otel_traces")).split())
        print(
            f"disk: {disk / count:,.0f} bytes a call, of {raw / count:,.0f} uncompressed; indices {indices / count:,.0f} of these"
        )
        disk, _, _, _ = map(int, command(server, size.format("otel_traces_trace_id_ts")).split())
        print(f"      and {disk / count:,.0f} in the table of times")
        names = command(
            server, "SELECT name FROM system.columns WHERE table = 'otel_traces' AND default_kind = '' FORMAT TSV"
        ).split()
        new = {
            "TraceId": "replaceAll(toString(generateUUIDv4(1)), '-', '')",
            "SpanId": "substring(replaceAll(toString(generateUUIDv4(2)), '-', ''), 1, 16)",
        }
        while count < rows:
            shift = f"Timestamp + toIntervalMicrosecond({chance.randrange(10**6)})"
            picked = ", ".join(new.get(name, shift if name == "Timestamp" else f"`{name}`") for name in names)
            quoted = ", ".join(f"`{name}`" for name in names)
            began = time.perf_counter()
            command(server, f"INSERT INTO otel_traces ({quoted}) SELECT {picked} FROM otel_traces LIMIT {min(count, rows - count)}")
            print(f"      {min(count, rows - count):,} more rows copied in {time.perf_counter() - began:.0f} s", flush=True)
            count = int(command(server, "SELECT count() FROM otel_traces FORMAT TSV"))
        ask(url(server), folder, count)
    finally:
        server.close()
        shutil.rmtree(folder)


def ask(address: str, folder: Path, count: int) -> None:
    print(f"questions to {count:,} rows of a day:")
    with open_store(address) as store:
        one = store.spans(1)[0]
        old = next(iter(store.scan(until_ns=one.start_ns - DAY * 10**9 // 2).spans))[1]
        timed("the 20 newest calls (of any model)", lambda: len(store.spans(20, operations=["chat"])))
        timed("the 20 newest of a model that is there", lambda: len(store.spans(20, operations=["chat"], model="gpt-5")))
        timed("the 20 newest that failed (there are none)", lambda: len(store.spans(20, operations=["chat"], error=True)))
        timed("a trace by its id", lambda: len(store.trace(old.trace_id)))
        timed("find half the id of a trace", lambda: store.find(old.trace_id.hex()[:16])[1])
        timed("find the id of a span", lambda: store.find(old.span_id.hex())[1] is not None)
        timed("a user's 20 newest calls", lambda: len(store.spans(20, user_id="u500")))
        began = time.perf_counter()
        read = sum(1 for _ in store.scan(operations=["chat"], since_ns=one.start_ns - DAY * 10**9 // 10).spans)
        print(f"  a scan of a tenth of the day, as drift does it: {read / (time.perf_counter() - began):,.0f} calls/s ({read:,})")
    program = CliRunner()
    for words_ in (["list"], ["list", "--traces"], ["show", "last"]):
        timed("genba " + " ".join(words_), lambda words_=words_: program.invoke(commands, [*words_, "--store", address]).exit_code)
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(one.start_ns / 1e9 - DAY / 50))
    began = time.perf_counter()
    done = program.invoke(commands, ["export", "--to", str(folder / "calls.parquet"), "--since", since, "--store", address])
    print(f"  genba export of a fiftieth of the day: {done.output.strip()} in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
