"""One tokenizer, whichever library it is from: texts to ids, ids to bytes, conversations to the text that the model sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..contents import Unknown
from ..identity import Identity, made_of
from ..piece_bytes import pieces_of
from .finding import Encoder, Found
from .templates import Rendered, RenderingError, render


class Tokenizer:
    """A tokenizer with its identity, as `Tokenizers.of` gives it."""

    def __init__(self, found: Found, encoder: Encoder) -> None:
        contents = found.contents
        self.identity: Identity = made_of(contents)
        self.of_llama_cpp = found.of_llama_cpp
        added = () if isinstance(contents.added, Unknown) else contents.added
        self.special: frozenset[int] = frozenset(one.id for one in added if one.is_special)
        """The ids of the tokens that are control and no text."""
        self.special_texts: Mapping[str, int] = {one.content: one.id for one in added if one.is_special}
        self.takes_space = any(one.options for one in added if one.is_special)
        """Whether a special token may take the white space beside it."""
        self.around = contents.around
        """The ids that are put before and after a text, which is no conversation."""
        steps = [] if isinstance(contents.pre_tokeniser, Unknown) else contents.pre_tokeniser
        self.keeps_bytes = contents.unit == "bytes" and contents.normaliser == [] and not any("prefix" in step for step in steps)
        """Whether the tokens of a text join to just its bytes, unless the vocabulary has no token for one of them."""
        self._encoder = encoder
        self._templates = contents.chat_template
        self._roles = contents.roles
        self._pieces = pieces_of(encoder.native) if not hasattr(encoder.native, "detokenize") else _of_llama_cpp(encoder.native)
        self._by_piece: dict[bytes, int | None] | None = None
        tokens = {} if isinstance(contents.tokens, Unknown) else contents.tokens
        self._ids = {*tokens.values(), *(one.id for one in added)}

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """The ids of a text. `special`: a control token that it spells is control, else it is text as all the rest.

        A surrogate that stands alone has no bytes: U+FFFD stands in for it.
        """
        return self._encoder.encode(well_formed(text), special)

    def piece(self, id: int) -> bytes | None:
        """What a token stands for; a special one as it is written. None: not known."""
        return self._pieces(id)

    def ids_of(self, pieces: Sequence[bytes | None]) -> list[int | None]:
        """The id of each piece, where just one token stands for these bytes."""
        if self._by_piece is None:
            found: dict[bytes, int | None] = {}
            for id in self._ids:
                piece = self._pieces(id)
                if piece is not None:
                    found[piece] = None if piece in found else id
            self._by_piece = found
        return [None if piece is None else self._by_piece.get(piece) for piece in pieces]

    @property
    def chat_template(self) -> str | None:
        """The template of a conversation without tools."""
        return self._template(has_tools=False)

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None = None, **named: Any
    ) -> Rendered:
        """The text that the model sees of a conversation, up to where it begins to answer.

        Raises:
            RenderingError: with the reason, in words.
        """
        template = self._template(has_tools=bool(tools))
        if template is None:
            raise RenderingError("the tokenizer has no chat template")
        return render(template, messages, tools=tools, **{**self._roles, **named})

    def _template(self, *, has_tools: bool) -> str | None:
        templates = self._templates
        if templates is None or isinstance(templates, (str, Unknown)):
            return None if isinstance(templates, Unknown) else templates
        return (templates.get("tool_use") if has_tools else None) or templates.get("default")


def well_formed(text: str) -> str:
    """The text with every surrogate that stands alone replaced by U+FFFD, and the pairs joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _of_llama_cpp(model: Any) -> Any:
    size = model.n_vocab()

    def piece(id: int) -> bytes | None:
        # With another token before it, for the first of a text loses its space.
        if not 0 <= id < size:
            return None
        before = model.detokenize([id], special=True)
        return bytes(model.detokenize([id, id], special=True)[len(before) :])

    return piece
