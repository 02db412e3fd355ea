"""The Responses API, as OpenAI has it."""

from __future__ import annotations

from dataclasses import replace

from ..openai import responses

RESPONSES = replace(responses.RESPONSES, provider="mistral_ai", attributes={})
