"""LiteLLM, one interface to many providers: an operation of its own, to which a client that is traced itself adds what it saw.

Its functions are decorated (`litellm.utils.client`), handed on and imported by name everywhere, so what is wrapped is the function that
the decorator encloses. Caches are looked into outside of that: an answer out of one is no call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...observing import stream_objects
from ...observing.endpoint import Endpoint
from ...observing.methods import Method, patch
from ...observing.patching import Patch
from ..openai.audio import SPEECH, TRANSCRIPTION
from ..openai.chat import CHAT
from ..openai.completions import TEXT_COMPLETION
from ..openai.embeddings import EMBEDDINGS
from ..openai.images import IMAGES
from ..openai.moderations import MODERATION
from ..openai.rerank import RERANK
from ..openai.responses import RESPONSES
from . import attempts, calls
from .noted import noticed

FUNCTIONS: dict[str, Endpoint] = {
    "litellm.main:completion": CHAT,
    "litellm.main:acompletion": CHAT,
    "litellm.main:text_completion": TEXT_COMPLETION,
    "litellm.main:atext_completion": TEXT_COMPLETION,
    "litellm.main:embedding": EMBEDDINGS,
    "litellm.main:aembedding": EMBEDDINGS,
    "litellm.main:amoderation": MODERATION,
    "litellm.main:transcription": TRANSCRIPTION,
    "litellm.main:atranscription": TRANSCRIPTION,
    "litellm.main:speech": SPEECH,
    "litellm.main:aspeech": SPEECH,
    "litellm.images.main:image_generation": IMAGES,
    "litellm.images.main:aimage_generation": IMAGES,
    "litellm.images.main:image_edit": IMAGES,
    "litellm.images.main:aimage_edit": IMAGES,
    "litellm.responses.main:responses": RESPONSES,
    "litellm.responses.main:aresponses": RESPONSES,
    "litellm.rerank_api.main:rerank": RERANK,
    "litellm.rerank_api.main:arerank": RERANK,
}
"""What is called, and what its answers are shaped like: OpenAI's, whoever serves them."""

STREAMS = (
    "litellm.litellm_core_utils.streaming_handler:CustomStreamWrapper",
    "litellm.utils:TextCompletionStreamWrapper",
    "litellm.responses.streaming_iterator:ResponsesAPIStreamingIterator",
    "litellm.responses.streaming_iterator:SyncResponsesAPIStreamingIterator",
    "litellm.responses.streaming_iterator:MockResponsesAPIStreamingIterator",
    "litellm.responses.litellm_completion_transformation.streaming_iterator:LiteLLMCompletionStreamingIterator",
)
"""Classes of what they return for a stream."""


def patches() -> Sequence[Patch]:
    """Everything to wrap."""
    return [*map(_function, FUNCTIONS.items()), *stream_objects.patches("litellm", STREAMS), *attempts.patches()]


def _function(declared: tuple[str, Endpoint]) -> Patch:
    where, endpoint = declared
    endpoint = replace(endpoint, provider="", attributes={})  # who serves it, and over which API, is found out call by call
    method = Method(where=where, sent=calls.of(endpoint), holds=noticed)
    return replace(patch("litellm", method), enclosed="original_function")
