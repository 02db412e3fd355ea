"""The GenAI conventions as a checker: names, kinds, requirement levels, types, status rules, and the shapes of message JSON.

Written from the conventions (v0.1.0), stricter than their JSON schemas, whose catch-all part lets any mistake through. Every function
returns what is wrong, in words; nothing when all is well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from opentelemetry.trace import SpanKind, StatusCode

INFERENCE = ("chat", "generate_content", "text_completion")
NAMED_AFTER: dict[str, str | None] = {
    **dict.fromkeys((*INFERENCE, "embeddings"), "gen_ai.request.model"),
    "execute_tool": "gen_ai.tool.name",
    "invoke_agent": "gen_ai.agent.name",
    "invoke_workflow": "gen_ai.agent.name",
    "retrieval": "gen_ai.data_source.id",
    "fetch_response": None,
}
KINDS: dict[str, AbstractSet[SpanKind]] = {
    **dict.fromkeys(INFERENCE, frozenset({SpanKind.CLIENT, SpanKind.INTERNAL})),
    "embeddings": {SpanKind.CLIENT},
    "retrieval": {SpanKind.CLIENT},
    "fetch_response": {SpanKind.CLIENT},
    "invoke_agent": {SpanKind.CLIENT, SpanKind.INTERNAL},
    "invoke_workflow": {SpanKind.INTERNAL},
    "execute_tool": {SpanKind.INTERNAL},
}
REQUIRED = {
    **dict.fromkeys((*INFERENCE, "embeddings"), ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")),
    "fetch_response": ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.response.id"),
    "execute_tool": ("gen_ai.operation.name", "gen_ai.tool.name"),
}
"""The request model is conditionally required (`available`); every call that these tests make has one."""
OWN = ("count_tokens", "create_batch", "moderation", "compact")
"""Operations that the conventions have no word for; their list is open."""
NAMED_AFTER.update(dict.fromkeys(OWN, "gen_ai.request.model"))
OTHER_PARTS = ("item_reference", "upload", "moderation")
"""Parts that the conventions have no shape for; they allow any other type."""
KINDS.update(dict.fromkeys(OWN, frozenset({SpanKind.CLIENT})))
RECOMMENDED = {
    **dict.fromkeys(
        ("chat", "text_completion"),
        (
            "gen_ai.response.id",
            "gen_ai.response.model",
            "gen_ai.response.finish_reasons",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "server.address",
        ),
    ),
    "embeddings": (
        "gen_ai.embeddings.dimension.count",
        "gen_ai.request.encoding_formats",
        "gen_ai.response.model",
        "gen_ai.usage.input_tokens",
        "server.address",
    ),
}
"""What the conventions recommend without a condition, of calls that a server answered."""
AT_START = {
    **dict.fromkeys(
        (*INFERENCE, "embeddings"),
        ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port"),
    ),
    "invoke_agent": ("gen_ai.agent.name", "gen_ai.operation.name"),
    "execute_tool": ("gen_ai.operation.name", "gen_ai.tool.name"),
}
"""What samplers must be able to see."""
MODALITIES = [""] + [f"{modality}." for modality in ("audio", "image", "text")]
TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(
        [
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.conversation.id",
            "gen_ai.output.type",
            "gen_ai.request.model",
            "gen_ai.response.id",
            "gen_ai.response.model",
            "gen_ai.response.status",
            "gen_ai.request.previous_response.id",
            "gen_ai.request.reasoning.level",
            "gen_ai.request.stream_cursor",
            "gen_ai.agent.name",
            "gen_ai.agent.id",
            "gen_ai.agent.description",
            "gen_ai.agent.version",
            "gen_ai.tool.name",
            "gen_ai.tool.type",
            "gen_ai.tool.description",
            "gen_ai.tool.call.id",
            "gen_ai.data_source.id",
            "gen_ai.retrieval.query.text",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
            "gen_ai.retrieval.documents",
            "openai.api.type",
            "openai.request.service_tier",
            "openai.response.service_tier",
            "openai.response.system_fingerprint",
            "server.address",
            "error.type",
            "user.id",
        ],
        str,
    ),
    **dict.fromkeys(
        [
            "gen_ai.request.choice.count",
            "gen_ai.request.max_tokens",
            "gen_ai.request.seed",
            "gen_ai.request.top_k",
            "gen_ai.retrieval.top_k",
            "gen_ai.embeddings.dimension.count",
            "server.port",
        ],
        int,
    ),
    **dict.fromkeys(
        [
            "gen_ai.request.temperature",
            "gen_ai.request.top_p",
            "gen_ai.request.frequency_penalty",
            "gen_ai.request.presence_penalty",
            "gen_ai.response.time_to_first_chunk",
        ],
        float,
    ),
    **dict.fromkeys(["gen_ai.response.finish_reasons", "gen_ai.request.stop_sequences", "gen_ai.request.encoding_formats"], tuple),
    "gen_ai.request.stream": bool,
    "gen_ai.conversation.compacted": bool,
    **{f"gen_ai.usage.{modality}{kind}": int for modality in MODALITIES for kind in ("input_tokens", "output_tokens")},
    **{f"gen_ai.usage.{modality}cache_read.input_tokens": int for modality in MODALITIES},
    "gen_ai.usage.cache_write.input_tokens": int,
    "gen_ai.usage.reasoning.output_tokens": int,
}
"""Every conventional attribute that genba may write, and its type."""
OWN_PROVIDER = "acme"
"""What the tests call a provider that only a decorator knows: it has no server, and says what the function says."""
PROVIDERS = (
    OWN_PROVIDER,
    *("openai", "anthropic", "cohere", "deepseek", "groq", "mistral_ai", "moonshot_ai", "perplexity", "x_ai", "ibm.watsonx.ai"),
    *("aws.bedrock", "azure.ai.inference", "azure.ai.openai", "gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai"),
)
"""The conventions' own list."""
OTHER_PROVIDERS = (
    *("cerebras", "fireworks", "hugging_face", "ollama", "replicate", "together", "voyageai", "writer"),
    *("llama_cpp", "sentence_transformers", "transformers", "vllm"),  # models in this process
    *(
        "chroma",
        "elasticsearch",
        "opensearch",
        "pinecone",
        "postgresql",
        "qdrant",
        "weaviate",
    ),  # stores, as `db.system.name` has them
)
"""Names that the conventions do not have; their list is open."""
FINISH_REASONS = ("stop", "length", "content_filter", "tool_call", "compaction", "error")
ROLES = ("system", "user", "assistant", "tool", "developer")

TEXT: Mapping[str, Any] = {"content": str}
PARTS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "text": ({"content": str}, {}),
    "reasoning": ({"content": str}, {}),
    "refusal": ({"content": str}, {}),
    "tool_call": ({"name": str}, {"id": str, "arguments": object}),
    "tool_call_response": ({"response": object}, {"id": str}),
    "server_tool_call": ({"name": str, "server_tool_call": dict}, {"id": str}),
    "server_tool_call_response": ({"server_tool_call_response": dict}, {"id": str}),
    "blob": ({"modality": str, "content": str}, {"mime_type": str}),
    "file": ({"modality": str, "file_id": str}, {"mime_type": str}),
    "uri": ({"modality": str, "uri": str}, {"mime_type": str}),
    "compaction": ({}, {"id": str, "content": str}),
}
"""Part type -> its required and its optional keys."""

Wrong = Iterator[str]


def wrong_with_span(span: Any) -> list[str]:
    """What a finished span of ours does that the conventions do not allow."""
    told = dict(span.attributes or {})
    operation = told.get("gen_ai.operation.name")
    if operation is None:
        return [f"{span.name}: {problem}" for problem in _step(span, told)]
    if operation not in KINDS:
        return [f"{span.name}: gen_ai.operation.name is {operation!r}"]
    found = [*_name(span, operation, told), *_levels(span, operation, told), *_types(told), *_values(told), *_status(span, told)]
    found += [f"{name}: {problem}" for name, check in CONTENT.items() if name in told for problem in check(_parsed(told[name]))]
    if span.kind not in KINDS[operation]:
        found.append(f"kind {span.kind}")
    return [f"{span.name}: {problem}" for problem in found]


def _step(span: Any, told: Mapping[str, Any]) -> Wrong:
    """What is wrong with a span that is none of the conventions': a step of the host's or of a framework's, which has only a name."""
    for name in told:
        if name.startswith("gen_ai.") and name != "gen_ai.conversation.id":
            yield f"{name} on a span that is no operation"
    if span.kind is not SpanKind.INTERNAL:
        yield f"kind {span.kind}"
    yield from _types(told)
    yield from _status(span, told)


def _name(span: Any, operation: str, told: Mapping[str, Any]) -> Wrong:
    after = NAMED_AFTER[operation]
    expected = f"{operation} {told[after]}" if after in told else operation
    if span.name != expected and not (operation in OWN and span.name == operation):
        yield f"should be named {expected!r}"


def _levels(span: Any, operation: str, told: Mapping[str, Any]) -> Wrong:
    for name in REQUIRED.get(operation, ("gen_ai.operation.name",)):
        if name not in told:
            yield f"required {name} is missing"
    if told.get("genba.outcome") == "completed" and told.get("gen_ai.provider.name") != OWN_PROVIDER:
        for name in RECOMMENDED.get(operation, ()):
            if name not in told:
                yield f"recommended {name} is missing"
    if "server.address" in told and "server.port" not in told:
        yield "server.port is required where server.address is"


def _types(told: Mapping[str, Any]) -> Wrong:
    for name, value in told.items():
        if name.startswith(("gen_ai.", "openai.", "server.", "error.")) and name not in TYPES:
            yield f"{name} is no attribute of the conventions"
        elif name in TYPES and type(value) is not TYPES[name]:
            yield f"{name} is {value!r}, not of type {TYPES[name]}"
        if isinstance(value, tuple) and not all(isinstance(item, (str, int, float)) for item in value):
            yield f"{name} holds {value!r}"


def _values(told: Mapping[str, Any]) -> Wrong:
    for name, allowed in (
        ("gen_ai.provider.name", (*PROVIDERS, *OTHER_PROVIDERS)),
        ("gen_ai.output.type", ("text", "json", "image", "speech")),
    ):
        if name in told and told[name] not in allowed:
            yield f"{name} is {told[name]!r}"
    if told.get("gen_ai.request.stream") is False:
        yield "gen_ai.request.stream is set only when streaming"
    if told.get("gen_ai.request.choice.count") == 1:
        yield "gen_ai.request.choice.count is left out when it is 1"
    if "gen_ai.response.time_to_first_chunk" in told and "gen_ai.request.stream" not in told:
        yield "time to first chunk without a stream"
    for name, value in told.items():
        if name.startswith("gen_ai.usage.") and (value < 0 or value > told.get(_total(name), value)):
            yield f"{name} is {value}, more than the total {told.get(_total(name))}"
    for reason in told.get("gen_ai.response.finish_reasons", ()):
        if reason not in FINISH_REASONS:
            yield f"finish reason {reason!r}"


def _total(name: str) -> str:
    return "gen_ai.usage.input_tokens" if name.endswith("input_tokens") else "gen_ai.usage.output_tokens"


def _status(span: Any, told: Mapping[str, Any]) -> Wrong:
    if span.status.status_code is StatusCode.OK:
        yield "status OK is never set"
    if (span.status.status_code is StatusCode.ERROR) != ("error.type" in told):
        yield f"status {span.status.status_code} with error.type {told.get('error.type')!r}"


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def wrong_with_messages(messages: Any, *, output: bool = False) -> Wrong:
    """What is wrong with the JSON of input or output messages."""
    if not isinstance(messages, list):
        yield f"not a list: {messages!r}"
        return
    for message in messages:
        extra = set(message) - {"role", "parts", "name", "finish_reason"}
        if extra or not isinstance(message.get("parts"), list) or message.get("role") not in ROLES:
            yield f"not a message: {message!r}"
            continue
        if "finish_reason" in message and (not output or message["finish_reason"] not in FINISH_REASONS):
            yield f"finish_reason {message['finish_reason']!r}"
        if "name" in message and not isinstance(message["name"], str):
            yield f"name {message['name']!r}"
        yield from wrong_with_parts(message["parts"])


def wrong_with_parts(parts: Any) -> Wrong:
    """What is wrong with the parts of a message."""
    for part in parts:
        kind = part.get("type")
        if kind in OTHER_PARTS:
            continue
        if kind not in PARTS:
            yield f"part of unknown type: {part!r}"
            continue
        required, optional = PARTS[kind]
        for key, expected in required.items():
            if key not in part or not isinstance(part[key], expected):
                yield f"{kind} part without {key}: {part!r}"
        for key, expected in optional.items():
            if key in part and not isinstance(part[key], expected):
                yield f"{kind} part with {key}={part[key]!r}"
        if None in part.values():
            yield f"null in {part!r}"
        if kind == "uri" and part["uri"].startswith("data:"):
            yield "a data URL is a blob"
        if kind in ("server_tool_call", "server_tool_call_response") and not isinstance(part[kind].get("type"), str):
            yield f"{kind} without type: {part!r}"


def wrong_with_instructions(parts: Any) -> Wrong:
    """System instructions are text."""
    for part in parts:
        if part.get("type") != "text" or not isinstance(part.get("content"), str):
            yield f"not text: {part!r}"


def wrong_with_tools(tools: Any) -> Wrong:
    """What is wrong with tool definitions."""
    for tool in tools:
        if not isinstance(tool.get("type"), str) or not isinstance(tool.get("name"), str):
            yield f"tool without type or name: {tool!r}"
        if "parameters" in tool and not isinstance(tool["parameters"], (dict, bool)):
            yield f"parameters of {tool!r}"


def _object(value: Any) -> Wrong:
    if not isinstance(value, dict):
        yield f"not an object: {value!r}"


def _documents(value: Any) -> Wrong:
    for document in value:
        if not isinstance(document, dict) or not isinstance(document.get("score", 0.0), (int, float)):
            yield f"not a document: {document!r}"


CONTENT: Mapping[str, Callable[[Any], Wrong]] = {
    "gen_ai.input.messages": wrong_with_messages,
    "gen_ai.output.messages": lambda value: wrong_with_messages(value, output=True),
    "gen_ai.system_instructions": wrong_with_instructions,
    "gen_ai.tool.definitions": wrong_with_tools,
    "gen_ai.tool.call.arguments": _object,
    "gen_ai.tool.call.result": _object,
    "gen_ai.retrieval.documents": _documents,
}
