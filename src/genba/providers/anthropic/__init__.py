"""Anthropic's API: which calls of its client are operations, and whom they reach."""

from __future__ import annotations

from ..generated_clients import GeneratedClient, client_patches
from . import native
from .routes import ROUTES

__all__ = ["CLIENT", "ROUTES", "patches", "provider_name"]


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


CLIENT = GeneratedClient(
    package="anthropic",
    routes=ROUTES,
    provider_name=provider_name,
    methods={"anthropic.resources.messages.messages:Messages.create": "POST /v1/messages"},
    more=native.patches,
)


patches = client_patches(CLIENT)
