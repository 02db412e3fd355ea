"""Knowledge bases, by `bedrock-agent-runtime`: what is found there for a query, and answers that a model makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, parts
from ...conversation.encoding import encode
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from .. import characters
from ..anthropic import stream as anthropic_stream
from ..json_fields import Object, as_object, integer, member, number, objects, present, some_text, texts
from . import asked, names

_SEARCHES = ("vectorSearchConfiguration", "managedSearchConfiguration")


def read_query(body: JSON) -> Request:
    """What is looked for, and where."""
    body = as_object(body)
    search = member(member(body, "retrievalConfiguration"), *_SEARCHES)
    return Request(
        query=some_text(member(body, "retrievalQuery"), "text"),
        retrieval_top_k=integer(search, "numberOfResults"),
        data_source_id=some_text(body, "knowledgeBaseId"),
        attributes={
            **asked.attributes(body),
            **present({names.KNOWLEDGE_BASE_ID: some_text(body, "knowledgeBaseId")}),
            **({semconv.RETRIEVAL_FILTERED: True} if search.get("filter") else {}),
        },
    )


def read_found(body: JSON) -> Response:
    """What was found."""
    return Response(documents=[_document(found) for found in objects(as_object(body).get("retrievalResults"))])


def read_question(body: JSON) -> Request:
    """What is asked, of which model, with what at hand."""
    body = as_object(body)
    all_said = member(body, "retrieveAndGenerateConfiguration")
    config = member(all_said, "knowledgeBaseConfiguration", "externalSourcesConfiguration")
    generation = member(config, "generationConfiguration")
    inference = member(member(generation, "inferenceConfig"), "textInferenceConfig")
    question = some_text(member(body, "input"), "text")
    return Request(
        model=some_text(config, "modelArn"),
        messages=[parts.message("user", [parts.text(question)])] if question else [],
        conversation_id=some_text(body, "sessionId"),
        temperature=number(inference, "temperature"),
        top_p=number(inference, "topP"),
        max_tokens=integer(inference, "maxTokens"),
        stop_sequences=tuple(texts(inference.get("stopSequences"))),
        attributes={
            **asked.attributes(generation),
            **present({names.KNOWLEDGE_BASE_ID: some_text(config, "knowledgeBaseId")}),
        },
    )


def read_answer(body: JSON) -> Response:
    """The answer, with what it rests on."""
    body = as_object(body)
    written = some_text(member(body, "output"), "text")
    citations = objects(body.get("citations"))
    said: list[Part] = [{**parts.text(written), **({"citations": citations} if citations else {})}] if written else []
    stopped = "content_filter" if body.get("guardrailAction") == "INTERVENED" else None
    answer: list[Message] = [parts.message("assistant", said, finish_reason=stopped)] if said else []
    return Response(
        messages=answer,
        finish_reasons=[stopped] if stopped and answer else (),
        native_finish_reasons=["INTERVENED"] if stopped and answer else (),
        conversation_id=some_text(body, "sessionId"),
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The answer that the events of the streamed form add up to."""
    pieces: list[str] = []
    citations: list[JSON] = []
    body: Object = {}
    for event in map(as_object, events):
        pieces.append(some_text(member(event, "output"), "text") or "")
        if "citation" in event:
            cited = member(event, "citation")
            citations.append(present({name: cited.get(name) for name in ("generatedResponsePart", "retrievedReferences")}))
        if "guardrail" in event:
            body["guardrailAction"] = member(event, "guardrail").get("action")
    return {**body, "output": {"text": "".join(pieces)}, "citations": citations}


def piece(event: JSON) -> Piece:
    """What of the answer is in one event of the streamed form."""
    return Piece(characters.of(member(as_object(event), "output").get("text")))


def _document(found: Object) -> dict[str, Any]:
    content, location = member(found, "content"), member(found, "location")
    # The place is an object named after its kind, with the one field that is not its `type`.
    place = next((one for name, one in location.items() if isinstance(one, dict)), {})
    id = some_text(found, "documentId") or next((value for value in place.values() if isinstance(value, str)), None)
    text = some_text(content, "text", "byteContent") or (encode(content["row"]).decode() if content.get("row") else None)
    return present({"id": id, "score": found.get("score"), "content": text, "metadata": found.get("metadata") or None})


RETRIEVE = Endpoint(operation=semconv.Operation.RETRIEVAL, provider="aws.bedrock", request=read_query, response=read_found)
RETRIEVE_AND_GENERATE = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="aws.bedrock",
    request=read_question,
    response=read_answer,
    fold=fold,
    piece=piece,
    failed=anthropic_stream.failed,  # an error frame is written as their streams write one: see `observing.aws_frames`
)
