"""Haystack: the spans that it tells its tracer of. What the host has enabled as its tracer is told as before.

Its proxy for the tracer is patched rather than a tracer of ours enabled: there is room for one only, and that may be the host's.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import Message, Part, Request, Response, loose, parts
from ..conversation.encoding import decode, encode, readable
from ..conversation.usage import count
from ..observing.patching import Patch
from ..recording import owning
from ..semconv import Operation
from .runs import Run, Runs

runs = Runs("haystack")
_REASONS = {"tool_calls": "tool_call", "tool_use": "tool_call", "end_turn": "stop", "max_tokens": "length"}
_PROVIDERS = {
    "AzureOpenAI": "azure.ai.openai",
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "AmazonBedrock": "aws.bedrock",
    "Cohere": "cohere",
    "GoogleGenAI": "gcp.gemini",
    "Mistral": "mistral_ai",
    "Ollama": "ollama",
}
"""How the names of components begin -> who serves their models."""


def patches() -> Sequence[Patch]:
    """What is wrapped."""
    return [
        Patch("haystack.tracing.tracer", "ProxyTracer.trace", _observed, "haystack-ai"),
        Patch("haystack.tools.tool", "Tool.invoke", _observed_tool, "haystack-ai"),
    ]


class Step(NamedTuple):
    """What one of its spans becomes."""

    operation: str | None
    name: str
    attributes: Mapping[str, Any] = {}  # never changed
    kind: SpanKind = SpanKind.INTERNAL


class Both:
    """Haystack's span and ours, in its hands: each thing that it says, both are told."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.told: dict[str, Any] = {}

    def set_tag(self, key: str, value: Any) -> None:
        """Say something."""
        self.told[key] = value
        self.inner.set_tag(key, value)

    def set_tags(self, tags: dict[str, Any]) -> None:
        """Say several things."""
        self.told.update(tags)
        self.inner.set_tags(tags)

    def set_content_tag(self, key: str, value: Any) -> None:
        """Say what may be private: for us our own switch decides, unless the user has turned Haystack's off (see `_begun`)."""
        self.told[key] = value
        self.inner.set_content_tag(key, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _observed(trace: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(trace)
    @contextmanager
    def observed(self: Any, operation_name: str, tags: Any = None, parent_span: Any = None) -> Iterator[Any]:
        above = parent_span.inner if isinstance(parent_span, Both) else parent_span
        with trace(self, operation_name, tags=tags, parent_span=above) as inner:
            span = Both(inner)
            run = _begun(operation_name, tags or {}, span)
            try:
                yield span
            except BaseException as error:
                runs.end(span, error)
                raise
            failed = None
            if run is not None:
                with harmless.guard("reading a span of haystack"):
                    _tell(run, span.told)
                    failed = _failure(span.told)
            runs.end(span, failed=failed)

    return observed


def _observed_tool(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """A tool used by whom no span tells of it: up to 2.x that is everybody."""

    @functools.wraps(invoke)
    def observed(self: Any, *args: Any, **kwargs: Any) -> Any:
        id = object()
        run = _begun_tool(id, self, kwargs)
        try:
            result = invoke(self, *args, **kwargs)
        except BaseException as error:
            runs.end(id, error)
            raise
        if run is not None and run.invocation.keeps_content:
            with harmless.guard("reading what a tool of haystack gave"):
                run.invocation.gave(_plain(result))
        runs.end(id)
        return result

    return observed


def _begun_tool(id: object, tool: Any, arguments: Mapping[str, Any]) -> Run | None:
    with harmless.guard("beginning a tool of haystack"):
        if owning.living(get_current()).get(owning.TOOL) is not None:
            return None  # the agent has told of it
        step = _tool(str(tool.name), tool.description)
        run = runs.begin(id, step.operation, step.name, attributes=step.attributes, current=True)
        if run is not None:
            run.invocation.withholds_content = _is_told_to_be_silent()
            if run.invocation.keeps_content:
                run.invocation.took(arguments)
        return run
    return None


def _is_told_to_be_silent() -> bool:
    return os.environ.get("HAYSTACK_CONTENT_TRACING_ENABLED", "").lower() == "false"


def _begun(name: str, tags: Mapping[str, Any], span: Both) -> Run | None:
    with harmless.guard("beginning a run of haystack"):
        step = _step(name, tags)
        if step is None:
            return None
        run = runs.begin(span, step.operation, step.name, kind=step.kind, attributes=step.attributes, current=True)
        if run is not None:
            run.invocation.withholds_content = _is_told_to_be_silent()
            given = next((value for tag, value in tags.items() if tag.endswith("pipeline.input_data")), None)
            if run.invocation.keeps_content and given is not None:
                span.told["input_data"] = encode(_plain(given))
        return run
    return None


def _step(name: str, tags: Mapping[str, Any]) -> Step | None:
    if name in ("haystack.pipeline.run", "haystack.async_pipeline.run"):  # the latter up to 2.x
        about = tags.get("haystack.pipeline.metadata")
        named = about.get("name") if isinstance(about, Mapping) else None
        own = readable(named) if isinstance(named, str) and named else "Pipeline"
        return Step(Operation.INVOKE_WORKFLOW, f"{Operation.INVOKE_WORKFLOW} {own}", {semconv.WORKFLOW_NAME: own})
    if name == "haystack.component.run":
        return _component(str(tags.get("haystack.component.name") or ""), str(tags.get("haystack.component.type") or ""))
    if name == "haystack.agent.run":
        return Step(Operation.INVOKE_AGENT, Operation.INVOKE_AGENT)
    if name == "haystack.agent.step.llm":
        return Step(Operation.CHAT, Operation.CHAT, kind=SpanKind.CLIENT)
    if name == "haystack.agent.step.tool":
        return _tool(str(tags.get("haystack.tool.name") or ""), tags.get("haystack.tool.description"))
    return None


def _component(name: str, kind: str) -> Step | None:
    if kind in ("Agent", "ToolInvoker"):
        return None  # they tell of themselves
    operations = {"ChatGenerator": Operation.CHAT, "Generator": Operation.TEXT_COMPLETION, "Embedder": Operation.EMBEDDINGS}
    operation = next((operation for ending, operation in operations.items() if kind.endswith(ending)), None)
    if operation is not None:
        provider = next((provider for start, provider in _PROVIDERS.items() if kind.startswith(start)), None)
        return Step(operation, operation, {semconv.PROVIDER_NAME: provider}, SpanKind.CLIENT)
    if kind.endswith("Retriever"):
        return Step(Operation.RETRIEVAL, f"{Operation.RETRIEVAL} {readable(kind)}")
    return Step(None, readable(name or kind or "component"))


def _tool(name: str, described: Any) -> Step:
    known = {
        semconv.TOOL_NAME: readable(name),
        semconv.TOOL_TYPE: "function",
        semconv.TOOL_DESCRIPTION: readable(described) if isinstance(described, str) and described else None,
    }
    return Step(Operation.EXECUTE_TOOL, f"{Operation.EXECUTE_TOOL} {readable(name)}", known)


def _failure(told: Mapping[str, Any]) -> str | None:
    """What a tool says of its failure: it is not raised."""
    if not told.get("haystack.tool.error"):
        return None
    output = told.get("haystack.agent.step.tool.output")
    return str(output.get("error", "")) if isinstance(output, Mapping) else ""


def _tell(run: Run, told: Mapping[str, Any]) -> None:
    """What was said of it, kept: read later, but for what the host may change meanwhile."""
    invocation = run.invocation
    if not invocation.keeps_content and invocation.operation not in semconv.INFERENCE:
        return
    said = {name.rpartition(".")[2]: value for name, value in told.items()}
    asked = _copied(said.get("input"))
    gave = said.get("output")
    if invocation.operation in semconv.INFERENCE:
        run.reported.read_request = lambda: _request(asked)
        run.reported.read_response = lambda: _response(gave)
    elif invocation.operation == Operation.RETRIEVAL:
        run.reported.read_request = lambda: Request(query=_text(asked, "query"), retrieval_top_k=count(asked.get("top_k")))
        run.reported.read_response = lambda: Response(documents=[_document(one) for one in _listed(gave, "documents")])
    elif invocation.operation == Operation.EXECUTE_TOOL:
        if "input" in said:
            invocation.took(asked)
        if "output" in said:
            invocation.gave(gave)
    elif invocation.operation is None:
        if gave is not None:
            invocation.gave(_plain(gave))
    elif invocation.operation != Operation.EMBEDDINGS:
        given = said.get("input_data")
        run.reported.read_request = lambda: _given(asked, given)
        run.reported.read_response = lambda: _result(gave if gave is not None else said.get("output_data"))


def _copied(value: Any) -> dict[str, Any]:
    """The arguments, their lists copied."""
    said = value if isinstance(value, Mapping) else {}
    return {name: list(one) if isinstance(one, list) else one for name, one in said.items()}


def _request(asked: Mapping[str, Any]) -> Request:
    parameters = asked.get("generation_kwargs")
    read = loose.request(decode(encode(dict(parameters)))) if isinstance(parameters, Mapping) else Request()
    tools = [_definition(one) for one in _listed(asked, "tools")]
    prompt = _text(asked, "prompt")
    said = [parts.message("user", [parts.text(prompt)])] if prompt else [_message(one) for one in _listed(asked, "messages")]
    known = {name: getattr(read, name) for name in Request.__dataclass_fields__}
    return Request(**{**known, "messages": said, "tools": tools or known["tools"]})


def _response(gave: Any) -> Response:
    replies = _listed(gave, "replies")
    about = [one for reply in replies if isinstance(one := getattr(reply, "meta", None), Mapping)] or _listed(gave, "meta")
    first = about[0] if about and isinstance(about[0], Mapping) else {}
    native = [reason for one in about if isinstance(one, Mapping) and (reason := _text(one, "finish_reason"))]
    usage = first.get("usage")
    return Response(
        id=_text(first, "id"),
        model=_text(first, "model"),
        messages=[_message(one) for one in replies],
        finish_reasons=[_REASONS.get(reason, reason) for reason in native],
        native_finish_reasons=native,
        usage=loose.usage(decode(encode(dict(usage)))) if isinstance(usage, Mapping) and usage else None,
    )


def _given(asked: Mapping[str, Any], given: bytes | None) -> Request:
    """What an agent or a pipeline was given."""
    said = [_message(one) for one in _listed(asked, "messages")]
    if not said and given is not None:
        said = [parts.message("user", [parts.text(given.decode())])]
    return Request(messages=said)


def _result(gave: Any) -> Response:
    said = _listed(gave, "messages")
    if said:
        return Response(messages=[_message(said[-1])])
    return Response() if gave is None else Response(messages=loose.messages(loose.as_text(_json(gave)), role="assistant"))


def _message(said: Any) -> Message:
    """A `ChatMessage`, or the text that a completion is."""
    content = getattr(said, "_content", None)
    if not isinstance(content, Sequence):
        return parts.message("assistant", loose.content(_json(said)))
    role = getattr(getattr(said, "_role", None), "value", "assistant")
    return parts.message(str(role), [_part(one) for one in content], name=getattr(said, "_name", None))


def _part(one: Any) -> Part:
    kind = type(one).__name__
    if kind == "TextContent":
        return parts.text(one.text)
    if kind == "ToolCall":
        return parts.tool_call(one.tool_name, _json(one.arguments), one.id)
    if kind == "ToolCallResult":
        result = one.result if isinstance(one.result, str) else [_part(piece) for piece in one.result]
        return parts.tool_call_response(result, getattr(one.origin, "id", None), status="error" if one.error else None)
    if kind == "ReasoningContent":
        return parts.reasoning(one.reasoning_text, **_json(one.extra or {}))
    if kind in ("ImageContent", "FileContent"):
        modality, data = (
            ("image", getattr(one, "base64_image", "")) if kind == "ImageContent" else ("document", getattr(one, "base64_data", ""))
        )
        return parts.blob(modality, data, one.mime_type)
    return parts.other(kind, _json(getattr(one, "__dict__", {})))


def _definition(tool: Any) -> Any:
    return parts.function_tool(
        str(getattr(tool, "name", "")), getattr(tool, "description", None), _json(getattr(tool, "parameters", None))
    )


def _document(one: Any) -> dict[str, Any]:
    said = {"id": getattr(one, "id", None), "score": getattr(one, "score", None), "content": getattr(one, "content", None)}
    beside = _json(getattr(one, "meta", None)) or None
    return {name: value for name, value in {**said, "metadata": beside}.items() if value is not None}


def _plain(value: Any) -> Any:
    """A component's output, its messages and documents as ours."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if hasattr(value, "_content"):
        return _message(value)
    return _document(value) if type(value).__name__ == "Document" else value


def _json(value: Any) -> Any:
    return decode(encode(_plain(value)))


def _listed(said: Any, name: str) -> Sequence[Any]:
    value = said.get(name) if isinstance(said, Mapping) else None
    return value if isinstance(value, (list, tuple)) else ()


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None
