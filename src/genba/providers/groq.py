"""Groq's client: OpenAI's chat format under a longer path."""

from __future__ import annotations

from dataclasses import replace

from . import openai
from .generated_clients import GeneratedClient, client_patches

CLIENT = GeneratedClient(
    package="groq",
    routes={
        route.replace("POST /", "POST /openai/v1/"): replace(openai.ROUTES[route], provider="groq", attributes={})
        for route in ("POST /chat/completions", "POST /embeddings", "POST /audio/speech", "POST /audio/transcriptions", "POST /audio/translations")
    },
)  # fmt: skip

patches = client_patches(CLIENT)
