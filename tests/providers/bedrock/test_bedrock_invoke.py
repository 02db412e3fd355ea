"""InvokeModel: the body is the vendor's, and the host's to read; whose it is, the model's id and the request tell."""

from __future__ import annotations

import asyncio
import gc
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("boto3", reason="boto3 is not installed")

from genba.providers.bedrock import vendors
from support import anthropic_wire, aws_event_stream, openai_wire
from support.clients import bedrock
from support.clients.bedrock import BODY, MODEL, client, invoked_events
from support.openai_wire import ANSWER, PNG, QUESTION
from support.services import TEXT
from support.spans import Spans, attributes, outcome, parts, text
from support.wire import Server, Stream, json_answer

COUNTS = {
    "x-amzn-requestid": "request-7",
    "x-amzn-bedrock-input-token-count": "10",
    "x-amzn-bedrock-output-token-count": "9",
    "x-amzn-bedrock-cache-read-input-token-count": "6",
}


def invoke(server: Server, body: Any = None, **more: Any) -> Any:
    server.serve(json_answer(anthropic_wire.message(), headers=COUNTS))
    return client(server.url).invoke_model(modelId=MODEL, body=json.dumps(BODY) if body is None else body, **more)


WAYS: dict[str, Callable[[Any], Any]] = {
    "read": lambda body: body.read(),
    "in pieces": lambda body: b"".join(iter(lambda: body.read(50), b"")),
    "chunks": lambda body: b"".join(body.iter_chunks(70)),
    "lines": lambda body: b"".join(body.iter_lines()),
    "iterated": b"".join,
    "readlines": lambda body: b"".join(body.readlines()),
    "json": lambda body: json.dumps(json.load(body)).encode(),
    "exactly": lambda body: body.read(len(json.dumps(anthropic_wire.message()))),
    "text": lambda body: io.TextIOWrapper(io.BytesIO(body.read())).read().encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_the_body_is_read_it_is_the_answer(way: str, server: Server, spans: Spans) -> None:
    from botocore.response import StreamingBody

    answer = invoke(server)
    assert type(answer["body"]) is StreamingBody
    assert spans.all() == [], "nothing is known before it is read"
    assert json.loads(WAYS[way](answer["body"])) == anthropic_wire.message()
    told = attributes(spans.only())
    assert (text(spans.only()), outcome(spans.only())) == (TEXT, "completed")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (20, 9)
    assert (told["gen_ai.response.id"], told["aws.request_id"]) == ("msg_wire", "request-7")


def test_a_body_that_is_entered_gives_what_it_reads_from(server: Server, spans: Spans) -> None:
    import urllib3

    with invoke(server)["body"] as source:
        assert isinstance(source, urllib3.HTTPResponse)
        assert source.status == 200
        assert json.loads(source.read()) == anthropic_wire.message()
    assert (text(spans.only()), outcome(spans.only())) == (TEXT, "completed")


def test_a_body_that_is_entered_can_be_read_in_pieces(server: Server, spans: Spans) -> None:
    with invoke(server)["body"] as source:
        assert json.loads(b"".join(source.stream(100))) == anthropic_wire.message()
    assert (text(spans.only()), outcome(spans.only())) == (TEXT, "completed")


def test_a_buffer_of_the_hosts_own_can_be_filled(server: Server, spans: Spans) -> None:
    body = invoke(server)["body"]
    if "readinto" not in vars(type(body)):
        pytest.skip("this release has no readinto")
    buffer, whole = bytearray(64), b""
    while count := body.readinto(buffer):
        whole += buffer[:count]
    assert json.loads(whole) == anthropic_wire.message()
    assert text(spans.only()) == TEXT


LEFT: dict[str, Callable[[Any], Any]] = {
    "never read": lambda _: None,
    "read in part": lambda body: body.read(10),
    "closed": lambda body: body.close(),
    "left": lambda body: body.__enter__() and body.__exit__(None, None, None),
}


@pytest.mark.parametrize("way", LEFT)
def test_what_is_not_read_is_not_stolen_and_its_cost_is_known(way: str, server: Server, spans: Spans) -> None:
    LEFT[way](invoke(server)["body"])
    gc.collect()
    told = attributes(spans.only())
    # Older bodies close themselves as they are collected.
    assert outcome(spans.only()) in (("abandoned", "cancelled") if "read" in way else ("cancelled",))
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (16, 9)
    assert told["gen_ai.usage.cache_read.input_tokens"] == 6
    assert text(spans.only()) == ""


def test_a_body_that_breaks_off_is_a_failure_as_the_host_saw_it(server: Server, spans: Spans) -> None:
    server.serve(json_answer(anthropic_wire.message(), then="cut"))
    body = client(server.url).invoke_model(modelId=MODEL, body=json.dumps(BODY))["body"]
    with pytest.raises(Exception, match=r"rror|bytes|roken") as raised:
        body.read()
    kind = type(raised.value)
    assert attributes(spans.only())["error.type"] == f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("form", [str, str.encode, lambda said: bytearray(said.encode()), lambda said: io.BytesIO(said.encode())])
def test_a_request_may_be_given_in_many_forms(form: Callable[[str], Any], server: Server, spans: Spans) -> None:
    given = form(json.dumps(BODY))
    invoke(server, given)["body"].read()
    assert server.received[0].json == BODY
    assert text(spans.only(), "input") == QUESTION


def test_a_request_that_is_no_json_is_sent_and_traced(server: Server, spans: Spans) -> None:
    invoke(server, b"\x00nonsense")["body"].read()
    assert server.received[0].body == b"\x00nonsense"
    assert spans.only().name == f"chat {MODEL}"


def test_the_guardrail_of_a_call_is_told(server: Server, spans: Spans) -> None:
    invoke(server, guardrailIdentifier="guard-1", guardrailVersion="1")["body"].read()
    assert attributes(spans.only())["aws.bedrock.guardrail.id"] == "guard-1"


async def test_the_asynchronous_body_too(server: Server, spans: Spans) -> None:
    pytest.importorskip("aiobotocore", reason="aiobotocore is not installed")
    server.serve(json_answer(anthropic_wire.message(), headers=COUNTS))
    asynchronous = bedrock.Asynchronous(server.url)
    ask = {"modelId": MODEL, "body": json.dumps(BODY)}
    answer = await asynchronous.invoke_model(**ask)
    assert json.loads(await answer["body"].read()) == anthropic_wire.message()
    answer = await asynchronous.invoke_model(**ask)
    assert json.loads(b"".join([piece async for piece in answer["body"].iter_chunks(50)])) == anthropic_wire.message()
    answer = await asynchronous.invoke_model(**ask)
    async with answer["body"] as source:
        assert json.loads(await source.read()) == anthropic_wire.message()
    assert [(text(span), outcome(span)) for span in spans.all()] == [(TEXT, "completed")] * 3
    answer = await asynchronous.invoke_model(**ask)
    answer["body"].close()
    del answer
    await asyncio.sleep(0)
    await asynchronous.close()
    assert attributes(spans.all()[-1])["gen_ai.usage.output_tokens"] == 9
    assert outcome(spans.all()[-1]) in ("cancelled", "abandoned")


async def test_aioboto3_is_aiobotocore(server: Server, spans: Spans) -> None:
    aioboto3 = pytest.importorskip("aioboto3", reason="aioboto3 is not installed")
    server.serve(json_answer(bedrock.whole()))
    async with aioboto3.Session().client("bedrock-runtime", endpoint_url=server.url, **bedrock.CREDENTIALS) as made:
        await made.converse(modelId=MODEL, messages=bedrock.MESSAGES)
    assert text(spans.only()) == TEXT


CHAT = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 50}
OPENAI = {key: value for key, value in openai_wire.chat().items() if key != "model"}
MISTRAL = {"choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "stop_reason": "stop"}]}
CONVERSED = {name: value for name, value in bedrock.whole().items() if name != "metrics"}
VENDORS: dict[str, tuple[str, dict[str, Any], dict[str, Any], tuple[str, str, tuple[int, int]]]] = {
    "anthropic": ("eu.anthropic.claude-x-v1:0", BODY, anthropic_wire.message(), ("chat", "stop", (20, 9))),
    "anthropic, a profile": (
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", BODY, anthropic_wire.message(), ("chat", "stop", (20, 9)),
    ),
    "anthropic, a prompt": (
        "anthropic.claude-v2", {"prompt": QUESTION, "max_tokens_to_sample": 50}, {"completion": TEXT, "stop_reason": "stop_sequence"},
        ("text_completion", "stop", (16, 9)),
    ),
    "nova": (
        "us.amazon.nova-lite-v1:0",
        {"messages": bedrock.MESSAGES, "inferenceConfig": {"max_new_tokens": 50}}, CONVERSED, ("chat", "stop", (20, 9)),
    ),
    "llama": (
        "meta.llama3-8b-instruct-v1:0", {"prompt": QUESTION, "max_gen_len": 50},
        {"generation": TEXT, "prompt_token_count": 5, "generation_token_count": 7, "stop_reason": "length"},
        ("text_completion", "length", (5, 7)),
    ),
    "mistral, a prompt": (
        "mistral.mistral-7b-instruct-v0:2", {"prompt": QUESTION, "max_tokens": 50}, {"outputs": [{"text": TEXT, "stop_reason": "stop"}]},
        ("text_completion", "stop", (16, 9)),
    ),
    "mistral": ("mistral.mistral-large-2407-v1:0", CHAT, MISTRAL, ("chat", "stop", (16, 9))),
    "cohere": (
        "cohere.command-r-v1:0", {"message": QUESTION, "max_tokens": 50},
        {"response_id": "r", "text": TEXT, "finish_reason": "COMPLETE"}, ("chat", "stop", (16, 9)),
    ),
    "cohere, a prompt": (
        "cohere.command-text-v14", {"prompt": QUESTION, "max_tokens": 50},
        {"id": "r", "generations": [{"id": "g", "text": TEXT, "finish_reason": "MAX_TOKENS"}]},
        ("text_completion", "length", (16, 9)),
    ),
    "titan": (
        "amazon.titan-text-express-v1", {"inputText": QUESTION, "textGenerationConfig": {"maxTokenCount": 50}},
        {"inputTextTokenCount": 5, "results": [{"tokenCount": 7, "outputText": TEXT, "completionReason": "FINISH"}]},
        ("text_completion", "stop", (5, 7)),
    ),
    "deepseek, a prompt": (
        "us.deepseek.r1-v1:0", {"prompt": QUESTION, "max_tokens": 50}, {"choices": [{"text": TEXT, "stop_reason": "stop"}]},
        ("text_completion", "stop", (16, 9)),
    ),
    "openai": ("openai.gpt-oss-20b-1:0", CHAT, OPENAI, ("chat", "stop", (20, 9))),
    "ai21": ("ai21.jamba-1-5-mini-v1:0", CHAT, OPENAI, ("chat", "stop", (20, 9))),
    "jurassic": (
        "ai21.j2-ultra-v1", {"prompt": QUESTION, "maxTokens": 50},
        {"id": 1, "completions": [{"data": {"text": TEXT, "tokens": [{}, {}]}, "finishReason": {"reason": "endoftext"}}]},
        ("text_completion", "stop", (16, 9)),
    ),
    "an import": ("arn:aws:bedrock:us-east-1:1:imported-model/x", CHAT, OPENAI, ("chat", "stop", (20, 9))),
}  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_s_body_is_read(vendor: str, server: Server, spans: Spans) -> None:
    model, asked, answer, (operation, reason, tokens) = VENDORS[vendor]
    server.serve(json_answer(answer, headers=COUNTS))
    client(server.url).invoke_model(modelId=model, body=json.dumps(asked))["body"].read()
    span = spans.only()
    told = attributes(span)
    assert span.name == f"{operation} {model}"
    assert (text(span, "input"), text(span)) == (QUESTION, TEXT)
    assert told["gen_ai.provider.name"] == "aws.bedrock"
    limit = told.get("gen_ai.request.max_tokens")
    assert limit == (100 if "anthropic_version" in asked else 50)
    assert told["gen_ai.response.finish_reasons"] == (reason,)
    assert (told.get("gen_ai.usage.input_tokens"), told.get("gen_ai.usage.output_tokens")) == tokens
    assert "openai.api.type" not in told


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 7, "cacheReadInputTokenCount": 2}}
CHUNKS: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]], str]] = {
    "titan": (
        "amazon.titan-text-express-v1", {"inputText": QUESTION},
        [
            *({"outputText": piece, "index": 0.0, "inputTextTokenCount": 5.0} for piece in ANSWER),
            {"outputText": "", "index": 0.0, "totalOutputTextTokenCount": 7.0, "completionReason": "FINISH", **METRICS},
        ],
        "stop",
    ),
    "llama": (
        "meta.llama3-8b-instruct-v1:0", {"prompt": QUESTION},
        [
            *({"generation": piece, "prompt_token_count": None, "generation_token_count": 1, "stop_reason": None} for piece in ANSWER),
            {"generation": "", "prompt_token_count": 5, "generation_token_count": 7, "stop_reason": "length", **METRICS},
        ],
        "length",
    ),
    "mistral, a prompt": (
        "mistral.mistral-7b-instruct-v0:2", {"prompt": QUESTION},
        [
            *({"outputs": [{"text": piece, "stop_reason": None}]} for piece in ANSWER),
            {"outputs": [{"text": "", "stop_reason": "stop"}], **METRICS},
        ],
        "stop",
    ),
    "mistral": (
        "mistral.mistral-large-2407-v1:0", CHAT,
        [
            *({"choices": [{"index": 0, "message": {"role": "assistant", "content": piece}, "stop_reason": None}]} for piece in ANSWER),
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "stop_reason": "stop"}], **METRICS},
        ],
        "stop",
    ),
    "nova": (
        "amazon.nova-lite-v1:0", {"messages": bedrock.MESSAGES},
        [
            {"messageStart": {"role": "assistant"}},
            *({"contentBlockDelta": {"delta": {"text": piece}, "contentBlockIndex": 0}} for piece in ANSWER),
            {"messageStop": {"stopReason": "end_turn"}}, {"metadata": {}, **METRICS},
        ],
        "stop",
    ),
    "cohere": (
        "cohere.command-r-v1:0", {"message": QUESTION},
        [
            *({"event_type": "text-generation", "text": piece} for piece in ANSWER),
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": TEXT, "finish_reason": "COMPLETE"}, **METRICS},
        ],
        "stop",
    ),
    "openai": (
        "openai.gpt-oss-20b-1:0", CHAT, [*openai_wire.chat_chunks(usage=False)[:-1], {**openai_wire.chat_chunks(usage=False)[-1], **METRICS}], "stop",
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", CHUNKS)
def test_a_vendor_s_stream_is_read_and_counted_by_what_bedrock_adds(vendor: str, server: Server, spans: Spans) -> None:
    model, asked, chunks, reason = CHUNKS[vendor]
    server.serve(Stream([aws_event_stream.chunk(chunk) for chunk in chunks], content_type=aws_event_stream.TYPE))
    answer = client(server.url).invoke_model_with_response_stream(modelId=model, body=json.dumps(asked))
    assert [json.loads(event["chunk"]["bytes"]) for event in answer["body"]] == chunks
    told = attributes(spans.only())
    assert text(spans.only()) == TEXT
    assert told["gen_ai.response.finish_reasons"] == (reason,)
    assert told["gen_ai.usage.output_tokens"] == 7
    assert told["gen_ai.usage.input_tokens"] == (5 if vendor in ("titan", "llama") else 7), "a model's own count comes first"
    assert told["gen_ai.request.stream"] is True


def test_a_stream_whose_last_chunk_was_read_is_complete(server: Server, spans: Spans) -> None:
    events = invoked_events(anthropic_wire.message_events())
    server.serve(Stream(events, content_type=aws_event_stream.TYPE, then="stall"))
    answer = client(server.url).invoke_model_with_response_stream(modelId=MODEL, body=json.dumps(BODY))
    for event in answer["body"]:
        if b"message_stop" in event["chunk"]["bytes"]:
            break
    answer["body"].close()
    assert outcome(spans.only()) == "completed"


@pytest.mark.parametrize(
    ("model", "asked", "answer", "length"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": QUESTION}, {"embedding": [0.5] * 8, "inputTextTokenCount": 5}, 8),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"text": {"value": QUESTION}}},
            {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5] * 8}]},
            8,
        ),
        ("cohere.embed-english-v3", {"texts": [QUESTION], "input_type": "search_query"}, {"embeddings": [[0.5] * 8]}, 8),
    ],
)
def test_embeddings_are_read(
    model: str, asked: dict[str, Any], answer: dict[str, Any], length: int, server: Server, spans: Spans
) -> None:
    server.serve(json_answer(answer, headers={"x-amzn-bedrock-input-token-count": "5"}))
    client(server.url).invoke_model(modelId=model, body=json.dumps(asked))["body"].read()
    told = attributes(spans.only())
    assert spans.only().name == f"embeddings {model}"
    assert (told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (length, 5)
    assert text(spans.only(), "input") == QUESTION


def test_pictures_are_read(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"images": [PNG]}))
    asked = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a bee", "negativeText": "wasps"}}
    client(server.url).invoke_model(modelId="amazon.nova-canvas-v1:0", body=json.dumps(asked))["body"].read()
    assert spans.only().name == "generate_content amazon.nova-canvas-v1:0"
    assert parts(spans.only()) == [{"type": "blob", "modality": "image", "content": PNG}]
    assert parts(spans.only(), "input")[1] == {"type": "negative_prompt", "content": "wasps"}


def test_a_body_that_nobody_knows_is_a_span_with_what_it_cost(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"strange": 1}, headers=COUNTS))
    client(server.url).invoke_model(modelId="new.model", body=b'{"odd": true}')["body"].read()
    assert spans.only().name == "generate_content new.model"
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 16


@pytest.mark.parametrize(
    "body", [None, [], 7, {"choices": [None, {}]}, {"results": {}}, {"generation": 5}, {"content": [{}]}], ids=str
)
@pytest.mark.parametrize("vendor", VENDORS)
def test_odd_bodies_are_read_as_far_as_they_go(vendor: str, body: Any) -> None:
    model, asked, _, _ = VENDORS[vendor]
    endpoint = vendors.endpoint_for(model, asked)
    endpoint.request({"modelId": model, "body": body})
    endpoint.response({"body": body, "headers": body})
    assert endpoint.fold is not None
    endpoint.response(endpoint.fold([body, {"amazon-bedrock-invocationMetrics": body}]))
