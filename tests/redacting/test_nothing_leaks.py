"""Secrets and personal data planted in every field that a span can carry: none is in anything that leaves the process or touches a disk."""

from __future__ import annotations

import base64
import json
import logging
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState

import genba
from genba import harmless, running, semconv, tokens
from support.signals import Signals
from support.spans import Spans, attributes
from support.wire import Server, json_answer

openai = pytest.importorskip("openai")
from support import openai_wire as wire  # noqa: E402

KEY = "sk-proj-Zq8Xw2Lk5Tn9Vb3Rm7Yc1Hd4Jf6Gs0Pa8Xw2Lk5Tn9Vb3Rm7"
GITHUB = "ghp_Zq8Xw2Lk5Tn9Vb3Rm7Yc1Hd4Jf6Gs0Pa8Xw2"
PASSWORD = "x7Kq9Lm2Wz4T"
URL = f"postgres://app:{PASSWORD}@db.internal/main"
MAIL = "jane.doe.4711@example.org"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"
PHONE = "+49 151 23456789"
PLANTED = (KEY, GITHUB, PASSWORD, MAIL, CARD, CARD.replace(" ", ""), IBAN, IBAN.replace(" ", ""), PHONE)
EVERYTHING = f"key {KEY}, {GITHUB}, {URL}, write to {MAIL} or call {PHONE}, card {CARD}, account {IBAN}."


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    genba.uninstrument()
    harmless.clean_with(None)


class Encoded(SpanExporter):
    """Spans as the bytes of OTLP."""

    def __init__(self) -> None:
        self.bytes = b""

    def export(self, spans: Iterable[ReadableSpan]) -> SpanExportResult:
        encoding = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.trace_encoder")
        self.bytes += encoding.encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def forms(planted: str) -> Iterator[bytes]:
    """How it may be written: as it is, in JSON's escapes, as base64 of a column of tokens."""
    yield planted.encode()
    yield planted.encode().replace(b"+", b"\\u002b")
    for shift in range(3):
        written = base64.b64encode(b"#" * shift + planted.encode())
        yield written[4 if shift else 0 : -4]


def holds_nothing(written: bytes | str) -> None:
    data = written.encode() if isinstance(written, str) else written
    assert data
    assert [one for one in PLANTED for form in forms(one) if form in data] == []


def of_the_store(path: Path) -> bytes:
    """Every byte of the store's files, and every packed value in it unpacked."""
    files = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file() and path.name in str(file))
    database = sqlite3.connect(path)
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    values: list[bytes] = []
    for name in names:
        for row in database.execute(f'SELECT * FROM "{name}"'):
            for value in row:
                if isinstance(value, bytes):
                    values.append(value)
                    try:
                        values.append(zlib.decompress(value))
                    except zlib.error:
                        continue
                elif isinstance(value, str):
                    values.append(value.encode("utf-8", "surrogatepass"))
    database.close()
    return files + b"\n".join(values)


def client(server: Server) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0)


LOGPROBS = {"content": [{"token": piece, "bytes": list(piece.encode()), "logprob": -0.1, "top_logprobs": []} for piece in
                        (EVERYTHING[at : at + 4] for at in range(0, len(EVERYTHING), 4))]}  # fmt: skip


def play(server: Server) -> None:
    """Calls of every kind, with all of it in all they ask and are answered."""
    arguments = json.dumps({"note": EVERYTHING, "password": PASSWORD, "nested": json.dumps({"to": MAIL, "key": KEY})}).replace(
        "sk-", "sk\\u002d"
    )
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    answer = wire.chat(EVERYTHING, tool_calls=[call], provider_note=EVERYTHING)
    answer["choices"][0]["logprobs"] = LOGPROBS
    messages = [{"role": "system", "content": EVERYTHING}, {"role": "user", "content": [{"type": "text", "text": EVERYTHING}]}]
    server.serve(json_answer(answer))
    with genba.conversation("c-1", user=MAIL, tags=[f"of {MAIL}"], attributes={"app.note": EVERYTHING}):
        client(server).chat.completions.create(
            model="m",
            messages=messages,
            tools=[wire.WEATHER_TOOL],
            user=MAIL,
            metadata={"note": EVERYTHING},
            logprobs=True,
            stop=[MAIL],
        )
    pieces = [EVERYTHING[at : at + 3] for at in range(0, len(EVERYTHING), 3)]
    server.serve(wire.chunks_stream(wire.chat_chunks(pieces)))
    assert "".join(
        c.choices[0].delta.content or ""
        for c in client(server).chat.completions.create(model="m", messages=messages, stream=True)
        if c.choices
    )
    two = [wire.chat_chunk({"content": piece}, index=index) for piece in pieces for index in (0, 1)]
    server.serve(wire.chunks_stream([*two, wire.chat_chunk({}, "stop"), wire.chat_chunk({}, "stop", index=1)]))
    list(client(server).chat.completions.create(model="m", messages=messages, stream=True, n=2))
    deltas = [{"index": 0, "function": {"arguments": arguments[at : at + 5]}} for at in range(0, len(arguments), 5)]
    head = {"index": 0, "id": "call_7", "type": "function", "function": {"name": "send", "arguments": ""}}
    server.serve(
        wire.chunks_stream(
            [
                wire.chat_chunk({"tool_calls": [head]}),
                *(wire.chat_chunk({"tool_calls": [d]}) for d in deltas),
                wire.chat_chunk({}, "tool_calls"),
            ]
        )
    )
    list(client(server).chat.completions.create(model="m", messages=messages, stream=True))
    server.serve(wire.events_stream(wire.response_events(pieces)))
    list(client(server).responses.create(model="m", input=EVERYTHING, instructions=EVERYTHING, stream=True))
    server.serve(json_answer(wire.error(EVERYTHING * 30), 400))
    with pytest.raises(openai.BadRequestError):
        client(server).chat.completions.create(model="m", messages=messages)


@genba.tool
def send(note: str, key: str, card: int) -> dict[str, Any]:
    """A tool that is told everything, and tells it."""
    span = trace.get_current_span()
    span.add_event(f"sent to {MAIL}", {"note": EVERYTHING})
    span.set_attribute("app.mail", MAIL)
    span.set_attribute(f"app.of.{MAIL}", 1)
    span.add_link(SpanContext(7, 7, is_remote=True), {"note": EVERYTHING})
    return {
        "answer": note,
        MAIL: 1,
        "list": [note, key],
        "file": f"data:text/plain;base64,{base64.b64encode(note.encode()).decode()}",
    }


@genba.tool
def fails(note: str) -> None:
    """A tool that fails with everything."""
    raise ValueError(f"{'x' * 950}{note}") from KeyError(note)


def fail_halfway(model: str) -> None:
    """A call that fails with everything, in the middle of its answer."""
    with genba.inference(provider="acme", model=model) as invocation:
        invocation.request(messages=EVERYTHING)
        invocation.chunk(EVERYTHING[:20])
        raise RuntimeError(EVERYTHING)


def use_tools() -> None:
    assert send(EVERYTHING, KEY, 4111111111111111)["answer"] == EVERYTHING
    with pytest.raises(ValueError, match="x"):
        fails(EVERYTHING)
    with genba.agent(f"agent of {MAIL}") as invocation:
        invocation.set_attribute("note", [EVERYTHING, "plain"])
    with pytest.raises(RuntimeError):
        fail_halfway(model=f"ft:{KEY}")


def foreign(tracer: trace.Tracer) -> None:
    """A span of another library's, in genba's own pipeline."""
    state = TraceState([("vendor", "k_" + GITHUB)])
    link = Link(SpanContext(5, 5, is_remote=True, trace_flags=TraceFlags(1), trace_state=state), {"note": EVERYTHING})
    with tracer.start_as_current_span(f"GET {MAIL}", links=[link]) as span:
        span.set_attribute("http.url", URL)
        span.set_attribute(
            "gen_ai.input.messages", json.dumps([{"role": "user", "parts": [{"type": "text", "content": EVERYTHING}]}])
        )
        span.set_attribute("many", [EVERYTHING, MAIL])
        span.set_attribute(f"of {MAIL}", True)
        span.set_attribute("card.number", 4111111111111111)
        span.add_event(f"event {MAIL}", {"note": EVERYTHING})
        span.set_status(Status(StatusCode.ERROR, EVERYTHING))
        span.record_exception(ValueError(EVERYTHING))


def test_nothing_planted_is_in_what_genba_s_own_pipeline_writes(
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG, "genba")
    monkeypatch.setattr("sys.orig_argv", ["python", "app.py", "--api-key", "hunter22", f"--db={URL}", MAIL])
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"owner={MAIL}")
    encoded = Encoded()
    genba.init(redact="secrets,personal", store="s.db", export=["store", "jsonl:s.jsonl", "console", encoded], tokens="full")
    state = running.state()
    assert state is not None
    play(server)
    use_tools()
    foreign(state.pipeline.private().get_tracer("other", attributes={"note": MAIL}))
    assert genba.flush(timeout=20)
    told = str(genba.doctor())
    assert genba.shutdown(timeout=20)
    store = of_the_store(tmp_path / "s.db")
    holds_nothing(store)
    assert b"hunter22" not in store
    lines = (tmp_path / "s.jsonl").read_text()
    holds_nothing(lines)
    holds_nothing(encoded.bytes)
    holds_nothing(capsys.readouterr().err)
    holds_nothing(told)
    holds_nothing("." + caplog.text)
    spans = [json.loads(line) for line in lines.splitlines()]
    assert len(spans) == 11
    named = {span["name"] for span in spans}
    assert {"GET ‹mail›", "invoke_agent agent of ‹mail›", "chat ft:‹openai_key›"} <= named
    first = next(span for span in spans if span["name"] == "chat m")
    assert first["attributes"]["gen_ai.input.messages"][0]["parts"][0]["content"] == (
        "key ‹openai_key›, ‹github_token›, postgres://app:‹password›@db.internal/main, write to ‹mail› or call ‹phone›, card ‹card›, account ‹iban›."
    )
    counts = json.loads(first["attributes"][semconv.REDACTED])
    assert counts["openai_key"] >= 4
    assert set(counts) == {"openai_key", "github_token", "password", "mail", "phone", "card", "iban"}
    other = next(span for span in spans if span["name"] == "GET ‹mail›")
    assert other["attributes"]["of ‹mail›"] is True
    assert json.loads(other["attributes"][semconv.REDACTED])["mail"] >= 5


def test_nothing_planted_of_genba_s_own_spans_is_in_the_app_s_pipeline(server: Server, start_tracing: Callable[..., Spans]) -> None:
    signals = Signals()
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource({}))
    encoded = Encoded()
    spans = Spans(provider)
    provider.add_span_processor(BatchSpanProcessor(encoded))
    start_tracing(
        spans,
        redact="secrets,personal",
        capture_content="both",
        meter_provider=signals.meters,
        logger_provider=signals.loggers,
        tokens="full",
    )
    play(server)
    use_tools()
    provider.force_flush()
    written = "\n".join(span.to_json() for span in spans.all())
    holds_nothing(json.dumps([json.loads(span.to_json()) for span in spans.all()], ensure_ascii=False))
    holds_nothing(written)
    holds_nothing(encoded.bytes)
    logs = [logged.log_record for logged in signals.logs()]
    assert len(logs) > 8
    holds_nothing("\n".join(repr((record.event_name, record.attributes, record.body)) for record in logs))
    metrics = signals.metrics()
    assert metrics is not None
    holds_nothing(metrics.to_json())
    failed = next(span for span in spans.all() if span.name == "execute_tool fails")
    assert failed.status.description is not None
    assert failed.status.description.startswith("ValueError: xxx")
    sent = next(span for span in spans.all() if span.name == "execute_tool send")
    assert [event.name for event in sent.events] == ["sent to ‹mail›"]
    assert json.loads(attributes(sent)[semconv.REDACTED])["mail"] >= 6


def test_the_app_s_own_spans_are_not_touched_in_its_own_pipeline(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(redact="secrets,personal")
    foreign(spans.app)
    [own] = spans.own()
    assert own.name == f"GET {MAIL}"
    assert attributes(own)["http.url"] == URL
    assert own.status.description == EVERYTHING
    assert semconv.REDACTED not in attributes(own)


def test_secrets_are_taken_out_unless_switched_off_and_personal_data_where_asked_for(start_tracing: Callable[..., Spans]) -> None:
    for option, gone, kept in ((None, KEY, MAIL), ("mail", MAIL, KEY), ("off", "", KEY), (False, "", MAIL)):
        spans = start_tracing(**({} if option is None else {"redact": option}))
        with genba.inference(model="m") as invocation:
            invocation.request(messages=EVERYTHING)
        said = attributes(spans.only())[semconv.INPUT_MESSAGES]
        assert kept in said
        assert not gone or gone not in said
        assert (semconv.REDACTED in attributes(spans.only())) == bool(gone)
        genba.uninstrument()


def test_tokens_of_what_was_taken_out_are_gone_and_the_others_are_not(server: Server, spans: Spans) -> None:
    said = f"The key is {KEY}, keep it."
    answer = wire.chat(said)
    pieces = [said[at : at + 5] for at in range(0, len(said), 5)]
    answer["choices"][0]["logprobs"] = {
        "content": [
            {
                "token": piece,
                "bytes": list(piece.encode()),
                "logprob": -0.5,
                "top_logprobs": [{"token": piece, "bytes": None, "logprob": -0.5}],
            }
            for piece in pieces
        ]
    }
    server.serve(json_answer(answer))
    client(server).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Which key?"}], logprobs=True, top_logprobs=1
    )
    [record] = tokens.decode(attributes(spans.only())[semconv.TOKENS_OUTPUT])
    assert record.pieces is not None
    assert record.logprobs is not None
    assert record.top is not None
    known = [piece for piece in record.pieces if piece is not None]
    start, end = said.index(KEY), said.index(KEY) + len(KEY)
    touched = [at for at in range(len(pieces)) if at * 5 < end and at * 5 + 5 > start]
    assert [at for at, piece in enumerate(record.pieces) if piece is None] == touched
    assert [at for at, number in enumerate(record.logprobs) if number is None] == touched
    assert [at for at, some in enumerate(record.top) if not some] == touched
    assert b"".join(known).startswith(b"The key is")
    assert record.unknown["redacted"] == f"{len(touched)} tokens were redacted"


def test_ids_alone_are_withheld_where_the_text_had_a_secret(start_tracing: Callable[..., Spans]) -> None:
    from genba.conversation import Tokens

    for said, is_kept in ((f"Use {KEY}", False), ("Use nothing", True)):
        spans = start_tracing()
        with genba.inference(model="m") as invocation:
            invocation.request(messages="Which?")
            invocation.response(genba.Response(messages=[{"role": "assistant", "parts": [{"type": "text", "content": said}]}],
                                               tokens=[Tokens(side="output", source="server", ids=[5, 6, 7])]))  # fmt: skip
        [record] = tokens.decode(attributes(spans.only())[semconv.TOKENS_OUTPUT])
        assert (list(record.ids or ()) == [5, 6, 7]) == is_kept
        assert is_kept or record.unknown["ids"].startswith("withheld")
        genba.uninstrument()


def test_a_span_that_has_nothing_to_hide_is_as_without_redaction(server: Server, start_tracing: Callable[..., Spans]) -> None:
    told = []
    for option in ("secrets,personal", "off"):
        spans = start_tracing(redact=option)
        server.serve(wire.chat_handler)
        client(server).chat.completions.create(model="m", messages=wire.MESSAGES, temperature=0.5)
        varying = (semconv.RUN_ID, semconv.CALL_SEQUENCE, semconv.SERVER_ADDRESS)
        told.append(
            {
                name: value
                for name, value in attributes(spans.only()).items()
                if name not in varying and not name.startswith("genba.timing")
            }
        )
        genba.uninstrument()
    assert told[0] == told[1]


@pytest.mark.hostile
def test_what_a_failing_redactor_saw_is_withheld_and_that_is_told_once(
    start_tracing: Callable[..., Spans], caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(text: str, path: str) -> str:
        raise ValueError(f"cannot take {text}")

    def says_nothing(text: str, path: str) -> Any:
        return None

    harmless.forget()
    for function in (breaks, says_nothing):
        spans = start_tracing(redact=genba.Redaction(detect=(), callables=[function]))
        for _ in range(2):
            with pytest.raises(RuntimeError):
                fail_halfway(model="m")
        for span in spans.all():
            written = json.dumps(json.loads(span.to_json()), ensure_ascii=False)
            holds_nothing(written)
            assert "‹withheld: redaction failed›" in written
            assert json.loads(attributes(span)[semconv.REDACTED])["failed"] > 1
        genba.uninstrument()
    holds_nothing("." + caplog.text)
    assert caplog.text.count("while redacting") == 1
    assert harmless.failures()["redacting"].count > 2
    harmless.forget()


def test_the_words_of_genba_s_own_failures_are_cleaned(
    start_tracing: Callable[..., Spans], caplog: pytest.LogCaptureFixture
) -> None:
    start_tracing(redact="secrets,personal")
    caplog.set_level(logging.DEBUG, "genba")
    strict, harmless._strict = harmless._strict, False
    try:
        with harmless.guard("trying something"):
            raise ValueError(EVERYTHING)
    finally:
        harmless._strict = strict
    holds_nothing(caplog.text)
    holds_nothing(str(genba.doctor()))
    assert "‹mail›" in str(genba.doctor())
    harmless.forget()


def test_functions_patterns_and_paths_of_the_user_are_obeyed_and_the_raw_exchange_follows(server: Server, tmp_path: Path) -> None:
    def names(text: str, path: str) -> str:
        return text.replace("Jane Doe", "‹name›")

    genba.init(
        store="s.db",
        export="store",
        redact=genba.Redaction(
            detect="secrets",
            patterns={"customer": r"C-[0-9]{8}"},
            callables=[names],
            deny=["gen_ai.input.messages[0]"],
            allow=["gen_ai.tool.definitions[*].description"],
        ),
    )
    pieces = ["Dear ", "Ja", "ne D", "oe, ", "C-12", "345678"]
    server.serve(wire.chunks_stream(wire.chat_chunks(pieces)))
    tool = {"type": "function", "function": {"name": "f", "description": f"like {GITHUB}", "parameters": {"type": "object"}}}
    messages = [{"role": "system", "content": "Our whole secret plan"}, {"role": "user", "content": "I am Jane Doe, C-12345678"}]
    list(client(server).chat.completions.create(model="m", messages=messages, stream=True, tools=[tool]))
    assert genba.shutdown(timeout=10)
    store = of_the_store(tmp_path / "s.db")
    for gone in (b"Jane Doe", b"C-12345678", b"secret plan", b'"ne D"', b"345678"):
        assert gone not in store
    assert "I am ‹name›, ‹customer›".encode() in store
    assert GITHUB.encode() in store  # in the definition of the tool, where it was allowed; nowhere else
    assert store.count(b"like ghp_") <= 2


def test_the_same_person_has_the_same_pseudonym_and_the_key_is_nowhere(
    start_tracing: Callable[..., Spans], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pseudonyms(text: str, **options: Any) -> str:
        spans = start_tracing(**options)
        with genba.inference(model="m") as invocation:
            invocation.request(messages=text)
        genba.uninstrument()
        said: str = json.loads(attributes(spans.only())[semconv.INPUT_MESSAGES])[0]["parts"][0]["content"]
        return said

    key = "correct horse battery staple"
    text = f"{MAIL} {MAIL.upper()} other@example.org {CARD} {CARD.replace(' ', '')} {KEY}"
    with_key = genba.Redaction(detect="secrets,personal", pseudonym_key=key)
    assert key not in repr(with_key)
    first = pseudonyms(text, redact=with_key).split()
    assert first[0] == first[1] != first[2]
    assert first[0].startswith("‹mail:")
    assert first[3] == first[4]
    assert first[5] == "‹openai_key›"
    monkeypatch.setenv("GENBA_REDACT_KEY", key)
    assert pseudonyms(text, redact="secrets,personal").split() == first
    monkeypatch.setenv("GENBA_REDACT_KEY", key + "!")
    assert pseudonyms(text, redact="secrets,personal").split()[0] != first[0]
    assert os.environ["GENBA_REDACT_KEY"] not in str(genba.doctor())


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("secretz", "names 'secretz', which genba cannot detect"),
        (7, "not a int"),
        (lambda: genba.Redaction(patterns={"a b": "x"}), "'a b' must be made of letters"),
        (lambda: genba.Redaction(patterns={"a": "("}), "'a' is no regular expression"),
        (lambda: genba.Redaction(patterns={"a": b"x"}), "is one for bytes"),
        (lambda: genba.Redaction(callables=["x"]), "must be functions"),
        (lambda: genba.Redaction(allow=[7]), "allow must be a list of paths"),
        (lambda: genba.Redaction(pseudonym_key="short-key"), "has 9 bytes"),
    ],
)
def test_what_cannot_be_used_is_said_at_once_and_never_the_key(option: Any, words: str) -> None:
    with pytest.raises(genba.SettingsError) as said:
        genba.init(redact=option() if callable(option) else option, store="off")
    assert words in str(said.value)
    assert "short-key" not in str(said.value)
    assert running.state() is None


def test_the_environment_says_it_too(monkeypatch: pytest.MonkeyPatch, start_tracing: Callable[..., Spans]) -> None:
    monkeypatch.setenv("GENBA_REDACT", "secrets,personal")
    spans = start_tracing()
    with genba.inference(model="m") as invocation:
        invocation.request(messages=EVERYTHING)
    holds_nothing(str(dict(attributes(spans.only()))))
    genba.uninstrument()
    monkeypatch.setenv("GENBA_REDACT", "everything")
    with pytest.raises(genba.SettingsError, match="GENBA_REDACT names 'everything'"):
        start_tracing()
