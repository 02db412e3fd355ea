"""Attribute names that only Bedrock's endpoints set.

The conventions have `aws.bedrock.guardrail.id` and `aws.bedrock.knowledge_base.id`, and the core ones `aws.request_id`. The service
tiers are called as Bedrock calls them.
"""

from __future__ import annotations

from typing import Final

GUARDRAIL_ID: Final = "aws.bedrock.guardrail.id"
KNOWLEDGE_BASE_ID: Final = "aws.bedrock.knowledge_base.id"
REQUEST_ID: Final = "aws.request_id"
REQUEST_SERVICE_TIER: Final = "aws.bedrock.request.service_tier"
RESPONSE_SERVICE_TIER: Final = "aws.bedrock.response.service_tier"
