"""Why tokens are not known: what each provider's API does not tell, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..conversation.tokens import Side, Source

_ASKED: Final = "only where the request asks for them"
_OPENAI: Final = f'{_ASKED} (logprobs; in the Responses API include=["message.output_text.logprobs"]), and never ids'
_OUTPUT: Final[Mapping[str, str]] = {
    "openai": f"OpenAI tells pieces and log-probabilities {_OPENAI}",
    "azure.ai.openai": f"Azure OpenAI tells pieces and log-probabilities {_OPENAI}",
    "azure.ai.inference": "Azure AI Inference has no parameter that asks for them; some of its models take logprobs as an extra one",
    "anthropic": "Anthropic's API tells no ids, pieces or log-probabilities",
    "aws.bedrock": "Bedrock's Converse tells no ids, pieces or log-probabilities, and InvokeModel only for models whose own format has them",
    "gcp.gemini": f"Gemini tells ids and log-probabilities {_ASKED} (response_logprobs)",
    "gcp.vertex_ai": f"Vertex AI tells ids and log-probabilities {_ASKED} (response_logprobs)",
    "mistral_ai": f"Mistral tells ids and log-probabilities {_ASKED} (logprobs)",
    "cohere": f"Cohere tells ids and log-probabilities {_ASKED} (logprobs)",
    "groq": "Groq tells no ids, pieces or log-probabilities: none of its models supports logprobs yet",
    "together": f"Together tells ids and log-probabilities {_ASKED} (logprobs)",
    "fireworks": f"Fireworks tells ids and log-probabilities {_ASKED} (return_token_ids, logprobs)",
    "cerebras": f"Cerebras tells pieces and log-probabilities {_ASKED} (logprobs)",
    "writer": f"Writer tells pieces and log-probabilities {_ASKED} (logprobs)",
    "x_ai": f"xAI tells pieces and log-probabilities {_ASKED} (logprobs), and never ids",
    "ollama": f"Ollama tells pieces and log-probabilities {_ASKED} (logprobs)",
    "hugging_face": f"the server tells tokens {_ASKED} (details=True for text generation, logprobs for chats)",
    "replicate": "Replicate hands over what the model's program writes, which is text and no tokens",
    "ibm.watsonx.ai": f"watsonx.ai tells tokens {_ASKED} (return_options for text generation, logprobs for chats)",
    "llama_cpp": f"llama.cpp's server tells tokens {_ASKED} (logprobs, or verbose with return_tokens)",
    "vllm": f"vLLM tells ids {_ASKED} (return_token_ids), pieces and log-probabilities likewise (logprobs)",
}
_INPUT: Final[Mapping[str, str]] = {
    "voyageai": "Voyage tells how many tokens there were, and not which",
    "mistral_ai": f"Mistral tells the tokens of the prompt {_ASKED} (prompt_logprobs)",
    "together": f"Together tells the tokens of the prompt {_ASKED} (echo with logprobs)",
    "fireworks": f"Fireworks tells the ids of the prompt {_ASKED} (return_token_ids)",
    "hugging_face": f"the server tells the tokens of the prompt {_ASKED} (decoder_input_details=True for text generation)",
    "ibm.watsonx.ai": f"watsonx.ai tells the tokens of the prompt {_ASKED} (return_options for text generation)",
    "vllm": f"vLLM tells the ids of the prompt {_ASKED} (return_token_ids)",
}
ASK: Final = "name the model's tokenizer with genba.init(tokenizers=…) to have the text tokenized after the call"
"""What can be done about it."""
NOT_AGAIN: Final = "genba tokenizes the texts of chats and completions again, and not of this operation"


def reason(provider: str | None, side: Side, host: str | None = None) -> str:
    """Why nothing is known of the tokens of one side of a call to `provider` at `host`."""
    if side == "input":
        return _INPUT.get(provider or "", "the reply does not tell the tokens of the prompt")
    if provider == "openai" and host is not None and not host.endswith("openai.com"):
        # OpenAI's client is used for many servers, and whose this is is not known.
        return "the server told no tokens; those that can do so where the request asks for them (logprobs)"
    return _OUTPUT.get(provider or "", f"the reply tells no ids, pieces or log-probabilities; most servers do {_ASKED} (logprobs)")


def column(source: str, name: str) -> str:
    """Why a column is empty, where whoever told the tokens gave no reason."""
    if source == Source.LOGPROBS and name == "ids":
        return f"log-probabilities came without ids; {ASK}"
    if name == "pieces":
        return {
            Source.SERVER: "the server sent ids alone",
            Source.APP: "the prompt was sent as ids, or its tokenizer told ids alone",
        }.get(source, "they were not told")
    return "they were not told"
