"""IBM's client for watsonx.ai: OpenAI's chat, an older API for texts, vectors and rankings, of models and of deployments.

Its public methods say when a call begins and how it ends, the functions that make the payload what is sent. One stream gives the host
only its texts; its events pass a function that looks for warnings. Many prompts at once are one call, sent by threads of the client's.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, Usage, parts
from ...conversation.usage import count, summed
from ...observing import beside, exchanges, methods
from ...observing.beside import Beside
from ...observing.endpoint import Endpoint
from ...observing.exchanges import Exchange
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from ..extras import chosen, extra
from ..json_fields import Object, as_object, integer, items, member, number, objects, present, some_text, texts
from ..openai import chat, rerank
from . import tokens

_LIBRARY, _PROVIDER = "ibm-watsonx-ai", "ibm.watsonx.ai"
_MODELS = "ibm_watsonx_ai.foundation_models"
_INFERENCE = f"{_MODELS}.inference"
_MAKERS = (
    f"{_INFERENCE}.fm_model_inference:FMModelInference",
    f"{_INFERENCE}.deployment_model_inference:DeploymentModelInference",
)
_DECIDERS = (
    "ibm_watsonx_ai._wrappers.httpx.retry_transport.retry_transport_mixin:RetryTransportMixin._get_sleep_time",
    "ibm_watsonx_ai._wrappers.httpx.rate_limited_retry.rate_limited_retry_decorator:RateLimitedRetryDecorator._is_backoff_required",
)
_BEFORE_1_6 = "ibm_watsonx_ai._wrappers.httpx_wrapper:backoff_timeout"
_FINISH_REASONS = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "token_limit": "length",
    "cancelled": "error",
}
_UNFINISHED = "not_finished"
_COUNTS = ("input_token_count", "generated_token_count")


def read_chat(body: JSON) -> Request:
    """What was asked. A deployment knows its model itself."""
    body = as_object(body)
    return chat.read_request({**body, "model": body.get("model_id")})


def read_streamed_chat(body: JSON) -> Request:
    """The same; that a stream is wanted is said by the address, not by the request."""
    return replace(read_chat(body), stream=True)


def read_chat_answer(body: JSON) -> Response:
    """What came back, one message for each choice."""
    body = as_object(body)
    read = chat.read_response({**body, "model": some_text(body, "model_id", "model")})
    return replace(read, attributes={**chosen(body, "model_version", "moderations"), **read.attributes})


def read_prompts(body: JSON) -> Request:
    """What was asked. Each prompt is a turn of the user; a deployed template is given values instead."""
    body = as_object(body)
    asked = member(body, "parameters")
    said = [[parts.text(prompt)] for prompt in texts(body.get("input")) if prompt]
    values = member(asked, "prompt_variables")
    if values:
        said.append([parts.other("prompt_variables", {"content": values})])
    return Request(
        model=some_text(body, "model_id"),
        messages=[parts.message("user", turn) for turn in said],
        temperature=number(asked, "temperature"),
        top_p=number(asked, "top_p"),
        top_k=integer(asked, "top_k"),
        max_tokens=integer(asked, "max_new_tokens"),
        stop_sequences=tuple(texts(asked.get("stop_sequences"))),
        seed=integer(asked, "random_seed"),
    )


def read_streamed_prompt(body: JSON) -> Request:
    """The same, of a stream."""
    return replace(read_prompts(body), stream=True)


def read_texts(body: JSON) -> Response:
    """What came back, one message for each result; of many prompts there is an answer each."""
    answers = objects(body) or [as_object(body)]
    results = [result for answer in answers for result in objects(answer.get("results"))]
    said = [some_text(result, "stop_reason") for result in results]
    native = ["" if reason is None or reason.lower() == _UNFINISHED else reason.lower() for reason in said]
    known = native if any(native) else []
    noticed = {
        "model_version": answers[0].get("model_version"),
        "moderations": [r["moderations"] for r in results if r.get("moderations")],
    }
    return Response(
        model=some_text(answers[0], "model_id"),
        messages=[_message(result, reason) for result, reason in zip(results, native, strict=True)],
        finish_reasons=[_FINISH_REASONS.get(reason, reason) or "error" for reason in known],
        native_finish_reasons=known,
        usage=_usage(results),
        tokens=[one for index, result in enumerate(results) for one in tokens.of_result(result, index)],
        attributes=extra({name: value for name, value in noticed.items() if value}),
    )


def _message(result: Object, reason: str) -> Message:
    text = some_text(result, "generated_text")
    why = _FINISH_REASONS.get(reason, reason) or None
    return parts.message("assistant", [parts.text(text)] if text else [], finish_reason=why)


def _usage(counted: Sequence[Object]) -> Usage | None:
    known = [present({name: count(one.get(name)) for name in _COUNTS}) for one in counted]
    each = [Usage(input_tokens=one.get(_COUNTS[0]), output_tokens=one.get(_COUNTS[1]), raw=one) for one in known if one]
    return summed(each) if each else None


def fold_texts(events: Sequence[JSON]) -> JSON:
    """The answer that the events of a stream add up to. They count what was generated so far; what went in only the first one counts."""
    body: Object = {}
    whole: list[Object] = []
    for event in objects(list(events)):
        body.update(event)
        for place, result in enumerate(objects(event.get("results"))):
            if place == len(whole):
                whole.append({})
            _grow(whole[place], result)
    return {**body, "results": whole}


def _grow(known: Object, result: Object) -> None:
    for name, value in result.items():
        before = known.get(name)
        if name in _COUNTS:
            known[name] = max((number for number in (count(before), count(value)) if number is not None), default=None)
        elif name == "generated_text" and isinstance(before, str):
            known[name] = before + value if isinstance(value, str) else before
        elif isinstance(value, list) and isinstance(before, list):
            known[name] = [*before, *value]
        elif value is not None:
            known[name] = value


def read_inputs(body: JSON) -> Request:
    """What vectors were asked for. Each input is a turn of the user."""
    body = as_object(body)
    said = [parts.message("user", [parts.text(text)]) for text in texts(body.get("inputs"))]
    return Request(model=some_text(body, "model_id"), messages=said)


def read_vectors(body: JSON) -> Response:
    """What came back, except the vectors themselves: nobody reads them, and they are long."""
    body = as_object(body)
    first = next(iter(objects(body.get("results"))), {})
    return Response(model=some_text(body, "model_id"), usage=_usage([body]), dimension_count=len(items(first, "embedding")) or None)


def read_ranking(body: JSON) -> Request:
    """The query and the documents, as one turn of the user."""
    body = as_object(body)
    documents = [as_object(document).get("text", document) for document in items(body, "inputs")]
    wanted = member(member(body, "parameters"), "return_options").get("top_n")
    return rerank.read_request({**body, "model": body.get("model_id"), "documents": documents, "top_n": wanted})


def read_order(body: JSON) -> Response:
    """The order, and what it cost."""
    body = as_object(body)
    results = [
        {**result, "relevance_score": result.get("score"), "document": result.get("input")}
        for result in objects(body.get("results"))
    ]
    read = rerank.read_response({"results": results, "model": body.get("model_id")})
    return replace(read, usage=_usage([body]), attributes=chosen(body, "model_version"))


def failed(body: JSON) -> tuple[str, str | None] | None:
    """The failure that an answer tells of: a deployment's stream hands it to the host like any other event."""
    first = next(iter(objects(as_object(body).get("errors"))), None)
    return None if first is None else (some_text(first, "code") or "_OTHER", some_text(first, "message"))


CHAT = replace(chat.CHAT, provider=_PROVIDER, request=read_chat, response=read_chat_answer, failed=failed, attributes={})
STREAMED_CHAT = replace(CHAT, request=read_streamed_chat)
TEXT_COMPLETION = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider=_PROVIDER,
    request=read_prompts,
    response=read_texts,
    failed=failed,
)
STREAMED_TEXT = replace(TEXT_COMPLETION, request=read_streamed_prompt, fold=fold_texts, piece=tokens.piece)
PROMPTS = replace(TEXT_COMPLETION, fold=list, piece=tokens.piece_of_many)
"""Many at once: each answer is whole, even where they come one after the other."""
EMBEDDINGS = replace(TEXT_COMPLETION, operation=semconv.Operation.EMBEDDINGS, request=read_inputs, response=read_vectors)
RERANK = replace(TEXT_COMPLETION, operation=rerank.RERANK.operation, request=read_ranking, response=read_order)
_ONE_PAYLOAD = (CHAT, STREAMED_CHAT, TEXT_COMPLETION, STREAMED_TEXT)
_ENDPOINTS = (*_ONE_PAYLOAD, PROMPTS, EMBEDDINGS, RERANK)
_METHODS: Mapping[str, Mapping[str, Endpoint]] = {
    f"{_INFERENCE}.model_inference:ModelInference": {
        "chat": CHAT,
        "achat": CHAT,
        "chat_stream": STREAMED_CHAT,
        "achat_stream": STREAMED_CHAT,
        "generate": TEXT_COMPLETION,
        "agenerate": TEXT_COMPLETION,
        "generate_text_stream": STREAMED_TEXT,
        "agenerate_stream": STREAMED_TEXT,
    },
    f"{_MODELS}.embeddings.embeddings:Embeddings": {"generate": EMBEDDINGS, "agenerate": EMBEDDINGS},
    f"{_MODELS}.rerank.rerank:Rerank": {"generate": RERANK},
}


class _Heard(Beside):
    """The events of a stream of which the host gets only the texts."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        super().__init__()
        self._events: list[JSON] = []

    def hear(self, event: JSON) -> None:
        """Take note of an event."""
        self._events.append(event)

    def whole(self) -> JSON:
        """What they add up to."""
        return fold_texts(self._events)


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    found = [
        Method(where=f"{where}.{name}", sent=functools.partial(_sent, endpoint), event=_event)
        for where, endpoints in _METHODS.items()
        for name, endpoint in endpoints.items()
    ]
    heard = [
        Exchange(where=f"{where}.{name}", makes=lambda payload: payload, of=_ONE_PAYLOAD)
        for where in _MAKERS
        for name in ("_prepare_chat_payload", "_prepare_inference_payload")
    ]
    events = Exchange(where=f"{_INFERENCE}.base_model_inference:BaseModelInference._return_guardrails_stats", gave=_heard)
    retries = [
        *(
            Exchange(where=where, retried=lambda arguments: arguments.get("response"), decides=True, of=_ENDPOINTS)
            for where in _DECIDERS
        ),
        Exchange(where=_BEFORE_1_6, retried=lambda _: None, of=_ENDPOINTS),
    ]
    return [*methods.patches(_LIBRARY, found), *exchanges.patches(_LIBRARY, [*heard, events, *retries])]


def _sent(endpoint: Endpoint, arguments: Arguments) -> Sent:
    """What is known before the payload is made; where one call makes several or none is seen, the payload too."""
    host = arguments.receiver
    if endpoint is TEXT_COMPLETION and (isinstance(arguments.get("prompt"), list) or arguments.get("async_mode")):
        endpoint = PROMPTS
    return Sent(
        endpoint=endpoint,
        body=None if endpoint in _ONE_PAYLOAD else _payload(arguments),
        model=host.model_id,
        url=host._client.credentials.url,  # noqa: SLF001  # it says nowhere else where it goes
        beside=_Heard() if endpoint is STREAMED_TEXT else None,
    )


def _payload(arguments: Arguments) -> dict[str, Any]:
    host, given = arguments.receiver, arguments.get("params")
    parameters = host.params if given is None else given
    said = {"model_id": host.model_id, "input": arguments.get("prompt"), "query": arguments.get("query")}
    said["parameters"] = parameters.to_dict() if hasattr(parameters, "to_dict") else parameters
    return present({**said, "inputs": arguments.get("inputs")})


def _event(chunk: Any) -> JSON:
    return {"results": [{"generated_text": chunk}]} if isinstance(chunk, str) else chunk


def _heard(arguments: Arguments) -> Any:
    heard = beside.inside(_PROVIDER)
    if not isinstance(heard, _Heard):
        return None
    heard.hear(arguments.get("single_response"))
    return heard.whole
