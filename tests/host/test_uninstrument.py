"""After `uninstrument` every attribute is the original object again; `init` twice is once."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import FunctionType, ModuleType
from typing import Any

import pytest

import genba
from support.services import SERVICES, Service
from support.spans import Spans
from support.wire import Server

PACKAGES = sorted({service.package for service in SERVICES})


def attributes_of(package: str) -> dict[tuple[str, ...], Any]:
    """Every attribute of every loaded module and class of a package, by where it is."""
    found: dict[tuple[str, ...], Any] = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] != package or not isinstance(module, ModuleType):
            continue
        for attribute, value in list(vars(module).items()):
            found[name, attribute] = value
            if isinstance(value, type) and value.__module__ == name:
                for member, inner in list(vars(value).items()):
                    found[name, attribute, member] = inner
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_attribute_is_the_original_object_again(package: str, server: Server) -> None:
    module = importlib.import_module(package)
    for inner in pkgutil.iter_modules(module.__path__):
        if inner.name in ("_base_client", "_streaming", "_response", "_legacy_response"):
            importlib.import_module(f"{package}.{inner.name}")
    use(package, server)
    before = attributes_of(package)

    genba.init(tracer_provider=Spans().provider, store="off")
    during = attributes_of(package)
    assert any(during[where] is not before[where] for where in before), "nothing was patched at all"
    use(package, server)
    genba.uninstrument()

    after = attributes_of(package)
    changed = [where for where in before if where in after and after[where] is not before[where] and is_code(before[where])]
    assert changed == []
    assert [where for where in after if where not in before and where[:2] in before and is_code(after[where])] == []


def is_code(value: Any) -> bool:
    return isinstance(value, (FunctionType, type, property, classmethod, staticmethod)) or callable(value)


def use(package: str, server: Server) -> None:
    """Make a call of every kind, so that whatever is loaded or made lazily is there."""
    for service in SERVICES:
        if service.package != package:
            continue
        resource = service.resource(service.client(server.url, asynchronous=False))
        server.serve(service.answer())
        resource.create(**service.ask)
        resource.with_raw_response.create(**service.ask).parse()
        server.serve(service.stream())
        with resource.stream(**service.ask) as stream:
            list(stream)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_call_after_uninstrument_makes_no_span(service: Service, server: Server, spans: Spans) -> None:
    calls = service.resource(service.client(server.url, asynchronous=False))
    server.serve(service.answer())
    genba.uninstrument()
    calls.create(**service.ask)
    assert spans.all() == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_stream_open_during_uninstrument_is_still_read_to_its_end(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.stream())
    stream = service.resource(service.client(server.url, asynchronous=False)).create(**service.ask, stream=True)
    next(stream)
    genba.uninstrument()
    assert len(list(stream)) > 2
    assert len(spans.all()) == 1


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_init_after_uninstrument_traces_again_once(service: Service, server: Server, spans: Spans) -> None:
    calls = service.resource(service.client(server.url, asynchronous=False))
    server.serve(service.answer())
    for _ in range(3):
        genba.uninstrument()
        genba.init(tracer_provider=spans.provider, store="off")
    calls.create(**service.ask)
    assert len(spans.all()) == 1


def test_uninstrument_without_init_does_nothing() -> None:
    genba.uninstrument()
    genba.uninstrument()


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_init_twice_with_the_same_options_is_init_once(
    service: Service, server: Server, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    genba.init(tracer_provider=spans.provider, store="off")
    server.serve(service.answer())
    service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    assert len(spans.all()) == 1
    assert [record for record in caplog.records if record.name.startswith("genba")] == []


@pytest.mark.skipif(not SERVICES, reason="no client is installed")
def test_init_with_other_options_says_so_and_keeps_the_first(
    server: Server, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    other = Spans()
    genba.init(tracer_provider=other.provider, store="off", capture_content="none")
    [record] = [record for record in caplog.records if record.name.startswith("genba")]
    assert "init" in record.getMessage()
    server.serve(SERVICES[0].answer())
    SERVICES[0].resource(SERVICES[0].client(server.url, asynchronous=False)).create(**SERVICES[0].ask)
    assert len(spans.all()) == 1
    assert other.all() == []


@pytest.mark.parametrize(
    ("options", "named", "fix"),
    [
        ({"stor": "x"}, "stor", "store"),
        ({"capture_content": "loud"}, "capture_content", "span"),
        ({"semconv": "0.9"}, "semconv", "latest"),
        ({"stream_usage": "always"}, "stream_usage", "inject"),
        ({"instrument": ["opnai"]}, "opnai", "openai"),
        ({"export": "carrier pigeon"}, "carrier pigeon", "console"),
        ({"tracer_provider": 7}, "tracer_provider", "provider"),
        ({"store": 7}, "store", "off"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_the_fix(options: dict[str, Any], named: str, fix: str) -> None:
    with pytest.raises(ValueError, match=named) as error:
        genba.init(**{"store": "off", **options})
    assert fix in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("GENBA_SEMCONV", "0.9"), ("GENBA_STREAM_USAGE", "always"), ("GENBA_EXPORT", "pigeon"), ("GENBA_INSTRUMENT", "opnai")],
)
def test_a_bad_environment_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name) as error:
        genba.init(store="off")
    assert value in str(error.value)


def test_only_the_clients_asked_for_are_traced(server: Server, start_tracing: Any) -> None:
    spans = start_tracing(instrument=["openai"])
    for service in SERVICES:
        server.serve(service.answer())
        service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    assert len(spans.all()) == len([service for service in SERVICES if service.package == "openai"])
