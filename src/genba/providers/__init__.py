"""The model clients that genba knows: one declaration each."""

from __future__ import annotations

from . import anthropic, groq, openai

CLIENTS = {client.package: client for client in (openai.CLIENT, anthropic.CLIENT, groq.CLIENT)}
"""By the name that `genba.init(instrument=[…])` takes."""
