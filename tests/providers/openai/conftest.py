"""A strict look at messages: the conventions' own schema lets any object pass as a part of unknown type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

TEXT: dict[str, Any] = {"content": str}
REQUIRED: dict[str, dict[str, Any]] = {
    "text": TEXT,
    "reasoning": TEXT,
    "refusal": TEXT,
    "tool_call": {"name": str},
    "tool_call_response": {"response": object},
    "server_tool_call": {"name": str, "server_tool_call": dict},
    "server_tool_call_response": {"server_tool_call_response": dict},
    "blob": {"modality": str, **TEXT},
    "file": {"modality": str, "file_id": str},
    "uri": {"modality": str, "uri": str},
    "compaction": {},
    # Ours, for what the conventions have no shape for.
    "upload": {"modality": str},
    "token_ids": {"content": list},
    "suffix": TEXT,
    "moderation": {"flagged": bool},
    "prompt": {"id": str},
    "mcp_approval_request": {"name": str},
    "mcp_approval_response": {"approve": bool},
    "item_reference": {"id": str},
}


def check_part(part: dict[str, Any]) -> None:
    kind = part["type"]
    assert kind in REQUIRED, f"no such part: {part}"
    for key, type_ in REQUIRED[kind].items():
        assert isinstance(part.get(key), type_), f"{kind} needs {key}: {part}"
    assert None not in part.values(), f"a null in {part}"
    if kind.startswith("server_tool_call"):
        assert isinstance(part[kind]["type"], str)
    if kind == "uri":
        assert not part["uri"].startswith("data:")


@pytest.fixture(scope="session")
def well_formed() -> Callable[[Iterable[Any]], list[dict[str, Any]]]:
    """The messages as JSON gives them back, each part of a known type with all that it needs."""

    def check(messages: Iterable[Any]) -> list[dict[str, Any]]:
        as_json: list[dict[str, Any]] = json.loads(json.dumps(list(messages)))
        for message in as_json:
            assert set(message) <= {"role", "parts", "name", "finish_reason"}
            assert isinstance(message["role"], str)
            for part in message["parts"]:
                check_part(part)
        return as_json

    return check
