"""Servers that speak like OpenAI's or Anthropic's: who they are, told by the client, by the address, or by the host of the program."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support import anthropic_wire, openai_wire
from support.examples import run_example
from support.services import TEXT, client
from support.spans import Spans, attributes, outcome, text
from support.stored import names
from support.wire import Received, Server, json_answer

needs_openai = pytest.mark.skipif(not find_spec("openai"), reason="openai is not installed")
needs_anthropic = pytest.mark.skipif(not find_spec("anthropic"), reason="anthropic is not installed")


def ask(caller: Any, **more: Any) -> Any:
    return caller.chat.completions.create(**{"model": openai_wire.MODEL, "messages": openai_wire.MESSAGES, **more})


def elsewhere(server: Server) -> Callable[[Any], Any]:
    """A transport that brings every request to `server`, whatever its address."""

    def transport(http: Any) -> Any:
        class Transport(http.HTTPTransport):  # type: ignore[name-defined,misc]
            def handle_request(self, request: Any) -> Any:
                request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=server.port)
                return super().handle_request(request)

        return Transport()

    return transport


# Named by the host of the program.


@needs_openai
@pytest.mark.parametrize("key", ["127.0.0.1:{port}", "127.0.0.1", "http://127.0.0.1:{port}/v1", "0.1"])
def test_a_private_address_can_be_given_its_provider(key: str, server: Server, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(provider_names={key.format(port=server.port): "vllm", "127.0.0.1:1": "other"})
    server.serve(json_answer(openai_wire.chat()))
    ask(client("openai", server.url))
    assert attributes(spans.only())["gen_ai.provider.name"] == "vllm"


@needs_openai
def test_what_the_host_says_of_an_address_goes_before_what_the_client_says(
    server: Server, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(provider_names={"me.openai.azure.com": "ours", f"127.0.0.1:{server.port + 1}": "other"})
    server.serve(json_answer(openai_wire.chat()))
    ask(client("openai", "https://me.openai.azure.com", transport=elsewhere(server)))
    ask(client("openai", server.url))
    assert [attributes(span)["gen_ai.provider.name"] for span in spans.all()] == ["ours", "openai"]


@needs_openai
def test_the_environment_says_it_too(server: Server, start_tracing: Callable[..., Spans], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBA_PROVIDER_NAMES", f"10.0.0.5:8000=sglang, 127.0.0.1:{server.port}=vllm")
    spans = start_tracing()
    server.serve(json_answer(openai_wire.chat()))
    ask(client("openai", server.url))
    assert attributes(spans.only())["gen_ai.provider.name"] == "vllm"


@needs_openai
def test_the_example_of_a_server_of_one_s_own_runs(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(openai_wire.chat()))
    ran = run_example("own_server", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1")
    assert (ran.err, ran.out, names(tmp_path)) == ("", f"{TEXT}\n", ["chat my-model"])


# Told by the address.


@needs_openai
@pytest.mark.parametrize(
    ("base", "provider"),
    [
        ("https://api.deepseek.com", "deepseek"),
        ("https://api.x.ai", "x_ai"),
        ("https://openrouter.ai/api", "openrouter"),
        ("https://api.perplexity.ai", "perplexity"),
        ("https://api.mistral.ai", "mistral_ai"),
        ("https://api.groq.com/openai", "groq"),
        ("https://api.together.xyz", "together"),
        ("https://api.fireworks.ai/inference", "fireworks"),
        ("https://api.cerebras.ai", "cerebras"),
        ("https://me.openai.azure.com/openai", "azure.ai.openai"),
        ("https://me.services.ai.azure.com/openai", "azure.ai.openai"),
        ("https://bedrock-runtime.us-west-2.amazonaws.com/openai", "aws.bedrock"),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi", "gcp.vertex_ai"),
        ("http://localhost:11434", "openai"),
    ],
)
def test_an_address_says_who_serves(base: str, provider: str, server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat()))
    ask(client("openai", base, transport=elsewhere(server)))
    told = attributes(spans.only())
    assert (told["gen_ai.provider.name"], told["server.address"]) == (provider, urlsplit(base).hostname)
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)


# Azure.

FILTERED = {"hate": {"filtered": False, "severity": "safe"}}


def azure(server: Server, **more: Any) -> Any:
    import openai

    http = openai.DefaultHttpxClient(trust_env=False, verify=False)
    made = {"api_version": "2026-01-01", "api_key": "key", "http_client": http, "max_retries": 0, **more}
    return openai.AzureOpenAI(azure_endpoint=server.url, **made)


@needs_openai
@pytest.mark.parametrize("deployment", [None, "mine"])
def test_azure_s_deployment_is_asked_and_its_model_answers(deployment: str | None, server: Server, spans: Spans) -> None:
    body = openai_wire.chat(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": FILTERED}])
    body["choices"][0]["content_filter_results"] = FILTERED
    server.serve(json_answer(body))
    ask(azure(server, azure_deployment=deployment), model="mine")
    assert server.received[0].path.startswith("/openai/deployments/mine/chat/completions?api-version=")
    told = attributes(spans.only())
    assert (told["gen_ai.provider.name"], told["gen_ai.request.model"]) == ("azure.ai.openai", "mine")
    assert (told["gen_ai.response.model"], told["server.port"]) == (openai_wire.SERVED, server.port)
    extra = json.loads(told["genba.response.extra"])
    assert extra["content_filter_results"] == [FILTERED]
    assert extra["prompt_filter_results"][0]["content_filter_results"] == FILTERED


@needs_openai
def test_azure_s_stream_begins_with_a_filter_s_words_and_no_choice(server: Server, spans: Spans) -> None:
    first = openai_wire.chat_chunk({}, choices=[], prompt_filter_results=[{"prompt_index": 0, "content_filter_results": FILTERED}])
    server.serve(openai_wire.chunks_stream([{**first, "id": "", "model": ""}, *openai_wire.chat_chunks(usage=True)]))
    list(ask(azure(server), model="mine", stream=True))
    span = spans.only()
    assert (outcome(span), text(span), attributes(span)["gen_ai.response.id"]) == ("completed", TEXT, "chatcmpl-wire")
    assert "prompt_filter_results" in json.loads(attributes(span)["genba.response.extra"])


@needs_openai
def test_a_content_filter_s_refusal_is_a_failed_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.error("No.", code="content_filter"), 400))
    with pytest.raises(Exception, match="400"):
        ask(azure(server), model="mine")
    assert (outcome(spans.only()), spans.only().name) == ("failed", "chat mine")


# Anthropic's clients for the clouds.

CLOUDS = {
    "AnthropicVertex": ("gcp.vertex_ai", {"region": "us-east5", "project_id": "p", "access_token": "t"}, "google.auth"),
    "AnthropicBedrock": ("aws.bedrock", {"aws_region": "us-east-1", "aws_access_key": "a", "aws_secret_key": "s"}, "boto3"),
    "AnthropicBedrockMantle": ("aws.bedrock", {"aws_region": "us-east-1", "api_key": "k"}, None),
    "AnthropicFoundry": ("azure.ai.inference", {"api_key": "k"}, None),
    "AnthropicAWS": ("anthropic", {"aws_region": "us-east-1", "api_key": "k", "workspace_id": "w"}, None),
}


def in_the_cloud(name: str, server: Server) -> Any:
    import anthropic

    provider, options, needed = CLOUDS[name]
    kind = getattr(anthropic, name, None)
    if kind is None:
        pytest.skip(f"this version has no {name}")
    if needed:
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    http = anthropic.DefaultHttpxClient(trust_env=False, verify=False)
    return provider, kind(base_url=server.url, http_client=http, max_retries=0, **options)


@needs_anthropic
@pytest.mark.parametrize("name", CLOUDS)
def test_a_cloud_s_client_is_traced_as_anthropic_s_under_the_cloud_s_name(name: str, server: Server, spans: Spans) -> None:
    def answer(request: Received) -> Any:
        if request.path.endswith("invoke-with-response-stream") or json.loads(request.body).get("stream"):
            return anthropic_wire.events_stream(anthropic_wire.message_events())
        return json_answer(anthropic_wire.message())

    provider, caller = in_the_cloud(name, server)
    asked = {"model": "claude-wire", "max_tokens": 20, "messages": anthropic_wire.MESSAGES}
    server.serve(answer)
    caller.messages.create(**asked)
    if name != "AnthropicBedrock":  # whose stream is AWS's own
        list(caller.messages.create(**asked, stream=True))
    for span in spans.all():
        told = attributes(span)
        assert (span.name, told["gen_ai.provider.name"], told["gen_ai.response.model"]) == (
            "chat claude-wire", provider, anthropic_wire.SERVED,
        )  # fmt: skip
        assert (told["server.address"], told["server.port"]) == ("127.0.0.1", server.port)
        assert (outcome(span), text(span), text(span, "input")) == ("completed", TEXT, anthropic_wire.QUESTION)
    assert len(spans.all()) == (1 if name == "AnthropicBedrock" else 2)


# What is no chat.


@needs_openai
async def test_the_search_of_a_vector_store_is_a_retrieval(server: Server, spans: Spans) -> None:
    found = {
        "file_id": "file_1", "filename": "bees.md", "score": 0.75, "attributes": {"lang": "en"},
        "content": [{"type": "text", "text": "Bees make honey."}],
    }  # fmt: skip
    server.serve(json_answer({"object": "vector_store.search_results.page", "data": [found], "has_more": False, "next_page": None}))
    page = client("openai", server.url).vector_stores.search("vs_1", query="honey", max_num_results=3)
    assert page.data[0].file_id == "file_1"
    async with client("openai", server.url, asynchronous=True) as caller:
        assert [one.filename async for one in caller.vector_stores.search("vs_1", query=["honey", "bees"])] == ["bees.md"]
    one, two = spans.all()
    told = attributes(one)
    assert (one.name, told["gen_ai.data_source.id"], told["gen_ai.retrieval.top_k"]) == ("retrieval vs_1", "vs_1", 3)
    assert (told["gen_ai.retrieval.query.text"], attributes(two)["gen_ai.retrieval.query.text"]) == ("honey", "honey\nbees")
    assert json.loads(told["gen_ai.retrieval.documents"]) == [
        {"id": "file_1", "score": 0.75, "name": "bees.md", "attributes": {"lang": "en"}, "content": "Bees make honey."}
    ]


@needs_openai
def test_a_search_without_content_keeps_ids_and_scores_from_nobody(server: Server, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(capture_content="none")
    server.serve(json_answer({"data": [{"file_id": "f", "score": 0.5, "content": [{"type": "text", "text": "secret"}]}]}))
    client("openai", server.url).vector_stores.search("vs_1", query="secret")
    assert spans.only().name == "retrieval vs_1"
    assert "secret" not in spans.only().to_json()


@needs_openai
def test_a_batch_that_is_handed_in_is_noted(server: Server, spans: Spans) -> None:
    batch = {
        "id": "batch_1", "object": "batch", "endpoint": "/v1/responses", "status": "validating", "input_file_id": "file_1",
        "completion_window": "24h", "created_at": 1, "request_counts": {"total": 0, "completed": 0, "failed": 0},
    }  # fmt: skip
    server.serve(json_answer(batch))
    client("openai", server.url).batches.create(completion_window="24h", endpoint="/v1/responses", input_file_id="file_1")
    told = attributes(spans.only())
    assert spans.only().name == "create_batch"
    assert {name: value for name, value in told.items() if name.startswith("genba.batch.")} == {
        "genba.batch.id": "batch_1",
        "genba.batch.processing_status": "validating",
        "genba.batch.input_file_id": "file_1",
        "genba.batch.endpoint": "/v1/responses",
    }
    assert "gen_ai.response.id" not in told


@needs_openai
def test_the_beta_surfaces_pass_the_same_place(server: Server, spans: Spans) -> None:
    beta = client("openai", server.url).beta
    server.serve(json_answer(openai_wire.chat()))
    if hasattr(beta, "chat"):
        beta.chat.completions.parse(model=openai_wire.MODEL, messages=openai_wire.MESSAGES)
        assert spans.all()[-1].name == f"chat {openai_wire.MODEL}"
    server.serve(json_answer(openai_wire.response()))
    if hasattr(beta, "responses"):
        beta.responses.create(model=openai_wire.MODEL, input="hi")
        assert text(spans.all()[-1], "input") == "hi"
    assert len(spans.all()) == hasattr(beta, "chat") + hasattr(beta, "responses")
