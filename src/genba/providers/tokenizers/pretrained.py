"""transformers' tokenizers: those in Python, and those that rest on tokenizers, whose calls are then noted as of these."""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.patching import Patch
from ...observing.tokenizing import connect, of_conversation, of_texts, outermost

__all__ = ["connect", "patches"]

_BASE = "transformers.tokenization_utils_base:PreTrainedTokenizerBase"


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    return [
        Patch.at(f"{_BASE}.__call__", outermost(of_texts), "transformers"),
        Patch.at(f"{_BASE}.encode", outermost(of_texts), "transformers"),
        Patch.at(f"{_BASE}.apply_chat_template", outermost(of_conversation), "transformers"),
    ]
