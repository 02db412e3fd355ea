"""Who serves a model, by LiteLLM's word for it: `provider/model`, or an argument beside the model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_NAMES = {
    "ai21_chat": "ai21",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "bedrock_mantle": "aws.bedrock",
    "cohere_chat": "cohere",
    "codestral": "mistral_ai",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "huggingface": "hugging_face",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "ollama_chat": "ollama",
    "text-completion-codestral": "mistral_ai",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider_name(provider: str) -> str:
    """`gen_ai.provider.name`: the conventions' word where they have one, else LiteLLM's."""
    return _NAMES.get(provider, provider)


def told_apart(model: Any, provider: Any, known: Collection[str]) -> tuple[str | None, str | None]:
    """The provider, if it is named, and the model without it."""
    if not isinstance(model, str):
        return (provider if isinstance(provider, str) else None), None
    first, slash, rest = model.partition("/")
    if not isinstance(provider, str) or not provider:
        return (first, rest) if slash and rest and first in known else (None, model)
    return provider, rest if slash and rest and first == provider else model
