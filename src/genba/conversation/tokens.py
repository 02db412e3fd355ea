"""Tokens as plain values: what a model saw and said in its own units, and how long it took over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

Side: TypeAlias = Literal["input", "output"]


class Source:
    """Where tokens are known from, best first."""

    ENGINE: Final = "engine"
    """The engine that ran the model, in this process."""
    SERVER: Final = "server"
    """Ids in the server's reply."""
    LOGPROBS: Final = "logprobs"
    """Log-probabilities in the server's reply: pieces, but no ids."""
    APP: Final = "app"
    """A tokenizer that the application called, with this text."""
    LOCAL: Final = "local"
    """A tokenizer that was named to genba for this model: the text was tokenized again, after the call."""


SOURCES: Final = (Source.ENGINE, Source.SERVER, Source.LOGPROBS, Source.APP, Source.LOCAL)
SENT: Final = frozenset((Source.SERVER, Source.LOGPROBS))
"""What the provider sends by itself."""


class Alternative(NamedTuple):
    """A token that could have been chosen at one place."""

    id: int | None
    piece: bytes | None
    logprob: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one text: of a prompt, or of one choice of what was said. Each column is as long as there are tokens, or None."""

    side: Side
    """Whether the model saw them or said them."""
    index: int = 0
    """Which prompt, of several that went in at once; which choice, of several that came out."""
    source: str
    """Where they are known from: see `Source`."""
    ids: Sequence[int | None] | None = None
    """Numbers in the vocabulary. Single ones may be None."""
    pieces: Sequence[bytes | None] | None = None
    """What each token stands for, as bytes: a character can span tokens. Special tokens as they are written, such as `<|im_end|>`."""
    logprobs: Sequence[float | None] | None = None
    """Natural logarithm of each token's probability. None: not told for this one."""
    top: Sequence[Sequence[Alternative]] | None = None
    """The likeliest tokens at each place, as they were told."""
    entropies: Sequence[float | None] | None = None
    """Entropy of the distribution that each token was chosen from, in nats."""
    special: Sequence[int] | None = None
    """Places, ascending, of the tokens that are control and no text. None: not known which are."""
    chunks: Sequence[int] | None = None
    """The number of the chunk, from 0, that each token came with."""
    tokenizer: str | None = None
    """Fingerprint of the tokenizer, where it is known."""
    ids_source: str | None = None
    """Where the ids are known from, if from elsewhere than the rest."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Column -> why it is not known."""

    def __len__(self) -> int:
        """How many tokens there are."""
        columns = (self.ids, self.pieces, self.logprobs, self.top, self.entropies)
        return next((len(column) for column in columns if column is not None), 0)

    @property
    def text(self) -> bytes | None:
        """The text that the tokens make, without the special ones. None where a piece is not known."""
        if self.pieces is None:
            return None
        special = frozenset(self.special or ())
        kept = [piece for at, piece in enumerate(self.pieces) if at not in special]
        return None if None in kept else b"".join(kept)  # type: ignore[arg-type]  # None was looked for

    @property
    def positions(self) -> Sequence[tuple[int, int]] | None:
        """Where in `text` each token begins and ends, in bytes. A special token has no width. None where a piece is not known."""
        if self.pieces is None or any(piece is None for piece in self.pieces):
            return None
        special = frozenset(self.special or ())
        found, end = [], 0
        for at, piece in enumerate(self.pieces):
            start = end
            end += 0 if at in special else len(piece or b"")
            found.append((start, end))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long the engine says that it took, in seconds. None: it does not say."""

    queue: float | None = None
    """Waiting before it began."""
    prefill: float | None = None
    """Reading the prompt."""
    decode: float | None = None
    """Producing the answer."""
    prefill_tokens: int | None = None
    """Tokens that it read for that: those that were not in its cache."""
    decode_tokens: int | None = None
    """Tokens that it produced in that time."""


class Chunk(NamedTuple):
    """One chunk of a stream."""

    at_ns: int
    """When it came, in ns since the epoch."""
    size: int | None = None
    """Its length on the wire, in bytes: the event's data, without what separates events."""
    characters: int | None = None
    """Characters of answer in it, reasoning and arguments of tool calls included."""
    tokens: Mapping[int, int] = MappingProxyType({})
    """Choice -> how many tokens it says are in it."""


class Piece(NamedTuple):
    """What of an answer is in one event of its stream."""

    characters: int | None = 0
    """Characters of answer, reasoning and arguments of tool calls included. None: it cannot be told."""
    tokens: Mapping[int, int] = MappingProxyType({})
    """Choice -> how many of the tokens that the folded answer tells are in it."""
