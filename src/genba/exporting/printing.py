"""Finished spans as text for a terminal: the console destination's form. A tree for each trace, then what was said in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ..conversation.reading import Transcript, Words, escaped, plain, trace_lines, tree
from ..store.rows import SpanRow


def printed(rows: Sequence[SpanRow]) -> str:
    """The rows as readable trees. Spans of one trace that end in different batches are printed apart."""
    traces: dict[bytes, list[SpanRow]] = {}
    for row in rows:
        traces.setdefault(row.trace_id, []).append(row)
    return "".join(_trace(spans) for spans in traces.values())


def _trace(spans: Sequence[SpanRow]) -> str:
    ordered = [branch.span for branch in tree(spans)]
    contents = {span.span_id: content_of(span) for span in ordered}
    transcript = Transcript(contents.values())
    lines = list(trace_lines(spans))
    for span in ordered:
        said = transcript.lines(contents[span.span_id])
        if said:
            lines.extend([[Words("")], [Words(f"── {escaped(span.name, one_line=True)}")], *said])
    return plain(lines) + "\n\n"


def content_of(row: SpanRow) -> Mapping[str, Any]:
    """The row's content, attribute -> JSON value."""
    lists = {name: [orjson.loads(element) for element in elements] for name, elements in row.content.items()}
    return {**lists, **{name: _loaded(encoded) for name, encoded in row.single_content.items()}}


def _loaded(encoded: bytes) -> Any:
    """A JSON value; what is none (a search's plain query) as text."""
    try:
        return orjson.loads(encoded)
    except ValueError:
        return encoded.decode("utf-8", "replace")
