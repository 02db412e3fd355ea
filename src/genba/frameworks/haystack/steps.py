"""What a span of Haystack becomes: told by its name, and for a component by the name of its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation.encoding import readable
from ...semconv import Operation
from ..steps import Step, agent, model, retrieval, tool, workflow

_PROVIDERS = {
    "AzureOpenAI": "azure.ai.openai",
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "AmazonBedrock": "aws.bedrock",
    "Cohere": "cohere",
    "GoogleGenAI": "gcp.gemini",
    "Mistral": "mistral_ai",
    "Ollama": "ollama",
}
"""How the names of components begin -> who serves their models."""


def of(name: str, tags: Mapping[str, Any]) -> Step | None:
    """What one of its spans becomes; None if it is worth none."""
    if name in ("haystack.pipeline.run", "haystack.async_pipeline.run"):  # the latter up to 2.x
        about = tags.get("haystack.pipeline.metadata")
        named = about.get("name") if isinstance(about, Mapping) else None
        own = readable(named) if isinstance(named, str) and named else "Pipeline"
        return workflow(own)
    if name == "haystack.component.run":
        return _component(str(tags.get("haystack.component.name") or ""), str(tags.get("haystack.component.type") or ""))
    if name == "haystack.agent.run":
        return agent(None)
    if name == "haystack.agent.step.llm":
        return model(Operation.CHAT, None, None)
    if name == "haystack.agent.step.tool":
        return tool(str(tags.get("haystack.tool.name") or ""), tags.get("haystack.tool.description"))
    return None


def _component(name: str, kind: str) -> Step | None:
    if kind in ("Agent", "ToolInvoker"):
        return None  # they tell of themselves
    operations = {"ChatGenerator": Operation.CHAT, "Generator": Operation.TEXT_COMPLETION, "Embedder": Operation.EMBEDDINGS}
    operation = next((operation for ending, operation in operations.items() if kind.endswith(ending)), None)
    if operation is not None:
        provider = next((provider for start, provider in _PROVIDERS.items() if kind.startswith(start)), None)
        return model(operation, None, provider)
    if kind.endswith("Retriever"):
        return retrieval(readable(kind))
    return Step(None, readable(name or kind or "component"))
