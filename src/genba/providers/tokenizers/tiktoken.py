"""tiktoken: OpenAI's encodings."""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.patching import Patch
from ...observing.tokenizing import connect, many_texts, one_text

__all__ = ["connect", "patches"]

_ONE = ("encode", "encode_ordinary", "encode_to_numpy")
_MANY = ("encode_batch", "encode_ordinary_batch")


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    return [
        # The first releases cannot encode to an array.
        *(Patch.at(f"tiktoken.core:Encoding.{name}", one_text, "tiktoken", optional=name == "encode_to_numpy") for name in _ONE),
        *(Patch.at(f"tiktoken.core:Encoding.{name}", many_texts, "tiktoken") for name in _MANY),
    ]
