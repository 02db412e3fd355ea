"""What a recorded exchange says, read straight from its two JSON bodies: the judge of what genba records.

Written apart from genba's own readers and as plainly as possible. A part is a tuple: its type, then what matters of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Part = tuple[Any, ...]
Turn = tuple[str, list[Part]]


@dataclass
class Said:
    """Everything that an exchange says and a span must repeat."""

    operation: str = "chat"
    asked: dict[str, Any] = field(default_factory=dict)
    """Request attributes."""
    turns: list[Turn] = field(default_factory=list)
    """Input messages."""
    instructions: str = ""
    tools: list[str] = field(default_factory=list)
    id: str | None = None
    model: str | None = None
    finish: list[str] = field(default_factory=list)
    """In the provider's own words."""
    answers: list[list[Part]] = field(default_factory=list)
    """One list of parts a choice."""
    usage: dict[str, int] = field(default_factory=dict)
    """By the conventions' names, less the zeros."""
    raw_usage: Mapping[str, Any] | None = None


def events(text: str) -> list[Any]:
    """The JSON of the events of a stream."""
    lines = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def read(exchange: Mapping[str, Any]) -> Said:
    """Both bodies of an exchange."""
    path, asked, response = exchange["request"]["path"], exchange["request"]["body"], exchange["response"]
    reader = next(reader for end, reader in READERS.items() if path.endswith(end))
    said = Said(asked=_parameters(asked))
    if response["status"] >= 400:
        reader(said, asked, None)
    elif "event-stream" in response["content_type"]:
        reader(said, asked, FOLDS[reader](events(response["text"])))
    else:
        reader(said, asked, json.loads(response["text"]))
    return said


def _parameters(asked: Mapping[str, Any]) -> dict[str, Any]:
    limit = next((asked[name] for name in ("max_completion_tokens", "max_tokens", "max_output_tokens") if asked.get(name)), None)
    stop = asked.get("stop") or asked.get("stop_sequences")
    found = {
        "model": asked["model"],
        "max_tokens": limit,
        "temperature": asked.get("temperature"),
        "top_p": asked.get("top_p"),
        "top_k": asked.get("top_k"),
        "frequency_penalty": asked.get("frequency_penalty"),
        "presence_penalty": asked.get("presence_penalty"),
        "seed": asked.get("seed"),
        "stop_sequences": None if stop is None else tuple([stop] if isinstance(stop, str) else stop),
        "choice.count": asked["n"] if asked.get("n") not in (None, 1) else None,
        "stream": True if asked.get("stream") else None,
        "reasoning.level": (asked.get("reasoning") or {}).get("effort") or asked.get("reasoning_effort"),
        "previous_response.id": asked.get("previous_response_id"),
    }
    return {f"gen_ai.request.{name}": value for name, value in found.items() if value is not None}


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _media(url: str) -> Part:
    return ("blob", url.partition(",")[2]) if url.startswith("data:") else ("uri", url)


def chat(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    """OpenAI's chat completions, and whoever speaks like it."""
    said.tools = [tool["function"]["name"] for tool in asked.get("tools") or []]
    said.turns = [(message["role"], _chat_parts(message)) for message in asked["messages"]]
    if answer is None:
        return
    said.id, said.model = answer["id"], answer["model"]
    said.finish = [choice["finish_reason"] for choice in answer["choices"] if choice["finish_reason"]]
    said.answers = [_chat_parts(choice["message"]) for choice in answer["choices"]]
    usage = said.raw_usage = answer.get("usage")
    if usage:
        into, out = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
        said.usage = _counts(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            **{"cache_read.input_tokens": into.get("cached_tokens"), "audio.input_tokens": into.get("audio_tokens")},
            **{"reasoning.output_tokens": out.get("reasoning_tokens"), "audio.output_tokens": out.get("audio_tokens")},
        )


def _chat_parts(message: Mapping[str, Any]) -> list[Part]:
    content = message.get("content")
    if message.get("role") == "tool":
        return [("tool_call_response", message["tool_call_id"], content)]
    found: list[Part] = []
    if message.get("reasoning_content") or message.get("reasoning"):
        found.append(("reasoning", message.get("reasoning_content") or message.get("reasoning")))
    if isinstance(content, str) and content:
        found.append(("text", content))
    for part in content if isinstance(content, list) else ():
        found.append(("text", part["text"]) if part["type"] == "text" else _media(part["image_url"]["url"]))
    if message.get("refusal"):
        found.append(("refusal", message["refusal"]))
    for call in message.get("tool_calls") or ():
        found.append(("tool_call", call["id"], call["function"]["name"], _json(call["function"]["arguments"])))
    return found


def fold_chat(chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Chunks -> the completion that they add up to."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            whole = choices.setdefault(choice["index"], {"finish_reason": None, "message": {"role": "assistant", "content": ""}})
            message, delta = whole["message"], choice["delta"]
            whole["finish_reason"] = choice.get("finish_reason") or whole["finish_reason"]
            for name in ("content", "refusal", "reasoning_content", "reasoning"):
                if delta.get(name):
                    message[name] = (message.get(name) or "") + delta[name]
            for piece in delta.get("tool_calls") or ():
                calls = message.setdefault("tool_calls", [])
                while len(calls) <= piece["index"]:
                    calls.append({"id": None, "function": {"name": "", "arguments": ""}})
                call = calls[piece["index"]]
                call["id"] = piece.get("id") or call["id"]
                for name, value in (piece.get("function") or {}).items():
                    call["function"][name] += value or ""
    usage = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    first = chunks[0]
    model = next((chunk["model"] for chunk in chunks if chunk.get("model")), first["model"])
    return {
        "id": next((chunk["id"] for chunk in chunks if chunk.get("id")), first["id"]),
        "model": model,
        "choices": [choices[index] for index in sorted(choices)],
        "usage": usage[-1] if usage else None,
    }


def completion(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    """OpenAI's legacy completions."""
    said.operation = "text_completion"
    prompt = asked["prompt"]
    said.turns = [("user", [("text", text)]) for text in ([prompt] if isinstance(prompt, str) else prompt)]
    if answer is None:
        return
    said.id, said.model, said.raw_usage = answer["id"], answer["model"], answer.get("usage")
    said.finish = [choice["finish_reason"] for choice in answer["choices"] if choice["finish_reason"]]
    said.answers = [[("text", choice["text"])] for choice in answer["choices"]]
    if said.raw_usage:
        said.usage = _counts(input_tokens=said.raw_usage["prompt_tokens"], output_tokens=said.raw_usage["completion_tokens"])


def fold_completion(chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Chunks -> the completion that they add up to."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            whole = choices.setdefault(choice["index"], {"finish_reason": None, "text": ""})
            whole["text"] += choice["text"]
            whole["finish_reason"] = choice["finish_reason"] or whole["finish_reason"]
    usage = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return {**chunks[0], "choices": [choices[index] for index in sorted(choices)], "usage": usage[-1] if usage else None}


def embeddings(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    """OpenAI's embeddings."""
    said.operation = "embeddings"
    given = asked["input"]
    said.turns = [("user", [("text", text) for text in ([given] if isinstance(given, str) else given)])]
    if answer is None:
        return
    said.model, said.raw_usage = answer["model"], answer["usage"]
    said.usage = _counts(input_tokens=answer["usage"]["prompt_tokens"])


def responses(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    """OpenAI's Responses API."""
    said.tools = [tool.get("name") or tool["type"] for tool in asked.get("tools") or []]
    said.instructions = asked.get("instructions") or ""
    items = asked["input"]
    said.turns = [("user", [("text", items)])] if isinstance(items, str) else [_item_turn(item) for item in items]
    if answer is None:
        return
    said.id, said.model, said.finish = answer["id"], answer["model"], [answer["status"]]
    said.answers = [[part for item in answer["output"] for part in _item_parts(item)]]
    usage = said.raw_usage = answer["usage"]
    if usage:
        into, out = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
        said.usage = _counts(
            input_tokens=usage["input_tokens"],
            output_tokens=usage["output_tokens"],
            **{"cache_read.input_tokens": into.get("cached_tokens"), "cache_write.input_tokens": into.get("cache_write_tokens")},
            **{"reasoning.output_tokens": out.get("reasoning_tokens")},
        )


def _item_turn(item: Mapping[str, Any]) -> Turn:
    kind = item.get("type", "message")
    role = {"function_call": "assistant", "function_call_output": "tool"}.get(kind) or item.get("role", "assistant")
    return role, _item_parts(item)


def _item_parts(item: Mapping[str, Any]) -> list[Part]:
    kind = item.get("type", "message")
    if kind == "message":
        content = item["content"]
        return [("text", content)] if isinstance(content, str) else [("text", part["text"]) for part in content]
    if kind == "function_call":
        return [("tool_call", item["call_id"], item["name"], _json(item["arguments"]))]
    if kind == "function_call_output":
        return [("tool_call_response", item["call_id"], item["output"])]
    if kind == "reasoning":
        return [("reasoning", piece["text"]) for piece in item.get("summary") or []]
    return [("server_tool_call", item["id"])]


def fold_responses(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last event holds the whole response."""
    whole: Mapping[str, Any] = next(event["response"] for event in reversed(found) if event["type"] == "response.completed")
    return whole


def messages(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    """Anthropic's messages."""
    system = asked.get("system") or ""
    said.instructions = system if isinstance(system, str) else "".join(block["text"] for block in system)
    said.tools = [tool["name"] for tool in asked.get("tools") or []]
    said.turns = [(message["role"], _blocks(message["content"])) for message in asked["messages"]]
    if answer is None:
        return
    said.id, said.model, said.finish = answer["id"], answer["model"], [answer["stop_reason"]]
    said.answers = [_blocks(answer["content"])]
    usage = said.raw_usage = answer["usage"]
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    said.usage = _counts(
        input_tokens=usage["input_tokens"] + read + written,
        output_tokens=usage["output_tokens"],
        **{"cache_read.input_tokens": read, "cache_write.input_tokens": written},
    )


def _blocks(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [("text", content)]
    found: list[Part] = []
    for block in content:
        if block["type"] == "text":
            found.append(("text", block["text"]))
        elif block["type"] == "thinking":
            found.append(("reasoning", block["thinking"]))
        elif block["type"] == "image":
            found.append(("blob", block["source"]["data"]))
        else:
            found.append(("tool_call", block["id"], block["name"], block["input"]))
    return found


def fold_messages(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Events -> the message that they add up to."""
    whole: dict[str, Any] = {}
    typed: dict[int, str] = {}
    for event in found:
        kind = event["type"]
        if kind == "message_start":
            whole = {**event["message"], "content": [], "usage": dict(event["message"]["usage"])}
        elif kind == "content_block_start":
            whole["content"].append(dict(event["content_block"]))
        elif kind == "content_block_delta":
            delta, block = event["delta"], whole["content"][event["index"]]
            if delta["type"] == "input_json_delta":
                typed[event["index"]] = typed.get(event["index"], "") + delta["partial_json"]
            else:
                name = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[delta["type"]]
                block[name] += delta[name]
        elif kind == "message_delta":
            whole["stop_reason"] = event["delta"]["stop_reason"]
            whole["usage"].update({name: value for name, value in event["usage"].items() if value is not None})
    for index, text in typed.items():
        whole["content"][index]["input"] = json.loads(text) if text else {}
    return whole


def _counts(**counts: int | None) -> dict[str, int]:
    return {f"gen_ai.usage.{name}": value for name, value in counts.items() if value}


READERS = {
    "/chat/completions": chat,
    "/completions": completion,
    "/embeddings": embeddings,
    "/responses": responses,
    "/messages": messages,
}
FOLDS = {chat: fold_chat, completion: fold_completion, responses: fold_responses, messages: fold_messages}
