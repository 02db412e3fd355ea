"""Knowledge bases: a retrieval with what it found, and answers made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("boto3", reason="boto3 is not installed")

from genba.providers.bedrock import knowledge
from support import aws_event_stream
from support.clients.bedrock import client
from support.openai_wire import ANSWER, QUESTION
from support.services import TEXT
from support.spans import Spans, attributes, outcome, parts, text
from support.wire import Server, Stream, json_answer

KB = "KNOWLEDGE1"
ARN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
ASK: dict[str, Any] = {
    "input": {"text": QUESTION},
    "retrieveAndGenerateConfiguration": {
        "type": "KNOWLEDGE_BASE",
        "knowledgeBaseConfiguration": {
            "knowledgeBaseId": KB,
            "modelArn": ARN,
            "generationConfiguration": {
                "guardrailConfiguration": {"guardrailId": "guard-1", "guardrailVersion": "1"},
                "inferenceConfig": {"textInferenceConfig": {"temperature": 0.5, "maxTokens": 50}},
            },
        },
    },
}
CITED = {
    "generatedResponsePart": {"textResponsePart": {"text": TEXT, "span": {"start": 0, "end": 5}}},
    "retrievedReferences": [{"content": {"text": "Bees make it."}, "location": {"type": "S3", "s3Location": {"uri": "s3://b/1"}}}],
}


def test_a_search_is_a_retrieval_with_what_it_found(server: Server, spans: Spans) -> None:
    found = [
        {
            "content": {"text": "Bees make it.", "type": "TEXT"},
            "score": 0.75,
            "metadata": {"page": 1},
            "location": {"type": "S3", "s3Location": {"uri": "s3://b/1"}},
        },
    ]
    server.serve(json_answer({"retrievalResults": found}, headers={"x-amzn-requestid": "request-7"}))
    client(server.url, service="bedrock-agent-runtime").retrieve(
        knowledgeBaseId=KB,
        retrievalQuery={"text": QUESTION},
        retrievalConfiguration={
            "vectorSearchConfiguration": {"numberOfResults": 2, "filter": {"equals": {"key": "page", "value": 1}}}
        },
    )
    span = spans.only()
    told = attributes(span)
    assert span.name == "retrieval KNOWLEDGE1"
    assert {name: told[name] for name in EXPECTED} == EXPECTED
    documents = json.loads(told["gen_ai.retrieval.documents"])
    assert documents == [{"id": "s3://b/1", "score": 0.75, "content": "Bees make it.", "metadata": {"page": 1}}]


EXPECTED = {
    "gen_ai.operation.name": "retrieval",
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.data_source.id": KB,
    "gen_ai.retrieval.query.text": QUESTION,
    "gen_ai.retrieval.top_k": 2,
    "genba.retrieval.filtered": True,
    "aws.bedrock.knowledge_base.id": KB,
    "aws.request_id": "request-7",
}


def test_a_row_of_a_table_is_found_by_its_query() -> None:
    row = {
        "content": {"row": [{"columnName": "a", "columnValue": "b"}]},
        "location": {"type": "SQL", "sqlLocation": {"query": "q"}},
    }
    [found] = knowledge.read_found({"retrievalResults": [row]}).documents
    assert found == {"id": "q", "content": '[{"columnName":"a","columnValue":"b"}]'}


def check(spans: Spans) -> None:
    span = spans.only()
    told = attributes(span)
    assert span.name == f"chat {ARN}"
    assert (text(span, "input"), text(span), outcome(span)) == (QUESTION, TEXT, "completed")
    assert parts(span)[0]["citations"] == [CITED]
    assert told["aws.bedrock.knowledge_base.id"] == KB
    assert told["aws.bedrock.guardrail.id"] == "guard-1"
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.max_tokens"]) == (0.5, 50)


def test_an_answer_made_of_what_was_found_is_a_chat(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"output": {"text": TEXT}, "citations": [CITED], "sessionId": "s-1"}))
    client(server.url, service="bedrock-agent-runtime").retrieve_and_generate(**ASK)
    check(spans)
    assert attributes(spans.only())["gen_ai.conversation.id"] == "s-1"


def test_its_stream_says_as_much(server: Server, spans: Spans) -> None:
    made = client(server.url, service="bedrock-agent-runtime")
    if not hasattr(made, "retrieve_and_generate_stream"):
        pytest.skip("this release does not stream them")
    events = [
        *(aws_event_stream.event("output", {"text": piece}) for piece in ANSWER),
        aws_event_stream.event("citation", {"citation": CITED, **CITED}),
    ]
    server.serve(Stream(events, content_type=aws_event_stream.TYPE))
    assert len(list(made.retrieve_and_generate_stream(**ASK)["stream"])) == len(events)
    check(spans)


@pytest.mark.parametrize(
    "body", [None, [], {"retrievalResults": [None, {}, {"content": 7}]}, {"output": 5, "citations": 7}], ids=str
)
def test_odd_bodies_are_read_as_far_as_they_go(body: Any) -> None:
    for endpoint in (knowledge.RETRIEVE, knowledge.RETRIEVE_AND_GENERATE):
        endpoint.request(body)
        endpoint.response(body)
    knowledge.fold([body, {"citation": body}])
