"""`@genba.observe` and its kin: a line on a function, or a `with` block, becomes a span of the right kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from opentelemetry.trace import SpanKind

from .. import semconv
from ..semconv import Operation
from .observation import F, Kind, Observation, kind_of, made

_OBSERVE = Kind(None)
_TOOL = kind_of(Operation.EXECUTE_TOOL, semconv.TOOL_NAME, attributes={semconv.TOOL_TYPE: "function"}, describes_itself=True)
_AGENT = kind_of(Operation.INVOKE_AGENT, semconv.AGENT_NAME)
_WORKFLOW = kind_of(Operation.INVOKE_WORKFLOW, semconv.AGENT_NAME)
_RETRIEVAL = kind_of(Operation.RETRIEVAL, semconv.DATA_SOURCE_ID, SpanKind.CLIENT)
_EMBEDDINGS = kind_of(Operation.EMBEDDINGS, semconv.REQUEST_MODEL, SpanKind.CLIENT)


@overload
def observe(function: F, /) -> F: ...
@overload
def observe(name: str | None = None, /, *, attributes: Mapping[str, Any] | None = None) -> Observation: ...
def observe(function: Any = None, /, *, attributes: Mapping[str, Any] | None = None) -> Any:
    """Trace a function, or a block: its arguments, its result or what it yields, its duration, its error.

    Args:
        name: The span's name; the function's own if not given.
        attributes: Further span attributes.

    Example:
        >>> @genba.observe
        ... def answer(question: str) -> str: ...
    """
    return made(_OBSERVE, function, {}, attributes)


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    type: str | None = None,
    description: str | None = None,
    call_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def tool(
    function: Any = None,
    /,
    *,
    type: str | None = None,
    description: str | None = None,
    call_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace the execution of a tool (`execute_tool`): arguments in, result out.

    Args:
        name: The tool's name, as the model knows it; the function's own if not given.
        type: `function` (the default), `extension` or `datastore`.
        description: What it does; the first line of the docstring if not given.
        call_id: The id of the tool call that this answers.
        attributes: Further span attributes.
    """
    given = {semconv.TOOL_TYPE: type, semconv.TOOL_DESCRIPTION: description, semconv.TOOL_CALL_ID: call_id}
    return made(_TOOL, function, {name: value for name, value in given.items() if value is not None}, attributes)


@overload
def agent(function: F, /) -> F: ...
@overload
def agent(
    name: str | None = None,
    /,
    *,
    id: str | None = None,
    description: str | None = None,
    version: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def agent(
    function: Any = None,
    /,
    *,
    id: str | None = None,
    description: str | None = None,
    version: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace an agent at work (`invoke_agent`); the model calls and tools inside become its children.

    Args:
        name: The agent's name; the function's own if not given.
        id: A stable id of a hosted agent, never of an object in memory.
        description: What it is for.
        version: Which version of it.
        provider: Who runs it, if a provider does.
        model: The model that it uses, if it is one.
        attributes: Further span attributes.
    """
    given = {
        semconv.AGENT_ID: id,
        semconv.AGENT_DESCRIPTION: description,
        semconv.AGENT_VERSION: version,
        semconv.PROVIDER_NAME: provider,
        semconv.REQUEST_MODEL: model,
    }
    return made(_AGENT, function, given, attributes)


@overload
def workflow(function: F, /) -> F: ...
@overload
def workflow(name: str | None = None, /, *, attributes: Mapping[str, Any] | None = None) -> Observation: ...
def workflow(function: Any = None, /, *, attributes: Mapping[str, Any] | None = None) -> Any:
    """Trace several steps under one name (`invoke_workflow`)."""
    return made(_WORKFLOW, function, {}, attributes)


@overload
def retrieval(function: F, /) -> F: ...
@overload
def retrieval(
    name: str | None = None,
    /,
    *,
    data_source: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def retrieval(
    function: Any = None,
    /,
    *,
    data_source: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace a search for documents (`retrieval`): the argument `query` in, the documents that are returned out.

    Args:
        name: The data source that is searched, as `data_source`.
        data_source: Id of what is searched (`gen_ai.data_source.id`).
        provider: Who serves it.
        model: The model that makes the query's vector, if one does.
        top_k: How many documents are asked for.
        attributes: Further span attributes.
    """
    given = {
        semconv.DATA_SOURCE_ID: data_source or (function if isinstance(function, str) else None),
        semconv.PROVIDER_NAME: provider,
        semconv.REQUEST_MODEL: model,
        semconv.RETRIEVAL_TOP_K: top_k,
    }
    return made(_RETRIEVAL, function, given, attributes)


@overload
def embeddings(function: F, /) -> F: ...
@overload
def embeddings(
    name: str | None = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def embeddings(
    function: Any = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace my own call to an embedding model (`embeddings`).

    Args:
        name: The model, as `model`.
        provider: Who serves it (`gen_ai.provider.name`).
        model: The model that is asked for.
        attributes: Further span attributes.
    """
    given = {semconv.PROVIDER_NAME: provider, semconv.REQUEST_MODEL: model or (function if isinstance(function, str) else None)}
    return made(_EMBEDDINGS, function, given, attributes)


@overload
def inference(function: F, /) -> F: ...
@overload
def inference(
    name: str | None = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    operation: str = "chat",
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def inference(
    function: Any = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    operation: str = "chat",
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace my own call to a model: arguments become the request, the returned value or the yielded chunks the response.

    Arguments named as in the conventions or as in OpenAI's client are understood: `messages` or `prompt`, `model`, `temperature`,
    `max_tokens`, `system` and so on. If the function uses a client that genba traces, that client's exchange is recorded on this span.

    Args:
        name: The model, as `model`.
        provider: Who serves it (`gen_ai.provider.name`).
        model: The model that is asked for.
        operation: `chat`, `generate_content` or `text_completion`.
        attributes: Further span attributes.
    """
    given = {semconv.PROVIDER_NAME: provider, semconv.REQUEST_MODEL: model or (function if isinstance(function, str) else None)}
    return made(kind_of(operation, semconv.REQUEST_MODEL, SpanKind.CLIENT), function, given, attributes)
