"""Chat, agents and fill-in-the-middle, all of which answer as OpenAI's chat does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Request, Response, Tokens
from ...conversation.tokens import Piece, Side
from .. import characters, token_fields
from ..json_fields import Object, as_object, integer, member, objects, some_text
from ..openai import chat, completions
from . import content


def read_request(body: JSON) -> Request:
    """What was asked of a model, or of an agent made before."""
    body = as_openai(as_object(body))
    said = [{**message, "content": content.as_openai(message.get("content"))} for message in objects(body.get("messages"))]
    read = chat.read_request({**body, "messages": said})
    return replace(read, attributes=agent(body))


def read_gap(body: JSON) -> Request:
    """What stands before and after the text that is asked for."""
    return replace(completions.read_request(as_openai(as_object(body))), attributes={})


def read_response(body: JSON) -> Response:
    """What came back."""
    return replace(chat.read_response(body), tokens=_tokens(objects(as_object(body).get("choices"))))


def _tokens(choices: Sequence[Object]) -> list[Tokens]:
    """Those of the answers; those of the prompt are told with each of them, and are the same."""
    said = [
        one for place, choice in enumerate(choices) for one in _of_logprobs(choice, "logprobs", _index(choice, place), "output")
    ]
    prompts = [one for choice in choices for one in _of_logprobs(choice, "prompt_logprobs", 0, "input")]
    return [*prompts[:1], *said]


def _of_logprobs(choice: Object, name: str, index: int, side: Side) -> list[Tokens]:
    """As OpenAI writes them, but for the name of the id."""
    entries = objects(member(choice, name).get("content"))
    return token_fields.of_logprobs([_with_id(entry) for entry in entries], index, side)


def _with_id(entry: Object) -> Object:
    top = [{**one, "id": one.get("token_id")} for one in objects(entry.get("top_logprobs"))]
    return {**entry, "id": entry.get("token_id"), "top_logprobs": top}


def _index(choice: Object, place: int) -> int:
    index = integer(choice, "index")
    return place if index is None else index


def piece(event: JSON) -> Piece:
    """What of an answer is in one chunk of a stream."""
    size = 0
    told: dict[int, int] = {}
    for choice in objects(as_object(event).get("choices")):
        delta, scored = member(choice, "delta"), len(objects(member(choice, "logprobs").get("content")))
        size += characters.of_parts(content.read(delta.get("content"))) + characters.of(delta.get("reasoning_content"))
        size += sum(characters.of_arguments(member(call, "function").get("arguments")) for call in objects(delta.get("tool_calls")))
        if scored:
            told[_index(choice, 0)] = told.get(_index(choice, 0), 0) + scored
    return Piece(size, told)


def as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """A request whose parameters have OpenAI's names."""
    return {**body, "seed": body.get("random_seed")}


def agent(body: dict[str, Any]) -> dict[str, Any]:
    """The agent that was asked, which is known by its id."""
    id = some_text(body, "agent_id")
    return {semconv.AGENT_ID: id} if id else {}


CHAT = replace(chat.CHAT, provider="mistral_ai", attributes={}, request=read_request, response=read_response, piece=piece)
AGENT = CHAT
"""The request names an agent instead of a model."""
FIM = replace(CHAT, operation=semconv.Operation.TEXT_COMPLETION, request=read_gap)
