"""The clients that one code generator wrote, beside OpenAI's and Anthropic's own: the same bodies under their paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.services import CHAT, MESSAGES, STREAM_FORMS

FORMS = [form for form in STREAM_FORMS if form != "manager"]
"""Only OpenAI's client and Anthropic's have `.stream()`."""


class Chat:
    """Writer's chat, whose method is called `chat`, under the name that the others give theirs."""

    def __init__(self, resource: Any) -> None:
        self.create = resource.chat
        if hasattr(resource, "with_raw_response"):
            self.with_raw_response = Chat(resource.with_raw_response)
            self.with_streaming_response = Chat(resource.with_streaming_response)


SERVICES = (
    replace(CHAT, name="groq", package="groq", stream_forms=FORMS),
    replace(CHAT, name="together", package="together", stream_forms=FORMS),
    replace(CHAT, name="fireworks", package="fireworks", stream_forms=FORMS),
    # The client has no stream for these: it takes `stream=True`, and gives the events back as one text.
    replace(MESSAGES, name="fireworks messages", package="fireworks", stream_forms=()),
    replace(CHAT, name="cerebras", package="cerebras.cloud.sdk", stream_forms=FORMS),
    replace(CHAT, name="writer", package="writerai", stream_forms=FORMS, resource=lambda client: Chat(client.chat)),
)
