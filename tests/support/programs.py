"""Small programs run in a process of their own, for whatever can only be true of a whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
SOURCE = TESTS.parent / "src"
LIMIT = 60.0

CALL = """
def call(url, model="gpt-wire-1"):
    from support import openai_wire
    from support.services import client
    return client("openai", url).chat.completions.create(model=model, messages=openai_wire.MESSAGES)
"""
"""A function for programs: one call to a model."""

PIPELINE = """
def pipeline(path, name="app"):
    import concurrent.futures.thread  # the SDK (1.45) hangs in a forked child when it is loaded after its provider was made
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
    provider = TracerProvider(resource=Resource({"service.name": name}))
    file = open(path, "a", buffering=1)
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=file, formatter=lambda span: span.to_json(indent=None) + "\\n")))
    return provider
"""
"""A function for programs: a tracer provider that writes its spans to a file, one JSON object a line."""


@dataclass(frozen=True)
class Ran:
    """What a program left behind."""

    code: int
    out: str
    err: str
    folder: Path

    def spans(self, name: str = "spans.jsonl") -> list[dict[str, Any]]:
        """What `pipeline(name)` wrote."""
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(program: str, *arguments: str, folder: Path, fails: bool = False, limit: float = LIMIT, **environment: str) -> Ran:
    """Run a program in `folder`, with no settings but `environment`, for at most `limit` seconds."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "GENBA_", "OPENAI_", "ANTHROPIC_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)]), **environment},
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    ran = Ran(done.returncode, done.stdout, done.stderr, folder)
    assert fails or (done.returncode == 0 and "Traceback" not in done.stderr), done.stderr
    return ran
