"""What LangChain says of a model call, as a request and a response. It counts only where no client of ours saw the call on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import Message, Request, Response, Usage, logprobs, loose, parts
from ...conversation.encoding import decode, encode
from ...conversation.usage import count, summed
from .. import told
from ..told import finish_reason, present, some_text
from . import messages

_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""LangChain's words for who serves a model, where the conventions have another."""
_TEXT = semconv.Operation.TEXT_COMPLETION


def provider(metadata: Mapping[str, Any]) -> str | None:
    """Who is asked, as far as it is said before the call."""
    said = metadata.get("ls_provider")
    return _PROVIDERS.get(said, said) if isinstance(said, str) else None


def model_name(metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    """The model that is asked for."""
    return some_text(metadata, "ls_model_name") or some_text(parameters, "model", "model_name", "model_id")


def request(said: Sequence[Any], parameters: Mapping[str, Any], metadata: Mapping[str, Any]) -> Request:
    """What is asked: messages, or the texts of a completion."""
    known = {"temperature": metadata.get("ls_temperature"), "max_tokens": metadata.get("ls_max_tokens")}
    given = present({**known, **parameters})
    for name in ("messages", "prompt", "input"):
        given.pop(name, None)
    asked = loose.request(decode(encode(given)))
    read = [parts.message("user", messages.content(one)) if isinstance(one, str) else messages.read(one) for one in said]
    return replace(asked, model=asked.model or model_name(metadata, parameters), messages=read)


def response(result: Any) -> Response:
    """What came back: an `LLMResult`, one message for each of its generations."""
    generations = [one for batch in getattr(result, "generations", None) or () for one in batch]
    said = [getattr(one, "message", None) for one in generations]
    beside = _object(getattr(result, "llm_output", None))
    about = [_about(one, message) for one, message in zip(generations, said, strict=True)]
    known = {**beside, **next((one for one in about if one), {})}
    native = [some_text(one, "finish_reason", "stop_reason", "done_reason") for one in about]
    has_calls = [bool(getattr(message, "tool_calls", None)) for message in said]
    return Response(
        id=some_text(known, "id") or _own_id(said),
        model=some_text(known, "model_name", "model", "model_id"),
        messages=[
            _answer(one, message, _reason(why, asks_for_tools=calls))
            for one, message, why, calls in zip(generations, said, native, has_calls, strict=True)
        ],
        finish_reasons=[_reason(why, asks_for_tools=calls) or "error" for why, calls in zip(native, has_calls, strict=True)]
        if any(native)
        else (),
        native_finish_reasons=[why or "" for why in native] if any(native) else (),
        usage=_usage(said) or _older_usage(known),
        tokens=[tokens for at, one in enumerate(about) for tokens in logprobs.of_choice(one.get("logprobs"), at)],
        attributes=_attributes(known),
    )


def given(kept: list[Any] | bytes) -> Request:
    """What an agent or a workflow was given: messages, or any value as JSON."""
    if isinstance(kept, bytes):
        said = decode(kept)
        alone = isinstance(said, dict) and len(said) == 1 and isinstance(one := next(iter(said.values())), str)
        return Request(messages=loose.messages(one if alone else {"role": "user", "content": loose.as_text(said)}))
    return Request(messages=[messages.read(one) for one in kept])


def gave(kept: list[Any] | bytes) -> Response:
    """What it gave: the last of its messages, or any value as JSON."""
    if isinstance(kept, bytes):
        return Response(messages=loose.messages({"role": "assistant", "content": loose.as_text(decode(kept))}))
    return Response(messages=[messages.read(kept[-1])])


def query(text: str) -> Request:
    """What a retriever looks for."""
    return Request(query=text)


def document(found: Any) -> Mapping[str, Any]:
    """A document that it found."""
    beside = _object(getattr(found, "metadata", None))
    score = next(
        (beside[name] for name in ("score", "relevance_score", "_score") if isinstance(beside.get(name), (int, float))), None
    )
    id = getattr(found, "id", None) or beside.get("id")
    return told.document(id=id, score=score, content=getattr(found, "page_content", None), metadata=dict(beside))


def _answer(generation: Any, message: Any, reason: str | None) -> Message:
    if message is None:
        return parts.message("assistant", messages.content(getattr(generation, "text", "")), finish_reason=reason)
    # Its name is no part of the answer: agents put theirs there afterwards.
    return parts.message("assistant", messages.read(message)["parts"], finish_reason=reason)


def _about(generation: Any, message: Any) -> dict[str, Any]:
    """What is said beside an answer: where it came from, why it ended."""
    return {**_object(getattr(generation, "generation_info", None)), **_object(getattr(message, "response_metadata", None))}


def _own_id(said: Sequence[Any]) -> str | None:
    """The provider's id of the answer; those that LangChain makes up say nothing."""
    id = getattr(said[0], "id", None) if said else None
    return id if isinstance(id, str) and not id.startswith(("run-", "run--", "lc_run-", "lc_")) else None


def _reason(native: str | None, *, asks_for_tools: bool) -> str | None:
    if native is None:
        return None
    reason = finish_reason(native)
    return "tool_call" if asks_for_tools and reason == "stop" else reason


def _usage(said: Sequence[Any]) -> Usage | None:
    told = [one for message in said if isinstance(one := getattr(message, "usage_metadata", None), Mapping)]
    return summed([_one_usage(one) for one in told]) if told else None


def _one_usage(told: Mapping[str, Any]) -> Usage:
    read, written = (_object(told.get(f"{side}_token_details")) for side in ("input", "output"))
    return Usage(
        input_tokens=count(told.get("input_tokens")),
        output_tokens=count(told.get("output_tokens")),
        cache_read_input_tokens=count(read.get("cache_read")),
        cache_write_input_tokens=count(read.get("cache_creation")),
        audio_input_tokens=count(read.get("audio")),
        text_input_tokens=count(read.get("text")),
        image_input_tokens=count(read.get("image")),
        reasoning_output_tokens=count(written.get("reasoning")),
        audio_output_tokens=count(written.get("audio")),
        text_output_tokens=count(written.get("text")),
        image_output_tokens=count(written.get("image")),
        raw=decode(encode(dict(told))),
    )


def _older_usage(known: Mapping[str, Any]) -> Usage | None:
    told = known.get("token_usage") or known.get("usage")
    return loose.usage(decode(encode(dict(told)))) if isinstance(told, Mapping) and told else None


def _attributes(known: Mapping[str, Any]) -> dict[str, Any]:
    return present(
        {
            semconv.OPENAI_RESPONSE_SERVICE_TIER: some_text(known, "service_tier"),
            semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: some_text(known, "system_fingerprint"),
        }
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
