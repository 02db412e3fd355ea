"""tokenizers: Hugging Face's, in Rust, on which transformers' fast tokenizers rest as well."""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.patching import Patch
from ...observing.tokenizing import connect, later, many_texts, one_text

__all__ = ["connect", "patches"]

_WRAPS = {
    "encode": one_text,
    "encode_batch": many_texts,
    "encode_batch_fast": many_texts,
    "async_encode": later,
    "async_encode_batch": later,
    "async_encode_batch_fast": later,
}


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    return [
        Patch.at(f"tokenizers:Tokenizer.{name}", wrap, "tokenizers", optional=name.startswith("async"))
        for name, wrap in _WRAPS.items()
    ]
