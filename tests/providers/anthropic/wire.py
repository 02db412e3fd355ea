"""Anthropic's messages and stream events, made by hand and made at random."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st


def opened(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, type: str, **piece: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": type, **piece}}


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(KEYS | st.text(max_size=4), values, max_size=4)


KEYS = st.sampled_from(["type", "text", "content", "input", "name", "source", "usage", "index", "delta", "message"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | objects(inner),
    max_leaves=6,
)
ARGUMENTS = objects(JSON_VALUES)
IDS = st.text(min_size=1, max_size=6)
COUNTS = st.integers(0, 10**6)


def blocks_of(type: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(type), **fields})


BLOCKS = st.one_of(
    blocks_of("text", text=st.text()),
    blocks_of("text", text=st.text(), citations=st.lists(ARGUMENTS, min_size=1, max_size=3)),
    blocks_of("thinking", thinking=st.text(), signature=st.text()),
    blocks_of("redacted_thinking", data=st.text()),
    blocks_of("tool_use", id=IDS, name=IDS, input=ARGUMENTS),
    blocks_of("server_tool_use", id=IDS, name=IDS, input=ARGUMENTS),
    blocks_of("mcp_tool_use", id=IDS, name=IDS, server_name=IDS, input=ARGUMENTS),
    blocks_of("web_search_tool_result", tool_use_id=IDS, content=st.lists(ARGUMENTS, max_size=2)),
    blocks_of("mcp_tool_result", tool_use_id=IDS, content=st.text(), is_error=st.booleans()),
    blocks_of("container_upload", file_id=IDS),
    blocks_of("compaction", content=st.text(), encrypted_content=st.text()),
    blocks_of("hologram", depth=JSON_VALUES),
)
USAGES = st.fixed_dictionaries(
    {"input_tokens": COUNTS, "output_tokens": COUNTS},
    optional={
        "cache_read_input_tokens": COUNTS,
        "cache_creation_input_tokens": COUNTS,
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": COUNTS}),
    },
)
MESSAGES = st.fixed_dictionaries(
    {
        "id": IDS,
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": IDS,
        "content": st.lists(BLOCKS, max_size=4),
        "stop_reason": st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal", "pause_turn", "tea_break"]),
        "stop_sequence": st.none(),
        "usage": USAGES,
    }
)


def split(message: dict[str, Any], size: int) -> list[Any]:
    """The message as a stream, in pieces of `size` characters."""
    started = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    streamed = [event for index, block in enumerate(message["content"]) for event in split_block(index, block, size)]
    last = {"type": "message_delta", "delta": {"stop_reason": message["stop_reason"]}, "usage": message["usage"]}
    return [{"type": "message_start", "message": started}, *streamed, last, {"type": "message_stop"}]


def split_block(index: int, block: dict[str, Any], size: int) -> Iterator[Any]:
    head = dict(block)
    deltas: list[Any] = []
    match block["type"]:
        case "text":
            citations = head.pop("citations", [])
            deltas += [delta(index, "text_delta", text=piece) for piece in pieces(block["text"], size)]
            deltas += [delta(index, "citations_delta", citation=citation) for citation in citations]
            head["text"] = ""
        case "thinking":
            deltas += [delta(index, "thinking_delta", thinking=piece) for piece in pieces(block["thinking"], size)]
            deltas.append(delta(index, "signature_delta", signature=block["signature"]))
            head.update(thinking="", signature="")
        case "tool_use" | "server_tool_use" | "mcp_tool_use":
            deltas += [delta(index, "input_json_delta", partial_json=piece) for piece in pieces(json.dumps(block["input"]), size)]
            head["input"] = {}
        case "compaction":
            deltas.append(delta(index, "compaction_delta", content=block["content"], encrypted_content=block["encrypted_content"]))
            head.update(content=None, encrypted_content=None)
    yield opened(index, **head)
    yield from deltas
    yield closed(index)


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
