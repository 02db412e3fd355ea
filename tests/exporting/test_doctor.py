"""What genba says about itself when asked how it is doing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import genba
from genba import harmless, support
from support.programs import run
from support.spans import Spans


def test_before_init_it_says_what_to_do() -> None:
    doctor = genba.doctor()
    assert not doctor.is_running
    assert "not running (call genba.init())" in str(doctor)
    assert doctor.version == genba.__version__
    assert doctor.python in sys.version


def test_it_tells_where_spans_go_and_how_many(spans: Spans) -> None:
    with genba.observe("step"):
        pass
    said = str(genba.doctor())
    assert "the provider passed to init (opentelemetry.sdk.trace.TracerProvider)" in said
    assert "made 1, in flight 0, ended 1, sampled out 0" in said


def test_it_lists_every_library_and_seam_with_its_version_and_state(spans: Spans) -> None:
    doctor = genba.doctor()
    seams = {seam: (version, state) for seam, version, state in doctor.clients}
    libraries = {name: (version, state) for name, version, state, _ in doctor.libraries}
    for package in ("openai", "anthropic", "groq"):
        if package in sys.modules:
            assert seams[f"{package}._base_client.SyncAPIClient.request"] == (sys.modules[package].__version__, "patched")
            assert libraries[package] == (sys.modules[package].__version__, "traced")
            assert f"{package} {sys.modules[package].__version__}: traced; " in str(doctor)
        else:
            assert "waiting" in libraries[package][1]


def test_it_says_of_each_library_how_genba_knows_it(tmp_path: Path) -> None:
    known = {name: said for name, _, _, said in genba.doctor().libraries}
    for library, said in support.table():
        if library.room != "work":
            assert known[library.name] == said
            assert said.startswith(("tested with ", "by its own telemetry", "from documentation"))
            assert said.startswith("tested") == bool(support.tested(library))


def test_it_names_the_file_of_the_store(tmp_path: Path) -> None:
    ran = run("import genba\ngenba.init()\nprint(genba.doctor())", folder=tmp_path)
    assert f"destination store ({tmp_path / '.genba' / 'genba.db'})" in ran.out
    assert "genba's private provider" in ran.out


def test_it_says_that_opentelemetry_is_switched_off(tmp_path: Path) -> None:
    program = "import genba\ngenba.init()\nwith genba.observe('x'): pass\nprint(genba.doctor())\nprint(genba.doctor().is_running)"
    ran = run(program, folder=tmp_path, OTEL_SDK_DISABLED="true")
    assert "switched off by OTEL_SDK_DISABLED=true" in ran.out
    assert ran.out.strip().endswith("False")


@pytest.mark.hostile
def test_it_counts_each_kind_of_failure_and_keeps_the_first_words(
    start_tracing: Callable[..., Spans], caplog: pytest.LogCaptureFixture
) -> None:
    start_tracing()
    harmless.forget()
    for number in range(3):
        with harmless.guard("doing a thing"):
            raise ValueError(f"number {number}")
    assert genba.doctor().failures == {"doing a thing": (3, "ValueError: number 0")}
    assert "3 × while doing a thing: ValueError: number 0" in str(genba.doctor())
    assert len([record for record in caplog.records if "doing a thing" in record.getMessage()]) == 1
    harmless.forget()


def test_asking_changes_nothing(spans: Spans) -> None:
    assert str(genba.doctor()) == str(genba.doctor())
    assert spans.all() == []


def test_asking_does_not_occupy_the_global_provider(tmp_path: Path) -> None:
    program = (
        "import genba\nfrom opentelemetry import trace\ngenba.init()\ngenba.doctor()\n"
        "assert trace._TRACER_PROVIDER is None\nassert not __import__('os').path.exists('.genba')"
    )
    run(program, folder=tmp_path)
