"""How much of an answer one event of its stream has in it: characters, and the tokens that the event tells.

The counterpart of folding: over all events this adds up to the answer that they fold into.
"""

from __future__ import annotations

from ...conversation import JSON
from ...conversation.tokens import Piece
from ..json_fields import Object, as_object, member, objects, some_text, text
from . import choice_tokens, events

_DELTAS = frozenset(f"{stem}.delta" for stem in events.PLACES)


def of_chunk(chunk: JSON) -> Piece:
    """A chunk of a chat or of a text completion."""
    characters: int = 0
    tokens: dict[int, int] = {}
    said = as_object(chunk)
    choices = said.get("choices")
    if type(choices) is list and len(choices) == 1 and "token" not in said and type(choice := choices[0]) is dict:
        delta = choice.get("delta")
        content = delta.get("content") if type(delta) is dict and len(delta) == 1 else None
        if type(content) is str and (choice_tokens.TELL.isdisjoint(choice) or not choice_tokens.amount(choice)):
            return Piece(len(content))  # nearly every piece is like this: the rest may be slower
    for choice in choice_tokens.choices_of(said):
        characters += len(text(choice, "text") or "") + characters_of(member(choice, "delta"))
        told = choice_tokens.amount(choice)
        if told:
            number = choice.get("index")
            index = number if type(number) is int else 0
            tokens[index] = tokens.get(index, 0) + told
    return Piece(characters, tokens)


def characters_of(message: Object) -> int:
    """The characters of a chat's message, or of a piece of one: what is thought, said, refused and spoken, and what tools are given."""
    if len(message) == 1 and type(said := message.get("content")) is str:
        return len(said)  # nearly every piece: the rest may be slower
    calls = [*objects(message.get("tool_calls")), {"function": message.get("function_call")}]
    asked = [text(member(call, "function"), "arguments") or text(member(call, "custom"), "input") or "" for call in calls]
    return (
        len(some_text(message, "reasoning_content", "reasoning") or "")
        + _content(message.get("content"))
        + len(text(message, "refusal") or "")
        + len(text(member(message, "audio"), "transcript") or "")
        + sum(map(len, asked))
    )


def of_response_event(event: JSON) -> Piece:
    """An event of the Responses API."""
    said = as_object(event)
    if some_text(said, "type") not in _DELTAS:
        return Piece()
    told = len(objects(said.get("logprobs")))
    return Piece(len(text(said, "delta") or ""), {0: told} if told else {})


def of_transcription_event(event: JSON) -> Piece:
    """An event of a transcription."""
    said = as_object(event)
    if said.get("type") != "transcript.text.delta":
        return Piece()
    told = len(objects(said.get("logprobs")))
    return Piece(len(text(said, "delta") or ""), {0: told} if told else {})


def _content(content: JSON) -> int:
    """The characters of a text, or of the texts in a list, of which Mistral's thoughts are lists again."""
    if isinstance(content, str):
        return len(content)
    return sum(_content(one.get("text")) + _content(one.get("thinking")) for one in objects(content))
