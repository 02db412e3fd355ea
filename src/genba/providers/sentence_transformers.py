"""sentence-transformers: models in this process that make vectors of texts, or put texts in order by how well they answer another.

`encode_query` and `encode_document` go through `encode`. Each batch passes a tokenizer, and what comes out of that is counted: these are
the tokens that the model saw, padding left out.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from .. import harmless
from ..conversation import JSON, Response, Usage
from ..observing.endpoint import Endpoint
from ..observing.methods import Arguments, Method, Sent
from ..observing.methods import patches as patched
from ..observing.patching import Patch
from ..recording import owning
from ..recording.invocation import Invocation
from ..semconv import PROVIDER_NAME, Operation
from .json_fields import as_object, integer
from .openai.embeddings import read_request
from .openai.rerank import RERANK

_NAME = "sentence_transformers"


def patches() -> Sequence[Patch]:
    """The methods of the kinds of model, wherever this version has them."""
    found = [
        Method(where=f"{place}.{name}", sent=sent, answer=answer, kind=SpanKind.INTERNAL)
        for kind, name, sent, answer in (
            ("SentenceTransformer", "encode", _encode, _vectors),
            ("SparseEncoder", "encode", _encode, _vectors),
            ("CrossEncoder", "predict", _predict, _scores),
            ("CrossEncoder", "rank", _rank, _order),
        )
        if (place := _place(kind)) is not None
    ]
    counted = [
        ("sentence_transformers.base.model", "BaseModel.preprocess"),
        ("sentence_transformers.SentenceTransformer", "SentenceTransformer.tokenize"),
    ]
    return [
        *patched("sentence-transformers", found),
        *(Patch(module, name, _counting, "sentence-transformers") for module, name in counted if module in sys.modules),
    ]


def _place(kind: str) -> str | None:
    """Where a class is defined: it is imported by now, and has moved from version to version."""
    defined = getattr(sys.modules["sentence_transformers"], kind, None)
    return None if defined is None else f"{defined.__module__}:{kind}"


def read_vectors(body: JSON) -> Response:
    """How long the vectors are; nobody reads the vectors themselves."""
    return Response(dimension_count=integer(as_object(body), "dimension_count"))


EMBEDDINGS = Endpoint(operation=Operation.EMBEDDINGS, provider=_NAME, request=read_request, response=read_vectors)
_RERANK = Endpoint(operation=RERANK.operation, provider=_NAME, request=RERANK.request, response=RERANK.response)


def _encode(arguments: Arguments) -> Sent:
    said = arguments.get("inputs", arguments.get("sentences"))
    texts = [said] if isinstance(said, str) else list(said) if isinstance(said, (list, tuple)) else []
    body = {"input": [one if isinstance(one, str) else f"<{type(one).__name__}>" for one in texts]}
    for name, given in (("encoding_format", "precision"), ("dimensions", "truncate_dim")):
        value = arguments.get(given)
        if value is not None:
            body[name] = value
    return Sent(endpoint=EMBEDDINGS, body=body, model=_model(arguments.receiver))


def _predict(arguments: Arguments) -> Sent | None:
    owner = owning.owner_of(get_current(), RERANK.operation)
    if owner is not None and owner.start_attributes.get(PROVIDER_NAME) == _NAME:
        return None  # part of `rank`, which knows the order and the documents too
    pairs = arguments.get("inputs", arguments.get("sentences"))
    if isinstance(pairs, (list, tuple)) and pairs and isinstance(pairs[0], str):
        pairs = [pairs]
    whole = (
        [pair for pair in pairs if isinstance(pair, (list, tuple)) and len(pair) > 1] if isinstance(pairs, (list, tuple)) else []
    )
    queries = list(dict.fromkeys(str(pair[0]) for pair in whole))
    return _asked(arguments, "\n".join(queries), [str(pair[1]) for pair in whole])


def _rank(arguments: Arguments) -> Sent:
    documents = arguments.get("documents")
    return _asked(arguments, arguments.get("query"), list(documents) if isinstance(documents, (list, tuple)) else [])


def _asked(arguments: Arguments, query: Any, documents: list[Any]) -> Sent:
    body = {"query": query, "documents": documents, "top_n": arguments.get("top_k")}
    return Sent(endpoint=_RERANK, body=body, model=_model(arguments.receiver))


def _model(model: Any) -> str | None:
    """What the model was loaded from: its name on the hub, or the last part of its folder's."""
    name = getattr(getattr(model, "model_card_data", None), "base_model", None)
    if not name:
        inner = getattr(model, "transformers_model", None) or getattr(model, "model", None)
        path = getattr(getattr(inner, "config", None), "_name_or_path", None)
        name = PurePath(path).name if isinstance(path, str) and PurePath(path).is_absolute() else path
    return name if isinstance(name, str) and name else None


def _vectors(result: Any) -> JSON:
    first = result[0] if isinstance(result, (list, tuple)) and result else result
    shape: Sequence[int] = getattr(first, "shape", ())
    return {"dimension_count": int(shape[-1]) if len(shape) else None}


def _scores(result: Any) -> JSON:
    if getattr(getattr(result, "device", None), "type", "cpu") != "cpu":
        return {}  # to look at them would make the host wait for its accelerator
    scores = result.tolist() if hasattr(result, "tolist") else result
    scores = scores if isinstance(scores, list) else [scores]
    numbers = [float(score) for score in scores if not isinstance(score, list)]  # a list: as many classes, and no order
    return {"results": [{"index": index, "relevance_score": score} for index, score in enumerate(numbers)]}


def _order(result: Any) -> JSON:
    ranked = [(one["corpus_id"], float(one["score"]), one.get("text")) for one in result]
    return {"results": [{"index": index, "relevance_score": score, "document": text} for index, score, text in ranked]}


_counts: WeakKeyDictionary[Invocation, int] = WeakKeyDictionary()


def _counting(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which makes tokens of a batch, with what it made counted for the operation that it is part of."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        features = function(*args, **kwargs)
        with harmless.guard("counting the tokens of a batch"):
            context = get_current()
            owner = owning.owner_of(context, Operation.EMBEDDINGS) or owning.owner_of(context, RERANK.operation)
            mask = features.get("attention_mask") if owner is not None and owner.is_recording else None
            if mask is not None:
                _counts[owner] = _counts.get(owner, 0) + int(mask.sum())
                owner.usage(Usage(input_tokens=_counts[owner]))
        return features

    return run
