"""Together's client: OpenAI's format, with a reranker beside it. Its paths are longer from 3.0 on; before, the base URL was."""

from __future__ import annotations

from . import openai
from .generated_clients import GeneratedClient, client_patches, resembling
from .openai.rerank import RERANK

NAMES = ("/chat/completions", "/completions", "/embeddings", "/rerank", "/images/generations", "/batches")
SOUNDS = ("/audio/speech", "/audio/transcriptions", "/audio/translations")
KNOWN = {**openai.ROUTES, "POST /rerank": RERANK}
CLIENT = GeneratedClient(
    package="together",
    routes={
        **resembling(KNOWN, "together", *NAMES, *SOUNDS, under="/v1"),
        **resembling(KNOWN, "together", *NAMES, *SOUNDS),
    },
)

patches = client_patches(CLIENT)
