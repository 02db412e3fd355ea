"""What a request to Bedrock says beside what goes to the model: guardrail, knowledge base, tier."""

from __future__ import annotations

from typing import Any

from ..anthropic.names import THINKING_BUDGET_TOKENS, THINKING_TYPE
from ..json_fields import Object, integer, member, present, some_text
from . import names


def attributes(sent: Object) -> dict[str, Any]:
    """Span attributes of any request."""
    guardrail = member(sent, "guardrailConfig", "guardrailConfiguration")
    tier = sent.get("serviceTier")
    thinking = member(member(sent, "additionalModelRequestFields"), "thinking")
    return present(
        {
            names.GUARDRAIL_ID: some_text(guardrail, "guardrailIdentifier", "guardrailId")
            or some_text(sent, "guardrailIdentifier"),
            names.REQUEST_SERVICE_TIER: some_text(member(sent, "serviceTier"), "type") if isinstance(tier, dict) else tier,
            THINKING_TYPE: some_text(thinking, "type"),
            THINKING_BUDGET_TOKENS: integer(thinking, "budget_tokens"),
        }
    )
