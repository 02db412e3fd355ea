"""Media that real clients send and are sent lie in the blob store byte for byte, once; the span and the store's exchange refer to them."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import genba
from genba.offloading import put_back
from genba.offloading.blobs import opened
from genba.offloading.bounds import Bounds
from genba.offloading.offload import MOST_WAITING, Room
from genba.store.reader import Store
from support import anthropic_wire, openai_wire
from support.spans import Spans, attributes, parts
from support.wire import Server, json_answer

PICTURE = random.Random(1).randbytes(200_001)
SOUND = bytes(150_000)
"""Silence: its base64 is all the same letter."""
SMALL = random.Random(2).randbytes(3_000)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def openai_client(server: Server) -> Any:
    openai = pytest.importorskip("openai")
    return openai.OpenAI(api_key="k", base_url=server.url, max_retries=0)


def chat_with(*pieces: Any) -> Callable[[Server], None]:
    def call(server: Server) -> None:
        server.serve(json_answer(openai_wire.chat()))
        openai_client(server).chat.completions.create(model="m", messages=[{"role": "user", "content": list(pieces)}])

    return call


def responses(server: Server) -> None:
    server.serve(json_answer(openai_wire.response()))
    piece = {"type": "input_image", "image_url": f"data:image/png;base64,{b64(PICTURE)}", "detail": "low"}
    openai_client(server).responses.create(model="m", input=[{"role": "user", "content": [piece]}])


def anthropic(server: Server) -> None:
    client = pytest.importorskip("anthropic").Anthropic(api_key="k", base_url=server.url, max_retries=0)
    server.serve(json_answer(anthropic_wire.message()))
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PICTURE)}}
    client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": [block]}])


def gemini(server: Server) -> None:
    genai = pytest.importorskip("google.genai")
    options = genai.types.HttpOptions(base_url=server.url)
    answer = {"candidates": [{"content": {"role": "model", "parts": [{"text": "A hive."}]}, "finishReason": "STOP", "index": 0}]}
    server.serve(json_answer({**answer, "modelVersion": "m"}))
    with genai.Client(api_key="k", http_options=options) as client:
        part = genai.types.Part.from_bytes(data=PICTURE, mime_type="image/png")
        client.models.generate_content(model="m", contents=[part, "What is this?"])


IMAGE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(PICTURE)}", "detail": "low"}}
INPUT_AUDIO = {"type": "input_audio", "input_audio": {"data": b64(SOUND), "format": "wav"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{b64(PICTURE)}"}}
CALLS: dict[str, tuple[Callable[[Server], None], str, str, bytes]] = {
    "openai image_url": (chat_with(IMAGE_URL), "image", "image/png", PICTURE),
    "openai input_audio": (chat_with(INPUT_AUDIO), "audio", "audio/wav", SOUND),
    "openai file": (chat_with(FILE), "document", "application/pdf", PICTURE),
    "openai responses": (responses, "image", "image/png", PICTURE),
    "anthropic": (anthropic, "image", "image/png", PICTURE),
    "gemini": (gemini, "image", "image/png", PICTURE),
}


@pytest.fixture
def kept(tmp_path: Path, start_tracing: Callable[..., Spans]) -> tuple[Spans, Path]:
    """genba with a pipeline in memory, its own store, and blobs beside it."""
    return start_tracing(store=tmp_path / "genba.db"), tmp_path


def blobs_in(folder: Path) -> list[Path]:
    return [file for file in (folder / "blobs").glob("??/*") if file.is_file()]


def at(uri: str) -> bytes:
    return Path(unquote(urlsplit(uri).path)).read_bytes()


def exchange_in(folder: Path) -> Any:
    assert genba.flush(20)
    with Store(folder / "genba.db") as store:
        [span] = store.latest()
        return store.exchange(span)


@pytest.mark.parametrize("name", CALLS)
def test_media_of_a_request_are_a_reference_on_the_span_and_in_the_store(
    name: str, server: Server, kept: tuple[Spans, Path]
) -> None:
    call, modality, mime_type, content = CALLS[name]
    spans, folder = kept
    call(server)
    [part] = [part for part in parts(spans.only(), "input") if part["type"] != "text"]
    assert (part["type"], part["modality"], part["mime_type"], part["size"]) == ("uri", modality, mime_type, len(content))
    assert at(part["uri"]) == content
    [reference] = json.loads(attributes(spans.only())["genba.content.offloaded"])
    assert reference["path"] == "gen_ai.input.messages[0].parts[0]"
    assert (reference["uri"], reference["sha256"], reference["size"]) == (part["uri"], part["sha256"], len(content))
    assert "genba.content.shortened" not in attributes(spans.only())

    exchange = exchange_in(folder)
    assert len(blobs_in(folder)) == 1
    assert len(exchange.request) < 5_000
    assert (folder / "genba.db").stat().st_size < 150_000
    reading = opened(str(folder / "blobs"), Bounds())
    assert json.loads(put_back(exchange.request, reading.read)) == server.received[0].json | extra_in(exchange.request)


def extra_in(request: bytes) -> dict[str, Any]:
    """What the client's call has and its wire does not: Gemini's model is in the path."""
    said = json.loads(request)
    return {"model": said["model"]} if "model" in said else {}


def test_pictures_that_come_back_are_references_too(server: Server, kept: tuple[Spans, Path]) -> None:
    spans, folder = kept
    server.serve(json_answer({"created": 1, "data": [{"b64_json": b64(PICTURE)}], "output_format": "png"}))
    openai_client(server).images.generate(model="m", prompt="A hive")
    [part] = parts(spans.only())
    assert (part["type"], part["size"]) == ("uri", len(PICTURE))
    assert at(part["uri"]) == PICTURE
    exchange = exchange_in(folder)
    assert len(exchange.response) < 5_000
    whole = json.loads(put_back(exchange.response, opened(str(folder / "blobs"), Bounds()).read))
    assert whole["data"][0]["b64_json"] == b64(PICTURE)


def test_media_below_the_limit_stay_where_they_are(server: Server, kept: tuple[Spans, Path]) -> None:
    spans, folder = kept
    chat_with({"type": "input_audio", "input_audio": {"data": b64(SMALL), "format": "wav"}})(server)
    [part] = parts(spans.only(), "input")
    assert (part["type"], part["content"]) == ("blob", b64(SMALL))
    assert b64(SMALL).encode() in exchange_in(folder).request
    assert not (folder / "blobs").exists()


def test_the_limit_is_the_users(server: Server, tmp_path: Path, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(store=tmp_path / "genba.db", offload_above="1MiB", blobs=tmp_path / "elsewhere")
    chat_with(IMAGE_URL)(server)
    assert parts(spans.only(), "input")[0]["content"] == b64(PICTURE)
    assert not (tmp_path / "elsewhere").exists()


def test_twelve_megabytes_of_pictures_in_one_request_are_whole(server: Server, kept: tuple[Spans, Path]) -> None:
    """More than is kept of a request otherwise: its texts would lose their middles."""
    spans, folder = kept
    pictures = [random.Random(seed).randbytes(3_000_000) for seed in range(4)]
    chat_with(*({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(one)}"}} for one in pictures))(server)
    assert [at(part["uri"]) for part in parts(spans.only(), "input")] == pictures
    assert "genba.content.shortened" not in attributes(spans.only())
    exchange = exchange_in(folder)
    assert len(exchange.request) < 10_000
    assert json.loads(put_back(exchange.request, opened(str(folder / "blobs"), Bounds()).read)) == server.received[0].json


def test_a_long_text_is_whole_in_a_blob_and_its_shortened_copy_names_it(server: Server, kept: tuple[Spans, Path]) -> None:
    spans, _ = kept
    text = "hönig " * 400_000
    chat_with({"type": "text", "text": text})(server)
    [part] = parts(spans.only(), "input")
    assert part["type"] == "text"
    assert len(part["content"]) == 1 << 20
    [cut] = json.loads(attributes(spans.only())["genba.content.shortened"])
    assert (cut["path"], cut["length"]) == ("gen_ai.input.messages[0].parts[0].content", len(text))
    assert at(cut["uri"]).decode() == text
    assert "because" not in cut


def test_what_was_too_long_to_be_kept_at_all_is_shortened_and_no_blob_claims_to_have_it(
    server: Server, kept: tuple[Spans, Path]
) -> None:
    spans, folder = kept
    piece = {"type": "input_audio", "input_audio": {"data": b64(bytes(60_000_000)), "format": "wav"}}
    chat_with(piece)(server)
    [part] = parts(spans.only(), "input")
    assert len(part["content"]) <= 64 << 10
    [cut] = json.loads(attributes(spans.only())["genba.content.shortened"])
    assert cut["length"] == 80_000_000
    assert "uri" not in cut
    assert not (folder / "blobs").exists()


def test_room_for_long_copies_comes_back_when_they_are_offloaded_or_forgotten() -> None:
    room = Room()
    first, second = room.take(MOST_WAITING // 2), room.take(MOST_WAITING // 2)
    assert first is not None
    assert second is not None
    assert room.take(1) is None
    first()
    first()
    again = room.take(MOST_WAITING // 2)
    assert again is not None
    assert room.take(1) is None
    del second
    assert room.take(MOST_WAITING // 2) is not None


def test_show_says_where_it_is(server: Server, kept: tuple[Spans, Path]) -> None:
    from genba.cli.showing import lines
    from genba.conversation.reading import plain

    _, folder = kept
    chat_with(IMAGE_URL)(server)
    genba.flush(20)
    [blob] = blobs_in(folder)
    with Store(folder / "genba.db") as store:
        shown = plain(lines(store, store.latest(), None))
    assert f"[image image/png: {len(PICTURE)} bytes, {blob.as_uri()}]" in shown


def test_any_place_of_fsspecs_will_do(server: Server, tmp_path: Path, start_tracing: Callable[..., Spans]) -> None:
    fsspec = pytest.importorskip("fsspec")
    spans = start_tracing(store=tmp_path / "genba.db", blobs="memory://of-a-call/blobs")
    chat_with(IMAGE_URL)(server)
    [part] = parts(spans.only(), "input")
    assert part["uri"] == f"memory://of-a-call/blobs/{part['sha256'][:2]}/{part['sha256']}"
    assert fsspec.filesystem("memory").cat_file(part["uri"].removeprefix("memory:/")) == PICTURE
    assert len(exchange_in(tmp_path).request) < 5_000
    assert not (tmp_path / "blobs").exists()


def test_a_place_that_failed_is_left_alone_for_a_while(server: Server, tmp_path: Path, start_tracing: Callable[..., Spans]) -> None:
    """Else every span would wait for it."""
    pytest.importorskip("fsspec")
    spans = start_tracing(store=tmp_path / "genba.db", blobs="no-such-protocol://bucket/blobs")
    for _ in range(3):
        chat_with(IMAGE_URL)(server)
    because = [json.loads(attributes(span)["genba.content.shortened"])[0]["because"] for span in spans.all()]
    assert because[0].startswith("no-such-protocol://bucket/blobs could not be opened: ValueError")
    assert because[1:] == ["no-such-protocol://bucket/blobs failed a moment ago and is left alone for a while"] * 2
    assert b64(PICTURE).encode() in exchange_in(tmp_path).request


def test_a_forked_child_writes_its_own(tmp_path: Path) -> None:
    program = """
import base64, os, sys
import genba
genba.init(store="genba.db")
@genba.observe
def look(picture): ...
look(base64.b64encode(bytes(100_000)).decode())
child = os.fork()
if child == 0:
    look(base64.b64encode(bytes(200_000)).decode())
    genba.flush(20)
    print("".join(line for line in str(genba.doctor()).splitlines() if "referred to" in line), flush=True)
    os._exit(0)
os.waitpid(child, 0)
genba.flush(20)
"""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "  blobs 1 referred to, 200000 bytes\n"
    assert sorted(file.stat().st_size for file in blobs_in(tmp_path)) == [100_000, 200_000]


def test_a_tools_result_with_a_picture_in_it_refers_to_it(kept: tuple[Spans, Path]) -> None:
    spans, folder = kept

    @genba.tool
    def camera() -> Any:
        return {"content": [{"type": "image", "mimeType": "image/jpeg", "data": b64(PICTURE)}]}

    camera()
    result = json.loads(attributes(spans.only())["gen_ai.tool.call.result"])
    [said] = result["content"]
    assert said["data"]["genba.blob"]["mime_type"] == "image/jpeg"
    assert at(said["data"]["genba.blob"]["uri"]) == PICTURE
    reading = opened(str(folder / "blobs"), Bounds())
    assert json.loads(put_back(attributes(spans.only())["gen_ai.tool.call.result"].encode(), reading.read)) == camera()


def test_with_content_off_nothing_is_written(server: Server, tmp_path: Path, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(store=tmp_path / "genba.db", capture_content="none")
    chat_with(IMAGE_URL, {"type": "text", "text": "x" * 2_000_000})(server)
    assert "genba.content.offloaded" not in attributes(spans.only())
    genba.flush(20)
    assert not (tmp_path / "blobs").exists()


def test_in_the_apps_own_pipeline_nothing_is_written_unasked_and_media_stay_as_they_are(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_tracing: Callable[..., Spans]
) -> None:
    monkeypatch.chdir(tmp_path)
    spans = start_tracing(store=None)
    chat_with(IMAGE_URL)(server)
    [part] = parts(spans.only(), "input")
    assert part["type"] == "blob"
    assert IMAGE_URL["image_url"]["url"].endswith(part["content"])
    assert "genba.content.shortened" not in attributes(spans.only())
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_shortened_and_the_reason_is_on_the_span(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, start_tracing: Callable[..., Spans]
) -> None:
    (tmp_path / "taken").write_text("a file, where the folder should be")
    spans = start_tracing(store=tmp_path / "genba.db", blobs=tmp_path / "taken")
    for _ in range(2):
        chat_with(IMAGE_URL)(server)
    for span in spans.all():
        [cut] = json.loads(attributes(span)["genba.content.shortened"])
        assert cut["because"] == "the file could not be written: Not a directory"
        assert cut["length"] == len(b64(PICTURE))
        assert len(parts(span, "input")[0]["content"]) <= 64 << 10
    assert b64(PICTURE).encode() in exchange_in(tmp_path).request, "the store's exchange still has it"
    assert "blobs 2 not written: the file could not be written: Not a directory" in str(genba.doctor())
    assert len([one for one in caplog.messages if "could not put a piece of content into the blobs" in one]) == 1


def test_switched_off_everything_stays(server: Server, tmp_path: Path, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(store=tmp_path / "genba.db", offload_above="off")
    chat_with(IMAGE_URL)(server)
    assert parts(spans.only(), "input")[0]["content"] == b64(PICTURE)
    assert b64(PICTURE).encode() in exchange_in(tmp_path).request


def test_the_standards_upload_hook_writes_whole_messages_and_the_span_refers_to_them(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_tracing: Callable[..., Spans]
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK", "upload")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH", f"file://{tmp_path}/uploads")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT", "jsonl")
    spans = start_tracing(capture_content="event")
    chat_with({"type": "text", "text": "What do bees make?"})(server)
    told = attributes(spans.only())
    assert "gen_ai.input.messages" not in told
    assert told["gen_ai.input.messages_ref"].startswith(f"file://{tmp_path}/uploads/")
    assert told["gen_ai.input.messages_ref"].endswith("_inputs.jsonl")
    [line] = at(told["gen_ai.input.messages_ref"]).splitlines()
    assert json.loads(line) == {"index": 0, "role": "user", "parts": [{"type": "text", "content": "What do bees make?"}]}
    assert json.loads(at(told["gen_ai.output.messages_ref"]).splitlines()[0])["role"] == "assistant"
