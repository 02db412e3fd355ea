"""sentence-transformers: models in this process that make vectors of texts, or put texts in order by how well they answer another.

`encode_query` and `encode_document` go through `encode`. Each batch passes a tokenizer, and what comes out of that is counted: these are
the tokens that the model saw, padding left out.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, Final

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from .. import harmless
from ..conversation import JSON, Response, Tokens, Usage
from ..conversation.usage import ENGINE
from ..observing import methods
from ..observing.beside import Beside, at_work
from ..observing.endpoint import Endpoint
from ..observing.methods import Arguments, Method, Sent
from ..observing.patching import Patch
from ..recording import owning
from ..semconv import PROVIDER_NAME, Operation
from ..tokens.vocabulary import Vocabulary
from . import engine_tokens, in_process
from .json_fields import as_object, integer
from .openai.embeddings import read_request
from .openai.rerank import RERANK

_NAME = "sentence_transformers"
_LIBRARY = "sentence-transformers"
MOST_TEXTS: Final = 256
"""Texts of one call whose tokens are kept: the first ones that the model reads."""


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
        *(Patch.at(method.where, functools.partial(_observed, method), _LIBRARY) for method in found),
        *(Patch(module, name, _counting, _LIBRARY) for module, name in counted if module in sys.modules),
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
    return Sent(endpoint=EMBEDDINGS, body=body, model=_model(arguments.receiver), beside=Batches(texts))


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
    return Sent(endpoint=_RERANK, body=body, model=_model(arguments.receiver), beside=Batches([]))


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


def _observed(method: Method, function: Callable[..., Any]) -> Callable[..., Any]:
    shown = in_process.showing_vectors(function, _NAME, _together)
    return methods.observed(method, shown)  # type: ignore[no-any-return]  # it is a function again


def _together(result: Any) -> Any:
    """Vectors that came as a list, as one tensor."""
    torch: Any = sys.modules.get("torch")
    is_listed = isinstance(result, list) and result and all(isinstance(one, torch.Tensor) for one in result)
    return torch.stack(result) if is_listed and len({one.shape for one in result}) == 1 else result


def _counting(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which makes tokens of a batch, with what it made noted for the call that it is part of."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        features = function(*args, **kwargs)
        with harmless.guard("counting the tokens of a batch"):
            call = at_work(_NAME)
            if call is not None and isinstance(call.beside, Batches):
                call.beside.note(args[0], args[1] if len(args) > 1 else next(iter(kwargs.values()), None), features)
        return features

    return run


class Batches(Beside):
    """The batches of one call: how many tokens were in them, and which."""

    __slots__ = ("_batches", "_count", "_is_noted", "_places", "_texts", "_tokenizer")

    def __init__(self, texts: Sequence[Any]) -> None:
        super().__init__()
        self._count: int | None = None
        self._batches: list[tuple[list[int | None], Any, Any]] = []
        self._texts = 0
        self._tokenizer: Any = None
        self._is_noted = in_process.wants_tokens()
        # The library sorts texts by their length, and hands the very objects on.
        self._places: dict[int, list[int]] = {}
        for at, text in enumerate(texts if self._is_noted else ()):
            self._places.setdefault(id(text), []).append(at)
        self.add(self.read)

    def note(self, model: Any, texts: Any, features: Any) -> None:
        """A batch passes."""
        mask = features.get("attention_mask")
        if mask is None:
            return
        self._count = (self._count or 0) + int(mask.sum())
        ids = features.get("input_ids")
        is_told = isinstance(texts, (list, tuple)) and ids is not None and ids.shape == mask.shape and len(ids) == len(texts)
        if self._is_noted and is_told:
            if self._texts < MOST_TEXTS:
                self._tokenizer = getattr(model, "tokenizer", None)
                self._batches.append(([self._place(text) for text in texts], ids, mask))
            self._texts += len(texts)

    def _place(self, text: Any) -> int | None:
        places = self._places.get(id(text))
        return places.pop(0) if places else None

    def read(self) -> Response:
        """What it cost, and the tokens of each text. Runs on the exporter's thread."""
        usage = None if self._count is None else Usage(input_tokens=self._count, source=ENGINE)
        return Response(usage=usage, tokens=self._tokens() if self._batches else ())

    def _tokens(self) -> list[Tokens]:
        with harmless.guard("reading the tokens of texts"):
            return self._read_tokens()
        return []

    def _read_tokens(self) -> list[Tokens]:
        vocabulary = engine_tokens.of_tokenizer(self._tokenizer)
        rows: list[tuple[int | None, list[int]]] = []
        for places, ids, mask in self._batches:
            for place, row, counts in zip(places, ids.tolist(), mask.tolist(), strict=True):
                rows.append((place, [one for one, is_one in zip(row, counts, strict=True) if is_one]))
        return _placed(rows[:MOST_TEXTS], self._texts, vocabulary)


def _placed(rows: Sequence[tuple[int | None, list[int]]], texts: int, vocabulary: Vocabulary) -> list[Tokens]:
    """The tokens of each text, by its place in the call."""
    unknown = {}
    if texts > len(rows):
        unknown["texts"] = f"of {texts} texts those that the model read first are recorded: {len(rows)}"
    if any(place is None for place, _ in rows):
        unknown["index"] = "the library put the texts in another order: these are in that"
        rows = [(at, ids) for at, (_, ids) in enumerate(rows)]
    return [
        vocabulary.tokens(ids, "input", place, unknown)
        for place, ids in sorted(rows, key=lambda row: row[0] or 0)
        if place is not None
    ]
