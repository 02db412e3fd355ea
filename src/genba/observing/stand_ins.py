"""What the host is given in place of an object of its library: it says that it is that, and does all that it does."""

from __future__ import annotations

from typing import Any


class StandIn:
    """Stands for `_inner`. A subclass keeps that in a slot, and says what it does differently."""

    __slots__ = ()
    _inner: Any

    @property  # type: ignore[misc]  # `isinstance` asks this, and is to believe it
    def __class__(self) -> Any:
        return self._inner.__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
