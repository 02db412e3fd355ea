"""Importing and starting genba loads what it needs and nothing that the host did not import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.programs import run

PROGRAM = """
import json, sys
{before}
before = set(sys.modules)
import genba
imported = set(sys.modules) - before
genba.init({options})
print(json.dumps([sorted(imported), sorted(set(sys.modules) - before)]))
"""
SDK = """
import opentelemetry.trace, opentelemetry.context, opentelemetry.propagate, opentelemetry.baggage
import opentelemetry.sdk.trace, opentelemetry.sdk.trace.export, opentelemetry.sdk.resources
import wrapt, orjson
"""
NOT_OURS_TO_LOAD = (
    "openai", "anthropic", "groq", "httpx", "httpx2", "pydantic", "numpy",  # the host's
    "click", "rich",  # the command line's
    "requests", "google.protobuf", "grpc", "opentelemetry.exporter", "opentelemetry.proto",  # exporters'
    "sqlite3", "asyncio", "http.server", "unittest", "jinja2",
)  # fmt: skip


def loaded(folder: Path, options: str, before: str = SDK) -> tuple[list[str], list[str]]:
    """Modules newly loaded by the import, and by import and init together."""
    imported, started = json.loads(run(PROGRAM.format(options=options, before=before), folder=folder).out)
    return imported, started


def foreign(modules: list[str]) -> list[str]:
    return [name for name in modules if any(name == bad or name.startswith(f"{bad}.") for bad in NOT_OURS_TO_LOAD)]


def test_importing_loads_no_client_no_exporter_no_database_and_no_viewer(tmp_path: Path) -> None:
    imported, _ = loaded(tmp_path, "tracer_provider=opentelemetry.sdk.trace.TracerProvider(), store='off'")
    assert foreign(imported) == []
    assert [
        name for name in imported if name.startswith(("genba.cli", "genba.viewer", "genba.store.writer", "genba.store.reader"))
    ] == []


def test_starting_beside_the_app_s_own_pipeline_loads_nothing_further(tmp_path: Path) -> None:
    _, started = loaded(tmp_path, "tracer_provider=opentelemetry.sdk.trace.TracerProvider(), store='off'")
    assert foreign(started) == []


def test_starting_with_the_embedded_store_loads_a_database_and_no_more(tmp_path: Path) -> None:
    _, started = loaded(tmp_path, "")
    assert {name.partition(".")[0] for name in foreign(started)} <= {"sqlite3"}


def test_beyond_opentelemetry_wrapt_and_orjson_only_the_standard_library_is_loaded(tmp_path: Path) -> None:
    import sys

    _, started = loaded(tmp_path, "tracer_provider=opentelemetry.sdk.trace.TracerProvider(), store='off'", before=SDK)
    packages = {name.partition(".")[0] for name in started} - set(sys.stdlib_module_names)
    assert packages <= {"genba", "opentelemetry", "wrapt", "orjson", "typing_extensions", "importlib_metadata"}


@pytest.mark.parametrize("package", ["openai", "anthropic"])
def test_a_client_imported_after_init_is_traced(package: str, tmp_path: Path) -> None:
    program = f"""
import sys, genba
from opentelemetry.sdk.trace import TracerProvider
genba.init(tracer_provider=TracerProvider(), store="off")
assert {package!r} not in sys.modules
import {package}
from {package}._base_client import SyncAPIClient
print(SyncAPIClient.request.__wrapped__.__module__)
"""
    pytest.importorskip(package)
    assert run(program, folder=tmp_path).out.strip() == f"{package}._base_client"
