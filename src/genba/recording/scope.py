"""What holds for every span inside a block: which conversation, which user, which tags. Context variables, never baggage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .. import semconv
from ..conversation.encoding import readable
from .rendering import clean

if TYPE_CHECKING:
    from typing_extensions import Self

Scalar = str | int | float | bool
Value = Scalar | Sequence[str] | Sequence[int] | Sequence[float] | Sequence[bool]


@dataclass(frozen=True, slots=True)
class Scope:
    """The values in force."""

    conversation_id: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)

    def rendered(self) -> dict[str, Any]:
        """As span attributes."""
        written: dict[str, Any] = dict(self.attributes)
        if self.conversation_id is not None:
            written[semconv.CONVERSATION_ID] = self.conversation_id
        if self.user_id is not None:
            written[semconv.USER_ID] = self.user_id
        if self.tags:
            written[semconv.TAGS] = self.tags
        return written


current: ContextVar[Scope | None] = ContextVar("genba-conversation", default=None)


class conversation:  # noqa: N801  # reads as a statement: with genba.conversation(id=…)
    """Put a conversation's id, user, tags and attributes on every span made inside the block.

    Works with `with` and `async with`, and follows into tasks, `asyncio.to_thread` and whatever else copies the context. Inner blocks
    add to outer ones; what they name again, they replace. Nothing is put into baggage: it does not leave the process this way.

    Args:
        id: The conversation's own id (`gen_ai.conversation.id`). Only a real one: nothing is invented.
        user: Who is talking (`user.id`).
        tags: Words to find the spans by (`genba.tags`).
        attributes: Further span attributes, by full name.

    Example:
        >>> with genba.conversation(id="c-81", user="u-7", tags=["beta"]):
        ...     client.chat.completions.create(...)
    """

    def __init__(
        self,
        id: str | None = None,
        *,
        user: str | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Value] | None = None,
    ) -> None:
        self._id = id
        self._user = user
        given: Sequence[object] = (tags,) if isinstance(tags, str) else tags
        self._tags = tuple(readable(str(tag)) for tag in given if isinstance(tag, (str, int, float)))
        self._attributes = clean(attributes or {})
        self._tokens: list[Token[Scope | None]] = []

    def __enter__(self) -> Self:
        outer = current.get() or Scope()
        inner = replace(
            outer,
            conversation_id=outer.conversation_id if self._id is None else readable(str(self._id)),
            user_id=outer.user_id if self._user is None else readable(str(self._user)),
            tags=(*outer.tags, *(tag for tag in self._tags if tag not in outer.tags)),
            attributes={**outer.attributes, **self._attributes},
        )
        self._tokens.append(current.set(inner))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for token in reversed(self._tokens):
            try:
                current.reset(token)
            except ValueError:  # another task or thread entered the same block: that one is not ours to leave
                continue
            self._tokens.remove(token)
            return

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.__exit__(kind, error, trace)
