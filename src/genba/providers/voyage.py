"""Voyage's client: vectors for texts, for pieces of documents, for pictures; and documents put in order.

Its methods say when a call begins and how it ends, with its attempts; the functions below them have what is sent and what comes back.
Some models run in this process: of those the arguments and the result are all there is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from ..conversation import JSON, Part, Request, Response, Usage, parts
from ..conversation.usage import count
from ..observing import exchanges, methods
from ..observing.endpoint import Endpoint
from ..observing.exchanges import Exchange
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from .json_fields import Object, as_object, items, member, objects, some_text
from .openai import embeddings, rerank

_LIBRARY = "voyageai"
_CLIENTS = ("voyageai.client:Client", "voyageai.client_async:AsyncClient")
_REQUESTOR = "voyageai.api_resources.api_requestor:APIRequestor"
_BITS = {"int8": 8, "uint8": 8, "binary": 1, "ubinary": 1}
"""Of a number, by `output_dtype`; else it is a float."""
_FLOAT = 32


def read_texts(body: JSON) -> Request:
    """What was asked. Each text is a turn of the user."""
    body = as_object(body)
    return embeddings.read_request(
        {**body, "dimensions": body.get("output_dimension"), "input": body.get("input", body.get("texts"))}
    )


def read_inputs(body: JSON) -> Request:
    """What was asked: documents in pieces, or words, pictures and films together. Each input is a turn of the user."""
    body = as_object(body)
    turns = [_said(input) for input in items(body, "inputs")]
    return replace(read_texts({**body, "input": []}), messages=[parts.message("user", said) for said in turns if said])


def _said(input: JSON) -> list[Part]:
    pieces = as_object(input).get("content") if isinstance(input, dict) else input
    return [_piece(piece) for piece in (pieces if isinstance(pieces, list) else [pieces]) if piece]


def _piece(piece: JSON) -> Part:
    if isinstance(piece, str):
        return parts.text(piece)
    piece = as_object(piece)
    kind = some_text(piece, "type") or "unknown"
    what = some_text(piece, kind)
    if what is None:
        return parts.other(kind, piece)
    return parts.text(what) if kind == "text" else parts.media(kind.partition("_")[0], what)


def read_vectors(bits: int, body: JSON) -> Response:
    """What came back, except the vectors themselves; of documents in pieces each has several."""
    body = as_object(body)
    vector = next(iter(objects(body.get("data"))), {})
    vector = next(iter(objects(vector.get("data"))), vector)
    return Response(model=some_text(body, "model"), usage=_usage(body), dimension_count=_length(vector.get("embedding"), bits))


def _length(numbers: JSON, bits: int) -> int | None:
    if isinstance(numbers, str):
        return (len(numbers) * 3 // 4 - numbers[-2:].count("=")) * 8 // bits or None
    return len(numbers) or None if isinstance(numbers, list) else None


def _usage(body: Object) -> Usage | None:
    counted = member(body, "usage")
    return Usage(input_tokens=count(counted.get("total_tokens")), raw=counted) if counted else None


def read_ranking(body: JSON) -> Request:
    """The query and the documents, as one turn of the user."""
    body = as_object(body)
    return rerank.read_request({**body, "top_n": body.get("top_k")})


def read_ranked(body: JSON) -> Response:
    """The order, and what it cost."""
    body = as_object(body)
    return replace(rerank.read_response({**body, "results": body.get("data")}), usage=_usage(body))


def _embedding(bits: int) -> tuple[Endpoint, Endpoint]:
    texts = Endpoint(
        operation=embeddings.EMBEDDINGS.operation,
        provider="voyageai",
        request=read_texts,
        response=functools.partial(read_vectors, bits),
    )
    return texts, replace(texts, request=read_inputs)


RERANK = replace(rerank.RERANK, provider="voyageai", request=read_ranking, response=read_ranked, failed=None)
_EMBEDDING: Mapping[int, tuple[Endpoint, Endpoint]] = {bits: _embedding(bits) for bits in (_FLOAT, 8, 1)}
TEXTS, INPUTS = _EMBEDDING[_FLOAT]
_ALL = (RERANK, *(endpoint for both in _EMBEDDING.values() for endpoint in both))
_METHODS = {"embed": 0, "contextualized_embed": 1, "multimodal_embed": 1}
"""Those that give vectors: what they are made of."""


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    found = [Method(where=f"{client}.rerank", sent=_rank) for client in _CLIENTS]
    for client in _CLIENTS:
        for name, kind in _METHODS.items():
            sent = functools.partial(_embed, kind)
            found.append(Method(where=f"{client}.{name}", sent=sent, answer=_made_here, optional=True))
    heard = [
        Exchange(where=f"{_REQUESTOR}._prepare_request_raw", sent=lambda arguments: as_object(arguments.get("params"))),
        Exchange(where=f"{_REQUESTOR}._interpret_response_line", received=_answer),
        Exchange(where="tenacity:RetryCallState.prepare_for_next_attempt", retried=_refused, of=_ALL),
    ]
    return [*methods.patches(_LIBRARY, found), *exchanges.patches(_LIBRARY, heard)]


def _embed(kind: int, arguments: Arguments) -> Sent:
    bits = _BITS.get(arguments.get("output_dtype") or "", _FLOAT)
    return _sent(_EMBEDDING[bits][kind], arguments, {} if kind else arguments.given())


def _rank(arguments: Arguments) -> Sent:
    return _sent(RERANK, arguments, {})


def _sent(endpoint: Endpoint, arguments: Arguments, body: JSON) -> Sent:
    """As near to the wire as the arguments are; `_prepare_request_raw` replaces it if there is a wire."""
    url = arguments.receiver._params.get("base_url")  # noqa: SLF001  # it says nowhere else where it goes
    return Sent(endpoint=endpoint, body=body, model=arguments.get("model"), url=url)


def _answer(arguments: Arguments, _: Any) -> bytes | None:
    body = arguments.get("rbody")
    return body.encode() if isinstance(body, str) else body


def _refused(arguments: Arguments) -> Any:
    outcome = arguments.receiver.outcome
    error = outcome.exception() if outcome is not None else None
    return SimpleNamespace(status_code=getattr(error, "http_status", None))


def _made_here(result: Any) -> JSON:
    """What a model in this process made."""
    vectors = getattr(result, "embeddings", None) or []
    return {
        "data": [{"embedding": list(vector)} for vector in vectors[:1]],
        "usage": {"total_tokens": getattr(result, "total_tokens", None)},
    }
