"""Weaviate: every search of a collection is one gRPC request, `Search`, seen where it is sent and as it is on the wire.

So near text, near vector, hybrid, keyword and image searches are traced alike, and with `generate` the search that the generation
rests on. Objects that are fetched and not searched for go the same way; they are no retrieval.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from .documents import Document, document
from .retrieval import Asked, Store

_WEAVIATE = Store("weaviate")
_SEARCHES = ("near_text", "hybrid_search", "bm25_search", "near_vector", "near_object", "near_image", "near_audio", "near_video",
             "near_depth", "near_thermal", "near_imu")  # fmt: skip
_KINDS: dict[str, Any] = {"number_values": "d", "int_values": "q"}


def patches() -> Sequence[Patch]:
    """Where both kinds of connection send a search."""
    return patched(
        "weaviate-client",
        [
            _WEAVIATE.search(f"weaviate.connect.v4:{kind}.grpc_search", _search, _found)
            for kind in ("ConnectionSync", "ConnectionAsync")
        ],
    )


def _search(arguments: Arguments) -> Asked | None:
    request = arguments.get("request")
    kind = next((name for name in _SEARCHES if request.HasField(name)), None)
    if kind is None:
        return None
    search = getattr(request, kind)
    query = getattr(search, "query", ())
    address, port = arguments.receiver._connection_params._grpc_address  # noqa: SLF001  # it has no public name
    return Asked(
        collection=request.collection,
        queries=[query] if isinstance(query, str) and query else list(query),
        top_k=request.limit or None,
        is_filtered=request.HasField("filters"),
        namespace=request.tenant or None,
        address=address,
        port=port,
    )


def _found(reply: Any) -> Iterable[Document]:
    grouped = itertools.chain.from_iterable(group.objects for group in reply.group_by_results)
    return (_document(one) for one in itertools.chain(reply.results, grouped))


def _document(result: Any) -> Document:
    said = result.metadata
    return document(
        str(uuid.UUID(bytes=said.id_as_bytes)) if said.id_as_bytes else said.id or None,
        score=_first(said, "rerank_score", "score", "certainty"),
        distance=_first(said, "distance"),
        stored=_object(result.properties.non_ref_props),
    )


def _first(said: Any, *names: str) -> float | None:
    return next((getattr(said, name) for name in names if getattr(said, f"{name}_present")), None)


def _object(properties: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in properties.fields.items()}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    inner: Any = getattr(value, kind) if kind else None
    if kind == "object_value":
        return _object(inner)
    if kind == "list_value":
        return _list(inner)
    if kind == "geo_value":
        return {"latitude": inner.latitude, "longitude": inner.longitude}
    if kind == "phone_value":
        return inner.input
    if kind == "blob_value":
        return f"<{len(inner) * 3 // 4} bytes>"
    return None if kind == "null_value" else inner


def _list(values: Any) -> Any:
    kind = values.WhichOneof("kind")
    inner: Any = getattr(values, kind) if kind else None
    if inner is None:
        return []
    if isinstance(inner.values, bytes):  # numbers are packed
        return list(memoryview(inner.values).cast(_KINDS[kind]))
    return [_object(one) if kind == "object_values" else one for one in inner.values]
