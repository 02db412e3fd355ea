"""Operations of the openai client, against a server that answers as the provider does."""

from __future__ import annotations

import base64
import io
import struct
import warnings
from contextlib import suppress
from typing import Any

from conformance.registry import table
from support import openai_wire
from support.services import client
from support.wire import Answer, Received, Reply, Server, json_answer

OPERATIONS, operation = table()


def openai(server: Server) -> Any:
    return client("openai", server.url)


RICH_MESSAGES: list[dict[str, Any]] = [
    {"role": "developer", "content": "Answer in one line."},
    {
        "role": "user",
        "name": "ada",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{openai_wire.PNG}", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://pictures.test/bee.jpg"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"}},
        ],
    },
    {"role": "assistant", "content": None, "tool_calls": [openai_wire.WEATHER_CALL]},
    {"role": "tool", "tool_call_id": "call_7", "content": '{"degrees": 21}'},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "I would rather not."}]},
    {"role": "user", "content": "Go on."},
]


@operation("openai chat with everything")
def chat_with_everything(server: Server) -> object:
    server.serve(json_answer(openai_wire.chat(choices=2)))
    return openai(server).chat.completions.create(
        model=openai_wire.MODEL,
        messages=RICH_MESSAGES,
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=50,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        stop=["END"],
        seed=7,
        n=2,
        reasoning_effort="low",
        response_format={"type": "json_object"},
        service_tier="flex",
        tools=[openai_wire.WEATHER_TOOL],
        user=openai_wire.MODEL,
    )


@operation("openai chat plain")
def chat_plain(server: Server) -> object:
    server.serve(json_answer(openai_wire.chat()))
    return openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, temperature=1)


@operation("openai chat that calls a tool")
def chat_tool(server: Server) -> object:
    server.serve(json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL])))
    return openai(server).chat.completions.create(
        model=openai_wire.MODEL, messages=openai_wire.MESSAGES, tools=[openai_wire.WEATHER_TOOL]
    )


@operation("openai chat stream")
def chat_stream(server: Server) -> object:
    server.serve(openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True)))
    return list(openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, stream=True))


@operation("openai chat stream that calls a tool")
def chat_tool_stream(server: Server) -> object:
    chunks = [*openai_wire.chat_tool_chunks(), openai_wire.chat_chunk({}, choices=[], usage=openai_wire.CHAT_USAGE)]
    server.serve(openai_wire.chunks_stream(chunks))
    return list(openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, stream=True))


@operation("openai chat refused by the server")
def chat_error(server: Server) -> object:
    server.serve(json_answer(openai_wire.error(type="invalid_request_error", code="context_length_exceeded"), 400))
    with suppress(Exception):
        openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES)
    return None


@operation("openai chat stream left early")
def chat_left(server: Server) -> object:
    server.serve(openai_wire.chunks_stream(openai_wire.chat_pieces(), then="stall"))
    with openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, stream=True) as stream:
        return [next(stream), next(stream)]


@operation("openai responses with everything")
def responses_with_everything(server: Server) -> object:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "bees"}}
    output = [openai_wire.REASONING_ITEM, search, openai_wire.FUNCTION_CALL_ITEM, openai_wire.response_message("Let me look.")]
    server.serve(json_answer(openai_wire.response(output=output)))
    asked: list[dict[str, Any]] = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "https://pictures.test/a.png"}],
        },
        {"type": "function_call", "call_id": "call_6", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_6", "output": "21 degrees"},
        {"type": "item_reference", "id": "rs_9"},
    ]
    return openai(server).responses.create(
        model=openai_wire.MODEL,
        input=asked,
        instructions="Be brief.",
        previous_response_id="resp_before",
        reasoning={"effort": "low"},
        max_output_tokens=40,
        temperature=0.2,
        text={"format": {"type": "json_object"}},
        tools=[{**openai_wire.WEATHER_TOOL["function"], "type": "function", "strict": False}, {"type": "web_search"}],
    )


@operation("openai responses stream")
def responses_stream(server: Server) -> object:
    server.serve(openai_wire.events_stream(openai_wire.response_events()))
    return list(openai(server).responses.create(model=openai_wire.MODEL, input="hi", stream=True))


@operation("openai response that failed")
def response_failed(server: Server) -> object:
    error = {"code": "server_error", "message": "The engine is overheated."}
    server.serve(json_answer(openai_wire.response(output=[], status="failed", error=error)))
    return openai(server).responses.create(model=openai_wire.MODEL, input="hi")


@operation("openai response fetched later")
def response_fetched(server: Server) -> object:
    server.serve(json_answer(openai_wire.response()))
    return openai(server).responses.retrieve("resp_wire")


@operation("openai completion")
def text_completion(server: Server) -> object:
    server.serve(json_answer(openai_wire.text_completion()))
    return openai(server).completions.create(model=openai_wire.MODEL, prompt=["One", "Two"], max_tokens=5, stop="END")


@operation("openai completion stream")
def text_completion_stream(server: Server) -> object:
    usage = {**openai_wire.text_completion(), "choices": []}
    server.serve(openai_wire.chunks_stream([*openai_wire.text_completion_chunks(), usage]))
    return list(openai(server).completions.create(model=openai_wire.MODEL, prompt="One", stream=True))


def vectors(request: Received) -> Reply:
    numbers = [0.25, -0.5, 1.0]
    packed = base64.b64encode(struct.pack("<3f", *numbers)).decode()
    return json_answer(openai_wire.embeddings([packed if request.json.get("encoding_format") == "base64" else numbers]))


@operation("openai embeddings")
def embeddings(server: Server) -> object:
    server.serve(vectors)
    return openai(server).embeddings.create(model=openai_wire.MODEL, input=["bees", "honey"])


@operation("openai embeddings as numbers")
def embeddings_float(server: Server) -> object:
    server.serve(vectors)
    return openai(server).embeddings.create(model=openai_wire.MODEL, input="bees", encoding_format="float", dimensions=3)


@operation("openai image")
def image(server: Server) -> object:
    server.serve(json_answer(openai_wire.image()))
    return openai(server).images.generate(model=openai_wire.MODEL, prompt="a bee")


@operation("openai transcription")
def transcription(server: Server) -> object:
    server.serve(json_answer(openai_wire.transcription()))
    return openai(server).audio.transcriptions.create(model=openai_wire.MODEL, file=("a.wav", io.BytesIO(b"RIFF"), "audio/wav"))


@operation("openai translation")
def translation(server: Server) -> object:
    server.serve(json_answer({"text": "The bees are back."}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer clients advise against it
        return openai(server).audio.translations.create(model=openai_wire.MODEL, file=("a.wav", b"RIFF"))


@operation("openai speech")
def speech(server: Server) -> object:
    server.serve(Answer(b"ID3" * 100, content_type="audio/mpeg"))
    return openai(server).audio.speech.create(model=openai_wire.MODEL, voice="alloy", input="Buzz.").content


@operation("openai moderation")
def moderation(server: Server) -> object:
    server.serve(json_answer(openai_wire.moderation()))
    return openai(server).moderations.create(model="omni-moderation-wire", input="bees")


@operation("openai vector store search")
def vector_store_search(server: Server) -> object:
    found = {"file_id": "file_1", "filename": "bees.md", "score": 0.75, "content": [{"type": "text", "text": "Bees make honey."}]}
    server.serve(json_answer({"object": "vector_store.search_results.page", "data": [found], "has_more": False, "next_page": None}))
    return openai(server).vector_stores.search("vs_1", query="honey", max_num_results=3)


@operation("openai batch")
def batch(server: Server) -> object:
    made = {"id": "batch_1", "object": "batch", "endpoint": "/v1/responses", "status": "validating", "input_file_id": "file_1"}
    server.serve(json_answer({**made, "completion_window": "24h", "created_at": 1}))
    return openai(server).batches.create(completion_window="24h", endpoint="/v1/responses", input_file_id="file_1")
