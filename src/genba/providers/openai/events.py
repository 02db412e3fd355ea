"""Fold the events of a Responses stream into the response that they add up to.

The last event of a whole stream carries it ready-made. Only a stream that was cut short is put together from its pieces; some
servers leave out `output_index`, then `item_id` says what belongs together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...conversation import JSON
from ..json_fields import Object, as_object, integer, member, objects, rest, some_text

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


class Place(NamedTuple):
    """Where the pieces of one kind belong: in which field, of an item or of one of its parts."""

    item: str
    field: str
    part: str = ""
    """The type of the part; if empty, the field is the item's own."""
    parts: str = "content"
    """The item's list of such parts."""
    position: str = "content_index"
    """The event's field that says where in that list the part is."""


PLACES = {
    "response.output_text": Place("message", "text", "output_text"),
    "response.text": Place("message", "text", "text"),  # the Realtime API's older name
    "response.output_audio_transcript": Place("message", "transcript", "output_audio"),
    "response.audio_transcript": Place("message", "transcript", "audio"),
    "response.refusal": Place("message", "refusal", "refusal"),
    "response.reasoning_text": Place("reasoning", "text", "reasoning_text"),
    "response.reasoning_summary_text": Place("reasoning", "text", "summary_text", "summary", "summary_index"),
    "response.function_call_arguments": Place("function_call", "arguments"),
    "response.custom_tool_call_input": Place("custom_tool_call", "input"),
    "response.mcp_call_arguments": Place("mcp_call", "arguments"),
    "response.code_interpreter_call_code": Place("code_interpreter_call", "code"),
}


def is_last(event: JSON) -> bool:
    """Whether this event is the last of its stream."""
    return some_text(as_object(event), "type") in _ENDS


def fold(events: Sequence[JSON]) -> Object:
    """The response body."""
    finished = _finished(events)
    if finished and finished.get("output"):
        return finished
    begun = _Begun()
    for event in events:
        if isinstance(event, dict):
            begun.add(event)
    return begun.whole()


def _finished(events: Sequence[JSON]) -> Object | None:
    for event in reversed(events):
        if isinstance(event, dict) and some_text(event, "type") in _ENDS:
            return member(event, "response")
    return None


class _Begun:
    """A response of which the end is missing."""

    def __init__(self) -> None:
        self._response: Object = {}
        self._items: dict[JSON, _Item] = {}

    def add(self, event: Object) -> None:
        kind = some_text(event, "type") or ""
        stem, _, step = kind.rpartition(".")
        if isinstance(event.get("response"), dict):
            self._response.update(event["response"])
        elif kind == "error":
            self._response.update(status="failed", error=member(event, "error") or rest(event, "type"))
        elif stem == "response.output_item":
            self._item(event, member(event, "item")).stands(member(event, "item"), done=step == "done")
        elif stem in PLACES:
            self._item(event).piece(PLACES[stem], event, step)
        elif kind == "response.output_text.annotation.added":
            self._item(event).annotation(event)
        elif kind == "response.image_generation_call.partial_image":
            self._item(event).image(event)

    def whole(self) -> Object:
        output = [item.whole() for item in self._items.values()]
        return {**self._response, "output": output or self._response.get("output") or []}

    def _item(self, event: Object, item: Object | None = None) -> _Item:
        index = event.get("output_index")
        key = index if type(index) is int else some_text(event, "item_id") or some_text(item or {}, "id")
        if key not in self._items:
            self._items[key] = _Item()
        return self._items[key]


class _Item:
    """One item of the output, growing."""

    __slots__ = ("_annotations", "_done", "_fields", "_logprobs", "_texts")

    def __init__(self) -> None:
        self._fields: Object = {}
        self._done = False
        self._texts: dict[tuple[Place, int], list[str]] = {}
        self._logprobs: dict[int, list[JSON]] = {}
        self._annotations: dict[int, list[JSON]] = {}

    def stands(self, item: Object, *, done: bool) -> None:
        """The item as the server has it now; when it is done, its pieces are in it."""
        self._fields, self._done = item, done

    def piece(self, place: Place, event: Object, step: str) -> None:
        index = _index(event, place.position)
        texts = self._texts.setdefault((place, index), [])
        if step == "done":
            whole = some_text(event, place.field)
            texts[:] = [whole] if whole else texts
        elif isinstance(event.get("delta"), str):
            texts.append(event["delta"])
            if event.get("logprobs"):
                self._logprobs.setdefault(index, []).extend(objects(event["logprobs"]))

    def annotation(self, event: Object) -> None:
        self._annotations.setdefault(_index(event, "content_index"), []).append(event.get("annotation"))

    def image(self, event: Object) -> None:
        """A preview: the best there is until the image itself comes."""
        said = {key: event[key] for key in ("output_format", "size", "quality", "background") if event.get(key)}
        preview = {**said, "result": event.get("partial_image_b64"), "partial": True}
        self._fields = {"type": "image_generation_call", "id": event.get("item_id"), **self._fields, **preview}

    def whole(self) -> Object:
        if self._done:
            return self._fields
        item = dict(self._fields)
        grown: dict[str, dict[int, Object]] = {}
        for (place, index), texts in self._texts.items():
            item.setdefault("type", place.item)
            text = "".join(texts)
            if not place.part:
                item[place.field] = text
            elif text:
                grown.setdefault(place.parts, {})[index] = {"type": place.part, place.field: text, **self._beside(place, index)}
        if item.get("type") == "message":
            item.setdefault("role", "assistant")
        return {**item, **{field: [by_index[index] for index in sorted(by_index)] for field, by_index in grown.items()}}

    def _beside(self, place: Place, index: int) -> Object:
        beside = {"logprobs": self._logprobs.get(index), "annotations": self._annotations.get(index)}
        return {key: value for key, value in beside.items() if value and place.part == "output_text"}


def _index(event: Object, key: str) -> int:
    return integer(event, key) or 0
