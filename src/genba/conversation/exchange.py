"""What was asked for and what came back: the plain values between a provider's wire format and the telemetry.

A provider's reader makes them from JSON; nothing here knows about spans. They are built away from the host's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .parts import JSON, Message, Part, ToolDefinition
from .tokens import Timings, Tokens
from .usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the host asked for. Whatever was not said is None or empty."""

    model: str | None = None
    messages: Sequence[Message] = ()
    """The conversation so far, in the order it was sent."""
    system_instructions: Sequence[Part] = ()
    """Only where the API takes them apart from the messages; else they are a `system` message."""
    tools: Sequence[ToolDefinition] = ()
    output_type: str | None = None
    """`text`, `json`, `image` or `speech`, if the request names one."""
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop_sequences: Sequence[str] = ()
    seed: int | None = None
    choice_count: int | None = None
    reasoning_level: str | None = None
    encoding_formats: Sequence[str] = ()
    dimension_count: int | None = None
    """How long the vectors of an embedding call should be."""
    previous_response_id: str | None = None
    conversation_id: str | None = None
    """Only an id that the application or the provider gave; never one of ours."""
    query: str | None = None
    """What a retrieval looks for."""
    retrieval_top_k: int | None = None
    data_source_id: str | None = None
    tokens: Sequence[Tokens] = ()
    """The tokens that went in, where the request itself has them as ids."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further span attributes by their full name, such as `openai.request.service_tier`. Values are str, int, float, bool or lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back."""

    id: str | None = None
    model: str | None = None
    messages: Sequence[Message] = ()
    """One per choice."""
    finish_reasons: Sequence[str] = ()
    """One per choice, in the conventions' words: `stop`, `length`, `content_filter`, `tool_call`, `compaction`, `error`, or the
    provider's own where none fits."""
    native_finish_reasons: Sequence[str] = ()
    """The same in the provider's own words."""
    usage: Usage | None = None
    tokens: Sequence[Tokens] = ()
    """The tokens that went in and came out, as far as the answer tells them. One side of one choice may be there from two sources."""
    timings: Timings | None = None
    """How long the engine says that it took."""
    status: str | None = None
    """`queued`, `in_progress`, `completed`, `incomplete`, `failed` or `cancelled`, for answers made in the background."""
    error_type: str | None = None
    """Set when the answer itself says that it failed, though the call did not raise."""
    error_message: str | None = None
    conversation_id: str | None = None
    dimension_count: int | None = None
    """The length of the vectors that came back."""
    documents: Sequence[Mapping[str, JSON]] = ()
    """What a retrieval found: `id` and `score` where known, and more."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further span attributes by their full name, such as `openai.response.system_fingerprint`."""
