"""Span attributes that are worked out when somebody reads them: on the exporter's thread, not on the host's.

The OpenTelemetry SDK hands a finished span's attribute mapping, as it is, to every processor and exporter. Ours knows the invocation
and renders it at the first reading. Until the span has ended it behaves as the SDK's own mapping, with what was set so far. A span of
another make (another SDK, a vendor's subclass) gets its attributes at once instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import Span as AnySpan

from .. import harmless

Render = Callable[[int | None, Mapping[str, Any]], Mapping[str, Any]]
"""How long each text may be, what is set already -> all attributes, cleaned, most precious first."""


class PendingAttributes(BoundedAttributes):
    """The SDK's attribute mapping, completed by `render` once it is read after the end of the span."""

    render: Render | None
    invocation: Any
    ready: bool
    """Set at the end of the span: from then on a reading renders."""

    def __init__(self, before: BoundedAttributes, render: Render, invocation: Any) -> None:
        # Not super().__init__: the mapping that the SDK made is taken over as it is, with what processors already put into it.
        self.__dict__.update(before.__dict__)
        self.render = render
        self.invocation = invocation
        self.ready = False

    def _settle(self) -> None:
        if not self.ready:
            return
        with self._lock:
            render, self.render = self.render, None
            if render is None:
                return
            before, self._dict = self._dict, {}
            try:
                self._dict = dict(self._within_limits(render(self.max_value_len, before)))
            except Exception as error:  # noqa: BLE001  # a reading must not fail; and what was not looked through does not leave
                self._dict = {name: value for name, value in before.items() if not _may_be_words(value)}
                harmless.failed("rendering the span", error)

    def _within_limits(self, rendered: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        room = len(rendered) if self.maxlen is None else self.maxlen
        self.dropped += max(len(rendered) - room, 0)
        return itertools.islice(rendered.items(), room)

    def __getitem__(self, key: str) -> Any:
        if self.render is not None:
            self._settle()
        return self._dict[key]

    def __iter__(self) -> Iterator[str]:
        if self.render is not None:
            self._settle()
        return iter(list(self._dict))

    def __len__(self) -> int:
        if self.render is not None:
            self._settle()
        return len(self._dict)

    # The views that a mapping inherits look every key up again, through us; these are the dictionary's own.
    def keys(self) -> KeysView[str]:
        self._settle()
        return self._dict.keys()

    def items(self) -> ItemsView[str, Any]:
        self._settle()
        return self._dict.items()

    def values(self) -> ValuesView[Any]:
        self._settle()
        return self._dict.values()

    def __bool__(self) -> bool:
        return True  # the SDK asks `attributes or {}`: answering must not cost a rendering

    def __repr__(self) -> str:
        self._settle()
        return repr(self._dict)

    def copy(self) -> MutableMapping[str, Any]:
        self._settle()
        return dict(self._dict)

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundedAttributes:
        self._settle()
        settled = BoundedAttributes(self.maxlen, self._dict, immutable=self._immutable, max_value_len=self.max_value_len)
        settled.dropped = self.dropped
        return settled


def merged(before: Mapping[str, Any], rendered: Mapping[str, Any]) -> dict[str, Any]:
    """What the host or a processor set itself wins, and stands first, where a limit does not reach it."""
    return {**before, **{name: value for name, value in rendered.items() if name not in before}}


def _may_be_words(value: Any) -> bool:
    return not isinstance(value, (bool, int, float))


def defer(span: AnySpan, render: Render, invocation: Any) -> PendingAttributes | None:
    """Have `span`'s attributes rendered when they are read. None if it is not a span of the SDK's own make."""
    if not isinstance(span, Span):
        return None
    attributes = getattr(span, "_attributes", None)
    if type(attributes) is not BoundedAttributes:
        return None
    pending = span._attributes = PendingAttributes(attributes, render, invocation)  # noqa: SLF001  # where the SDK keeps them
    return pending


def invocation_of(span: Any) -> Any:
    """The invocation behind a finished span, or None if it is not one of ours."""
    return getattr(getattr(span, "_attributes", None), "invocation", None)
