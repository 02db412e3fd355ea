"""What LiteLLM made of a provider's answer, in OpenAI's words; without what it made up.

It counts tokens itself where the provider told none, and gives every answer an id of its own making. Both look like the provider's.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ...conversation import JSON, Request, Response
from ...conversation.encoding import decode
from ...observing.endpoint import Endpoint
from ..json_fields import Object, as_object, member, objects, some_text
from .noted import Noted

_MADE_UP = re.compile(r"(chatcmpl|cmpl|resp)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNTED_THERE = ("usage", "token", "eval_count", "billed_units")
"""Words of which one is in every provider's answer that tells what it cost."""


def asked(endpoint: Endpoint, body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    if "messages" in body:
        body = {**body, "messages": [_thought(message) for message in objects(body["messages"])]}
    return endpoint.request(body)


def read(endpoint: Endpoint, noted: Noted, body: JSON) -> Response:
    """What came back; of its usage and id only what the provider said."""
    body = dict(as_object(body))
    for choice in objects(body.get("choices")):
        for name, value in member(choice, "provider_specific_fields").items():
            choice.setdefault(name, value)  # what OpenAI has no field for, such as ids of tokens
        if "message" in choice:
            choice["message"] = _thought(member(choice, "message"))
    if noted.chunks is not None:
        body["usage"] = noted.streamed_usage()
        if body.get("model") == noted.model:
            del body["model"]  # what was asked for stands there where the provider said nothing
    elif not noted.passes_on and not any(word in noted.answer for word in _COUNTED_THERE):
        body.pop("usage", None)
    response = endpoint.response(body)
    if response.id is not None and _MADE_UP.fullmatch(response.id):
        response = replace(response, id=_own_id(noted.answer))
    return response


def _thought(message: Object) -> Object:
    """A message whose thoughts, signed or encrypted, stand where OpenRouter has them too."""
    blocks = message.get("thinking_blocks")
    return {**message, "reasoning_details": blocks} if blocks else message


def _own_id(raw: str) -> str | None:
    """The id that the provider gave the answer, if that is JSON."""
    try:
        return some_text(as_object(decode(raw.encode())), "id")
    except ValueError:
        return None
