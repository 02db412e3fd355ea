"""Attribute names that only Anthropic's endpoints set.

Those beginning with `anthropic.` are the vendor's own, as its client (1.17 and later) puts them on the spans that ours replace, so
that whoever looked for them there finds them here.
"""

from __future__ import annotations

from typing import Final

THINKING_TYPE: Final = "anthropic.thinking.type"
THINKING_BUDGET_TOKENS: Final = "anthropic.thinking.budget_tokens"
REQUEST_SERVICE_TIER: Final = "anthropic.request.service_tier"
RESPONSE_SERVICE_TIER: Final = "anthropic.response.service_tier"
CACHE_WRITE_5M_INPUT_TOKENS: Final = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
CACHE_WRITE_1H_INPUT_TOKENS: Final = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
