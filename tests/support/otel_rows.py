"""Made-up rows of the embedded store as rows of the collector's table."""

from __future__ import annotations

import json
from typing import Any

from genba.store.rows import SpanRow
from support.otel_traces import time_text


def of_stored(row: SpanRow) -> dict[str, Any]:
    """The same span, as it would be had it gone through a collector."""
    content = {name: f"[{','.join(element.decode() for element in elements)}]" for name, elements in row.content.items()}
    content.update({name: body.decode() for name, body in row.single_content.items()})
    attributes = {**row.attributes, **({"genba.run.id": row.run_id} if row.run_id else {})}
    return {
        "Timestamp": time_text(row.start_ns),
        "TraceId": row.trace_id.hex(),
        "SpanId": row.span_id.hex(),
        "ParentSpanId": row.parent_span_id.hex() if row.parent_span_id else "",
        "SpanName": row.name,
        "SpanKind": row.kind.title(),
        "ServiceName": row.resource.get("service.name", ""),
        "ResourceAttributes": dict(row.resource),
        "ScopeName": row.scope,
        "SpanAttributes": {**{name: _text(value) for name, value in attributes.items()}, **content},
        "Duration": row.end_ns - row.start_ns,
        "StatusCode": row.status.title(),
        "StatusMessage": row.status_description or "",
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
