"""What LlamaIndex says of its calls. Of a model call it counts only where no client of ours saw it on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...conversation import Message, Part, Request, Response, Usage, loose, parts
from ...conversation.encoding import decode, encode
from ...conversation.usage import count
from ...observing.wire import unwrapped
from ...semconv import Operation
from ..runs import Run
from ..told import document, finish_reason, present, some_text

_MEDIA = {"image": "image", "audio": "audio", "video": "video", "document": "data"}
"""Kinds of blocks that hold media -> the field with the data, base64."""


def request(event: Any) -> Callable[[], Request]:
    """What a model is asked, from the event that tells so. The list is copied, its messages are read later."""
    said = list(getattr(event, "messages", None) or ())
    prompt = getattr(event, "prompt", None)
    parameters = {**(event.model_dict or {}), **(event.additional_kwargs or {})}

    def read() -> Request:
        known = {
            name: value for name, value in parameters.items() if name not in ("messages", "prompt", "formatted", "system_prompt")
        }
        asked = loose.request(decode(encode(known)))
        messages = [message(one) for one in said] if prompt is None else [parts.message("user", [parts.text(str(prompt))])]
        return Request(**{**{name: getattr(asked, name) for name in Request.__dataclass_fields__}, "messages": messages})

    return read


def response(event: Any) -> Callable[[], Response]:
    """What a model answered, from the event that tells so."""
    answer = event.response

    def read() -> Response:
        if answer is None:
            return Response()
        raw = unwrapped(answer.raw)
        raw = raw if isinstance(raw, Mapping) else {}
        said = getattr(answer, "message", None)
        one = message(said) if said is not None else parts.message("assistant", [parts.text(str(answer.text))])
        native = _reason(raw)
        reason = None if native is None else finish_reason(native)
        return Response(
            id=some_text(raw, "id"),
            model=some_text(raw, "model", "model_version"),
            messages=[parts.message(one["role"], one["parts"], finish_reason=reason)],
            finish_reasons=[reason] if reason else (),
            native_finish_reasons=[native] if native else (),
            usage=_usage(raw, answer.additional_kwargs or {}),
        )

    return read


def message(said: Any) -> Message:
    """A `ChatMessage`, its content in blocks, or as text in older releases."""
    role = str(getattr(said.role, "value", said.role))
    role = {"chatbot": "assistant", "model": "assistant", "function": "tool"}.get(role, role)
    more = said.additional_kwargs or {}
    blocks = getattr(said, "blocks", None)
    read = [_block(block) for block in blocks] if blocks is not None else loose.content(unwrapped(said.content))
    if role == "tool":
        words = [part["content"] for part in read if part["type"] == "text"]
        given = words[0] if len(words) == len(read) == 1 else read
        return parts.message(role, [parts.tool_call_response(given, more.get("tool_call_id"))])
    if not any(part["type"] == "tool_call" for part in read):
        read.extend(_tool_call(call) for call in more.get("tool_calls") or ())
    return parts.message(role, [part for part in read if part.get("content") != "" or part["type"] != "text"])


def _block(block: Any) -> Part:
    kind = str(getattr(block, "block_type", None) or "unknown")
    if kind == "text":
        return parts.text(block.text)
    if kind == "thinking":
        return parts.reasoning(block.content or "", **decode(encode(block.additional_information or {})))
    if kind == "tool_call":
        return parts.tool_call(block.tool_name, decode(encode(loose.arguments(block.tool_kwargs))), block.tool_call_id)
    if kind in _MEDIA:
        return _media(kind, block)
    return parts.other(kind, decode(encode(unwrapped(block))))


def _media(kind: str, block: Any) -> Part:
    data = getattr(block, _MEDIA[kind], None)
    mime = getattr(block, f"{kind}_mimetype", None)
    if isinstance(data, bytes):
        return parts.blob(kind, data.decode("ascii", "replace"), mime)  # it keeps them as base64
    where = block.url or block.path
    return parts.media(kind, str(where)) if where else parts.other(kind, {"mime_type": mime} if mime else {})


def _tool_call(call: Any) -> Part:
    """A tool call as the provider's client wrote it."""
    said = unwrapped(call)
    said = said if isinstance(said, Mapping) else {}
    nested = said.get("function")
    inner = nested if isinstance(nested, Mapping) else said
    asked = inner.get("arguments", inner.get("input"))
    return parts.tool_call(str(inner.get("name") or ""), loose.arguments(asked), said.get("id"))


def _reason(raw: Mapping[str, Any]) -> str | None:
    choices = raw.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else raw
    return some_text(first, "finish_reason", "stop_reason", "done_reason")


def _usage(raw: Mapping[str, Any], more: Mapping[str, Any]) -> Usage | None:
    told = next((raw[name] for name in ("usage", "usage_metadata") if isinstance(raw.get(name), Mapping)), None)
    if told is not None:
        return loose.usage(told)
    read, written = (
        next((number for one in (more, raw) for name in names if (number := count(one.get(name))) is not None), None)
        for names in (("prompt_tokens", "prompt_eval_count"), ("completion_tokens", "eval_count"))
    )
    return None if read is None and written is None else Usage(input_tokens=read, output_tokens=written)


def asked(run: Run, arguments: Mapping[str, Any]) -> None:
    """What a tool, an engine or a workflow was called with."""
    invocation = run.invocation
    given = {**arguments, **arguments.get("kwargs", {})}
    given = {name: value for name, value in given.items() if name != "kwargs" and value is not None and value != ()}
    if invocation.operation == Operation.EXECUTE_TOOL:
        first = given.pop("args", ())
        invocation.took({**({"input": first[0] if len(first) == 1 else first} if first else {}), **_without_context(given)})
    elif invocation.operation in (Operation.INVOKE_AGENT, Operation.INVOKE_WORKFLOW):
        kept = _question({**_fields(given.pop("start_event", None)), **given})
        run.reported.read_request = lambda: Request(messages=loose.messages(kept))


def _fields(event: Any) -> Mapping[str, Any]:
    """What an event holds, in its fields or beside them."""
    held = present(getattr(event, "__dict__", {}))
    beside = getattr(event, "_data", None)
    return {**held, **(beside if isinstance(beside, Mapping) else {})}


def _question(given: Mapping[str, Any]) -> Any:
    """What was asked for in words, or all that was given as JSON."""
    words = next((given[name] for name in ("user_msg", "str_or_query_bundle", "message") if name in given), None)
    said = getattr(words, "query_str", words)
    if isinstance(said, str):
        return said
    return message(said) if hasattr(said, "role") else encode(_without_context(given)).decode()


def _without_context(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if type(value).__name__ not in ("Context", "Memory", "ChatMemoryBuffer")}


def gave(run: Run, result: Any) -> None:
    """What a tool, an engine, a workflow or a step returned."""
    invocation = run.invocation
    if invocation.operation == Operation.EXECUTE_TOOL:
        invocation.gave(getattr(result, "content", result))
    elif invocation.operation in (Operation.INVOKE_AGENT, Operation.INVOKE_WORKFLOW):
        kept = _words(result)
        run.reported.read_response = lambda: Response(messages=loose.messages(kept, role="assistant"))
    elif invocation.operation is None:
        invocation.gave([_document(one) for one in result] if _are_nodes(result) else unwrapped(result))


def failure(run: Run | None, result: Any) -> str | None:
    """What a tool says of its failure, if it did not raise it."""
    if run is None or run.invocation.operation != Operation.EXECUTE_TOOL or not getattr(result, "is_error", False):
        return None
    return str(getattr(result, "content", ""))


def _words(result: Any) -> str:
    for inner in ("result", "response"):
        result = getattr(result, inner, result)
    said = getattr(result, "content", None)
    if isinstance(said, str):
        return said
    return result if isinstance(result, str) else loose.as_text(decode(encode(unwrapped(result))))


def embedded(run: Run, event: Any) -> None:
    """What was embedded, and how long the vectors are."""
    chunks, vectors = [str(one) for one in event.chunks], event.embeddings
    length = len(vectors[0]) if vectors and hasattr(vectors[0], "__len__") else None
    run.reported.read_request = lambda: Request(messages=[parts.message("user", [parts.text(one)]) for one in chunks])
    run.reported.read_response = lambda: Response(dimension_count=length)


def looked_for(run: Run, event: Any) -> None:
    """What a retriever looks for."""
    said = event.str_or_query_bundle
    words = said if isinstance(said, str) else str(getattr(said, "query_str", ""))
    top = getattr(run.memo, "similarity_top_k", None)
    run.reported.read_request = lambda: Request(query=words, retrieval_top_k=count(top))


def found(run: Run, event: Any) -> None:
    """What it found."""
    nodes = list(event.nodes)
    run.reported.read_response = lambda: Response(documents=[_document(one) for one in nodes])


def _are_nodes(result: Any) -> bool:
    return isinstance(result, list) and bool(result) and all(hasattr(one, "node") and hasattr(one, "score") for one in result)


def _document(scored: Any) -> dict[str, Any]:
    node = scored.node
    return document(id=node.node_id, score=scored.score, content=node.get_content(), metadata=node.metadata)
