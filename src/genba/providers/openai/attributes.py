"""What an answer tells that the conventions have no field for: service tier, fingerprint, extras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ..extras import extra
from ..json_fields import objects, present, some_text

_EXTRAS = (
    "timings",  # llama.cpp
    "prompt_filter_results",  # Azure
    "x_groq",
    "time_info",  # Cerebras
    "perf_metrics",  # Fireworks
    "stats",  # LM Studio
    "citations",  # Perplexity
    "search_results",
    "provider",  # OpenRouter: who served it
    "moderation",
    "prompt_cache_diagnostics",
    "tool_usage",
    "svg_usage",
)
_CHOICE_EXTRAS = ("content_filter_results", "stop_reason")  # Azure; vLLM


def read(body: dict[str, Any]) -> dict[str, Any]:
    """Span attributes of an answer with choices."""
    return {**read_service(body), **extras(body, objects(body.get("choices")))}


def read_service(body: dict[str, Any]) -> dict[str, Any]:
    """How it was served."""
    return present(
        {
            semconv.OPENAI_RESPONSE_SERVICE_TIER: some_text(body, "service_tier"),
            semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: some_text(body, "system_fingerprint"),
        }
    )


def extras(body: dict[str, Any], choices: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Everything else worth keeping, as one JSON object by the server's own names."""
    found = {name: body[name] for name in _EXTRAS if body.get(name)}
    for name in _CHOICE_EXTRAS:
        by_choice = [choice.get(name) for choice in choices]
        if any(by_choice):
            found[name] = by_choice
    return extra(found)
