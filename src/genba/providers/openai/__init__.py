"""OpenAI's API, and the many servers that speak like it: which calls of its client are operations, and whom they reach."""

from __future__ import annotations

from collections.abc import Mapping

from ...observing.endpoint import Endpoint
from ..generated_clients import GeneratedClient, client_patches
from . import sockets
from .audio import SPEECH, TRANSCRIPTION
from .batches import CREATE_BATCH
from .chat import CHAT
from .completions import TEXT_COMPLETION
from .embeddings import EMBEDDINGS
from .hosts import provider_name
from .images import IMAGES
from .injection import adds_usage, is_only_usage
from .moderations import MODERATION
from .native import NATIVE_COMPLETION
from .responses import COMPACT, COUNT_TOKENS, FETCH, RESPONSES
from .sglang import GENERATE
from .vector_stores import SEARCH

__all__ = ["CLIENT", "ROUTES", "patches", "provider_name"]

ROUTES: Mapping[str, Endpoint] = {
    "POST /chat/completions": CHAT,
    "POST /responses": RESPONSES,
    "GET /responses/{id}": FETCH,
    "POST /responses/compact": COMPACT,
    "POST /responses/input_tokens": COUNT_TOKENS,
    "POST /completions": TEXT_COMPLETION,
    "POST /completion": NATIVE_COMPLETION,
    "POST /generate": GENERATE,
    "POST /embeddings": EMBEDDINGS,
    "POST /images/generations": IMAGES,
    "POST /images/edits": IMAGES,
    "POST /images/variations": IMAGES,
    "POST /audio/speech": SPEECH,
    "POST /audio/transcriptions": TRANSCRIPTION,
    "POST /audio/translations": TRANSCRIPTION,
    "POST /moderations": MODERATION,
    "POST /batches": CREATE_BATCH,
    "POST /vector_stores/{gen_ai.data_source.id}/search": SEARCH,
}

CLIENT = GeneratedClient(
    package="openai",
    routes=ROUTES,
    provider_name=provider_name,
    methods={
        "openai.resources.chat.completions.completions:Completions.create": "POST /chat/completions",
        "openai.resources.responses.responses:Responses.create": "POST /responses",
        "openai.resources.completions:Completions.create": "POST /completions",
        "openai.resources.embeddings:Embeddings.create": "POST /embeddings",
    },
    more=sockets.patches,
    adds_usage=adds_usage,
    is_only_usage=is_only_usage,
)


patches = client_patches(CLIENT)
