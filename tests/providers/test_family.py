"""The smaller clients of the generated family: what of each is its own."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers import cerebras, fireworks, groq, together, writer
from support import anthropic_wire, openai_wire
from support.examples import run_example
from support.services import KINDS, TEXT, client
from support.spans import Spans, attributes, messages, outcome, parts, text
from support.stored import names
from support.wire import Answer, Received, Server, Stream, json_answer

ABOUT = ("groq", "together", "fireworks", "cerebras", "writer")
MODULES = {module.CLIENT.package: module for module in (groq, together, fireworks, cerebras, writer)}
PATHS = {"groq": "/openai/v1/chat/completions", "writerai": "/v1/chat"}


def is_installed(package: str) -> bool:
    return find_spec(package.partition(".")[0]) is not None and find_spec(package) is not None


each = pytest.mark.parametrize("package", [package for package in MODULES if is_installed(package)])


def needs(package: str) -> Any:
    return pytest.mark.skipif(not is_installed(package), reason=f"{package} is not installed")


def chat(caller: Any, **more: Any) -> Any:
    ask = {"model": openai_wire.MODEL, "messages": openai_wire.MESSAGES[1:], **more}
    return caller.chat.chat(**ask) if hasattr(caller.chat, "chat") else caller.chat.completions.create(**ask)


@pytest.mark.parametrize("module", MODULES.values(), ids=list(MODULES))
def test_each_is_declared_in_under_30_lines(module: Any) -> None:
    assert len(Path(str(module.__file__)).read_text().splitlines()) < 30


@each
def test_a_chat_and_its_stream_are_read_as_openai_s(package: str, server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chat_handler)
    provider = MODULES[package].__name__.rpartition(".")[2]
    caller = client(package, server.url)
    chat(caller, tools=[openai_wire.WEATHER_TOOL], temperature=0.5)
    "".join(chunk.choices[0].delta.content or "" for chunk in chat(caller, stream=True))
    assert server.received[0].path.endswith(PATHS.get(package, "/chat/completions"))
    assert [(span.name, outcome(span), text(span), text(span, "input")) for span in spans.all()] == [
        (f"chat {openai_wire.MODEL}", "completed", TEXT, openai_wire.QUESTION)
    ] * 2
    told = attributes(spans.all()[0])
    assert (told["gen_ai.provider.name"], told["gen_ai.response.model"]) == (provider, openai_wire.SERVED)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (20, 9)
    assert not [name for name in told if name.startswith("openai.api")]
    assert "weather" in told["gen_ai.tool.definitions"]


@each
def test_a_refusal_of_the_server_is_a_failed_span(package: str, server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.error(), 429))
    with pytest.raises(Exception, match="429"):
        chat(client(package, server.url))
    assert (outcome(spans.only()), attributes(spans.only())["error.type"]) == ("failed", f"{package}.RateLimitError")


@each
def test_it_knows_its_own_distribution(package: str) -> None:
    from genba.libraries import LIBRARIES

    declared = MODULES[package].CLIENT
    [library] = [library for library in LIBRARIES.values() if library.imports == [package]]
    assert library.distribution == (declared.distribution or declared.package)
    assert {patch.library for patch in MODULES[package].patches()} == {library.distribution}
    assert package in KINDS


@needs("together")
def test_together_s_reranking_gives_documents_in_their_order(server: Server, spans: Spans) -> None:
    results = [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "Bees make honey."}},
        {"index": 0, "relevance_score": 0.1, "document": {"text": "Bears eat honey."}},
    ]
    usage = {"prompt_tokens": 11, "completion_tokens": 0, "total_tokens": 11}
    server.serve(json_answer({"object": "rerank", "id": "rr_1", "model": "rank-wire", "results": results, "usage": usage}))
    documents = ["Bears eat honey.", {"text": "Bees make honey."}]
    client("together", server.url).rerank.create(model="rank-wire", query=openai_wire.QUESTION, documents=documents, top_n=2)
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.provider.name"], told["gen_ai.retrieval.top_k"]) == ("rerank rank-wire", "together", 2)
    assert [part["content"] for part in parts(span, "input")] == [openai_wire.QUESTION, *documents]
    found = json.loads(told["gen_ai.retrieval.documents"])
    assert [(one["id"], one["score"], one["content"]["text"]) for one in found] == [
        ("1", 0.9, "Bees make honey."),
        ("0", 0.1, "Bears eat honey."),
    ]
    assert told["gen_ai.usage.input_tokens"] == 11


@needs("together")
def test_together_s_images_and_batches_are_read(server: Server, spans: Spans) -> None:
    picture = {"type": "b64_json", "index": 0, "b64_json": openai_wire.PNG}
    server.queue.append(json_answer({"id": "img_1", "model": "paint-wire", "object": "list", "data": [picture]}))
    server.queue.append(json_answer({"job": {"id": "batch_1", "status": "VALIDATING"}}))
    caller = client("together", server.url)
    caller.images.generate(model="paint-wire", prompt="a bee")
    caller.batches.create(endpoint="/v1/chat/completions", input_file_id="file_1")
    image, batch = spans.all()
    assert (image.name, parts(image)[0]["type"], text(image, "input")) == ("generate_content paint-wire", "blob", "a bee")
    told = attributes(batch)
    assert batch.name == "create_batch"
    assert (told["genba.batch.id"], told["genba.batch.processing_status"]) == ("batch_1", "VALIDATING")
    assert (told["genba.batch.input_file_id"], told["genba.batch.endpoint"]) == ("file_1", "/v1/chat/completions")


@needs("fireworks")
def test_fireworks_messages_are_read_as_anthropic_s(server: Server, spans: Spans) -> None:
    server.serve(json_answer(anthropic_wire.message(content=[anthropic_wire.THINKING, anthropic_wire.TOOL_USE], stop="tool_use")))
    client("fireworks", server.url).messages.create(
        model="m", max_tokens=50, system=anthropic_wire.SYSTEM, messages=anthropic_wire.MESSAGES
    )
    span = spans.only()
    assert (span.name, attributes(span)["gen_ai.provider.name"]) == ("chat m", "fireworks")
    assert [part["type"] for part in parts(span)] == ["reasoning", "tool_call"]
    assert attributes(span)["gen_ai.usage.input_tokens"] == 20  # what came from the cache is in it


@needs("fireworks")
def test_fireworks_is_found_under_the_address_that_its_client_writes_in_full(server: Server, spans: Spans) -> None:
    """Without a base URL of the host's the client posts to `https://api.fireworks.ai/inference/v1/…`."""
    server.serve(json_answer(openai_wire.chat()))
    caller = client("fireworks", server.url)
    caller.post(f"{server.url}/inference/v1/chat/completions", cast_to=object, body={"model": "m", "messages": []})
    assert spans.only().name == "chat m"


@needs("fireworks")
def test_token_ids_that_the_host_asked_for_are_kept(server: Server, spans: Spans) -> None:
    body = openai_wire.chat()
    body["choices"][0]["token_ids"] = [9906, 11]
    server.serve(json_answer({**body, "prompt_token_ids": [1, 2, 3]}))
    chat(client("fireworks", server.url), return_token_ids=True)
    told = attributes(spans.only())
    [seen] = genba.tokens.decode(told["genba.tokens.input"], "input")
    [said] = genba.tokens.decode(told["genba.tokens.output"])
    assert (said.ids, seen.ids, said.source, seen.source) == ([9906, 11], [1, 2, 3], "server", "server")


@needs("cerebras.cloud.sdk")
def test_cerebras_reasoning_and_times_are_kept(server: Server, spans: Spans) -> None:
    body = openai_wire.chat(time_info={"queue_time": 0.1, "created": 1.0})
    body["choices"][0]["message"]["reasoning"] = "Bees come to mind."
    server.serve(json_answer(body))
    chat(client("cerebras.cloud.sdk", server.url))
    assert [part["type"] for part in parts(spans.only())] == ["reasoning", "text"]
    assert json.loads(attributes(spans.only())["genba.response.extra"])["time_info"]["queue_time"] == 0.1


@each
def test_a_text_completion_is_read(package: str, server: Server, spans: Spans) -> None:
    if not hasattr(client(package, server.url), "completions"):
        pytest.skip("this client has none")
    server.serve(json_answer(openai_wire.text_completion()))
    client(package, server.url).completions.create(model="m", prompt="Who?")
    assert (spans.only().name, text(spans.only(), "input"), text(spans.only())) == ("text_completion m", "Who?", TEXT)
    assert len(messages(spans.only())) == 1


EXAMPLES = {
    "groq": ("groq_chat", "GROQ", ["chat llama-3.3-70b-versatile"]),
    "together": (
        "together_rerank",
        "TOGETHER",
        ["rerank Salesforce/Llama-Rank-v1", "chat meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    ),
    "fireworks": ("fireworks_chat", "FIREWORKS", ["chat accounts/fireworks/models/deepseek-v3p1"] * 2),
    "cerebras.cloud.sdk": ("cerebras_chat", "CEREBRAS", ["chat llama-3.3-70b"]),
    "writerai": ("writer_chat", "WRITER", ["chat palmyra-x5"]),
}


def services(request: Received) -> Answer | Stream:
    """What any of them would answer."""
    if request.path.endswith("/rerank"):
        result = {"index": 1, "relevance_score": 0.9, "document": {}}
        return json_answer({"object": "rerank", "model": "m", "results": [result]})
    if request.path.endswith("/messages"):
        return json_answer(anthropic_wire.message())
    return openai_wire.chat_handler(request) if request.body else json_answer({})


@each
def test_its_example_leaves_the_trace_that_it_says(package: str, server: Server, tmp_path: Path) -> None:
    name, prefix, spans = EXAMPLES[package]
    server.serve(services)
    ran = run_example(name, tmp_path, **{f"{prefix}_API_KEY": "key", f"{prefix}_BASE_URL": server.url})
    assert (ran.err, ran.out) == ("", f"{TEXT}\n")
    assert names(tmp_path) == spans
