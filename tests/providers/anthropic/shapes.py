"""Message parts against the conventions' schemas, strictly: these let any object pass as a part of an unknown type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

REQUIRED: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "text": {"content": str},
    "reasoning": {"content": str},
    "tool_call": {"name": str},
    "tool_call_response": {"response": object},
    "server_tool_call": {"name": str, "server_tool_call": dict},
    "server_tool_call_response": {"server_tool_call_response": dict},
    "blob": {"modality": str, "content": str},
    "file": {"modality": str, "file_id": str},
    "uri": {"modality": str, "uri": str},
    "compaction": {},
    "refusal": {"content": str},
}
OPTIONAL = {"id": str, "mime_type": str}


def check_messages(messages: Iterable[Mapping[str, Any]]) -> None:
    for message in messages:
        assert isinstance(message["role"], str)
        assert isinstance(message.get("finish_reason", ""), str)
        check_parts(message["parts"])


def check_parts(parts: Iterable[Any]) -> None:
    for part in parts:
        kind = part["type"]
        assert isinstance(kind, str)
        for key, expected in REQUIRED.get(kind, {}).items():
            assert isinstance(part[key], expected), (kind, key)
        for key, expected in OPTIONAL.items():
            assert kind not in REQUIRED or isinstance(part.get(key, ""), expected), (kind, key)
        for nested in ("server_tool_call", "server_tool_call_response"):
            assert kind != nested or isinstance(part[nested]["type"], str)
        assert kind != "uri" or not part["uri"].startswith("data:")
        if kind == "tool_call_response" and isinstance(part["response"], list):
            check_parts(part["response"])
        json.dumps(part)
