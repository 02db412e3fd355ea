"""Which tokenizer belongs to a model: the one that was loaded from the same place.

`generate` is given token ids and gives token ids; nothing in it says what they stand for.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from ... import harmless
from ...observing.patching import Patch

_loaded: WeakValueDictionary[str, Any] = WeakValueDictionary()


def patches() -> Sequence[Patch]:
    """The one place where tokenizers are loaded."""
    return [
        Patch("transformers.tokenization_utils_base", "PreTrainedTokenizerBase.from_pretrained", _remembering, "transformers"),
    ]


def of(model: Any) -> Any:
    """The tokenizer of `model`, if it was loaded since genba is on, and is still in use."""
    name = getattr(model, "name_or_path", None)
    return _loaded.get(name) if isinstance(name, str) and name else None


def decoded(tokenizer: Any, ids: list[int], *, special: bool) -> str | None:
    """The text that the ids stand for; None without a tokenizer. `special`: whether to keep the tokens that are no text."""
    # One at a time: decoding many at once lets go of the interpreter, and the host may want to set up its tokenizer meanwhile.
    text = tokenizer.decode(ids, skip_special_tokens=not special) if tokenizer is not None else None
    return text if isinstance(text, str) else None


def _remembering(loading: Any) -> Any:
    """`from_pretrained`, with what it loaded known by the place that it came from."""
    function = loading.__func__

    @functools.wraps(function)
    def run(kind: Any, *args: Any, **kwargs: Any) -> Any:
        tokenizer = function(kind, *args, **kwargs)
        with harmless.guard("remembering a tokenizer"):
            name = getattr(tokenizer, "name_or_path", None)
            if isinstance(name, str) and name:
                _loaded[name] = tokenizer
        return tokenizer

    return classmethod(run)
