"""Tokenizers on this machine, found by the name of a model: they cut the text of a call into tokens once more, after it.

What they tell is not what the model saw. It is what it would have seen if it was given this text, with this template; and a model may
well say a text in other tokens than those that the text is cut into. Therefore it counts least of all sources, and what cannot be
known from the text is left unknown.

All of it is for the exporter's thread: loading takes seconds, and cutting a long text takes milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from ...conversation import Request, Response
from ..identity import Identity
from ..patience import OutOfTimeError
from . import encodings
from .counting import Counted, count
from .finding import NotFoundError, find
from .tokenizer import Tokenizer

__all__ = ["Counted", "Tokenizer", "Tokenizers"]

_lock = threading.Lock()
_loaded: dict[str, Tokenizer] = {}
"""By the name that they were asked for, for the whole process."""


class Tokenizers:
    """The tokenizers by the models that they belong to."""

    def __init__(self, named: Mapping[str, str]) -> None:
        """Remember `named`: the name of a model, or a pattern of such names, and what its tokenizer is called."""
        self._named = dict(named)
        self._failed: dict[str, str] = {}

    def is_named(self, model: str | None) -> bool:
        """Whether a tokenizer was named for this model."""
        return self._word(model) is not None

    def of(self, model: str | None, provider: str | None) -> Tokenizer | str:
        """The tokenizer of a model; as words, why there is none."""
        word = self._word(model)
        if word is not None:
            found = self._load(word)
            return found if isinstance(found, Tokenizer) else f"the tokenizer {word!r}, named for {model}, cannot be used: {found}"
        encoding = encodings.named_by(model) if provider in encodings.OPENAI else None
        if encoding is None:
            name = model or "a model without a name"
            return f"no tokenizer is known for {name}: name one with genba.init(tokenizers={{{model or '*'!r}: …}})"
        found = self._load(encoding)
        if isinstance(found, Tokenizer):
            return found
        why = "" if "is not installed" in found else f" ({found})"
        return f"the encoding {encoding} of {model} is not at hand{why}; it comes with: pip install 'genba[tokens]'"

    def count(
        self, model: str | None, provider: str | None, request: Request, response: Response, operation: str | None = None
    ) -> Counted | str:
        """Count a call's tokens with the tokenizer of its model; as words, why there is none.

        `operation`: its `gen_ai.operation.name`; without one it is taken for a conversation.
        """
        # A deployment may go by a name of its own, and a server by another model's: the answer says which model it is.
        names = (model, request.model, response.model)
        named = next((one for one in names if self.is_named(one)), None)
        found = self.of(named or response.model or model, provider)
        return found if isinstance(found, str) else count(found, provider, request, response, operation)

    def ids_of(
        self, model: str | None, provider: str | None, pieces: Sequence[bytes | None]
    ) -> tuple[Identity, list[int | None]] | None:
        """The ids of pieces, each where just one token stands for these bytes; None if the model's tokenizer is not known."""
        found = self.of(model, provider)
        return None if isinstance(found, str) else (found.identity, found.ids_of(pieces))

    def _word(self, model: str | None) -> str | None:
        """What the tokenizer that was named for this model is called: for its very name, or the first pattern that fits."""
        if model is None:
            return None
        exact = self._named.get(model)
        return exact or next((word for pattern, word in self._named.items() if fnmatchcase(model, pattern)), None)

    def _load(self, word: str) -> Tokenizer | str:
        with _lock:
            if word in _loaded:
                return _loaded[word]
            if word not in self._failed:
                found = _opened(word)
                if isinstance(found, Tokenizer):
                    _loaded[word] = found
                    return found
                self._failed[word] = found
            return self._failed[word]


def _opened(word: str) -> Tokenizer | str:
    try:
        found = find(word)
        encoder = found.encoder()
        return encoder if isinstance(encoder, str) else Tokenizer(found, encoder)
    except (NotFoundError, OutOfTimeError) as error:
        return " ".join(str(error).split())
