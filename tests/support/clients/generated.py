"""The clients that one code generator wrote, beside OpenAI's and Anthropic's own: the same bodies under their paths."""

from __future__ import annotations

from dataclasses import replace

from support.services import CHAT, MESSAGES, STREAM_FORMS

FORMS = [form for form in STREAM_FORMS if form != "manager"]
"""Only OpenAI's client and Anthropic's have `.stream()`."""

SERVICES = (
    replace(CHAT, name="groq", package="groq", stream_forms=FORMS),
    replace(CHAT, name="together", package="together", stream_forms=FORMS),
    replace(CHAT, name="fireworks", package="fireworks", stream_forms=FORMS),
    # The client has no stream for these: it takes `stream=True`, and gives the events back as one text.
    replace(MESSAGES, name="fireworks messages", package="fireworks", stream_forms=()),
    replace(CHAT, name="cerebras", package="cerebras.cloud.sdk", stream_forms=FORMS),
)
