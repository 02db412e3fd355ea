"""One use of a function of LiteLLM's: what was asked in OpenAI's words, of which model, of whom."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ... import semconv
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Sent
from ...observing.wire import unwrapped
from ..json_fields import present
from . import answers, names
from .noted import Noted

_INNER = frozenset(
    (
        *("acompletion", "atext_completion", "aresponses", "aembedding", "arerank"),
        *("aimg_generation", "atranscription", "aspeech", "amoderation"),
    )
)
"""Arguments by which an asynchronous function calls its plain twin: one use, already seen."""
_ASKED = frozenset(
    (
        *(
            "model",
            "messages",
            "prompt",
            "input",
            "query",
            "documents",
            "instructions",
            "file",
            "voice",
            "suffix",
            "echo",
            "best_of",
        ),
        *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "web_search_options", "prediction"),
        *("temperature", "top_p", "top_k", "n", "stop", "seed", "max_tokens", "max_completion_tokens", "max_output_tokens"),
        *("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "stream", "stream_options"),
        *("response_format", "text", "modalities", "audio", "reasoning_effort", "reasoning", "thinking", "verbosity"),
        *("dimensions", "encoding_format", "top_n", "return_documents", "rank_fields", "quality", "size", "style", "background"),
        *(
            "user",
            "service_tier",
            "store",
            "previous_response_id",
            "include",
            "truncation",
            "prompt_cache_key",
            "safety_identifier",
        ),
        *("language", "timestamp_granularities", "speed", "conversation"),
    )
)
"""Arguments that go to the model's server. The others are LiteLLM's own, and keys and tokens are among them."""


def of(endpoint: Endpoint) -> Callable[[Arguments], Sent | None]:
    """What to say of a use of a function that answers like `endpoint`."""
    return functools.partial(_sent, endpoint)


def _sent(endpoint: Endpoint, arguments: Arguments) -> Sent | None:
    kwargs = arguments.kwargs
    if any(kwargs.get(name) is True for name in _INNER) or kwargs.get("fallbacks"):
        return None
    given = {name: arguments.args[at] for name, at in arguments.names.items() if at < len(arguments.args)}
    given.update(kwargs)
    provider, model = names.told_apart(given.get("model"), given.get("custom_llm_provider"), _known_providers())
    noted = Noted(given.get("litellm_logging_obj"))
    body = {name: unwrapped(value) for name, value in given.items() if name in _ASKED and value is not None}
    elsewhere = given.get("api_base") or given.get("base_url")
    return Sent(
        endpoint=replace(
            endpoint,
            request=functools.partial(answers.asked, endpoint),
            response=functools.partial(answers.read, endpoint, noted),
        ),
        body={**body, "model": model} if model else body,
        model=model,
        # An address of its own may be anybody's who speaks that provider's language.
        provider=None if provider is None or elsewhere else names.provider_name(provider),
        later=functools.partial(_found_out, noted),
    )


def _found_out(noted: Noted) -> dict[str, Any]:
    """Who was asked, and where."""
    provider, where = noted.provider, urlsplit(noted.address or "")
    return present(
        {
            semconv.PROVIDER_NAME: names.provider_name(provider) if provider else None,
            semconv.SERVER_ADDRESS: where.hostname,
            semconv.SERVER_PORT: where.port if where.hostname else None,
        }
    )


def _known_providers() -> frozenset[str]:
    types = sys.modules.get("litellm.types.utils")
    return _values_of(getattr(types, "LlmProviders", ()))


@functools.lru_cache(maxsize=1)
def _values_of(kinds: Any) -> frozenset[str]:
    return frozenset(str(getattr(kind, "value", kind)) for kind in kinds)
