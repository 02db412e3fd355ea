"""IBM's client for watsonx.ai: chats, texts, vectors and rankings, its own way to try again, and a server that speaks TLS."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import genba
from genba import semconv
from genba.providers import watsonx
from genba.tokens import decode
from support.clients.watsonx import ERROR, MODEL, USAGE, api, chat, chat_chunks, event, make, text, text_pieces
from support.examples import run_example
from support.openai_wire import ANSWER, MESSAGES, QUESTION, WEATHER_CALL, WEATHER_TOOL
from support.spans import Spans, attributes, failed, messages, outcome
from support.stored import names
from support.wire import Received, Server, Stream, json_answer

pytest.importorskip("ibm_watsonx_ai", reason="ibm-watsonx-ai is not installed")
TEXT = "".join(ANSWER)
IS_OLD = find_spec("ibm_watsonx_ai._wrappers.httpx_wrapper") is not None
"""Before 1.6 it has other functions for its retries."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Server]:
    """A server that speaks TLS, with a certificate that stands in `server.pem`."""
    pytest.importorskip("cryptography", reason="without it the server has no certificate, and the client speaks TLS only")
    from support import certificate

    server = Server()
    listener = server._http
    listener.socket = certificate.contexts()[0].wrap_socket(listener.socket, server_side=True)
    (tmp_path / "server.pem").write_text(ssl.get_server_certificate(("127.0.0.1", server.port)))
    yield server
    server.close()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_chat_is_told_as_it_went_out(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer(chat(None, tool_calls=[WEATHER_CALL])))
    client = make(server.url, asynchronous)
    client._inference._client.default_project_id = "project-wire"
    params = {"temperature": 0.5, "max_tokens": 50, "seed": 7, "stop": ["x"], "response_format": {"type": "json_object"}}
    asked = (client.achat if asynchronous else client.chat)(
        messages=MESSAGES, params=params, tools=[WEATHER_TOOL], tool_choice_option="auto"
    )
    answer = await asked if asynchronous else asked
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "ibm.watsonx.ai",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": MODEL,
        "gen_ai.request.seed": 7,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("tool_call",),
        "gen_ai.usage.input_tokens": USAGE["prompt_tokens"],
        "gen_ai.usage.output_tokens": USAGE["completion_tokens"],
        "server.address": "127.0.0.1",
        "server.port": server.port,
        semconv.RESPONSE_EXTRA: '{"model_version":"1.2.0"}',
    }
    assert {name: told.get(name) for name in expected} == expected
    assert [turn["role"] for turn in messages(span, "input")] == ["system", "user"]
    assert messages(span)[0]["parts"] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert json.loads(told["gen_ai.tool.definitions"])[0]["name"] == "weather"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_text_is_told_with_its_parameters(asynchronous: bool, server: Server, spans: Spans) -> None:
    tokens = [{"text": piece, "logprob": -0.5} for piece in ANSWER]
    server.serve(json_answer(text(reason="max_tokens", generated_tokens=tokens)))
    client = make(server.url, asynchronous)
    params = {"decoding_method": "sample", "max_new_tokens": 5, "top_k": 3, "random_seed": 7, "stop_sequences": ["x"]}
    asked = (client.agenerate if asynchronous else client.generate)(prompt=QUESTION, params=params)
    await asked if asynchronous else asked
    span = spans.only()
    told = attributes(span)
    assert span.name == f"text_completion {MODEL}"
    expected = {
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.top_k": 3,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.response.finish_reasons": ("length",),
        "genba.response.finish_reasons": ("max_tokens",),
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 5,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert messages(span, "input")[0]["parts"] == [{"type": "text", "content": QUESTION}]
    assert messages(span)[0]["parts"] == [{"type": "text", "content": TEXT}]
    [listed] = decode(told["genba.tokens.output"])
    assert (listed.text, listed.logprobs) == (TEXT.encode(), [-0.5] * len(ANSWER))


@pytest.mark.parametrize("raw", [False, True])
def test_a_stream_of_texts_tells_what_its_events_said(raw: bool, server: Server, spans: Spans) -> None:
    server.serve(Stream([event(piece) for piece in text_pieces()]))
    taken = list(make(server.url, False).generate_text_stream(prompt=QUESTION, raw_response=raw))
    assert taken == (text_pieces() if raw else list(ANSWER))
    _is_the_whole_text(spans)


async def test_an_asynchronous_stream_of_texts_does_so_too(server: Server, spans: Spans) -> None:
    server.serve(Stream([event(piece) for piece in text_pieces()]))
    client = make(server.url, True)
    assert [piece async for piece in await client.agenerate_stream(prompt=QUESTION)] == text_pieces()
    await client.close()
    _is_the_whole_text(spans)


def _is_the_whole_text(spans: Spans) -> None:
    span = spans.only()
    told = attributes(span)
    assert messages(span)[0]["parts"] == [{"type": "text", "content": TEXT}]
    assert messages(span, "input")[0]["parts"] == [{"type": "text", "content": QUESTION}]
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.model"] == MODEL
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (4, 5)
    assert told["genba.chunks.count"] == len(ANSWER)


def test_a_stream_of_texts_left_midway_keeps_what_arrived(server: Server, spans: Spans) -> None:
    server.serve(Stream([event(piece) for piece in text_pieces()]))
    steps = make(server.url, False).generate_text_stream(prompt=QUESTION)
    assert next(steps) == ANSWER[0]
    steps.close()
    span = spans.only()
    assert outcome(span) == "cancelled"
    assert messages(span)[0]["parts"] == [{"type": "text", "content": ANSWER[0]}]
    assert attributes(span)["gen_ai.usage.output_tokens"] == 1


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.filterwarnings("ignore:In this mode:UserWarning")
def test_many_prompts_are_one_call(one_by_one: bool, server: Server, spans: Spans) -> None:
    prompts = ["Bees?", "Honey?", "Wax?"]
    server.serve(lambda request: json_answer(text(f"On {request.json['input']}")))
    found = make(server.url, False).generate(prompt=prompts, params={"max_new_tokens": 5}, async_mode=one_by_one)
    assert len(list(found)) == len(server.received) == 3
    span = spans.only()
    assert [turn["parts"][0]["content"] for turn in messages(span, "input")] == prompts
    assert sorted(turn["parts"][0]["content"] for turn in messages(span)) == sorted(f"On {prompt}" for prompt in prompts)
    assert attributes(span)["gen_ai.usage.output_tokens"] == 15
    assert attributes(span)["gen_ai.request.max_tokens"] == 5


def test_a_deployment_knows_its_model_itself(server: Server, spans: Spans) -> None:
    server.serve(json_answer(chat()))
    make(server.url, False, deployment_id="deployment-wire").chat(messages=MESSAGES)
    assert server.received[0].path.startswith("/ml/v1/deployments/deployment-wire/text/chat")
    span = spans.only()
    assert span.name == "chat"
    assert attributes(span)["gen_ai.response.model"] == MODEL
    assert [turn["role"] for turn in messages(span, "input")] == ["system", "user"]


def test_a_deployed_template_is_given_values(server: Server, spans: Spans) -> None:
    server.serve(json_answer(text()))
    make(server.url, False, deployment_id="deployment-wire").generate_text(params={"prompt_variables": {"who": "bees"}})
    assert messages(spans.only(), "input")[0]["parts"] == [{"type": "prompt_variables", "content": {"who": "bees"}}]


def test_an_error_that_a_deployments_stream_hands_to_the_host_is_a_failure(server: Server, spans: Spans) -> None:
    server.serve(Stream([event(chunk) for chunk in chat_chunks(ANSWER[:2])] + [event(ERROR, "error")]))
    steps = make(server.url, False, deployment_id="deployment-wire").chat_stream(messages=MESSAGES)
    assert list(steps)[-1] == ERROR
    span = spans.only()
    assert failed(span)
    assert attributes(span)["error.type"] == "model_overheated"
    assert messages(span)[0]["parts"] == [{"type": "text", "content": "".join(ANSWER[:2])}]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_vectors_are_measured(asynchronous: bool, server: Server, spans: Spans) -> None:
    from ibm_watsonx_ai.foundation_models import Embeddings

    server.serve(json_answer({"model_id": MODEL, "results": [{"embedding": [0.5, 1.0, 2.0]}] * 2, "input_token_count": 6}))
    client = Embeddings(model_id=MODEL, api_client=api(server.url))
    asked = (client.aembed_documents if asynchronous else client.embed_documents)(["Bees.", "Honey."])
    assert len(await asked if asynchronous else asked) == 2
    span = spans.only()
    assert span.name == f"embeddings {MODEL}"
    assert attributes(span)["gen_ai.embeddings.dimension.count"] == 3
    assert attributes(span)["gen_ai.usage.input_tokens"] == 6
    assert [turn["parts"][0]["content"] for turn in messages(span, "input")] == ["Bees.", "Honey."]


def test_batches_of_vectors_are_one_call(server: Server, spans: Spans) -> None:
    from ibm_watsonx_ai.foundation_models import Embeddings

    server.serve(json_answer({"model_id": MODEL, "results": [{"embedding": [0.5]}], "input_token_count": 2}))
    assert len(Embeddings(model_id=MODEL, api_client=api(server.url), batch_size=1).embed_documents(["Bees.", "Honey."])) == 2
    assert len(server.received) == 2
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 4


def test_a_ranking_says_what_stood_where(server: Server, spans: Spans) -> None:
    from ibm_watsonx_ai.foundation_models import Rerank

    ranked = [{"index": 1, "score": 0.9, "input": {"text": "Bees."}}, {"index": 0, "score": 0.1}]
    server.serve(json_answer({"model_id": MODEL, "results": ranked, "input_token_count": 8}))
    params = {"return_options": {"top_n": 2, "inputs": True}}
    client = api(server.url)
    client.default_project_id = "project-wire"
    Rerank(model_id=MODEL, api_client=client, params=params).generate(query=QUESTION, inputs=["Wasps.", "Bees."])
    span = spans.only()
    assert span.name == f"rerank {MODEL}"
    assert [part["content"] for part in messages(span, "input")[0]["parts"]] == [QUESTION, "Wasps.", "Bees."]
    told = attributes(span)
    assert told["gen_ai.usage.input_tokens"] == 8
    assert json.loads(told["gen_ai.retrieval.documents"]) == [
        {"id": "1", "score": 0.9, "content": {"text": "Bees."}},
        {"id": "0", "score": 0.1},
    ]


def _retries(spans: Spans) -> list[dict[str, Any]]:
    return [dict(event.attributes or {}) for event in spans.only().events if event.name == semconv.RETRY_EVENT]


def test_each_retry_is_an_event_of_the_one_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer(chat()))
    server.queue.append(json_answer(ERROR, 503))
    make(server.url, False, retries=1).chat(messages=MESSAGES)
    assert outcome(spans.only()) == "completed"
    known = {} if IS_OLD else {"http.response.status_code": 503}
    assert _retries(spans) == [{semconv.RETRY_ATTEMPT: 1, **known}]


@pytest.mark.filterwarnings("ignore:`verify=<str>` is deprecated:DeprecationWarning")
@pytest.mark.skipif(IS_OLD, reason="nothing can listen there: the transport of this version has no function of its own for it")
def test_its_transport_tries_again_in_the_same_span(secure: Server, spans: Spans, tmp_path: Path) -> None:
    from ibm_watsonx_ai import APIClient, Credentials
    from ibm_watsonx_ai.foundation_models import ModelInference

    secure.serve(json_answer(chat()))
    secure.queue.append(json_answer(ERROR, 502))
    address = f"https://127.0.0.1:{secure.port}"
    trusted = str(tmp_path / "server.pem")
    client = APIClient(Credentials(url=address, token="token-for-tests", platform_url=address, verify=trusted))
    ModelInference(model_id=MODEL, api_client=client, validate=False).chat(messages=MESSAGES)
    assert len(secure.received) == 2
    assert _retries(spans) == [{semconv.RETRY_ATTEMPT: 1, "http.response.status_code": 502}]


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    from ibm_watsonx_ai.foundation_models import Embeddings, ModelInference, Rerank
    from ibm_watsonx_ai.foundation_models.inference.base_model_inference import BaseModelInference
    from ibm_watsonx_ai.foundation_models.inference.fm_model_inference import FMModelInference

    owners = (ModelInference, Embeddings, Rerank, FMModelInference, BaseModelInference)
    before = [dict(vars(owner)) for owner in owners]
    start_tracing()
    assert all(dict(vars(owner)) != was for owner, was in zip(owners, before, strict=True))
    assert isinstance(vars(BaseModelInference)["_return_guardrails_stats"], staticmethod)
    genba.uninstrument()
    assert [dict(vars(owner)) for owner in owners] == before


ODD: list[Any] = [
    None, [], "text", 3, {"results": 3}, {"results": [3, {"generated_text": 3, "stop_reason": 3}]}, {"choices": [{}]}, {"errors": [3]},
    {"input": 3, "parameters": 3}, {"inputs": [3, {"text": 3}], "query": 3}, {"results": [{"embedding": "odd", "index": "odd"}]},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    endpoints = (watsonx.CHAT, watsonx.STREAMED_CHAT, watsonx.STREAMED_TEXT, watsonx.PROMPTS, watsonx.EMBEDDINGS, watsonx.RERANK)
    for endpoint in endpoints:
        endpoint.request(odd)
        endpoint.response(odd)
        assert endpoint.fold is None or endpoint.response(endpoint.fold([odd, odd])) is not None
        assert endpoint.failed is not None
        endpoint.failed(odd)


def test_the_example_leaves_one_chat_in_its_store(secure: Server, tmp_path: Path) -> None:
    def answer(request: Received) -> Any:
        return json_answer(chat() if request.path.startswith("/ml/v1/text/chat") else {})

    secure.serve(answer)
    address = f"https://127.0.0.1:{secure.port}"
    ran = run_example(
        "watsonx_chat",
        tmp_path,
        WATSONX_URL=address,
        WATSONX_PLATFORM_URL=address,
        WATSONX_TOKEN="token-for-tests",
        WATSONX_MODEL=MODEL,
        WX_CLIENT_VERIFY_REQUESTS=str(tmp_path / "server.pem"),
    )
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == [f"chat {MODEL}"]
