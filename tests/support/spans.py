"""Finished spans, and the questions that tests ask of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, StatusCode, Tracer


class Spans:
    """A pipeline in memory, and what came out of it. Spans made through `app` are the host's own and not counted."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = provider or TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.app: Tracer = self.provider.get_tracer("app")

    def everything(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def all(self) -> list[ReadableSpan]:
        """Every finished span that is not the host's own, in the order they ended."""
        return [span for span in self.everything() if not scope(span).startswith("app")]

    def own(self) -> list[ReadableSpan]:
        return [span for span in self.everything() if scope(span).startswith("app")]

    def only(self) -> ReadableSpan:
        """The one span there should be."""
        found = self.all()
        assert len(found) == 1, f"{len(found)} spans: {[span.name for span in found]}"
        return found[0]

    def named(self, name: str) -> ReadableSpan:
        found = [span for span in self.everything() if span.name == name]
        assert len(found) == 1, f"{len(found)} spans named {name!r} among {[span.name for span in self.everything()]}"
        return found[0]

    def models(self) -> list[ReadableSpan]:
        """The spans of calls to a model."""
        kinds = ("chat", "text_completion", "generate_content", "embeddings")
        return [span for span in self.all() if attributes(span).get("gen_ai.operation.name") in kinds]

    def clear(self) -> None:
        self.exporter.clear()


def scope(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope else ""


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return dict(span.attributes or {})


def outcome(span: ReadableSpan) -> Any:
    return attributes(span).get("genba.outcome")


def failed(span: ReadableSpan) -> bool:
    """Whether the span says so, in both places where it must."""
    is_error = span.status.status_code is StatusCode.ERROR
    assert span.status.status_code is not StatusCode.OK, "a span's status is never OK"
    assert is_error == ("error.type" in attributes(span)), "error.type and the ERROR status come together"
    return is_error


def messages(span: ReadableSpan, which: str = "output") -> list[dict[str, Any]]:
    """The messages recorded on a span: `input` or `output`."""
    found: list[dict[str, Any]] = json.loads(attributes(span).get(f"gen_ai.{which}.messages", "[]"))
    return found


def parts(span: ReadableSpan, which: str = "output") -> list[dict[str, Any]]:
    return [part for message in messages(span, which) for part in message["parts"]]


def text(span: ReadableSpan, which: str = "output") -> str:
    """All text of the recorded messages, joined."""
    return "".join(part["content"] for part in parts(span, which) if part["type"] == "text")


def is_child(span: ReadableSpan, parent: ReadableSpan | Span) -> bool:
    context = parent.get_span_context()
    return bool(span.parent and context and span.parent.span_id == context.span_id)


def readable(span: Any) -> None:
    """Everything on the span can be exported: attributes of the allowed types, JSON where JSON is promised."""
    told = attributes(span)
    for value in told.values():
        for one in value if isinstance(value, tuple) else (value,):
            assert isinstance(one, (str, int, float, bool))
            if isinstance(one, str):
                one.encode()
    for name in ("genba.input", "genba.output", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.call.arguments"):
        if name in told:
            json.loads(told[name])
    json.loads(span.to_json())


def tree(spans: Spans) -> list[str]:
    """The names of all finished spans, the host's own included, indented below their parents, in the order they began."""
    found = sorted(spans.everything(), key=lambda span: span.start_time or 0)
    ids = {span.context.span_id for span in found if span.context}
    lines: list[str] = []

    def write(parent: int | None, depth: int) -> None:
        for span in found:
            above = span.parent.span_id if span.parent and span.parent.span_id in ids else None
            if above == parent and span.context:
                lines.append("  " * depth + span.name)
                write(span.context.span_id, depth + 1)

    write(None, 0)
    return lines
