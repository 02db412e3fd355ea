"""Cohere's client in both versions of its API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from recordings.calling import PIECE, served
from recordings.playing import played
from recordings.reading import Part, Said
from support.clients.cohere import make
from support.wire import Server, Stream

PACKAGE = "cohere"
FORMS = ("as called", "raw response")


def call(exchange: Mapping[str, Any], form: str, server: Server) -> list[Any]:
    response = exchange["response"]
    body = dict(exchange["request"]["body"])
    if body.pop("stream", False):
        sent = response["text"].encode()
        pieces = [sent[start : start + PIECE] for start in range(0, len(sent), PIECE)]
        server.serve(Stream(pieces, content_type=response["content_type"]))
        name = "chat_stream"
    else:
        server.serve(served(exchange))
        name = "chat"
    version = 2 if "/v2/" in exchange["request"]["path"] else 1

    def ask(client: Any) -> Any:
        if form == "raw response" and name == "chat":
            return client.with_raw_response.chat(**body, request_options={"max_retries": 0})
        return getattr(client, name)(**body, request_options={"max_retries": 0})

    return played(exchange, make(version), ask, server)


def read(exchange: Mapping[str, Any]) -> Said:
    asked = exchange["request"]["body"]
    said = Said(asked={"gen_ai.request.model": asked["model"]})
    for theirs, ours in {"temperature": "temperature", "p": "top_p", "k": "top_k", "max_tokens": "max_tokens"}.items():
        if asked.get(theirs) is not None:
            said.asked[f"gen_ai.request.{ours}"] = asked[theirs]
    if asked.get("stream"):
        said.asked["gen_ai.request.stream"] = True
    is_new = exchange["request"]["path"].startswith("/v2/")
    response = exchange["response"]
    answer = None
    if response["status"] < 400:
        lines = [json.loads(line) for line in response["text"].splitlines() if line]
        answer = lines[-1]["response"] if asked.get("stream") else lines[0]
    (_new if is_new else _old)(said, asked, answer)
    return said


def _new(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    said.tools = [tool["function"]["name"] for tool in asked.get("tools") or []]
    said.turns = [(turn["role"], _parts(turn)) for turn in asked["messages"]]
    if answer is None:
        return
    said.id, said.finish, said.answers = answer["id"], [answer["finish_reason"]], [_parts(answer["message"])]
    _counted(said, answer["usage"])


def _parts(turn: Mapping[str, Any]) -> list[Part]:
    content = turn.get("content")
    if turn["role"] == "tool":
        return [("tool_call_response", turn["tool_call_id"], content)]
    found: list[Part] = [("reasoning", turn["tool_plan"])] if turn.get("tool_plan") else []
    for piece in [{"text": content}] if isinstance(content, str) else content or []:
        found.append(("text", piece["text"]))
    for one in turn.get("tool_calls") or []:
        found.append(("tool_call", one["id"], one["function"]["name"], json.loads(one["function"]["arguments"])))
    return found


def _old(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    roles = {"CHATBOT": "assistant"}
    history = asked.get("chat_history") or []
    said.turns = [(roles.get(turn["role"].upper(), turn["role"].lower()), [("text", turn["message"])]) for turn in history]
    said.turns.append(("user", [("text", asked["message"])]))
    said.instructions = asked.get("preamble") or ""
    if answer is None:
        return
    said.id, said.finish, said.answers = answer["response_id"], [answer["finish_reason"]], [[("text", answer["text"])]]
    _counted(said, answer["meta"])


def _counted(said: Said, usage: Mapping[str, Any]) -> None:
    billed = usage["billed_units"]
    said.raw_usage = usage
    said.usage = {f"gen_ai.usage.{name}": billed[name] for name in ("input_tokens", "output_tokens") if billed[name]}
    cached = usage.get("cached_tokens") or 0
    if 0 < cached <= billed["input_tokens"]:  # of what is billed it is a part, or it is not told
        said.usage["gen_ai.usage.cache_read.input_tokens"] = cached
