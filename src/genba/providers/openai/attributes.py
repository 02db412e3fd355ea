"""What an answer tells that the conventions have no field for: service tier, log-probabilities, token ids, extras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, encoding
from ..extras import extra, logprobs
from ..json_fields import all_integers, member, objects, present, some_text

_EXTRAS = (
    "timings",  # llama.cpp
    "prompt_filter_results",  # Azure
    "x_groq",
    "time_info",  # Cerebras
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
    choices = objects(body.get("choices"))
    return {
        **read_service(body),
        **logprobs([choice.get("logprobs") for choice in choices]),
        **_ids(semconv.RESPONSE_TOKEN_IDS, _produced(body, choices)),
        **_ids(semconv.RESPONSE_PROMPT_TOKEN_IDS, _seen(body, choices)),
        **extras(body, choices),
    }


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


def _produced(body: dict[str, Any], choices: list[dict[str, Any]]) -> list[JSON]:
    """Ids of the tokens that came out. vLLM names them; llama.cpp puts them beside the choices or into the log-probabilities."""
    by_choice = [choice.get("token_ids") or _ids_of_logprobs(choice) for choice in choices]
    return by_choice if any(by_choice) else [member(body, "__verbose").get("tokens")]


def _seen(body: dict[str, Any], choices: list[dict[str, Any]]) -> list[JSON]:
    """Ids of the tokens that went in: one list, or one for each choice where several prompts went in."""
    ids = body.get("prompt_token_ids")
    return [ids] if ids else [choice.get("prompt_token_ids") for choice in choices]


def _ids_of_logprobs(choice: dict[str, Any]) -> JSON:
    ids = [token.get("id") for token in objects(member(choice, "logprobs").get("content"))]
    return ids if all_integers(ids) else None


def _ids(name: str, by_choice: list[JSON]) -> dict[str, Any]:
    """A plain list where there is one list of ids, else JSON text with one entry for each choice."""
    if not any(by_choice):
        return {}
    return {name: by_choice[0]} if len(by_choice) == 1 and all_integers(by_choice[0]) else {name: _json(by_choice)}


def _json(value: JSON) -> str:
    return encoding.encode(value).decode()
