"""Groq's client: OpenAI's chat format under a longer path."""

from __future__ import annotations

from . import openai
from .generated_clients import GeneratedClient, client_patches, resembling

NAMES = ("/chat/completions", "/embeddings", "/audio/speech", "/audio/transcriptions", "/audio/translations", "/batches")
CLIENT = GeneratedClient(package="groq", routes=resembling(openai.ROUTES, "groq", *NAMES, under="/openai/v1"))

patches = client_patches(CLIENT)
