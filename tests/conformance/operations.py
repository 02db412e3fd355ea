"""Every operation that genba records, each as a host would cause it, against a server that answers as the provider does."""

from __future__ import annotations

import base64
import copy
import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import genba
from support import anthropic_wire, openai_wire
from support.services import client
from support.wire import Answer, Received, Reply, Server, json_answer

Operation = Callable[[Server], object]
OPERATIONS: dict[str, Operation] = {}


def operation(name: str, needs: str | None = None) -> Callable[[Operation], Operation]:
    """Put a function into `OPERATIONS`, if the client that it needs is installed."""

    def add(function: Operation) -> Operation:
        if needs is None or find_spec(needs):
            OPERATIONS[name] = function
        return function

    return add


def openai(server: Server) -> Any:
    return client("openai", server.url)


def anthropic(server: Server) -> Any:
    return client("anthropic", server.url)


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


@operation("openai chat with everything", needs="openai")
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


@operation("openai chat plain", needs="openai")
def chat_plain(server: Server) -> object:
    server.serve(json_answer(openai_wire.chat()))
    return openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, temperature=1)


@operation("openai chat that calls a tool", needs="openai")
def chat_tool(server: Server) -> object:
    server.serve(json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL])))
    return openai(server).chat.completions.create(
        model=openai_wire.MODEL, messages=openai_wire.MESSAGES, tools=[openai_wire.WEATHER_TOOL]
    )


@operation("openai chat stream", needs="openai")
def chat_stream(server: Server) -> object:
    server.serve(openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True)))
    return list(openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, stream=True))


@operation("openai chat stream that calls a tool", needs="openai")
def chat_tool_stream(server: Server) -> object:
    chunks = [*openai_wire.chat_tool_chunks(), openai_wire.chat_chunk({}, choices=[], usage=openai_wire.CHAT_USAGE)]
    server.serve(openai_wire.chunks_stream(chunks))
    return list(openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, stream=True))


@operation("openai chat refused by the server", needs="openai")
def chat_error(server: Server) -> object:
    server.serve(json_answer(openai_wire.error(type="invalid_request_error", code="context_length_exceeded"), 400))
    with suppress(Exception):
        openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES)
    return None


@operation("openai chat stream left early", needs="openai")
def chat_left(server: Server) -> object:
    server.serve(openai_wire.chunks_stream(openai_wire.chat_pieces(), then="stall"))
    with openai(server).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES, stream=True) as stream:
        return [next(stream), next(stream)]


@operation("openai responses with everything", needs="openai")
def responses_with_everything(server: Server) -> object:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "bees"}}
    output = [openai_wire.REASONING_ITEM, search, openai_wire.FUNCTION_CALL_ITEM, openai_wire.response_message("Let me look.")]
    server.serve(json_answer(openai_wire.response(output=output)))
    asked: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "https://pictures.test/a.png"}]},
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


@operation("openai responses stream", needs="openai")
def responses_stream(server: Server) -> object:
    server.serve(openai_wire.events_stream(openai_wire.response_events()))
    return list(openai(server).responses.create(model=openai_wire.MODEL, input="hi", stream=True))


@operation("openai response that failed", needs="openai")
def response_failed(server: Server) -> object:
    error = {"code": "server_error", "message": "The engine is overheated."}
    server.serve(json_answer(openai_wire.response(output=[], status="failed", error=error)))
    return openai(server).responses.create(model=openai_wire.MODEL, input="hi")


@operation("openai response fetched later", needs="openai")
def response_fetched(server: Server) -> object:
    server.serve(json_answer(openai_wire.response()))
    return openai(server).responses.retrieve("resp_wire")


@operation("openai completion", needs="openai")
def text_completion(server: Server) -> object:
    server.serve(json_answer(openai_wire.text_completion()))
    return openai(server).completions.create(model=openai_wire.MODEL, prompt=["One", "Two"], max_tokens=5, stop="END")


@operation("openai completion stream", needs="openai")
def text_completion_stream(server: Server) -> object:
    usage = {**openai_wire.text_completion(), "choices": []}
    server.serve(openai_wire.chunks_stream([*openai_wire.text_completion_chunks(), usage]))
    return list(openai(server).completions.create(model=openai_wire.MODEL, prompt="One", stream=True))


def vectors(request: Received) -> Reply:
    numbers = [0.25, -0.5, 1.0]
    packed = base64.b64encode(struct.pack("<3f", *numbers)).decode()
    return json_answer(openai_wire.embeddings([packed if request.json.get("encoding_format") == "base64" else numbers]))


@operation("openai embeddings", needs="openai")
def embeddings(server: Server) -> object:
    server.serve(vectors)
    return openai(server).embeddings.create(model=openai_wire.MODEL, input=["bees", "honey"])


@operation("openai embeddings as numbers", needs="openai")
def embeddings_float(server: Server) -> object:
    server.serve(vectors)
    return openai(server).embeddings.create(model=openai_wire.MODEL, input="bees", encoding_format="float", dimensions=3)


@operation("openai image", needs="openai")
def image(server: Server) -> object:
    server.serve(json_answer(openai_wire.image()))
    return openai(server).images.generate(model=openai_wire.MODEL, prompt="a bee")


@operation("openai transcription", needs="openai")
def transcription(server: Server) -> object:
    server.serve(json_answer(openai_wire.transcription()))
    return openai(server).audio.transcriptions.create(model=openai_wire.MODEL, file=("a.wav", io.BytesIO(b"RIFF"), "audio/wav"))


@operation("openai translation", needs="openai")
def translation(server: Server) -> object:
    server.serve(json_answer({"text": "The bees are back."}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer clients advise against it
        return openai(server).audio.translations.create(model=openai_wire.MODEL, file=("a.wav", b"RIFF"))


@operation("openai speech", needs="openai")
def speech(server: Server) -> object:
    server.serve(Answer(b"ID3" * 100, content_type="audio/mpeg"))
    return openai(server).audio.speech.create(model=openai_wire.MODEL, voice="alloy", input="Buzz.").content


@operation("openai moderation", needs="openai")
def moderation(server: Server) -> object:
    server.serve(json_answer(openai_wire.moderation()))
    return openai(server).moderations.create(model="omni-moderation-wire", input="bees")


RICH_TURNS: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": openai_wire.PNG}},
            {"type": "image", "source": {"type": "url", "url": "https://pictures.test/bee.jpg"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain words"}},
        ],
    },
    {"role": "assistant", "content": [anthropic_wire.THINKING, {"type": "redacted_thinking", "data": "c2VjcmV0"}, anthropic_wire.TOOL_USE]},
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "toolu_7", "content": [{"type": "text", "text": "21"}], "is_error": False}],
    },
]


@operation("anthropic messages with everything", needs="anthropic")
def messages_with_everything(server: Server) -> object:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "bees"}}
    found = {"type": "web_search_result", "url": "https://bees.test", "title": "Bees", "encrypted_content": "eA==", "page_age": None}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]}
    content = [anthropic_wire.THINKING, search, result, {"type": "text", "text": "Let me look."}, anthropic_wire.TOOL_USE]
    server.serve(json_answer(anthropic_wire.message(content=content, stop="tool_use")))
    return anthropic(server).messages.create(
        model=anthropic_wire.MODEL,
        messages=copy.deepcopy(RICH_TURNS),
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        max_tokens=100,
        stop_sequences=["END"],
        extra_body={"temperature": 0.5, "top_k": 5, "top_p": 0.9},  # the newest clients have no arguments for them
        tools=[anthropic_wire.WEATHER_TOOL, {"type": "web_search_20250305", "name": "web_search"}],
        metadata={"user_id": "u-7"},
    )


@operation("anthropic messages stream", needs="anthropic")
def messages_stream(server: Server) -> object:
    server.serve(anthropic_wire.events_stream(anthropic_wire.thinking_and_tool_events()))
    return list(
        anthropic(server).messages.create(model=anthropic_wire.MODEL, messages=anthropic_wire.MESSAGES, max_tokens=100, stream=True)
    )


@operation("anthropic messages refused by the server", needs="anthropic")
def messages_error(server: Server) -> object:
    server.serve(json_answer(anthropic_wire.error(), 529))
    with suppress(Exception):
        anthropic(server).messages.create(model=anthropic_wire.MODEL, messages=anthropic_wire.MESSAGES, max_tokens=100)
    return None


@operation("anthropic count_tokens", needs="anthropic")
def count_tokens(server: Server) -> object:
    server.serve(json_answer(anthropic_wire.count_tokens()))
    return anthropic(server).messages.count_tokens(model=anthropic_wire.MODEL, messages=anthropic_wire.MESSAGES)


@operation("anthropic batch", needs="anthropic")
def batch(server: Server) -> object:
    server.serve(json_answer(anthropic_wire.batch()))
    params = {"model": anthropic_wire.MODEL, "messages": anthropic_wire.MESSAGES, "max_tokens": 10}
    return anthropic(server).messages.batches.create(requests=[{"custom_id": "one", "params": params}])


@operation("decorated tool")
def tool(server: Server) -> object:
    @genba.tool(call_id="call_7")
    def weather(city: str) -> dict[str, int]:
        """The weather in a city."""
        return {"degrees": len(city)}

    return weather("Bath")


@operation("decorated tool that gives text")
def text_tool(server: Server) -> object:
    @genba.tool
    def weather(city: str) -> str:
        return "sunny"

    return weather("Bath")


@operation("decorated agent with a tool")
def agent(server: Server) -> object:
    @genba.tool
    def weather(city: str) -> dict[str, int]:
        return {"degrees": len(city)}

    @genba.agent("planner", description="Plans.", version="2")
    def plan() -> object:
        return weather("Bath")

    return plan()


@operation("decorated workflow")
def workflow(server: Server) -> object:
    return genba.workflow(lambda: "done")()


@operation("decorated retrieval")
def retrieval(server: Server) -> object:
    @genba.retrieval("library", top_k=2)
    def search(query: str) -> list[dict[str, Any]]:
        return [{"id": "d1", "score": 0.5, "text": "bees"}, {"id": "d2", "score": 0.25}]

    return search("bees")


@operation("decorated embeddings")
def own_embeddings(server: Server) -> object:
    @genba.embeddings(provider="acme", model="acme-embed")
    def embed(input: str) -> list[float]:
        return [0.5, 1.0]

    return embed("bees")


@operation("decorated inference")
def inference(server: Server) -> object:
    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]], temperature: float = 0) -> str:
        return "hello"

    return call_model([{"role": "user", "content": "hi"}], temperature=1)


@operation("decorated inference that streams")
def streaming_inference(server: Server) -> object:
    @genba.inference(provider="acme", model="acme-1")
    def call_model(messages: list[dict[str, str]]) -> Iterator[str]:
        yield from ("hel", "lo")

    return list(call_model([{"role": "user", "content": "hi"}]))


@operation("decorated tool that fails")
def failing_tool(server: Server) -> object:
    @genba.tool
    def weather(city: str) -> str:
        raise LookupError(city)

    with suppress(LookupError):
        weather("Bath")
    return None
