"""A working directory with a store in it, and the command line over it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genba.cli.commands import commands
from genba.store.rows import SpanRow
from genba.store.writer import StoreWriter
from support.programs import LIMIT, SOURCE, TESTS

Genba = Callable[..., Result]
Piped = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path


@pytest.fixture
def stored(folder: Path) -> Callable[[Sequence[SpanRow]], None]:
    def store(rows: Sequence[SpanRow]) -> None:
        writer = StoreWriter(folder / ".genba" / "genba.db")
        assert writer.write(rows).stored == len(rows)
        writer.close()

    return store


@pytest.fixture
def genba(folder: Path) -> Genba:
    """The command line, in this process."""
    return lambda *words: CliRunner().invoke(commands, list(words), prog_name="genba")


@pytest.fixture
def piped(folder: Path) -> Piped:
    """The command line in a process of its own, its output in a pipe."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "genba.cli", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)]), **environment},
            capture_output=True,
            timeout=LIMIT,
            check=False,
        )

    return run
