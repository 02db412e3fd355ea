"""LiteLLM over OpenAI's client, which is traced itself, and over its own HTTP: one call is one span, with what the provider said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from support import anthropic_wire, openai_wire
from support.clients.litellm import OVER_HTTP
from support.endings import STREAM_ENDINGS, Ending, play_stream
from support.examples import run_example
from support.hosts import HOSTS, Host
from support.litellm_hushed import hush
from support.services import TEXT
from support.spans import Spans, attributes, failed, is_child, messages, outcome, parts, text, tree
from support.stored import names
from support.wire import Server, json_answer

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
from litellm import acompletion, completion, embedding  # noqa: E402  # by name, before genba is started

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'LoggingWorker._worker_loop' was never awaited"),
    pytest.mark.filterwarnings("ignore:.*LoggingWorker._worker_loop:pytest.PytestUnraisableExceptionWarning"),
]
ASK: dict[str, Any] = {
    "model": f"openai/{openai_wire.MODEL}",
    "messages": openai_wire.MESSAGES,
    "api_key": "sk-secret",
    "max_retries": 0,
}
CLAUDE: dict[str, Any] = {
    "model": "anthropic/claude-wire-1",
    "messages": anthropic_wire.MESSAGES,
    "api_key": "sk-secret",
    "max_tokens": 9,
}


@pytest.fixture(autouse=True)
def hushed() -> None:
    hush()


def test_the_tokens_that_a_server_tells_are_recorded(server: Server, start_tracing: Callable[..., Spans]) -> None:
    """LiteLLM moves what OpenAI has no field for elsewhere."""
    body = openai_wire.chat(prompt_token_ids=[1, 2])
    body["choices"][0]["token_ids"] = [5, 6]
    server.serve(json_answer(body))
    spans = start_tracing(instrument=["litellm"])
    completion(**ASK, api_base=f"{server.url}/v1")
    [seen] = genba.tokens.decode(attributes(spans.only())["genba.tokens.input"], "input")
    [said] = genba.tokens.decode(attributes(spans.only())["genba.tokens.output"])
    assert (seen.ids, said.ids) == ([1, 2], [5, 6])


def test_a_function_that_was_imported_by_name_before_is_traced(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chat_handler)
    answer = completion(**ASK, api_base=f"{server.url}/v1")
    told = attributes(spans.only())
    assert type(answer) is litellm.ModelResponse
    assert (told["gen_ai.request.model"], told["gen_ai.response.model"]) == (openai_wire.MODEL, openai_wire.SERVED)
    assert (told["gen_ai.provider.name"], told["server.port"]) == ("openai", server.port)
    assert text(spans.only()) == TEXT


def test_what_it_asks_by_its_own_http_has_what_the_provider_said(server: Server, spans: Spans) -> None:
    server.serve(json_answer(anthropic_wire.message(content=[anthropic_wire.THINKING, {"type": "text", "text": TEXT}])))
    completion(**CLAUDE, api_base=server.url)
    span = spans.only()
    told = attributes(span)
    assert span.name == "chat claude-wire-1"
    assert (told["gen_ai.provider.name"], told["server.port"]) == ("anthropic", server.port)
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"]) == ("msg_wire", anthropic_wire.SERVED)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (20, 9)
    assert (told["gen_ai.usage.cache_read.input_tokens"], told["gen_ai.usage.cache_write.input_tokens"]) == (6, 4)
    assert told["gen_ai.request.max_tokens"] == 9
    thought, said = parts(span)
    assert thought["content"] == "Bees come to mind."
    assert thought["reasoning_details"][0]["signature"] == anthropic_wire.THINKING["signature"]
    assert said["content"] == TEXT


def test_a_tool_call_is_a_part(server: Server, spans: Spans) -> None:
    server.serve(json_answer(anthropic_wire.message(content=[anthropic_wire.TOOL_USE], stop_reason="tool_use")))
    completion(**CLAUDE, api_base=server.url, tools=[openai_wire.WEATHER_TOOL])
    span = spans.only()
    assert [(part["type"], part["name"], part["arguments"]) for part in parts(span)] == [("tool_call", "weather", {"city": "Bath"})]
    assert json.loads(attributes(span)["gen_ai.tool.definitions"])[0]["name"] == "weather"
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("tool_call",)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
@pytest.mark.parametrize("ending", STREAM_ENDINGS, ids=lambda ending: ending.name.replace(" ", "_"))
def test_a_stream_of_its_own_ends_in_one_span_that_says_how(host: Host, ending: Ending, server: Server, spans: Spans) -> None:
    if not OVER_HTTP.plays(host.name, ending.name):
        pytest.skip(next(iter(OVER_HTTP.left_out.values())))
    seen, strangers = play_stream(host, OVER_HTTP, "stream", ending, server)
    span = spans.only()
    assert strangers == []
    assert text(span) == ending.text
    assert outcome(span) in ((ending.outcome, "cancelled") if ending.name == "dropped" else (ending.outcome,))
    assert failed(span) == (ending.outcome == "failed")
    assert seen or ending.text == ""


def test_the_usage_of_a_stream_is_the_providers_though_the_host_did_not_ask_for_it(server: Server, spans: Spans) -> None:
    server.serve(anthropic_wire.events_stream(anthropic_wire.message_events()))
    chunks = list(completion(**CLAUDE, api_base=server.url, stream=True))
    told = attributes(spans.only())
    assert not any(getattr(chunk, "usage", None) for chunk in chunks)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (20, 9)
    assert told["gen_ai.response.time_to_first_chunk"] > 0


def test_what_it_counted_and_made_up_itself_is_not_told_as_the_providers(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chunks_stream(openai_wire.chat_chunks()))
    mocked = completion(**ASK, mock_response="hello")
    chunks = list(completion(**ASK, api_base=f"{server.url}/v1", stream=True, stream_options={"include_usage": True}))
    assert mocked.usage.completion_tokens > 0
    assert chunks[-1].usage.completion_tokens > 0
    for span in spans.all():
        assert not [name for name in attributes(span) if name.startswith("gen_ai.usage.")]
    assert "gen_ai.response.id" not in attributes(spans.all()[0])


def test_keys_and_its_own_arguments_are_not_recorded(server: Server, spans: Spans) -> None:
    server.serve(json_answer(anthropic_wire.message()))
    completion(**CLAUDE, api_base=server.url, metadata={"note": "inside"}, aws_secret_access_key="sk-secret", temperature=0.5)
    told = json.loads(spans.only().to_json())
    assert "sk-secret" not in json.dumps(told)
    assert "inside" not in json.dumps(told)
    assert told["attributes"]["gen_ai.request.temperature"] == 0.5


def test_every_function_has_its_operation(server: Server, spans: Spans) -> None:
    pytest.importorskip("mcp", reason="litellm's responses want mcp")
    more = {"api_base": f"{server.url}/v1", "api_key": "none"}
    server.serve(json_answer(openai_wire.embeddings()))
    embedding(model="openai/embed-wire", input=["bees"], **more)
    server.serve(json_answer(openai_wire.text_completion()))
    litellm.text_completion(model="text-completion-openai/wire-instruct", prompt="Bees", **more)
    server.serve(json_answer(openai_wire.response()))
    litellm.responses(model="openai/gpt-wire-1", input="Who makes honey?", **more)
    server.serve(json_answer(openai_wire.image()))
    litellm.image_generation(model="openai/gpt-image-wire", prompt="A bee", **more)
    server.serve(
        json_answer({"id": "r1", "results": [{"index": 1, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}})
    )
    litellm.rerank(model="cohere/rerank-wire", query="bees", documents=["a", "b"], api_base=server.url, api_key="none")
    names = [span.name for span in spans.all()]
    assert names == ["embeddings embed-wire", "text_completion wire-instruct", "chat gpt-wire-1", names[3], "rerank rerank-wire"]
    assert names[3].endswith("gpt-image-wire")
    told = [attributes(span) for span in spans.all()]
    assert told[0]["gen_ai.usage.input_tokens"] == 6
    assert told[2]["gen_ai.response.id"] is not None
    assert (told[2]["gen_ai.usage.input_tokens"], told[2]["gen_ai.usage.output_tokens"]) == (21, 11)
    assert told[4]["gen_ai.provider.name"] == "cohere"


def test_the_asynchronous_functions_are_one_span_too(server: Server, spans: Spans) -> None:
    pytest.importorskip("mcp", reason="litellm's responses want mcp")
    more = {"api_base": f"{server.url}/v1", "api_key": "none"}

    async def ask() -> None:
        server.serve(json_answer(openai_wire.embeddings()))
        await litellm.aembedding(model="openai/embed-wire", input=["bees"], **more)
        server.serve(openai_wire.events_stream(openai_wire.response_events()))
        async for _ in await litellm.aresponses(model="openai/gpt-4o", input="Who makes honey?", stream=True, **more):
            pass

    asyncio.run(ask())
    assert [span.name for span in spans.all()] == ["embeddings embed-wire", "chat gpt-4o"]
    told = attributes(spans.all()[1])
    assert text(spans.all()[1]) == TEXT
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (21, 11)


def test_an_error_of_the_provider_is_the_hosts_and_the_spans(server: Server, spans: Spans) -> None:
    server.serve(json_answer(anthropic_wire.error(), 529))
    with pytest.raises(litellm.InternalServerError):
        completion(**CLAUDE, api_base=server.url)
    span = spans.only()
    assert attributes(span)["error.type"] == "litellm.exceptions.InternalServerError"
    assert (attributes(span)["gen_ai.provider.name"], attributes(span)["server.port"]) == ("anthropic", server.port)
    assert messages(span, "input")


def test_the_models_that_are_tried_in_turn_are_siblings(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chat_handler)
    server.queue.append(json_answer(openai_wire.error(), 500))
    completion(**ASK, api_base=f"{server.url}/v1", fallbacks=["openai/gpt-other"])
    assert tree(spans) == [f"litellm.completion openai/{openai_wire.MODEL}", f"  chat {openai_wire.MODEL}", "  chat gpt-other"]
    assert sorted(map(str, map(outcome, spans.models()))) == ["completed", "failed"]


def test_a_routers_stream_is_one_span_below_its_own(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True)))
    asked = {key: value for key, value in ASK.items() if key != "messages"}
    router = litellm.Router([{"model_name": "smart", "litellm_params": {**asked, "api_base": f"{server.url}/v1"}}], num_retries=0)

    async def read() -> None:
        async for _ in await router.acompletion(model="smart", messages=openai_wire.MESSAGES, stream=True):
            pass

    asyncio.run(read())
    assert tree(spans) == ["litellm.Router.acompletion smart", f"  chat {openai_wire.MODEL}"]
    assert (text(spans.models()[0]), outcome(spans.models()[0])) == (TEXT, "completed")


def test_calls_at_the_same_time_keep_their_own_parents(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chat_handler)

    async def ask(name: str) -> Any:
        with spans.app.start_as_current_span(name) as own:
            await acompletion(**ASK, api_base=f"{server.url}/v1")
            return own

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(ask(f"task {number}") for number in range(4)))

    own = asyncio.run(all_of_them())
    assert len(spans.all()) == 4
    assert all(sum(is_child(span, parent) for span in spans.all()) == 1 for parent in own)


def test_an_answer_out_of_its_cache_is_no_call(server: Server, spans: Spans) -> None:
    pytest.importorskip("fastapi", reason="litellm's cache wants fastapi")
    server.serve(openai_wire.chat_handler)
    litellm.cache = litellm.Cache(type="local")
    try:
        first, second = (completion(**ASK, api_base=f"{server.url}/v1", caching=True) for _ in range(2))
    finally:
        litellm.cache = None
    assert first.choices[0].message.content == second.choices[0].message.content
    assert len(server.received) == len(spans.all()) == 1


def test_messages_may_be_its_own_objects(server: Server, spans: Spans) -> None:
    server.serve(openai_wire.chat_handler)
    said = [{"role": "user", "content": "Hello"}, litellm.Message(content="Hi", role="assistant"), {"role": "user", "content": "?"}]
    completion(**{**ASK, "messages": said}, api_base=f"{server.url}/v1")
    assert [message["role"] for message in messages(spans.only(), "input")] == ["user", "assistant", "user"]


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans], server: Server) -> None:
    def inside(function: Any) -> Any:
        while "original_function" not in function.__code__.co_freevars:
            function = function.__wrapped__
        return function.__closure__[function.__code__.co_freevars.index("original_function")].cell_contents

    wrapper = litellm.litellm_core_utils.streaming_handler.CustomStreamWrapper
    before = completion, inside(completion), vars(wrapper)["__next__"], litellm.Router.async_function_with_fallbacks
    spans = start_tracing()
    assert inside(completion) is not before[1]
    genba.uninstrument()
    assert (completion, inside(completion), vars(wrapper)["__next__"], litellm.Router.async_function_with_fallbacks) == before
    server.serve(openai_wire.chat_handler)
    completion(**ASK, api_base=f"{server.url}/v1")
    assert not [span for span in spans.all() if "litellm" in span.name]


def test_the_example_leaves_the_attempts_below_the_router_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(openai_wire.chat_handler)
    server.queue.append(json_answer(openai_wire.error(), 500))
    ran = run_example(
        "litellm_router", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none", LITELLM_LOCAL_MODEL_COST_MAP="True"
    )
    assert ran.out.splitlines()[-1] == TEXT
    assert sorted(names(tmp_path)) == ["chat gpt-5-mini", "chat gpt-5-nano", "litellm.Router.completion gpt-5-mini"]
