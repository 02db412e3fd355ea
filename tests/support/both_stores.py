"""One program under genba whose spans go two ways at once: into the embedded store, and through a collector into ClickHouse."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import clickhouse_connect

from support import openai_wire, otel_traces
from support.clickhouse import PASSWORD, USER, ClickHouse
from support.openai_wire import chat, chat_chunks, chunks_stream
from support.otlp import Collector
from support.programs import run
from support.stored import PLACE
from support.wire import Answer, Received, Server, Stream, json_answer

HAS_ENGINE = find_spec("chdb") is not None

PROGRAM = """
import json, sys
import openai
import genba

genba.init(export=["store", "otlp"], tokens="full")
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="k", max_retries=0)
create = client.chat.completions.create
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@genba.tool
def weather(city):
    if city == "Nowhere":
        raise LookupError("no such city: Nowhere")
    return {"city": city, "degrees": 18.5, "sky": "☀️ 'clear' \\\\ \\n bright"}


@genba.agent("forecaster")
def forecaster(question):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    first = create(model="tools", messages=messages, tools=[TOOL], temperature=0.2, stop=["END", "ÆÐ"], seed=7).choices[0].message
    for city in ("Bath", "Nowhere"):
        try:
            weather(city)
        except LookupError:
            pass
    messages += [first.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": "call_7", "content": "18.5"}]
    return create(model="plain", messages=messages, n=2, max_tokens=64).choices[0].message.content


@genba.retrieval
def search(query):
    return [{"id": "p1", "score": 0.9, "text": "about " + query}]


with genba.conversation(id="chat-7", user="ada 'o' \\\\ 漢", tags=["beta", "eu"], attributes={"app.tenant": "acme", "app.count": 3}):
    forecaster("What is the weather in Bath? 漢字 🐝 \\u0000 'quoted' {x:String}")
with create(model="stream", messages=[{"role": "user", "content": "Who makes honey?"}], stream=True, logprobs=True, top_logprobs=1) as stream:
    for chunk in stream:
        pass
with create(model="stream", messages=[{"role": "user", "content": "Half"}], stream=True) as stream:
    next(iter(stream))
try:
    create(model="broken", messages=[{"role": "user", "content": "fails"}])
except openai.APIStatusError:
    pass
client.embeddings.create(model="embed", input=["one", "two"])
search("honey")
print(genba.flush(20))
"""


@dataclass(frozen=True)
class Traffic:
    """What the program left."""

    path: Path
    url: str
    server: ClickHouse
    collected: list[dict[str, Any]]
    """The rows of the table."""


def traffic(folder: Path) -> Traffic:
    """Run the program. The ClickHouse server is the caller's to close."""
    server, collector = Server(), Collector()
    server.serve(_reply)
    try:
        run(PROGRAM, server.url, folder=folder, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="library")
        rows = list(otel_traces.rows(collector.traces()))
    finally:
        server.close()
        collector.close()
    clickhouse = ClickHouse(folder / "clickhouse")
    put(clickhouse, rows)
    return Traffic(folder / PLACE, url(clickhouse), clickhouse, rows)


def put(clickhouse: ClickHouse, rows: list[dict[str, Any]], name: str = "otel_traces") -> None:
    """Make the collector's tables, and put rows into them."""
    for statement in otel_traces.TABLES:
        command(clickhouse, statement.format(name=name))
    command(clickhouse, otel_traces.insert(rows, name))


def command(clickhouse: ClickHouse, sql: str) -> str:
    """Have the server do something."""
    with clickhouse_connect.get_client(host="127.0.0.1", port=clickhouse.port, username=USER, password=PASSWORD) as client:
        return str(client.raw_query(sql).decode())


def url(
    clickhouse: ClickHouse, table: str = "otel_traces", user: str = USER, password: str = PASSWORD, database: str = "default"
) -> str:
    """The address of a table, for genba."""
    return f"clickhouse://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{clickhouse.port}/{database}?table={table}"


def _reply(request: Received) -> Answer | Stream:
    if request.path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": at, "embedding": [0.1, 0.2, at]} for at in range(2)]
        return json_answer({"object": "list", "data": data, "model": "embed-1", "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    body = request.json
    match body["model"]:
        case "tools":
            return json_answer(chat(None, tool_calls=[openai_wire.WEATHER_CALL]))
        case "stream":
            chunks = chat_chunks()
            if body.get("logprobs"):
                for chunk in chunks[1:-1]:
                    piece = chunk["choices"][0]["delta"]["content"]
                    one = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
                    chunk["choices"][0]["logprobs"] = {"content": [{**one, "top_logprobs": [one]}]}
            return chunks_stream(chunks)
        case "broken":
            return json_answer({"error": {"message": "slow down"}}, 429)
        case _:
            return json_answer(chat("It is 18.5 °C in Bath.\n'☀️'", choices=body.get("n") or 1))
