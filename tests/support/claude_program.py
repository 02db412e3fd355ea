"""A stand-in for Claude's command-line program: it speaks the SDK's protocol on its pipes, and says what the test wrote down."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Line = dict[str, Any]
MODEL = "claude-wire-1"
SESSION = "0b5fd1f6-session"
USAGE: Line = {"input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 20, "output_tokens": 7}

_PROGRAM = """#!{python}
import json, sys
turns = iter({turns!r})
for line in sys.stdin:
    said = json.loads(line)
    if said.get("type") == "control_request":
        answer = {{"subtype": "success", "request_id": said["request_id"], "response": {{"commands": []}}}}
        print(json.dumps({{"type": "control_response", "response": answer}}), flush=True)
    elif said.get("type") == "user":
        for message in next(turns, ()):
            if message == "crash":
                sys.exit(7)
            print(json.dumps(message), flush=True)
"""


def program(folder: Path, *turns: Sequence[Any]) -> Path:
    """The program, in `folder`: what it says to each prompt. `"crash"` ends it with an error."""
    path = folder / "claude"
    path.write_text(_PROGRAM.format(python=sys.executable, turns=json.loads(json.dumps(turns))))
    path.chmod(0o755)
    return path


def init() -> Line:
    """What it says first."""
    return {"type": "system", "subtype": "init", "session_id": SESSION, "model": MODEL, "tools": ["Read"], "uuid": "u0"}


def said(id: str, *blocks: Line, parent: str | None = None, stop: str | None = None, usage: Line = USAGE) -> Line:
    """A piece of an answer of the model."""
    message = {
        "id": id, "type": "message", "role": "assistant", "model": MODEL,
        "content": list(blocks), "stop_reason": stop, "usage": usage,
    }  # fmt: skip
    return {"type": "assistant", "message": message, "parent_tool_use_id": parent, "session_id": SESSION, "uuid": f"u-{id}"}


def given(id: str, content: Any, *, parent: str | None = None, is_error: bool = False) -> Line:
    """What a tool gave back."""
    block = {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error}
    message = {"role": "user", "content": [block]}
    return {"type": "user", "message": message, "parent_tool_use_id": parent, "session_id": SESSION, "uuid": f"r-{id}"}


def streamed(event: Line) -> Line:
    """A piece of the provider's own stream."""
    return {"type": "stream_event", "event": event, "parent_tool_use_id": None, "session_id": SESSION, "uuid": "s"}


def result(text: str = "Honey is made by bees.", **more: Any) -> Line:
    """The end of a turn."""
    return {
        "type": "result", "subtype": "success", "is_error": False, "result": text, "session_id": SESSION, "num_turns": 2,
        "duration_ms": 5, "duration_api_ms": 4, "total_cost_usd": 0.01, "usage": {"input_tokens": 6, "output_tokens": 14},
        "uuid": "end", **more,
    }  # fmt: skip


def text(words: str) -> Line:
    """A block of text."""
    return {"type": "text", "text": words}


def use(id: str, name: str, **arguments: Any) -> Line:
    """A block that calls a tool."""
    return {"type": "tool_use", "id": id, "name": name, "input": arguments}
