"""What a tokenizer is made of, as far as its library lets it be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from . import splitting
from .merging import Joining


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part that cannot be known from here."""

    why: str


@dataclass(frozen=True, slots=True)
class Added:
    """A token that is found in the text as it stands, before anything else is done with it."""

    id: int
    content: str
    is_special: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the usual: `lstrip`, `rstrip`, `single_word`, `normalized`."""


@dataclass(frozen=True, slots=True)
class Merging:
    """How pieces are joined into tokens."""

    form: str
    """`merges` for BPE; else what the model is called: two of different form are not comparable."""
    joining: Joining[bytes] | None = None
    other: Any = None
    """What else there is to it, as JSON."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The parts of one tokenizer, each in the form that is equal across libraries."""

    name: str | None
    library: str
    version: str | None
    tokens: Mapping[bytes, int] | Unknown
    """Without the added tokens, which are listed apart."""
    unit: Literal["bytes", "text"]
    """What the bytes of `tokens` are: those of the text itself, or a spelling of the library's, such as `▁the` or `##ing`."""
    merging: Merging | Unknown
    normaliser: splitting.Steps | Unknown
    pre_tokeniser: splitting.Steps | Unknown
    added: Sequence[Added] | Unknown
    around: tuple[Sequence[int], Sequence[int]] | Unknown
    """The ids put before and after a text that is encoded with special tokens."""
    chat_template: str | Mapping[str, str] | Unknown | None
    roles: Mapping[str, str] = field(default_factory=dict)
    """What a chat template may call a token, such as `bos_token` -> that token. No part of the identity: it does nothing by itself."""
