"""Haystack: the spans that it tells its tracer of. What the host has enabled as its tracer is told as before.

Its proxy for the tracer is patched rather than a tracer of ours enabled: there is room for one only, and that may be the host's.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import get_current

from ... import harmless, semconv
from ...conversation import Request, Response
from ...conversation.encoding import encode
from ...conversation.usage import count
from ...observing.patching import Patch
from ...recording import owning
from ...semconv import Operation
from ..runs import Run, Runs
from ..steps import tool as using
from ..told import some_text
from . import exchange, steps

runs = Runs("haystack")


def patches() -> Sequence[Patch]:
    """What is wrapped."""
    return [
        Patch("haystack.tracing.tracer", "ProxyTracer.trace", _observed, "haystack-ai"),
        Patch("haystack.tools.tool", "Tool.invoke", _observed_tool, "haystack-ai"),
    ]


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
                run.invocation.gave(exchange.plain(result))
        runs.end(id)
        return result

    return observed


def _begun_tool(id: object, tool: Any, arguments: Mapping[str, Any]) -> Run | None:
    with harmless.guard("beginning a tool of haystack"):
        around: Any = owning.living(get_current()).get(owning.TOOL)
        if around is not None and around.teller == "haystack" and around.start_attributes.get(semconv.TOOL_NAME) == str(tool.name):
            return None  # the agent has told of it
        step = using(str(tool.name), tool.description)
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
        step = steps.of(name, tags)
        if step is None:
            return None
        run = runs.begin(span, step.operation, step.name, kind=step.kind, attributes=step.attributes, current=True)
        if run is not None:
            run.invocation.withholds_content = _is_told_to_be_silent()
            given = next((value for tag, value in tags.items() if tag.endswith("pipeline.input_data")), None)
            if run.invocation.keeps_content and given is not None:
                span.told["input_data"] = encode(exchange.plain(given))
        return run
    return None


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
        run.reported.read_request = lambda: exchange.request(asked)
        run.reported.read_response = lambda: exchange.response(gave)
    elif invocation.operation == Operation.RETRIEVAL:
        run.reported.read_request = lambda: Request(query=some_text(asked, "query"), retrieval_top_k=count(asked.get("top_k")))
        run.reported.read_response = lambda: Response(
            documents=[exchange.document(one) for one in exchange.listed(gave, "documents")]
        )
    elif invocation.operation == Operation.EXECUTE_TOOL:
        if "input" in said:
            invocation.took(asked)
        if "output" in said:
            invocation.gave(gave)
    elif invocation.operation is None:
        if gave is not None:
            invocation.gave(exchange.plain(gave))
    elif invocation.operation != Operation.EMBEDDINGS:
        given = said.get("input_data")
        run.reported.read_request = lambda: exchange.given(asked, given)
        run.reported.read_response = lambda: exchange.result(gave if gave is not None else said.get("output_data"))


def _copied(value: Any) -> dict[str, Any]:
    """The arguments, their lists copied."""
    said = value if isinstance(value, Mapping) else {}
    return {name: list(one) if isinstance(one, list) else one for name, one in said.items()}
