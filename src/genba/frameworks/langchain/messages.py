"""LangChain's messages as ours: read from its objects, whose content is text or a list of blocks in the words of one provider or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...conversation import Message, Part, loose, parts
from ...conversation.encoding import decode, encode

_ROLES = {"human": "user", "ai": "assistant", "function": "tool", "AIMessageChunk": "assistant", "HumanMessageChunk": "user"}
_MEDIA = ("image", "audio", "video", "file", "document")
_CALLS = ("tool_use", "tool_call", "tool_call_chunk", "function_call", "invalid_tool_call", "input_json_delta")
"""Blocks that say once more what stands in `tool_calls`."""


def read(said: Any) -> Message:
    """A message: LangChain's object, or what it takes for one: a text, a pair of role and text, a dictionary."""
    if is_message(said):
        return _read(said)
    if isinstance(said, tuple) and len(said) == 2 and isinstance(said[0], str):
        return parts.message(_ROLES.get(said[0], said[0]), content(said[1]))
    one = loose.messages(decode(encode(said)))[0]
    return parts.message(_ROLES.get(one["role"], one["role"]), one["parts"], name=one.get("name"))


def is_message(said: Any) -> bool:
    """Whether this is a message object."""
    return isinstance(getattr(said, "type", None), str) and hasattr(said, "content") and hasattr(said, "additional_kwargs")


def content(said: Any) -> list[Part]:
    """The parts that a message's content, or one of them, stands for."""
    if isinstance(said, str):
        return [parts.text(said)] if said else []
    if isinstance(said, Sequence):
        return [part for block in said if (part := _block(block)) is not None]
    return loose.content(decode(encode(said)))


def listed(state: Any) -> list[Any] | None:
    """The messages in what a graph or chain is given or gives, if it is them that it is about. Not read yet."""
    if is_message(state):
        return [state]
    said = state.get("messages") if isinstance(state, Mapping) else state
    if isinstance(said, str) and said is not state:
        return [said]
    if isinstance(said, (list, tuple)) and said and (said is not state or all(is_message(one) for one in said)):
        return list(said)
    return None


def readable(said: Any) -> Any:
    """A value such as a graph's state, with its messages as ours: for telling what a step gave."""
    if is_message(said):
        return _read(said)
    if isinstance(said, Mapping):
        return {key: readable(value) for key, value in said.items()}
    if isinstance(said, (list, tuple)):
        return [readable(value) for value in said]
    if type(said).__name__ == "Command":
        told = {name: getattr(said, name, None) for name in ("graph", "update", "resume", "goto")}
        return {name: readable(value) for name, value in told.items() if value not in (None, ())}
    return said


def _read(message: Any) -> Message:
    kind = message.type
    role = getattr(message, "role", None) if kind in ("chat", "ChatMessageChunk") else kind.removesuffix("MessageChunk").lower()
    role = _ROLES.get(kind) or _ROLES.get(str(role), str(role))
    name = getattr(message, "name", None)
    if role == "tool":
        return parts.message(role, [_tool_result(message)], name=name if isinstance(name, str) else None)
    said = content(message.content)
    more = message.additional_kwargs if isinstance(message.additional_kwargs, Mapping) else {}
    thought = more.get("reasoning_content")
    if isinstance(thought, str) and thought and not any(part["type"] == "reasoning" for part in said):
        said.insert(0, parts.reasoning(thought))
    if isinstance(more.get("refusal"), str) and more["refusal"]:
        said.append(parts.refusal(more["refusal"]))
    audio = more.get("audio")
    if isinstance(audio, Mapping):
        said.extend(_spoken(audio))
    return parts.message(role, [*said, *_tool_calls(message, more)], name=name if isinstance(name, str) else None)


def _tool_result(message: Any) -> Part:
    said = message.content
    response = said if isinstance(said, str) else content(said)
    status = getattr(message, "status", None)
    return parts.tool_call_response(response, getattr(message, "tool_call_id", None), status="error" if status == "error" else None)


def _tool_calls(message: Any, more: Mapping[str, Any]) -> list[Part]:
    found: list[Part] = []
    for call in (*(getattr(message, "tool_calls", None) or ()), *(getattr(message, "invalid_tool_calls", None) or ())):
        if isinstance(call, Mapping):
            found.append(parts.tool_call(str(call.get("name") or ""), decode(encode(call.get("args"))), call.get("id")))
    function = more.get("function_call")
    if not found and isinstance(function, Mapping):  # what a tool call was before there could be several
        found.append(parts.tool_call(str(function.get("name") or ""), loose.arguments(function.get("arguments"))))
    return found


def _spoken(audio: Mapping[str, Any]) -> list[Part]:
    said: list[Part] = []
    if isinstance(audio.get("transcript"), str):
        said.append(parts.text(audio["transcript"]))
    if isinstance(audio.get("data"), str):
        said.append(parts.blob("audio", audio["data"], id=audio.get("id")))
    return said


def _block(block: Any) -> Part | None:
    if isinstance(block, str):
        return parts.text(block)
    if not isinstance(block, Mapping):
        return parts.text(loose.as_text(decode(encode(block))))
    kind = block.get("type")
    if kind in _CALLS:
        return None
    for read_block in (_words, _thought, _media, _at_the_server):
        part = read_block(str(kind), block)
        if part is not None:
            return part
    value = decode(encode(dict(block)))
    return parts.other(str(kind or "unknown"), value)


def _words(kind: str, block: Mapping[str, Any]) -> Part | None:
    text = block.get("text")
    if kind in ("text", "input_text", "output_text", "text-plain", "None") and isinstance(text, str):
        cited = block.get("annotations") or block.get("citations")
        return {**parts.text(text), "annotations": decode(encode(cited))} if cited else parts.text(text)
    if kind == "refusal" and isinstance(block.get("refusal"), str):
        return parts.refusal(block["refusal"])
    return None


def _thought(kind: str, block: Mapping[str, Any]) -> Part | None:
    if kind == "redacted_thinking":
        return parts.reasoning("", encrypted_content=block.get("data"))
    if kind not in ("reasoning", "thinking", "reasoning_content"):
        return None
    inner = block.get("reasoning_content")
    held = inner if isinstance(inner, Mapping) else block
    said = next((held[name] for name in ("reasoning", "thinking", "text", "content") if isinstance(held.get(name), str)), None)
    if said is None:
        summary = [one.get("text") for one in block.get("summary") or () if isinstance(one, Mapping)]
        said = "\n".join(text for text in summary if isinstance(text, str))
    signature = held.get("signature") or (block.get("extras") or {}).get("signature")
    return parts.reasoning(said, id=block.get("id"), signature=signature, encrypted_content=block.get("encrypted_content"))


def _media(kind: str, block: Mapping[str, Any]) -> Part | None:
    """Media, in LangChain's own words of either version, or in OpenAI's or Anthropic's."""
    if kind in ("image_url", "input_image"):
        given = block.get("image_url")
        url = given.get("url") if isinstance(given, Mapping) else given
        return parts.media("image", url) if isinstance(url, str) else None
    if kind == "input_audio" and isinstance(block.get("input_audio"), Mapping):
        sound = block["input_audio"]
        return parts.blob("audio", str(sound.get("data") or ""), f"audio/{sound['format']}" if sound.get("format") else None)
    if kind not in _MEDIA:
        return None
    inner = block.get("source") or block.get("file")
    held = inner if isinstance(inner, Mapping) else block
    modality = "document" if kind in ("file", "document") else kind
    mime = held.get("mime_type") or held.get("media_type")
    data = next((held[name] for name in ("base64", "data", "file_data") if isinstance(held.get(name), str)), None)
    if data is not None and held.get("type") == "text":
        return parts.text(data)
    if data is not None:
        return parts.media(modality, data) if data.startswith("data:") else parts.blob(modality, data, mime)
    if isinstance(held.get("url"), str):
        return parts.media(modality, held["url"])
    id = next((held[name] for name in ("file_id", "id") if isinstance(held.get(name), str)), None)
    return parts.file(modality, id, mime) if id is not None else None


def _at_the_server(kind: str, block: Mapping[str, Any]) -> Part | None:
    """Tools that the provider runs itself."""
    if kind in ("server_tool_use", "server_tool_call"):
        asked = block.get("args", block.get("input"))
        return parts.server_tool_call(
            str(block.get("name") or ""), {"type": kind, "arguments": decode(encode(asked))}, block.get("id")
        )
    if kind == "server_tool_result" or kind.endswith("_tool_result"):
        found = block.get("output", block.get("content"))
        return parts.server_tool_call_response(
            {"type": kind, "content": decode(encode(found))}, block.get("tool_call_id") or block.get("tool_use_id")
        )
    return None
