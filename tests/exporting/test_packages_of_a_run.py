"""The store says which releases of libraries a run of a process had, also of those that it imported late."""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from genba.store.reader import Store
from support.programs import run

SDK = {"opentelemetry-sdk": metadata.version("opentelemetry-sdk")}
STEP = """
import genba
genba.init()
def step():
    with genba.observe("step"): pass
"""


def install(folder: Path, version: str) -> None:
    """A distribution that is imported as `tiktoken`, for programs that run in this folder."""
    package = folder / "tiktoken"
    package.mkdir(exist_ok=True)
    for name in ("__init__.py", "core.py"):
        (package / name).write_text("")
    about = folder / "tiktoken.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiktoken\nVersion: {version}\n")


def packages(folder: Path) -> list[Any]:
    """Of each run that the programs in this folder had, the newest first."""
    with Store(folder / ".genba" / "genba.db") as store:
        return [one.packages for one in store.runs()]


def test_what_is_imported_later_is_added_with_the_next_span(tmp_path: Path) -> None:
    install(tmp_path, "0.12.0")
    program = """
import json
from genba.store.reader import Store
def told():
    genba.flush()
    with Store(".genba/genba.db") as store:
        print(json.dumps([run.packages for run in store.runs()], sort_keys=True))
step(); told()
import tiktoken
told()
step(); told()
"""
    before, unchanged, after = run(STEP + program, folder=tmp_path).out.splitlines()
    assert before == unchanged == f'[{{"opentelemetry-sdk": "{SDK["opentelemetry-sdk"]}"}}]'
    assert after == f'[{{"opentelemetry-sdk": "{SDK["opentelemetry-sdk"]}", "tiktoken": "0.12.0"}}]'


def test_what_is_written_only_when_the_process_ends_has_them_too(tmp_path: Path) -> None:
    if find_spec("openai") is None:
        pytest.skip("openai is not installed")
    run(STEP + "import openai\nstep()", folder=tmp_path)
    assert packages(tmp_path) == [{**SDK, "openai": metadata.version("openai")}]


def test_a_library_that_is_not_traced_and_not_imported_is_not_there(tmp_path: Path) -> None:
    install(tmp_path, "0.12.0")
    run(STEP + "import click\nstep()", folder=tmp_path)
    assert packages(tmp_path) == [SDK]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_what_its_parent_imported_and_its_own(tmp_path: Path) -> None:
    install(tmp_path, "0.12.0")
    program = """
import os, sys
step()
genba.flush()
child = os.fork()
if not child:
    import tiktoken
    step()
    genba.shutdown()
    os._exit(0)
os.waitpid(child, 0)
"""
    run(STEP + program, folder=tmp_path)
    assert packages(tmp_path) == [{**SDK, "tiktoken": "0.12.0"}, SDK]


def test_it_is_the_release_at_work_and_not_one_installed_since_also_for_the_doctor(tmp_path: Path) -> None:
    install(tmp_path, "0.1.0")
    program = """
import tiktoken.core
from pathlib import Path
about = Path("tiktoken.dist-info/METADATA")
about.write_text(about.read_text().replace("0.1.0", "9.9.9"))
step()
print({name: (version, state) for name, version, state, _ in genba.doctor().libraries}["tiktoken"])
"""
    ran = run(STEP + program, folder=tmp_path, GENBA_TOKENS="full")
    assert packages(tmp_path) == [{**SDK, "tiktoken": "0.1.0"}]
    assert ran.out.startswith("('0.1.0', 'left alone")


def test_a_library_whose_metadata_cannot_be_read_costs_no_span(tmp_path: Path) -> None:
    install(tmp_path, "0.12.0")
    (tmp_path / "tiktoken.dist-info" / "METADATA").write_bytes(b"Name: tiktoken\n\xff\xfe")
    run(STEP + "import tiktoken\nstep()", folder=tmp_path)
    assert packages(tmp_path) == [SDK]
    with Store(tmp_path / ".genba" / "genba.db") as store:
        assert [span.name for span in store.spans()] == ["step"]
