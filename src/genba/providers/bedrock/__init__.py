"""AWS Bedrock through botocore and aiobotocore, and so through boto3 and aioboto3.

All services of AWS pass the one method that is hooked: what is none of Bedrock's must be told by as little as a look at its name.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ...conversation import JSON
from ...observing import methods
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from ...semconv import DATA_SOURCE_ID, REQUEST_STREAM
from . import answer_body, event_streams, names, retries, vendors
from .converse import CONVERSE
from .count_tokens import COUNT_TOKENS
from .knowledge import RETRIEVE, RETRIEVE_AND_GENERATE

_SERVICES = frozenset(("bedrock-runtime", "bedrock-agent-runtime"))
_OPERATIONS: Mapping[str, Endpoint | None] = {
    "Converse": CONVERSE,
    "ConverseStream": CONVERSE,
    "CountTokens": COUNT_TOKENS,
    "InvokeModel": None,
    "InvokeModelWithResponseStream": None,
    "Retrieve": RETRIEVE,
    "RetrieveAndGenerate": RETRIEVE_AND_GENERATE,
    "RetrieveAndGenerateStream": RETRIEVE_AND_GENERATE,
}
"""None where the model tells."""


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    found: list[Patch] = []
    for library, where in (
        ("botocore", "botocore.client:BaseClient._make_api_call"),
        ("aiobotocore", "aiobotocore.client:AioBaseClient._make_api_call"),
    ):
        method = Method(
            where=where,
            sent=_sent,
            known=_known,
            holds=event_streams.held,
            event=event_streams.read,
            watches=answer_body.watch,
            answer=_as_json,
        )
        found.append(methods.patch(library, method))
    return [*found, *answer_body.patches(), *event_streams.patches(), *retries.patches(_SERVICES)]


def _sent(arguments: Arguments) -> Sent | None:
    operation = arguments.args[1] if len(arguments.args) > 1 else arguments.get("operation_name")
    if operation not in _OPERATIONS:
        return None
    meta = arguments.receiver.meta
    if meta.service_model.service_name not in _SERVICES:
        return None
    asked = arguments.get("api_params") or {}
    model = asked.get("modelId") or _model_of_knowledge(asked)
    body: Any = functools.partial(_as_json, asked)
    endpoint = _OPERATIONS[operation]
    if endpoint is None:
        body = _with_vendor_body(asked)
        endpoint = vendors.endpoint_for(str(model), body.get("body"))
    elif endpoint is COUNT_TOKENS:
        body = functools.partial(_counted, asked)
    return Sent(
        endpoint=endpoint,
        body=body,
        model=model,
        url=meta.endpoint_url,
        attributes=_start_attributes(operation, asked),
    )


def _start_attributes(operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    if operation == "Retrieve":
        return {DATA_SOURCE_ID: asked["knowledgeBaseId"]} if isinstance(asked.get("knowledgeBaseId"), str) else {}
    return {REQUEST_STREAM: True} if operation.endswith("Stream") else {}


def _model_of_knowledge(asked: Mapping[str, Any]) -> Any:
    config = asked.get("retrieveAndGenerateConfiguration") or {}
    chosen = config.get("knowledgeBaseConfiguration") or config.get("externalSourcesConfiguration") or {}
    return chosen.get("modelArn")


def _with_vendor_body(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of InvokeModel with the vendor's JSON in place of its bytes."""
    given = asked.get("body")
    if isinstance(given, io.BytesIO):
        given = given.getvalue()[given.tell() :]  # any other file could not be read twice
    try:
        body = orjson.loads(given) if isinstance(given, (bytes, bytearray, str)) else None
    except ValueError:
        body = None
    return {**asked, "body": body}


def _counted(asked: Mapping[str, Any]) -> JSON:
    given = asked.get("input") or {}
    if "invokeModel" in given:
        given = {"invokeModel": _with_vendor_body(given["invokeModel"])}
    return _as_json({**asked, "input": given})


def _known(result: Any) -> Mapping[str, Any]:
    """The id by which AWS knows the call: of an answer, or of an error."""
    said = result if isinstance(result, dict) else getattr(result, "response", None)
    metadata = said.get("ResponseMetadata") if isinstance(said, dict) else None
    id = metadata.get("RequestId") if isinstance(metadata, dict) else None
    return {names.REQUEST_ID: id} if isinstance(id, str) and id else {}


def _as_json(value: Any) -> JSON:
    """What botocore takes and gives, as it is on the wire and apart from the host's own: bytes are base64 there."""
    kind = type(value)
    if kind is str:
        return value
    if kind is dict:
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return value
