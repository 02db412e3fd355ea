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
    "ai21.com": "ai21",
    "aliyuncs.com": "alibaba_cloud",
    "anthropic.com": "anthropic",
    "baseten.co": "baseten",
    "bigmodel.cn": "zhipu_ai",
    "cerebras.ai": "cerebras",
    "cohere.ai": "cohere",
    "cohere.com": "cohere",
    "deepinfra.com": "deepinfra",
    "deepseek.com": "deepseek",
    "fireworks.ai": "fireworks",
    "github.ai": "github",
    "githubcopilot.com": "github",
    "groq.com": "groq",
    "huggingface.co": "hugging_face",
    "hyperbolic.xyz": "hyperbolic",
    "minimax.io": "minimax",
    "mistral.ai": "mistral_ai",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "nebius.ai": "nebius",
    "nebius.com": "nebius",
    "novita.ai": "novita",
    "nvidia.com": "nvidia",
    "ollama.com": "ollama",
    "openrouter.ai": "openrouter",
    "perplexity.ai": "perplexity",
    "replicate.com": "replicate",
    "sambanova.ai": "sambanova",
    "siliconflow.cn": "siliconflow",
    "siliconflow.com": "siliconflow",
    "together.ai": "together",
    "together.xyz": "together",
    "volces.com": "volcengine",
    "writer.com": "writer",
    "x.ai": "x_ai",
    "z.ai": "zhipu_ai",
}
"""Services by the end of their host's name: the conventions' word where they have one. What runs on a machine of one's own (vLLM,
SGLang, llama.cpp, Ollama, LM Studio) has no such name: `genba.init(provider_names=…)` gives it one."""


def provider_name(client_class_name: str, host: str) -> str:
    """`gen_ai.provider.name`, told by the client's class, else by the host; `openai` where neither is known."""
    return _CLASSES.get(client_class_name.removeprefix("Async")) or _hosted_by(host.lower().rstrip("."))


def _hosted_by(host: str) -> str:
    if host.startswith("bedrock"):  # bedrock-runtime.us-east-1.amazonaws.com, bedrock-mantle.us-east-1.api.aws
        return "aws.bedrock"
    if host.endswith("-aiplatform.googleapis.com") or host.startswith("aiplatform."):  # its region is in the name
        return "gcp.vertex_ai"
    labels = host.split(".")
    ends = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_HOSTS[end] for end in ends if end in _HOSTS), "openai")
