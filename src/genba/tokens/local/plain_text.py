"""The texts of a call, where it is made of nothing but texts; else why it cannot be counted."""

from __future__ import annotations

from collections.abc import Sequence

from ...conversation import Message, Part, Request

_KINDS = {
    "tool_call": "a tool call",
    "tool_call_response": "the result of a tool call",
    "server_tool_call": "a tool call",
    "server_tool_call_response": "the result of a tool call",
    "reasoning": "reasoning",
    "blob": "an image or other media",
    "file": "a file",
    "uri": "an image or other media",
    "refusal": "a refusal",
    "compaction": "a summary of turns that were left out",
    "token_ids": "token ids",
}


class Uncountable(ValueError):
    """Why the tokens cannot be known from the text."""


def input_texts(request: Request) -> list[dict[str, str]]:
    """The messages as a chat template takes them.

    Raises:
        Uncountable: there is something that is no text, or something that is not there.
    """
    if request.previous_response_id or request.conversation_id:
        raise Uncountable("the provider adds turns that are not in the request")
    if request.tools:
        raise Uncountable("the request offers tools, and how the engine writes their definitions into the prompt is not known")
    if request.reasoning_level:
        raise Uncountable("the request sets how much to reason, and how that is written into the prompt is not known")
    messages = [{"role": "system", "content": text}] if (text := _joined(request.system_instructions, "the instructions")) else []
    for number, message in enumerate(request.messages, 1):
        one = {"role": message["role"], "content": _joined(message["parts"], f"message {number}")}
        name = message.get("name")
        messages.append({**one, "name": name} if name else one)
    if not messages:
        raise Uncountable("the request has no messages")
    if messages[-1]["role"] == "assistant":
        raise Uncountable("the last message is the model's own, which some engines continue and others follow")
    return messages


def output_text(message: Message) -> str:
    """The one text that a message is.

    Raises:
        Uncountable: it is more than that.
    """
    return _joined(message["parts"], "the answer" if message["role"] == "assistant" else "the prompt")


def _joined(parts: Sequence[Part], where: str) -> str:
    texts = []
    for part in parts:
        kind = part.get("type")
        content = part.get("content")
        if kind != "text" or not isinstance(content, str):
            what = _KINDS.get(str(kind), f"a part of the type {kind!r}")
            raise Uncountable(f"{where} has {what} in it, and what the model saw or said of that is not in the text")
        texts.append(content)
    if len(texts) > 1:
        raise Uncountable(f"{where} has {len(texts)} texts, and what stands between them is not known")
    text = "".join(texts)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Uncountable(f"{where} has a surrogate that stands alone: what the model saw in its place is not known") from None
    return text
