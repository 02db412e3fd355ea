"""Anthropic's API: which calls of its client are operations, and whom they reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...observing.endpoint import Endpoint
from ...observing.patching import Wrap
from ..generated_clients import GeneratedClient
from .batches import CREATE_BATCH
from .completions import COMPLETE
from .count_tokens import COUNT_TOKENS
from .messages import MESSAGES

__all__ = ["CLIENT", "ROUTES", "provider_name"]

ROUTES: Mapping[str, Endpoint] = {
    "POST /v1/messages": MESSAGES,
    "POST /v1/messages/count_tokens": COUNT_TOKENS,
    "POST /v1/messages/batches": CREATE_BATCH,
    "POST /v1/complete": COMPLETE,
}

_CLIENTS = {
    "AnthropicBedrock": "aws.bedrock",
    "AnthropicBedrockMantle": "aws.bedrock",
    "AnthropicVertex": "gcp.vertex_ai",
    "AnthropicFoundry": "azure.ai.inference",
    # Anthropic's own platform, reached through a cloud's account.
    "AnthropicAWS": "anthropic",
    "AnthropicGoogleCloud": "anthropic",
}


def provider_name(client_class_name: str, host: str) -> str:
    """Who serves the model: told by the client's class, else, for a class of the application's own, by the host."""
    known = _CLIENTS.get(client_class_name.removeprefix("Async"))
    return known or _hosted_by(host.lower().rstrip("."))


def _hosted_by(host: str) -> str:
    if host.startswith("bedrock") and host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        return "aws.bedrock"
    if host.startswith("aiplatform.") or host.endswith("-aiplatform.googleapis.com"):
        return "gcp.vertex_ai"
    if host.endswith(".services.ai.azure.com"):
        return "azure.ai.inference"
    return "anthropic"


def _own_spans() -> Sequence[tuple[str, str, Wrap]]:
    from . import native  # it asks which routes are ours, so it comes after them

    return native.patches()


CLIENT = GeneratedClient(
    package="anthropic",
    versions=">=0.77,<3",
    routes=ROUTES,
    provider_name=provider_name,
    methods={"anthropic.resources.messages.messages:Messages.create": "POST /v1/messages"},
    more=_own_spans,
)
