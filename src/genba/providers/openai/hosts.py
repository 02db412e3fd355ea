"""Who serves the model: OpenAI's client is used for many services that speak like OpenAI's."""

from __future__ import annotations

_CLASSES = {"AzureOpenAI": "azure.ai.openai", "BedrockOpenAI": "aws.bedrock"}
_HOSTS = {
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.openai",
    "models.ai.azure.com": "azure.ai.inference",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "anthropic.com": "anthropic",
    "cerebras.ai": "cerebras",
    "cohere.ai": "cohere",
    "cohere.com": "cohere",
    "deepinfra.com": "deepinfra",
    "deepseek.com": "deepseek",
    "fireworks.ai": "fireworks",
    "groq.com": "groq",
    "huggingface.co": "hugging_face",
    "mistral.ai": "mistral_ai",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "openrouter.ai": "openrouter",
    "perplexity.ai": "perplexity",
    "together.ai": "together",
    "together.xyz": "together",
    "x.ai": "x_ai",
}
"""Services by the end of their host's name: the conventions' word where they have one."""


def provider_name(client_class_name: str, host: str) -> str:
    """`gen_ai.provider.name`, told by the client's class, else by the host; `openai` where neither is known."""
    return _CLASSES.get(client_class_name.removeprefix("Async")) or _hosted_by(host.lower().rstrip("."))


def _hosted_by(host: str) -> str:
    if host.startswith("bedrock"):  # bedrock-runtime.us-east-1.amazonaws.com, bedrock-mantle.us-east-1.api.aws
        return "aws.bedrock"
    if host.endswith("-aiplatform.googleapis.com"):  # its region is in the first label
        return "gcp.vertex_ai"
    labels = host.split(".")
    ends = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_HOSTS[end] for end in ends if end in _HOSTS), "openai")
