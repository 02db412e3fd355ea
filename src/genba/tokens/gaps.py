"""Why tokens are not known: what each provider's API does not tell, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..conversation.tokens import Side, Source

_NO_OUTPUT: Final[Mapping[str, str]] = {
    "openai": "OpenAI tells pieces and log-probabilities only where the request asks for them (logprobs), and never ids",
    "azure.ai.openai": "Azure OpenAI tells pieces and log-probabilities only where the request asks for them (logprobs), and never ids",
    "anthropic": "Anthropic's API tells no ids, pieces or log-probabilities",
    "aws.bedrock": "Bedrock tells no ids, pieces or log-probabilities of this model",
    "gcp.gemini": "Gemini tells log-probabilities only where the request asks for them (response_logprobs)",
    "gcp.vertex_ai": "Vertex AI tells log-probabilities only where the request asks for them (response_logprobs)",
    "mistral_ai": "Mistral's API tells no ids, pieces or log-probabilities",
    "cohere": "Cohere tells ids and log-probabilities only where the request asks for them (logprobs)",
    "groq": "Groq tells no ids, pieces or log-probabilities",
    "llama_cpp": "the server tells tokens only where the request asks for them (logprobs, or verbose with return_tokens)",
    "vllm": "the server tells ids only where the request asks for them (return_token_ids)",
    "ollama": "Ollama tells log-probabilities only where the request asks for them (logprobs), and never ids",
}
ASK: Final = "name the model's tokenizer with genba.init(tokenizers=…) to have the text tokenized after the call"
"""What can be done about it."""


def reason(provider: str | None, side: Side) -> str:
    """Why nothing is known of the tokens of one side of a call."""
    if side == "input":
        return "the provider tells no tokens of the prompt"
    return _NO_OUTPUT.get(provider or "", "the reply has no ids, pieces or log-probabilities")


def column(source: str, name: str) -> str:
    """Why a column is empty, where whoever told the tokens gave no reason."""
    if source == Source.LOGPROBS and name == "ids":
        return f"log-probabilities came without ids; {ASK}"
    if source == Source.SERVER and name == "pieces":
        return f"the server sent ids alone; {ASK}"
    return "it was not told"
