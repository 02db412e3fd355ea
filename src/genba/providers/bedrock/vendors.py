"""InvokeModel: each vendor's own body, wrapped in what Bedrock adds to it. The model's id and the body tell whose it is."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...conversation import JSON, Request, Response
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from ...semconv import Operation
from ..anthropic import completions as anthropic_completions
from ..anthropic import messages as anthropic_messages
from ..anthropic import stream as anthropic_stream
from ..cohere import embeddings as cohere_embeddings
from ..cohere import generate as cohere_generate
from ..cohere import rerank as cohere_rerank
from ..cohere import v1 as cohere_v1
from ..cohere import v2 as cohere_v2
from ..json_fields import Object, as_object, member, objects, present, some_text
from ..openai import chat as openai_chat
from . import asked, converse, names, usage
from .pictures import PICTURES
from .prompts import PROMPTS
from .vectors import VECTORS

METRICS = "amazon-bedrock-invocationMetrics"
"""What Bedrock adds to the last chunk of every vendor's stream."""


def endpoint_for(model: str, body: JSON) -> Endpoint:
    """Who reads this body. Runs on the host's thread."""
    return _ENDPOINTS[_format(model, as_object(body))]


def _format(model: str, body: Object) -> str:
    vendor, _, name = _vendor_and_name(model)
    if "embed" in name:
        return "cohere embeddings" if vendor == "cohere" else "vectors"
    if "rerank" in name:
        return "rerank"
    if vendor == "anthropic" or "anthropic_version" in body:
        return "anthropic completions" if "prompt" in body else "anthropic messages"
    if vendor == "cohere":
        return "cohere v2" if "messages" in body else "cohere v1" if "message" in body else "cohere generate"
    if "messages" in body:
        return "nova" if vendor == "amazon" or "inferenceConfig" in body or "schemaVersion" in body else "openai chat"
    if vendor == "stability" or "taskType" in body or "text_prompts" in body:
        return "pictures"
    if "prompt" in body or "inputText" in body:
        return "prompts"
    return "vectors" if "inputType" in body else "unknown"


def _vendor_and_name(model: str) -> tuple[str, str, str]:
    """`us.anthropic.claude-…` and `arn:…:foundation-model/anthropic.claude-…` are both `anthropic`, `claude-…`."""
    pieces = model.rpartition("/")[2].split(".")
    for at, piece in enumerate(pieces[:-1]):
        if piece in _VENDORS:
            return piece, ".", ".".join(pieces[at + 1 :])
    return "", "", ""


_VENDORS = frozenset(
    (
        *("ai21", "amazon", "anthropic", "cohere", "deepseek", "google", "luma", "meta", "minimax", "mistral", "moonshot"),
        *("moonshotai", "nvidia", "openai", "qwen", "stability", "twelvelabs", "writer", "zai"),
    )
)


def _invoked(endpoint: Endpoint) -> Endpoint:
    """`endpoint`, as Bedrock wraps it."""
    return replace(
        endpoint,
        provider="aws.bedrock",
        request=functools.partial(_read_request, endpoint),
        response=functools.partial(_read_response, endpoint),
        fold=functools.partial(_fold, endpoint),
        failed=anthropic_stream.failed,  # an error frame is written as their streams write one: see `observing.aws_frames`
        is_last=_is_last,
        attributes={},
    )


def _read_request(endpoint: Endpoint, sent: JSON) -> Request:
    sent = as_object(sent)
    read = endpoint.request(sent.get("body"))
    return replace(read, model=some_text(sent, "modelId"), attributes={**read.attributes, **asked.attributes(sent)})


def _read_response(endpoint: Endpoint, answer: JSON) -> Response:
    """The vendor's answer, if it was read; its usage is in the headers too, or in the metrics of a stream."""
    answer = as_object(answer)
    body = answer.get("body")
    read = Response() if body is None else endpoint.response(body)
    tier = some_text(answer, "serviceTier")
    return replace(
        read,
        usage=read.usage or usage.read(answer.get(METRICS)) or usage.read_headers(answer.get("headers")),
        attributes={**read.attributes, **present({names.RESPONSE_SERVICE_TIER: tier})},
    )


def _fold(endpoint: Endpoint, events: Sequence[JSON]) -> JSON:
    metrics = next((said for event in reversed(events) if (said := member(as_object(event), METRICS))), None)
    return present({"body": endpoint.fold(events) if endpoint.fold is not None else None, METRICS: metrics})


def _is_last(event: JSON) -> bool:
    return METRICS in as_object(event)


# What Mistral and DeepSeek write instead of OpenAI's names.


def _read_choices(body: JSON) -> Response:
    body = dict(as_object(body))
    body["choices"] = [_choice(choice) for choice in objects(body.get("choices"))]
    return openai_chat.CHAT.response(body)


def _fold_choices(events: Sequence[JSON]) -> JSON:
    assert openai_chat.CHAT.fold is not None
    return openai_chat.CHAT.fold([_chunk(as_object(event)) for event in events])


def _piece_of_choices(event: JSON) -> Piece:
    read = openai_chat.CHAT.piece
    return Piece(None) if read is None else read(_chunk(as_object(event)))


def _choice(choice: Object) -> Object:
    reason = some_text(choice, "finish_reason", "stop_reason")
    return {**choice, "finish_reason": reason} if reason else choice


def _chunk(event: Object) -> Object:
    chunk: dict[str, Any] = {name: value for name, value in event.items() if name != METRICS}
    if "choices" in chunk:
        chunk["choices"] = [
            {**_choice(choice), "delta": member(choice, "delta", "message")} for choice in objects(chunk["choices"])
        ]
    return chunk


_ENDPOINTS = {
    name: _invoked(endpoint)
    for name, endpoint in {
        "anthropic messages": anthropic_messages.MESSAGES,
        "anthropic completions": anthropic_completions.COMPLETE,
        "nova": converse.CONVERSE,
        "openai chat": replace(openai_chat.CHAT, response=_read_choices, fold=_fold_choices, piece=_piece_of_choices),
        "cohere v1": cohere_v1.CHAT,
        "cohere v2": cohere_v2.CHAT,
        "cohere generate": cohere_generate.TEXT_COMPLETION,
        "cohere embeddings": cohere_embeddings.EMBEDDINGS,
        "rerank": cohere_rerank.RERANK,
        "pictures": PICTURES,
        "prompts": PROMPTS,
        "vectors": VECTORS,
        "unknown": Endpoint(operation=Operation.GENERATE_CONTENT, provider="aws.bedrock"),
    }.items()
}
