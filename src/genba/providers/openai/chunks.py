"""Fold the chunks of a stream into the completion that they add up to. Serves Chat and the older text completions.

Nothing is looked up by name that need not be: texts are joined, lists appended, of everything else the last word counts. So what a
server adds of its own (reasoning, token ids, log-probabilities, timings) arrives as it would have without a stream. One pass, each
text joined once at the end: this runs for every chunk of every stream.
"""

from __future__ import annotations

import base64
import contextlib
from collections import defaultdict
from collections.abc import Sequence

from ...conversation import JSON
from ..json_fields import Object, as_object, objects
from .choice_tokens import choices_of

_LOGPROBS = frozenset({"logprobs", "reasoning_logprobs"})
_ONCE = frozenset({"prompt_token_ids", "prompt_logprobs"})
"""What of a choice comes whole, with its first chunk."""


def fold(events: Sequence[JSON]) -> Object:
    """The response body. A stream that was cut short gives what had arrived, with `finish_reason` null."""
    body: Object = {}
    choices: dict[int, _Choice] = {}
    for chunk in events:
        if not isinstance(chunk, dict):
            continue
        for key, value in chunk.items():
            if key == "choices":
                _add_choices(choices, choices_of(chunk))
            elif value is not None and (value or key not in body):  # usage is null in all chunks but one
                body[key] = value
    body.pop("obfuscation", None)
    if isinstance(body.get("object"), str):
        body["object"] = body["object"].removesuffix(".chunk")
    body["choices"] = [choices[index].whole(index) for index in sorted(choices)]
    return body


def is_last(chunk: JSON) -> bool:
    """Whether this chunk is the last of its stream: the one that has usage and no choices."""
    said = as_object(chunk)
    return said.get("choices") == [] and bool(said.get("usage"))


def joined_sound(pieces: list[str]) -> str:
    """Sound in pieces, each base64 of its own: where one ends in padding, their bytes must be joined and not their letters."""
    if any(piece.endswith("=") for piece in pieces[:-1]):
        with contextlib.suppress(ValueError):
            return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    return "".join(pieces)


def _add_choices(choices: dict[int, _Choice], pieces: Sequence[Object]) -> None:
    for piece in pieces:
        index = piece.get("index")
        if type(index) is not int:
            index = 0
        choice = choices.get(index)
        if choice is None:
            choice = choices[index] = _Choice()
        choice.add(piece)


class _Choice:
    """One answer of the model, growing."""

    __slots__ = ("calls", "fields", "message", "text")

    def __init__(self) -> None:
        self.fields: Object = {"finish_reason": None}
        self.text: list[str] = []
        self.message: _Growing | None = None
        self.calls: _Calls | None = None

    def add(self, piece: Object) -> None:
        for key, value in piece.items():
            if value is None or key == "index":
                continue
            if key == "delta":
                self._say(value)
            elif key == "text":
                self.text.append(value)
            elif key in _ONCE:
                self.fields.setdefault(key, value)
            elif key in _LOGPROBS or isinstance(value, list):
                # Together tells the log-probability of each token as a bare number.
                some = {"token_logprobs": [value]} if isinstance(value, float | int) else value
                self.fields[key] = _appended(self.fields.get(key), some)
            elif value or key not in self.fields:
                self.fields[key] = value

    def _say(self, delta: JSON) -> None:
        if not isinstance(delta, dict):
            return
        if self.message is None:
            self.message = _Growing()
        elif len(delta) == 1 and type(content := delta.get("content")) is str:
            self.message.texts["content"].append(content)  # nearly every chunk: the rest may be slower
            return
        calls = delta.get("tool_calls")
        if calls:
            if self.calls is None:
                self.calls = _Calls()
            self.calls.add(calls)
        token = delta.get("token_id")
        if token is not None:  # Together tells the id of each token beside it
            self.fields["token_ids"] = _appended(self.fields.get("token_ids"), [token])
        self.message.add(delta)

    def whole(self, index: int) -> Object:
        choice = {"index": index, **self.fields}
        if self.message is None:
            choice["text"] = "".join(text for text in self.text if isinstance(text, str))
            return choice
        choice["message"] = {"content": None, **self.message.whole()}
        if self.calls is not None:
            choice["message"]["tool_calls"] = self.calls.whole()
        return choice


class _Growing:
    """An object that arrives in pieces: its texts are joined, its lists appended, nested objects grow in turn."""

    __slots__ = ("fields", "texts")

    _NAMES = frozenset({"role", "id", "type", "name"})
    """Texts that come whole, even where a server repeats them in every piece."""
    _ELSEWHERE = frozenset({"tool_calls", "token_id"})

    def __init__(self) -> None:
        self.fields: Object = {}
        self.texts: dict[str, list[str]] = defaultdict(list)

    def add(self, piece: Object) -> None:
        texts = self.texts
        for key, value in piece.items():
            if type(value) is str:
                if key in self._NAMES:
                    self.fields[key] = value or self.fields.get(key, value)
                else:
                    texts[key].append(value)
            elif value is not None and key not in self._ELSEWHERE:
                self._add_value(key, value)

    def _add_value(self, key: str, value: JSON) -> None:
        if isinstance(value, list):
            self.fields[key] = _appended(self.fields.get(key), value)
        elif isinstance(value, dict):
            known = self.fields.get(key)
            growing = self.fields[key] = known if isinstance(known, _Growing) else _Growing()
            growing.add(value)
        else:
            self.fields[key] = value

    def whole(self) -> Object:
        fields = {key: value.whole() if isinstance(value, _Growing) else value for key, value in self.fields.items()}
        for key, texts in self.texts.items():
            pieces = fields.get(key)
            text = joined_sound(texts) if key == "data" else "".join(texts)
            # Mistral's servers send a content now as text, now as a list of pieces.
            fields[key] = [*pieces, {"type": "text", "text": text}] if isinstance(pieces, list) else text
        return fields


class _Calls:
    """Tool calls, whose pieces say by `index` which call they belong to."""

    __slots__ = ("_at", "_in_order")

    def __init__(self) -> None:
        self._in_order: list[_Growing] = []
        self._at: dict[JSON, _Growing] = {}

    def add(self, pieces: JSON) -> None:
        for piece in objects(pieces):
            index, id = piece.get("index"), piece.get("id")
            index = index if isinstance(index, int) else None
            call = self._at.get(index)
            # Some servers number every call 0, or none: a new id is a new call.
            if call is None or (id and call.fields.get("id") not in (None, id)):
                call = self._at[index] = _Growing()
                self._in_order.append(call)
            call.add(piece)

    def whole(self) -> list[Object]:
        calls = [call.whole() for call in self._in_order]
        for call in calls:
            call.pop("index", None)
        return calls


def _appended(known: JSON, more: JSON) -> JSON:
    """Lists one after the other, also inside an object such as `{"content": [...], "refusal": [...]}`."""
    if isinstance(more, dict):
        known = known if isinstance(known, dict) else {}
        for key, value in more.items():
            known[key] = _appended(known.get(key), value)
        return known
    if not isinstance(more, list):
        return known if more is None else more
    if not isinstance(known, list):
        return list(more)  # ours to append to: the event stays as it came
    known.extend(more)
    return known
