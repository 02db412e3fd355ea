"""Cohere's client in both versions of its API: the older streams a line of JSON at a time, the newer server-sent events."""

from __future__ import annotations

import json
from typing import Any

from support.openai_wire import ANSWER, MESSAGES, QUESTION
from support.services import ARRIVED, Other
from support.wire import sse

MODEL = "command-wire"
TEXT = "".join(ANSWER)
ERROR = {"id": "err-wire", "message": "The engine is overheated."}
LAZY = "nothing is sent before the first item is asked for"
LEFT_OUT = {
    "server error before": LAZY,
    "close before reading": LAZY,
    "dropped before reading": LAZY,
    "dropped": "a generator that is dropped leaves the response as one does that is closed: which it was cannot be told",
}
USAGE = {"billed_units": {"input_tokens": 20, "output_tokens": 9}, "tokens": {"input_tokens": 77, "output_tokens": 11}}
META = {"api_version": {"version": "1"}, **USAGE}


def v2(text: str = TEXT, **message: Any) -> dict[str, Any]:
    """An answer of `/v2/chat`."""
    said = {"role": "assistant", "content": [{"type": "text", "text": text}], **message}
    return {"id": "chat-wire", "message": said, "finish_reason": "COMPLETE", "usage": USAGE}


def _events(texts: tuple[str, ...]) -> list[bytes]:
    start = {"id": "chat-wire", "type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}}
    content = {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}
    deltas = [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}} for text in texts]
    return [sse(event, event["type"]) for event in (start, content, *deltas)]


def _ended(**delta: Any) -> bytes:
    return sse({"type": "message-end", "delta": delta}, "message-end")


def v1(text: str = TEXT, **more: Any) -> dict[str, Any]:
    """An answer of `/v1/chat`."""
    history = [{"role": "USER", "message": QUESTION}, {"role": "CHATBOT", "message": text}]
    answer = {"response_id": "chat-wire", "generation_id": "gen-wire", "text": text, "chat_history": history}
    return {**answer, "finish_reason": "COMPLETE", "meta": META, **more}


def line(event_type: str, **event: Any) -> bytes:
    said = {"is_finished": event_type == "stream-end", "event_type": event_type, **event}
    return json.dumps(said).encode() + b"\n"


def _lines(texts: tuple[str, ...]) -> list[bytes]:
    return [line("stream-start", generation_id="gen-wire"), *(line("text-generation", text=text) for text in texts)]


def make(version: int) -> Any:
    """Makes clients of that version."""

    def made(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
        import cohere
        import httpx

        kind = getattr(cohere, ("Async" if asynchronous else "") + "Client" + ("V2" if version == 2 else ""))
        http = httpx.AsyncClient if asynchronous else httpx.Client
        options = {"transport": transport(httpx)} if transport else {}
        connection = http(trust_env=False, verify=False, **options)
        client = kind(api_key="key-for-tests", base_url=url, httpx_client=connection)
        client.close = connection.aclose if asynchronous else connection.close  # it has none itself
        # Older ones count from 2.
        client.options = {"request_options": {"max_retries": retries + 2 if retries else 0}}
        return client

    return made


SERVICES = (
    Other(
        name="cohere",
        package="cohere",
        model=MODEL,
        served="",  # it does not say
        whole=v2(),
        events=[
            *_events(ANSWER),
            sse({"type": "content-end", "index": 0}, "content-end"),
            _ended(finish_reason="COMPLETE", usage=USAGE),
        ],
        events_arrived=_events(ANSWER[:ARRIVED]),
        error_event=_ended(finish_reason="ERROR", error="the engine is overheated"),
        error=ERROR,
        finish="COMPLETE",
        input_tokens=20,
        output_tokens=9,
        make=make(2),
        value=lambda client: client.chat(model=MODEL, messages=MESSAGES, **client.options),
        streamed=lambda client: client.chat_stream(model=MODEL, messages=MESSAGES, **client.options),
        left_out=LEFT_OUT,
    ),
    Other(
        name="cohere-v1",
        package="cohere",
        model=MODEL,
        served="",  # it does not say
        whole={**v1(), "id": None},  # which comes with the last event only
        events=[*_lines(ANSWER), line("stream-end", finish_reason="COMPLETE", response=v1())],
        events_arrived=_lines(ANSWER[:ARRIVED]),
        error_event=line("stream-end", finish_reason="ERROR"),
        error=ERROR,
        finish="COMPLETE",
        input_tokens=20,
        output_tokens=9,
        stream_type="application/stream+json",
        make=make(1),
        value=lambda client: client.chat(model=MODEL, message=QUESTION, preamble="Answer in one line.", **client.options),
        streamed=lambda client: client.chat_stream(model=MODEL, message=QUESTION, preamble="Answer in one line.", **client.options),
        left_out=LEFT_OUT,
    ),
)
