"""A service that plays OpenAI and Anthropic to whatever the documentation runs, and where that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.pages import Run
from support import anthropic_wire, openai_wire
from support.wire import Answer, Received, Reply, Server, json_answer

SCRIPTS = Path(sys.executable).parent


def reply(request: Received) -> Reply:
    """What the services would say, by path."""
    path = request.path.partition("?")[0]
    if path.endswith("/messages"):
        return anthropic_wire.messages_handler(request)
    if path.endswith("/embeddings"):
        return json_answer(_embeddings(request.json))
    if path.endswith("/chat/completions"):
        return _chat(request)
    return Answer(b'{"error": {"message": "the documentation asks for something that its test server does not have"}}', 501)


def _chat(request: Received) -> Reply:
    body = request.json
    asked_for_tools = body.get("tools") and body["messages"][-1]["role"] != "tool"
    if not asked_for_tools:
        return openai_wire.chat_handler(request)
    return json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL]))


def _embeddings(body: Any) -> Any:
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"object": "embedding", "index": n, "embedding": [1.0, 0.5 * n, 0.0]} for n in range(len(inputs))]
    return {"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}


@pytest.fixture(scope="session")
def service() -> Iterator[Server]:
    server = Server()
    server.serve(reply)
    yield server
    server.close()


@pytest.fixture
def run(service: Server, tmp_path: Path) -> Run:
    """Run a Python file the way a reader would, in an empty folder; what it printed."""
    environment = {
        **os.environ,
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', '')}",
        "OPENAI_BASE_URL": f"{service.url}/v1",
        "ANTHROPIC_BASE_URL": service.url,
        **dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY"), "none needed"),
        "COLUMNS": "120",
    }

    def run(file: Path, *arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-W", "error", str(file), *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, f"{file.name} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "genba could not" not in ran.stderr, ran.stderr
        return ran.stdout + ran.stderr

    return run
