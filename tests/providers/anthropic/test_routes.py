"""The smaller endpoints, and who serves the model."""

from __future__ import annotations

import pytest

from genba.conversation import Request, Response, Usage
from genba.providers.anthropic import ROUTES, provider_name

COMPLETE = ROUTES["POST /v1/complete"]


def test_what_each_route_is() -> None:
    assert {route: (endpoint.operation, endpoint.provider, endpoint.fold is not None) for route, endpoint in ROUTES.items()} == {
        "POST /v1/messages": ("chat", "anthropic", True),
        "POST /v1/messages/count_tokens": ("count_tokens", "anthropic", False),
        "POST /v1/messages/batches": ("create_batch", "anthropic", False),
        "POST /v1/complete": ("text_completion", "anthropic", True),
    }


def test_tokens_are_counted_for_the_request_of_a_message() -> None:
    endpoint = ROUTES["POST /v1/messages/count_tokens"]
    request = endpoint.request({"model": "claude-wire-1", "messages": [{"role": "user", "content": "Hi"}]})
    assert (request.model, request.messages) == ("claude-wire-1", [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}])
    assert endpoint.response({"input_tokens": 32}) == Response(usage=Usage(input_tokens=32, raw={"input_tokens": 32}))
    assert endpoint.response({"input_tokens": "many"}) == Response()


def test_a_batch_tells_its_size_and_state() -> None:
    endpoint = ROUTES["POST /v1/messages/batches"]
    one, other = ({"custom_id": "1", "params": {"model": model}} for model in ("claude-wire-1", "claude-wire-2"))
    assert endpoint.request({"requests": [one, one]}) == Request(model="claude-wire-1", attributes={"genba.batch.request_count": 2})
    assert endpoint.request({"requests": [one, other]}) == Request(attributes={"genba.batch.request_count": 2})
    assert endpoint.response({"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}) == Response(
        attributes={"genba.batch.id": "msgbatch_1", "genba.batch.processing_status": "in_progress"}
    )


def test_a_legacy_completion() -> None:
    prompt = "\n\nHuman: Who makes honey?\n\nAssistant:"
    assert COMPLETE.request(
        {"model": "claude-2.1", "prompt": prompt, "max_tokens_to_sample": 9, "top_k": 5, "stop_sequences": ["x"], "stream": False}
    ) == Request(
        model="claude-2.1",
        messages=[{"role": "user", "parts": [{"type": "text", "content": prompt}]}],
        max_tokens=9,
        top_k=5,
        stop_sequences=["x"],
        stream=False,
    )
    assert COMPLETE.response(
        {"id": "compl_1", "type": "completion", "completion": " Bees.", "stop_reason": "stop_sequence", "model": "claude-2.1"}
    ) == Response(
        id="compl_1",
        model="claude-2.1",
        messages=[{"role": "assistant", "parts": [{"type": "text", "content": " Bees."}], "finish_reason": "stop"}],
        finish_reasons=["stop"],
        native_finish_reasons=["stop_sequence"],
    )


def test_the_events_of_a_legacy_completion_fold_into_it() -> None:
    assert COMPLETE.fold is not None
    piece = {"type": "completion", "id": "compl_1", "model": "claude-2.1", "stop_reason": None}
    events = [{**piece, "completion": " Be"}, {"type": "ping"}, {**piece, "completion": "es.", "stop_reason": "max_tokens"}]
    assert COMPLETE.fold(events) == {**piece, "completion": " Bees.", "stop_reason": "max_tokens"}
    assert COMPLETE.response(COMPLETE.fold(events[:1])).finish_reasons == ["error"]
    assert COMPLETE.fold([]) == {}


@pytest.mark.parametrize(
    ("client", "host", "provider"),
    [
        ("Anthropic", "api.anthropic.com", "anthropic"),
        ("AsyncAnthropic", "localhost", "anthropic"),
        ("AnthropicBedrock", "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("AsyncAnthropicBedrock", "proxy.example.com", "aws.bedrock"),
        ("AnthropicBedrockMantle", "bedrock-mantle.us-east-1.api.aws", "aws.bedrock"),
        ("AsyncAnthropicVertex", "us-east5-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("AnthropicFoundry", "r.services.ai.azure.com", "azure.ai.inference"),
        ("AnthropicAWS", "aws-external-anthropic.us-east-1.api.aws", "anthropic"),
        ("AnthropicGoogleCloud", "claude.googleapis.com", "anthropic"),
        ("OurClient", "bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("OurClient", "aiplatform.us.rep.googleapis.com", "gcp.vertex_ai"),
        ("OurClient", "us-east5-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("Anthropic", "R.Services.AI.Azure.com", "azure.ai.inference"),
        ("OurClient", "llm.example.com", "anthropic"),
    ],
)
def test_who_serves_the_model(client: str, host: str, provider: str) -> None:
    assert provider_name(client, host) == provider
