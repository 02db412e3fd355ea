"""Ollama's client: a whole answer, or a line of JSON for each piece."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from recordings.calling import served
from recordings.playing import played
from recordings.reading import Said
from support.clients.ollama import make
from support.wire import Server, Stream

PACKAGE = "ollama"
FORMS = ("as called",)


def call(exchange: Mapping[str, Any], form: str, server: Server) -> list[Any]:
    response = exchange["response"]
    if "ndjson" in response["content_type"]:
        server.serve(Stream(response["text"].encode().splitlines(keepends=True), content_type=response["content_type"]))
    else:
        server.serve(served(exchange))
    body = exchange["request"]["body"]
    name = exchange["request"]["path"].rpartition("/")[2]
    return played(exchange, make, lambda client: getattr(client, name)(**body), server)


def read(exchange: Mapping[str, Any]) -> Said:
    asked = exchange["request"]["body"]
    is_chat = exchange["request"]["path"].endswith("/chat")
    said = Said(operation="chat" if is_chat else "text_completion", asked={"gen_ai.request.model": asked["model"]})
    if asked.get("stream"):
        said.asked["gen_ai.request.stream"] = True
    options = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "num_predict": "max_tokens", "seed": "seed"}
    for theirs, ours in options.items():
        if (asked.get("options") or {}).get(theirs) is not None:
            said.asked[f"gen_ai.request.{ours}"] = asked["options"][theirs]
    said.instructions = asked.get("system") or ""
    said.tools = [tool["function"]["name"] for tool in asked.get("tools") or []]
    turns = asked["messages"] if is_chat else [{"role": "user", "content": asked["prompt"]}]
    said.turns = [(turn["role"], [("text", turn["content"])]) for turn in turns]
    if exchange["response"]["status"] >= 400:
        return said
    lines = [json.loads(line) for line in exchange["response"]["text"].splitlines()]
    last = lines[-1]
    text = "".join(line["message"]["content"] if is_chat else line["response"] for line in lines)
    said.model, said.finish, said.answers = last["model"], [last["done_reason"]], [[("text", text)]]
    counts = {name: last[name] for name in ("prompt_eval_count", "eval_count") if name in last}
    said.raw_usage = counts
    names = {"prompt_eval_count": "input_tokens", "eval_count": "output_tokens"}
    said.usage = {f"gen_ai.usage.{names[name]}": count for name, count in counts.items()}
    return said
