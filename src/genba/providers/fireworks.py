"""Fireworks' client: OpenAI's format under a longer path, and Anthropic's messages beside it.

The client writes the address of a call out in full, unless it was given another server's: either way it is the path that tells.
"""

from __future__ import annotations

from . import anthropic, openai
from .generated_clients import GeneratedClient, client_patches, resembling

CLIENT = GeneratedClient(
    package="fireworks",
    distribution="fireworks-ai",
    routes={
        **resembling(openai.ROUTES, "fireworks", "/chat/completions", "/completions", under="/v1"),
        **resembling(anthropic.ROUTES, "fireworks", "/v1/messages"),
    },
)

patches = client_patches(CLIENT)
