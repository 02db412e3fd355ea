"""A document that a search found: its id, its score, its text, and what else is stored with it, without the vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...observing.wire import unwrapped

Document = dict[str, Any]
"""`id`, `score`, `content`, `metadata`, as far as they are known."""

MOST = 100
"""Documents that are kept of one search; how many it found is said besides."""

_CONTENT = ("page_content", "content", "document", "text", "chunk_text", "body")
"""Under which names the frameworks and the stores' own helpers keep a document's text."""
_LONGEST_LIST = 8
"""A longer list of nothing but numbers is a vector."""


def document(
    identity: Any, *, score: Any = None, distance: Any = None, content: Any = None, stored: Any = None, query: int | None = None
) -> Document:
    """A document. Where the store ranks by distance, that is its score, and it says so: less is nearer.

    `stored` is the payload, metadata or source that is kept with it; `query` tells which of several queries at once found it.
    """
    made: Document = {}
    if identity is not None:
        made["id"] = identity if isinstance(identity, (str, int)) else str(identity)
    ranked_by = score if score is not None else distance
    if ranked_by is not None:
        made["score"] = float(ranked_by)
        if score is None:
            made["score_is"] = "distance"
    if query is not None:
        made["query"] = query
    metadata = without_vectors(stored) if isinstance(stored, Mapping) else {}
    if content is None:
        content = _taken(metadata)
    if content is not None:
        made["content"] = content
    if metadata:
        inner = metadata.get("metadata")
        made["metadata"] = inner if len(metadata) == 1 and isinstance(inner, dict) else metadata
    return made


def _taken(metadata: dict[str, Any]) -> str | None:
    """The document's text, taken out of what is stored with it."""
    for name in _CONTENT:
        if isinstance(metadata.get(name), str):
            text: str = metadata.pop(name)
            return text
    return None


def without_vectors(value: Any) -> Any:
    """A copy of `value` as JSON, with a note in the place of each vector."""
    if isinstance(value, Mapping):
        return {str(key): without_vectors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) > _LONGEST_LIST and all(isinstance(item, (int, float)) for item in value):
            return f"<{len(value)} numbers>"
        return [without_vectors(item) for item in value]
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:  # a numpy array, or the like
        return f"<{' x '.join(map(str, shape))} numbers>"
    return unwrapped(value)
