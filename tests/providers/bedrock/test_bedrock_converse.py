"""Converse and its stream: every kind of block in and out, what it cost, errors, retries, and the host's own objects left alone."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3", reason="boto3 is not installed")

import genba
from genba.providers.bedrock.converse import read_request, read_response
from genba.providers.bedrock.converse_stream import fold
from support import aws_event_stream
from support.aws_event_stream import event
from support.clients import bedrock
from support.clients.bedrock import CACHED, MESSAGES, MODEL, USAGE, client
from support.examples import run_example
from support.openai_wire import ANSWER, PNG
from support.spans import Spans, attributes, failed, messages, outcome, parts, text
from support.wire import Answer, Server, Stream, json_answer

HEAD = {"x-amzn-requestid": "request-7"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def converse(server: Server, reply: Any = None, **asked: Any) -> Any:
    server.serve(reply or json_answer(bedrock.whole(), headers=HEAD))
    try:
        return client(server.url).converse(modelId=MODEL, **{"messages": MESSAGES, **asked})
    except Exception as error:
        if "Unknown parameter" in str(error):
            pytest.skip("this release does not know it")
        raise


def stream(*events: bytes, **more: Any) -> Stream:
    return Stream(events, content_type=aws_event_stream.TYPE, **more)


def test_an_answer_is_a_span_that_says_it_all(server: Server, spans: Spans) -> None:
    answer = converse(
        server,
        json_answer(bedrock.whole(), headers=HEAD),
        system=[{"text": "Be brief."}],
        inferenceConfig={"temperature": 0.5, "topP": 0.9, "maxTokens": 50, "stopSequences": ["|"]},
        additionalModelRequestFields={"top_k": 7, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        guardrailConfig={"guardrailIdentifier": "guard-1", "guardrailVersion": "2"},
        toolConfig={"tools": [{"toolSpec": {"name": "weather", "description": "It", "inputSchema": {"json": SCHEMA}}}]},
    )
    span = spans.only()
    told = attributes(span)
    assert type(answer) is dict
    assert answer["output"]["message"]["content"][0]["text"] == text(span)
    assert {name: told[name] for name in EXPECTED} == EXPECTED
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", server.port)
    assert json.loads(told["genba.usage.raw"]) == USAGE
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(told["gen_ai.tool.definitions"]) == [
        {"type": "function", "name": "weather", "description": "It", "parameters": SCHEMA}
    ]
    assert "gen_ai.response.id" not in told


EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.request.model": MODEL,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.top_k": 7,
    "gen_ai.request.max_tokens": 50,
    "gen_ai.request.stop_sequences": ("|",),
    "gen_ai.response.finish_reasons": ("stop",),
    "genba.response.finish_reasons": ("end_turn",),
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 9,
    "anthropic.thinking.budget_tokens": 1024,
    "aws.bedrock.guardrail.id": "guard-1",
    "aws.request_id": "request-7",
}


def test_the_input_has_in_it_what_was_cached(server: Server, spans: Spans) -> None:
    answer = converse(server, json_answer(bedrock.whole(usage=CACHED)))
    if "cacheReadInputTokens" not in answer["usage"]:
        pytest.skip("this release does not know it")
    told = {name.removeprefix("gen_ai.usage."): value for name, value in attributes(spans.only()).items() if "gen_ai.usage" in name}
    assert told == {"input_tokens": 20, "cache_read.input_tokens": 6, "cache_write.input_tokens": 4, "output_tokens": 9}
    assert json.loads(attributes(spans.only())["genba.usage.raw"]) == CACHED


def test_the_tier_is_told_as_it_was_asked_for_and_as_it_was(server: Server, spans: Spans) -> None:
    converse(server, json_answer(bedrock.whole(serviceTier={"type": "default"})), serviceTier={"type": "flex"})
    told = attributes(spans.only())
    assert (told["aws.bedrock.request.service_tier"], told["aws.bedrock.response.service_tier"]) == ("flex", "default")


BYTES = base64.b64decode(PNG)
SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"text": "hi"}, {"type": "text", "content": "hi"}),
    (
        {"image": {"format": "png", "source": {"bytes": BYTES}}},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
    ),
    (
        {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://b/v"}}}},
        {"type": "uri", "modality": "video", "mime_type": "video/3gpp", "uri": "s3://b/v"},
    ),
    (
        {"document": {"format": "pdf", "name": "bees", "source": {"bytes": BYTES}, "context": "old"}},
        {
            "type": "blob",
            "modality": "document",
            "mime_type": "application/pdf",
            "content": PNG,
            "name": "bees",
            "context": "old",
        },
    ),
    (
        {"document": {"format": "txt", "name": "bees", "source": {"text": "Bees."}}},
        {"type": "text", "content": "Bees.", "mime_type": "text/plain", "name": "bees"},
    ),
    (
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Bath"}}},
        {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Bath"}},
    ),
    (
        {"toolUse": {"toolUseId": "t2", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
        {
            "type": "server_tool_call",
            "id": "t2",
            "name": "nova_grounding",
            "server_tool_call": {"type": "nova_grounding", "input": {}},
        },
    ),
    (
        {"toolResult": {"toolUseId": "t1", "content": [{"json": {"sky": "blue"}}], "status": "success"}},
        {"type": "tool_call_response", "id": "t1", "response": {"sky": "blue"}, "status": "success"},
    ),
    (
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "a"}, {"text": "b"}]}},
        {
            "type": "tool_call_response",
            "id": "t1",
            "response": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}],
        },
    ),
    (
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"type": "reasoning", "content": "Hm.", "signature": "c2ln"},
    ),
    (
        {"reasoningContent": {"redactedContent": BYTES}},
        {"type": "reasoning", "content": "", "encrypted_content": PNG},
    ),
    (
        {"guardContent": {"text": {"text": "Look at this.", "qualifiers": ["query"]}}},
        {"type": "text", "content": "Look at this.", "qualifiers": ["query"]},
    ),
    (
        {"citationsContent": {"content": [{"text": "Bees do."}], "citations": [{"title": "Bees"}]}},
        {"type": "text", "content": "Bees do.", "citations": [{"title": "Bees"}]},
    ),
    ({"cachePoint": {"type": "default"}}, {"type": "cachePoint"}),
]


@pytest.mark.parametrize(("block", "part"), SAID, ids=[next(iter(block)) for block, _ in SAID])
def test_a_block_of_a_message_is_a_part(block: dict[str, Any], part: dict[str, Any], server: Server, spans: Spans) -> None:
    asked = [{"role": "user", "content": [block]}]
    converse(server, messages=asked)
    assert parts(spans.only(), "input") == [part]
    assert asked == [{"role": "user", "content": [block]}], "the host's own arguments are as they were"


def test_what_is_asked_is_kept_as_it_was_then(server: Server, spans: Spans) -> None:
    asked: list[Any] = [{"role": "user", "content": [{"text": "first"}]}]
    server.serve(stream(*aws_event_stream.converse(ANSWER, usage=USAGE)))
    answer = client(server.url).converse_stream(modelId=MODEL, messages=asked)
    asked[0]["content"].append({"text": "later"})
    for _ in answer["stream"]:
        pass
    assert text(spans.only(), "input") == "first"


EVENTS = [
    event("messageStart", {"role": "assistant"}),
    *(
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": piece}})
        for piece in ({"text": "Let me"}, {"text": " see."}, {"signature": "c2ln"})
    ),
    event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"reasoningContent": {"redactedContent": PNG}}}),
    event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"text": "Bees"}}),
    event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"text": " do."}}),
    event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"citation": {"title": "Bees"}}}),
    event("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "t1", "name": "weather"}}}),
    event("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": '{"city": '}}}),
    event("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": '"Bath"}'}}}),
    event("contentBlockStart", {"contentBlockIndex": 4, "start": {"image": {"format": "png"}}}),
    event("contentBlockDelta", {"contentBlockIndex": 4, "delta": {"image": {"source": {"bytes": PNG}}}}),
    event("contentBlockStop", {"contentBlockIndex": 4}),
    event("messageStop", {"stopReason": "tool_use", "additionalModelResponseFields": {"x": 1}}),
    event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 41}, "trace": {"promptRouter": {"invokedModelId": "routed"}}}),
]


def test_a_stream_is_read_in_all_its_kinds_of_blocks(server: Server, spans: Spans) -> None:
    server.serve(stream(*EVENTS, headers=HEAD))
    answer = client(server.url).converse_stream(modelId=MODEL, messages=MESSAGES)
    from botocore.eventstream import EventStream

    assert type(answer["stream"]) is EventStream
    assert len(list(answer["stream"])) == len(EVENTS)
    told = attributes(spans.only())
    assert parts(spans.only()) == [
        {"type": "reasoning", "content": "Let me see.", "signature": "c2ln"},
        {"type": "reasoning", "content": "", "encrypted_content": PNG},
        {"type": "text", "content": "Bees do.", "citations": [{"title": "Bees"}]},
        {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Bath"}},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
    ]
    assert told["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert (told["gen_ai.response.model"], told["aws.request_id"]) == ("routed", "request-7")
    assert json.loads(told["genba.response.extra"])["additionalModelResponseFields"] == {"x": 1}


def test_an_error_in_a_stream_ends_the_span_when_the_host_meets_it(server: Server, spans: Spans) -> None:
    from botocore.exceptions import EventStreamError

    server.serve(stream(*aws_event_stream.converse_pieces(ANSWER[:2]), bedrock.BROKEN))
    answer = client(server.url).converse_stream(modelId=MODEL, messages=MESSAGES)
    with pytest.raises(EventStreamError, match="overheated"):
        list(answer["stream"])
    span = spans.only()
    assert failed(span)
    assert attributes(span)["error.type"] == "botocore.exceptions.EventStreamError"
    assert text(span) == "".join(ANSWER[:2])
    del answer


def test_a_refusal_is_a_failed_span_with_the_id_that_aws_gave_it(server: Server, spans: Spans) -> None:
    from botocore.exceptions import ClientError

    refused = json_answer({"message": "Slow down."}, 429, headers={**HEAD, "x-amzn-errortype": "ThrottlingException"})
    with pytest.raises(ClientError) as raised:
        converse(server, refused)
    assert type(raised.value).__name__ == "ThrottlingException"
    told = attributes(spans.only())
    assert failed(spans.only())
    assert (told["error.type"], told["aws.request_id"]) == ("botocore.errorfactory.ThrottlingException", "request-7")
    assert "Slow down." in str(spans.only().status.description)


def test_each_retry_is_an_event_of_the_one_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer(bedrock.whole()))
    server.queue.append(json_answer({"message": "Not now."}, 503))
    client(server.url, retries=2).converse(modelId=MODEL, messages=MESSAGES)
    span = spans.only()
    assert outcome(span) == "completed"
    assert [(noted.name, dict(noted.attributes or {})) for noted in span.events] == [
        ("genba.retry", {"genba.retry.attempt": 1, "http.response.status_code": 503})
    ]


def test_arguments_that_botocore_refuses_are_a_failed_span(server: Server, spans: Spans) -> None:
    with pytest.raises(Exception, match="Parameter validation failed"):
        client(server.url).converse(modelId=MODEL, messages="hi")
    assert attributes(spans.only())["error.type"] == "botocore.exceptions.ParamValidationError"


def test_counting_tokens_is_an_operation_of_its_own(server: Server, spans: Spans) -> None:
    bedrock_client = client(server.url)
    if not hasattr(bedrock_client, "count_tokens"):
        pytest.skip("this release does not count")
    server.serve(json_answer({"inputTokens": 14}))
    bedrock_client.count_tokens(modelId=MODEL, input={"converse": {"messages": MESSAGES}})
    bedrock_client.count_tokens(modelId=MODEL, input={"invokeModel": {"body": json.dumps(bedrock.BODY).encode()}})
    assert [span.name for span in spans.all()] == [f"count_tokens {MODEL}"] * 2
    assert [attributes(span)["gen_ai.usage.input_tokens"] for span in spans.all()] == [14, 14]
    assert {text(span, "input") for span in spans.all()} == {"Who makes honey?"}


def test_other_services_and_other_operations_make_no_span(server: Server, spans: Spans) -> None:
    server.serve(Answer(b"<ListAllMyBucketsResult/>", content_type="application/xml"))
    client(server.url, service="s3").list_buckets()
    server.serve(json_answer({"agentSummaries": []}))
    client(server.url, service="bedrock-agent").list_agents()
    assert server.received
    assert spans.all() == []


def test_taken_off_everything_is_as_it_was(start_tracing: Any) -> None:
    import botocore.client
    import botocore.endpoint
    import botocore.eventstream
    import botocore.response

    kinds = (
        botocore.client.BaseClient,
        botocore.endpoint.Endpoint,
        botocore.eventstream.EventStream,
        botocore.response.StreamingBody,
    )
    before = [dict(vars(kind)) for kind in kinds]
    start_tracing()
    assert [dict(vars(kind)) for kind in kinds] != before
    genba.uninstrument()
    assert [dict(vars(kind)) for kind in kinds] == before


def test_a_stream_that_is_open_as_genba_goes_off_is_read_on(server: Server, start_tracing: Any) -> None:
    spans = start_tracing()
    server.serve(stream(*aws_event_stream.converse(ANSWER, usage=USAGE)))
    answer = client(server.url).converse_stream(modelId=MODEL, messages=MESSAGES)
    events = iter(answer["stream"])
    next(events)
    genba.uninstrument()
    assert len(list(events)) == len(ANSWER) + 3
    answer["stream"].close()
    assert len(spans.all()) == 1


ODD: list[Any] = [
    None, [], 7, "x", {"output": None}, {"output": {"message": {"content": [None, 7, {}, {"text": None}, {"image": 3}]}}},
    {"output": {"message": {"content": {"text": "x"}}}, "usage": [], "stopReason": 5, "trace": "x", "serviceTier": "y"},
]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=str)
def test_odd_bodies_are_read_as_far_as_they_go(body: Any) -> None:
    read_request(body)
    read_response(body)
    read_request({"messages": body, "system": body, "inferenceConfig": body, "toolConfig": {"tools": body}})
    fold([body, {"contentBlockDelta": body}, {"contentBlockStart": {"start": body}}, {"metadata": body}])


def test_the_example_leaves_a_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(stream(*aws_event_stream.converse(ANSWER, usage=USAGE)))
    keys = {"AWS_ACCESS_KEY_ID": "id-for-tests", "AWS_SECRET_ACCESS_KEY": "key-for-tests", "AWS_DEFAULT_REGION": "eu-west-1"}
    ran = run_example("bedrock_converse", tmp_path, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=server.url, **keys)
    assert ran.out.strip() == "".join(ANSWER)
    from support import stored

    assert stored.names(tmp_path) == ["chat eu.amazon.nova-lite-v1:0"]


def test_messages_of_both_sides_have_their_roles(server: Server, spans: Spans) -> None:
    converse(server, messages=[*MESSAGES, {"role": "assistant", "content": [{"text": "Bees."}]}, *MESSAGES])
    assert [message["role"] for message in messages(spans.only(), "input")] == ["user", "assistant", "user"]
