"""Options go before the environment, that before the default; what cannot be used is an error that names it and says what to write."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

import genba
from genba.settings import Settings, SettingsError, resolve
from genba.settings.table import CONTENT_VARIABLE, EVENT_VARIABLE, TABLE

CLIENTS = ["openai", "anthropic"]
SAID = [entry.option for entry in TABLE if entry.option]


def given_to(options: dict[str, Any] | None = None, /, **environ: str) -> Settings:
    return resolve(options or {}, CLIENTS, environ)


def refused(options: dict[str, Any] | None = None, /, **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        given_to(options, **environ)
    return str(error.value)


def test_nothing_said_is_the_default() -> None:
    found = given_to()
    assert {name: getattr(found, name) for name in SAID} == {name: getattr(Settings(), name) for name in SAID}


@pytest.mark.parametrize(
    ("options", "input", "fix"),
    [
        ({"stor": "x"}, "'stor'", "'store'"),
        ({"zzz": 1}, "'zzz'", "tracer_provider"),
        ({"tracer_provider": 7}, "tracer_provider", "get_tracer()"),
        ({"meter_provider": object()}, "meter_provider", "get_meter()"),
        ({"logger_provider": "global"}, "logger_provider", "get_logger()"),
        ({"store": ""}, "store=''", "'.genba/genba.db'"),
        ({"store": 7}, "store=7", "'off'"),
        ({"store": True}, "store=True", "'off'"),
        ({"export": "consol"}, "'consol'", "'console'"),
        ({"export": ["console", 7]}, "7", "SpanExporter"),
        ({"export": "jsonl:"}, "'jsonl:'", "'jsonl:PATH'"),
        ({"export": {"a": 1}}, "export", "'console'"),
        ({"capture_content": "all"}, "capture_content='all'", "'both'"),
        ({"capture_content": 7}, "capture_content=7", "'none'"),
        ({"offload_above": "big"}, "offload_above='big'", "'64KiB'"),
        ({"offload_above": 100}, "offload_above=100", "4KiB"),
        ({"offload_above": -1}, "offload_above=-1", "'off'"),
        ({"blobs": 7}, "blobs=7", "'.genba/blobs'"),
        ({"blobs_max": "10 pears"}, "blobs_max='10 pears'", "'10GiB,90d'"),
        ({"semconv": "1.36"}, "semconv='1.36'", "'1.37'"),
        ({"semconv": 1.37}, "semconv=1.37", "'1.37'"),
        ({"semconv": ["latest"]}, "semconv", "'latest'"),
        ({"stream_usage": True}, "stream_usage=True", "'inject'"),
        ({"instrument": ["opnai"]}, "'opnai'", "openai"),
        ({"instrument": 7}, "instrument", "openai"),
        ({"instrument": [["openai"]]}, "instrument", "openai"),
        ({"provider_names": ["vllm"]}, "provider_names", "'10.0.0.5:8000'"),
        ({"provider_names": {"10.0.0.5": 7}}, "7", "'vllm'"),
        ({"set_global": "yes"}, "set_global", "True or False"),
        ({"service_name": 7}, "service_name", "7"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_named_with_the_fix(options: dict[str, Any], input: str, fix: str) -> None:
    said = refused(options)
    assert input in said
    assert fix in said


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        ("GENBA_EXPORT", "consol", "'console'"),
        ("GENBA_EXPORT", "store,", "'store'"),
        ("GENBA_SEMCONV", "1.36", "'1.37'"),
        ("GENBA_STREAM_USAGE", "yes", "'inject'"),
        ("GENBA_INSTRUMENT", "opnai", "openai"),
        ("GENBA_PROVIDER_NAMES", "10.0.0.5:8000", "'10.0.0.5:8000'"),
        ("GENBA_PROVIDER_NAMES", "=vllm", "'vllm'"),
        ("GENBA_SET_GLOBAL", "maybe", "'true'"),
        (EVENT_VARIABLE, "maybe", "'true'"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_with_the_fix(variable: str, value: str, fix: str) -> None:
    said = refused(**{variable: value})
    assert variable in said
    assert fix in said


@given(
    st.sampled_from([entry.option for entry in TABLE if entry.option]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.text() | st.integers())
    | st.dictionaries(st.text(), st.integers()),
)
def test_any_value_of_an_option_is_taken_or_refused_by_name(option: str, value: Any) -> None:
    try:
        given_to({option: value})
    except SettingsError as error:
        assert option in str(error)  # noqa: PT017  # either way is right


@given(
    st.sampled_from([entry.env for entry in TABLE if entry.env]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
def test_any_value_of_a_variable_is_taken_or_refused_by_name(variable: str, value: str) -> None:
    try:
        given_to(**{variable: value})
    except SettingsError as error:
        assert variable in str(error)  # noqa: PT017  # either way is right


@pytest.mark.parametrize("variable", [entry.env for entry in TABLE if entry.env])
def test_an_empty_variable_says_nothing(variable: str) -> None:
    assert given_to(**{variable: ""}) == given_to()


def test_an_option_goes_before_its_variable() -> None:
    options = {
        "store": "mine.db",
        "export": "console",
        "capture_content": "event",
        "semconv": "latest",
        "instrument": ["openai"],
        "set_global": False,
    }
    found = given_to(
        options, GENBA_STORE="theirs.db", GENBA_EXPORT="otlp", GENBA_SEMCONV="1.37", GENBA_INSTRUMENT="anthropic", GENBA_SET_GLOBAL="true",
        **{CONTENT_VARIABLE: "NO_CONTENT"},
    )  # fmt: skip
    assert (found.store, found.export, found.capture_content, found.semconv) == ("mine.db", ("console",), "event", "latest")
    assert (found.instrument, found.set_global) == (("openai",), False)


def test_variables_are_obeyed() -> None:
    found = given_to(
        GENBA_STORE="t.db",
        GENBA_EXPORT="console, jsonl:x.jsonl",
        GENBA_SEMCONV="1.37",
        GENBA_STREAM_USAGE="inject",
        GENBA_INSTRUMENT="openai, anthropic",
        GENBA_SET_GLOBAL="1",
    )
    assert {name: getattr(found, name) for name in SAID if getattr(found, name) != getattr(Settings(), name)} == {
        "store": "t.db",
        "export": ("console", "jsonl:x.jsonl"),
        "semconv": "1.37",
        "stream_usage": "inject",
        "instrument": ("openai", "anthropic"),
        "set_global": True,
    }


@pytest.mark.parametrize(
    ("word", "content"),
    [
        ("NO_CONTENT", "none"), ("SPAN_ONLY", "span"), ("EVENT_ONLY", "event"), ("SPAN_AND_EVENT", "both"), ("span_only", "span"), ("true", "span"),
        ("false", "none"), ("none", "none"), ("both", "both"), ("event", "event"), (" SPAN_ONLY ", "span"),
    ],
)  # fmt: skip
def test_the_standard_s_words_for_content_are_understood(word: str, content: str) -> None:
    assert given_to(**{CONTENT_VARIABLE: word}).capture_content == content
    assert given_to({"capture_content": word.strip()}).capture_content == content


def test_an_unknown_word_for_content_in_the_environment_is_the_safe_one_and_a_warning() -> None:
    found = given_to(**{CONTENT_VARIABLE: "everything"})
    assert found.capture_content == "none"
    (warning,) = found.warnings
    assert CONTENT_VARIABLE in warning
    assert "'everything'" in warning
    assert "SPAN_ONLY" in warning


@pytest.mark.parametrize(("content", "emits"), [("none", False), ("span", False), ("event", True), ("both", True)])
def test_the_details_event_goes_with_content_unless_it_is_said(content: str, *, emits: bool) -> None:
    assert given_to({"capture_content": content}).emit_event == emits
    assert given_to({"capture_content": content}, **{EVENT_VARIABLE: "true"}).emit_event
    assert not given_to({"capture_content": content}, **{EVENT_VARIABLE: "false"}).emit_event


def test_destinations_may_be_one_or_several() -> None:
    exporter = ConsoleSpanExporter()
    assert given_to({"export": exporter}).export == (exporter,)
    assert given_to({"export": ("console", exporter)}).export == ("console", exporter)
    assert given_to({"export": "none"}).export == ()
    assert given_to({"store": False}).store == "off"
    assert given_to({"store": Path("a") / "b.db"}).store == str(Path("a") / "b.db")


def test_an_address_may_be_given_its_provider_by_host_by_port_or_by_url() -> None:
    said = {"10.0.0.5:8000": "vllm", "http://Models.Test/v1": "sglang", "[::1]:80": "ollama"}
    kept = {"10.0.0.5:8000": "vllm", "models.test": "sglang", "[::1]:80": "ollama"}
    assert given_to({"provider_names": said}).provider_names == kept
    assert given_to(GENBA_PROVIDER_NAMES=",".join(f"{host}={name}" for host, name in said.items())).provider_names == kept


def test_a_path_from_home_is_understood() -> None:
    found = given_to({"store": "~/traces.db"}).store
    assert found == str(Path("~/traces.db").expanduser())


def test_one_client_needs_no_list() -> None:
    assert given_to({"instrument": "openai"}).instrument == ("openai",)
    assert given_to({"instrument": []}).instrument == ()
    assert given_to(GENBA_INSTRUMENT="all").instrument is None
    assert given_to(GENBA_INSTRUMENT="none").instrument == ()


def test_a_provider_is_whatever_gives_tracers() -> None:
    provider = TracerProvider()
    assert given_to({"tracer_provider": provider}).tracer_provider is provider


def test_the_table_is_what_init_takes() -> None:
    parameters = inspect.signature(genba.init).parameters
    options = [entry.option for entry in TABLE if entry.option]
    assert options == [name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
    told = inspect.getdoc(genba.init) or ""
    assert [option for option in options if f"{option}: " not in told] == []


def test_every_error_leaves_genba_off() -> None:
    with pytest.raises(SettingsError):
        genba.init(semconv="1.36")  # type: ignore[arg-type]
    assert not genba.doctor().is_running
    assert genba.doctor().clients == []


@pytest.mark.parametrize(
    ("said", "size"), [(65536, 65536), ("65536", 65536), ("64KiB", 65536), ("64kb", 65536), ("1.5 MiB", 1_572_864), ("2g", 2 << 30)]
)
def test_sizes_are_written_as_people_write_them(said: Any, size: int) -> None:
    assert given_to({"offload_above": said}).offload_above == size
    assert given_to(GENBA_OFFLOAD_ABOVE=str(said)).offload_above == size


def test_blobs_and_their_bounds() -> None:
    assert given_to({"blobs_max": "10GiB,90d"}).blobs_max == (10 << 30, 90 * 86_400)
    assert given_to(GENBA_BLOBS_MAX="12h").blobs_max == (None, 12 * 3600)
    assert given_to({"blobs_max": "off"}).blobs_max == (None, None)
    assert given_to({"offload_above": "off"}).offload_above is None
    assert given_to(GENBA_BLOBS="off", OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH="/x").blobs == "off"
    assert given_to({"blobs": Path("here")}).blobs == "here"
    assert given_to(GENBA_BLOBS="~/blobs").blobs == str(Path("~/blobs").expanduser())


def test_the_standards_upload_variables_name_the_blob_store() -> None:
    path = {"OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH": "file:///uploads"}
    hook = {"OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "upload"}
    assert given_to(**path).blobs == "file:///uploads"
    assert given_to(**path).upload is None
    assert given_to(**path, **hook).upload == "json"
    assert given_to(**path, **hook, OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT="jsonl").upload == "jsonl"
    assert given_to(**path, OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK="mine").blobs is None
    assert given_to(**path, GENBA_BLOBS="mine").blobs == "mine"
    [warning] = given_to({"capture_content": "none"}, **path, **hook).warnings
    assert "nothing is uploaded" in warning
    [warning] = given_to(**path, **hook, OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT="xml").warnings
    assert "'xml'" in warning
