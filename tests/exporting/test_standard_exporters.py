"""Exporters that OpenTelemetry's own variables ask for, and what genba says when they, or a path, cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import genba
from support.programs import run

EXPORTER = """
import json
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

class Notes(SpanExporter):
    def export(self, spans):
        with open("notes.jsonl", "a") as file:
            file.writelines(json.dumps({"name": span.name, "service": span.resource.attributes["service.name"]}) + "\\n" for span in spans)
        return SpanExportResult.SUCCESS

class Failing(SpanExporter):
    def export(self, spans):
        return SpanExportResult.FAILURE
"""
ASK = """
import genba
genba.init()
with genba.inference(provider="acme", model="acme-1") as invocation:
    invocation.response("Because.")
"""
WITHOUT_OTLP = """
import sys
class Blocks:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry.exporter.otlp"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocks())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an installed package that provides exporters."""
    info = tmp_path / "notes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_traces_exporter]\nnotes = notes:Notes\nfailing = notes:Failing\nbroken = no_such_module:Exporter\n"
    )
    (tmp_path / "notes.py").write_text(EXPORTER)
    return tmp_path


def test_an_exporter_is_found_by_its_name(folder: Path) -> None:
    ran = run(
        ASK + 'print(genba.doctor())\ngenba.flush()\nprint(genba.doctor().counts["exported to notes"])',
        folder=folder,
        OTEL_TRACES_EXPORTER="notes",
    )
    noted = json.loads((folder / "notes.jsonl").read_text())
    assert noted["name"] == "chat acme-1"
    assert noted["service"].startswith("unknown_service")
    assert "destination notes, by OpenTelemetry's variables" in ran.out
    assert ran.out.strip().endswith("1")
    assert not (folder / ".genba").exists()


def test_the_service_is_named_as_opentelemetry_says(folder: Path) -> None:
    run(ASK, folder=folder, OTEL_TRACES_EXPORTER="notes", OTEL_SERVICE_NAME="shop")
    assert json.loads((folder / "notes.jsonl").read_text())["service"] == "shop"


def test_several_exporters_share_the_spans_and_none_is_nothing(folder: Path) -> None:
    ran = run(ASK, folder=folder, OTEL_TRACES_EXPORTER="notes, console")
    assert len((folder / "notes.jsonl").read_text().splitlines()) == 1
    assert json.loads(ran.out)["name"] == "chat acme-1"
    ran = run(ASK + "print(genba.doctor())", folder=folder, OTEL_TRACES_EXPORTER="none")
    assert "nowhere" in ran.out
    assert not (folder / ".genba").exists()


def test_what_an_exporter_refuses_is_counted(folder: Path) -> None:
    ran = run(ASK + "genba.flush()\nprint(genba.doctor())", folder=folder, OTEL_TRACES_EXPORTER="failing")
    assert "dropped 1: failing: export failed" in ran.out


def test_genba_s_own_destinations_go_before_opentelemetry_s_variables(folder: Path) -> None:
    run(ASK, folder=folder, OTEL_TRACES_EXPORTER="notes", GENBA_EXPORT="jsonl:mine.jsonl")
    assert (folder / "mine.jsonl").exists()
    assert not (folder / "notes.jsonl").exists()


def test_an_exporter_that_is_not_installed_is_an_error_at_the_start(folder: Path) -> None:
    ran = run(ASK, folder=folder, fails=True, OTEL_TRACES_EXPORTER="zipkin")
    last = ran.err.strip().splitlines()[-1]
    assert "SettingsError" in last
    assert "OTEL_TRACES_EXPORTER" in last
    assert "'zipkin'" in last
    assert "Install" in last


def test_an_exporter_that_does_not_load_is_an_error_at_the_start_or_no_error_at_all(folder: Path) -> None:
    # Inside a running app genba never raises: the call that makes the first span must not meet the broken package.
    ran = run(ASK + 'print("the app goes on")', folder=folder, fails=True, OTEL_TRACES_EXPORTER="broken")
    assert "the app goes on" in ran.out or "SettingsError" in ran.err


@pytest.mark.parametrize(
    "asking",
    [{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, {"OTEL_TRACES_EXPORTER": "otlp"}, {"GENBA_EXPORT": "otlp"}],
    ids=str,
)
def test_a_missing_extra_is_an_error_with_the_command_that_installs_it(asking: dict[str, str], tmp_path: Path) -> None:
    ran = run(WITHOUT_OTLP + ASK, folder=tmp_path, fails=True, **asking)
    assert ran.code != 0
    last = ran.err.strip().splitlines()[-1]
    assert "SettingsError" in last
    assert next(iter(asking)) in last or "export='otlp'" in last
    assert "pip install 'genba[otlp]'" in last


def test_the_extra_for_grpc_is_named_where_grpc_is_asked_for(tmp_path: Path) -> None:
    ran = run(WITHOUT_OTLP + ASK, folder=tmp_path, fails=True, OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "pip install 'genba[otlp-grpc]'" in ran.err


def test_an_unknown_protocol_is_named(tmp_path: Path) -> None:
    ran = run(ASK, folder=tmp_path, fails=True, OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="carrier-pigeon")
    last = ran.err.strip().splitlines()[-1]
    assert "'carrier-pigeon'" in last
    assert "http/protobuf" in last


@pytest.mark.parametrize("option", ["store", "export"])
@pytest.mark.parametrize("path", ["folder", "file/traces.db"])
def test_a_path_that_cannot_be_written_is_an_error_that_names_option_and_path(option: str, path: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    wanted = str(tmp_path / path)
    with pytest.raises(genba.SettingsError) as error:
        genba.init(**{option: wanted if option == "store" else f"jsonl:{wanted}"})
    assert wanted in str(error.value)
    assert option in str(error.value), "which option was it?"
    assert not genba.doctor().is_running


def test_a_path_from_a_variable_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENBA_STORE", str(tmp_path / "file" / "traces.db"))
    with pytest.raises(genba.SettingsError, match="GENBA_STORE"):
        genba.init()


def test_a_folder_for_a_jsonl_file_is_not_told_to_become_a_database(tmp_path: Path) -> None:
    with pytest.raises(genba.SettingsError) as error:
        genba.init(export=f"jsonl:{tmp_path}")
    assert "genba.db" not in str(error.value)


def test_the_store_cannot_be_wanted_and_off() -> None:
    with pytest.raises(genba.SettingsError, match="store='off'"):
        genba.init(store="off", export="store")
    assert not genba.doctor().is_running
