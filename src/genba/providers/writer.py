"""Writer's client: OpenAI's chat format under a path of its own."""

from __future__ import annotations

from dataclasses import replace

from . import openai
from .generated_clients import GeneratedClient, client_patches, resembling

CHAT = replace(openai.ROUTES["POST /chat/completions"], provider="writer", attributes={})
CLIENT = GeneratedClient(
    package="writerai",
    distribution="writer-sdk",
    routes={"POST /v1/chat": CHAT, **resembling(openai.ROUTES, "writer", "/completions", under="/v1")},
)

patches = client_patches(CLIENT)
