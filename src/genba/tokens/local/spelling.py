"""Control tokens that the text of a message spells: what is control in the rendered prompt because of the template, and what is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .templates import RenderingError
from .tokenizer import Tokenizer

_PRIVATE: Final = 0x10_0000
"""Where characters begin that no text has a reason to use."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """What the texts spell."""

    said: str
    """Which message spells what, in words."""
    places: Sequence[int] = ()
    """The tokens of the prompt that are control because of that."""
    count_as_text: int | None = None
    """How many tokens the rendered prompt has where they are taken as text; None if it cannot be told which they are."""


def spelled_by_the_texts(
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]], rendered: str, ids: Sequence[int]
) -> Spelled | None:
    """What the messages spell of the control tokens, and where it is in `ids`; None if they spell nothing."""
    if not tokenizer.special_texts:
        return None
    pattern = re.compile("|".join(re.escape(text) for text in sorted(tokenizer.special_texts, key=len, reverse=True)))
    by = [(number, match.group()) for number, message in enumerate(messages, 1) for match in pattern.finditer(message["content"])]
    if not by:
        return None
    said = f"message {by[0][0]} spells {by[0][1]}" + (f", and {len(by) - 1} more are spelled" if len(by) > 1 else "")
    marked, marks = _marked(tokenizer, messages, pattern)
    if marked is None or _restored(marked, marks) != rendered or tokenizer.takes_space:
        return Spelled(said)
    in_order = [match.group() for match in re.finditer(f"{pattern.pattern}|[{''.join(marks)}]", marked)]
    control = [at for at, id in enumerate(ids) if id in tokenizer.special]
    control = control[max(0, len(control) - len(in_order)) :]  # what the engine put before it is not in the prompt
    places = [at for at, text in zip(control, in_order, strict=False) if text in marks] if len(control) == len(in_order) else []
    return Spelled(said, places, _count_as_text(tokenizer, marked, marks, pattern))


def _marked(
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]], pattern: re.Pattern[str]
) -> tuple[str | None, Mapping[str, str]]:
    """The prompt with one character of its own for each kind of token that the texts spell, and what each stands for."""
    spelled = sorted({match.group() for message in messages for match in pattern.finditer(message["content"])})
    marks = {chr(_PRIVATE + at): text for at, text in enumerate(spelled)}
    by_text = {text: mark for mark, text in marks.items()}
    if any(mark in message["content"] for message in messages for mark in marks):
        return None, marks
    hidden = [{**message, "content": pattern.sub(lambda match: by_text[match.group()], message["content"])} for message in messages]
    try:
        return tokenizer.render(hidden).text, marks
    except RenderingError:  # it looked for what is hidden now
        return None, marks


def _restored(marked: str, marks: Mapping[str, str]) -> str:
    for mark, text in marks.items():
        marked = marked.replace(mark, text)
    return marked


def _count_as_text(tokenizer: Tokenizer, marked: str, marks: Mapping[str, str], pattern: re.Pattern[str]) -> int:
    """Each control token of the template is one; all between them is text."""
    between = [_restored(part, marks) for part in pattern.split(marked)]
    return sum(len(tokenizer.encode(part)) for part in between) + len(between) - 1
