"""Which calls of Anthropic's client are operations."""

from __future__ import annotations

from collections.abc import Mapping

from ...observing.endpoint import Endpoint
from .batches import CREATE_BATCH
from .completions import COMPLETE
from .count_tokens import COUNT_TOKENS
from .messages import MESSAGES

ROUTES: Mapping[str, Endpoint] = {
    "POST /v1/messages": MESSAGES,
    "POST /v1/messages/count_tokens": COUNT_TOKENS,
    "POST /v1/messages/batches": CREATE_BATCH,
    "POST /v1/complete": COMPLETE,
}
