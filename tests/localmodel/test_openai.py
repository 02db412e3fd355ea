"""The real openai client and a real model: what is recorded is what was on the wire, and the caller got every byte of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

import genba
from localmodel.relay import Wire
from support.spans import Spans, attributes, messages, outcome, parts, text

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")

MODEL = "smollm2-135m"
STEADY = {"model": MODEL, "temperature": 0, "max_tokens": 40, "extra_body": {"cache_prompt": False}}
QUESTION = [{"role": "system", "content": "You know every capital."}, {"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city now",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]


class Place(pydantic.BaseModel):  # type: ignore[misc, name-defined]  # no client, no pydantic
    city: str
    country: str


@pytest.fixture
def client(wire: Wire, spans: Spans) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{wire.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def same_identity(span: Any, body: Mapping[str, Any]) -> None:
    recorded = attributes(span)
    assert recorded["gen_ai.request.model"] == MODEL
    assert recorded["gen_ai.response.id"] == body["id"]
    assert recorded["gen_ai.response.model"] == body["model"]
    assert outcome(span) == "completed"


def same_chat_usage(span: Any, usage: Mapping[str, Any]) -> None:
    recorded = attributes(span)
    assert recorded["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert recorded["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert recorded["gen_ai.usage.cache_read.input_tokens"] == usage["prompt_tokens_details"]["cached_tokens"]
    assert json.loads(recorded["genba.usage.raw"]) == usage


def same_tool_calls(span: Any, calls: Sequence[Mapping[str, Any]]) -> None:
    recorded = [(part["id"], part["name"], part["arguments"]) for part in parts(span) if part["type"] == "tool_call"]
    assert recorded == [(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def streamed(events: Sequence[Mapping[str, Any]], key: str) -> str:
    """The pieces of a streamed message, put together."""
    return "".join(choice["delta"].get(key) or "" for event in events for choice in event["choices"])


def test_a_chat_is_recorded_as_it_was_on_the_wire(client: Any, wire: Wire, spans: Spans) -> None:
    raw = client.chat.completions.with_raw_response.create(messages=QUESTION, **STEADY)
    span, body = spans.only(), wire.last.answered
    assert raw.content == bytes(wire.last.body)
    same_identity(span, body)
    same_chat_usage(span, body["usage"])
    choice = body["choices"][0]
    assert text(span) == choice["message"]["content"] == raw.parse().choices[0].message.content
    assert attributes(span)["gen_ai.response.finish_reasons"] == (choice["finish_reason"],)
    assert [(message["role"], message["parts"]) for message in messages(span, "input")] == [
        (message["role"], [{"type": "text", "content": message["content"]}]) for message in wire.last.asked["messages"]
    ]
    assert attributes(span)["gen_ai.request.temperature"] == wire.last.asked["temperature"]
    assert attributes(span)["gen_ai.request.max_tokens"] == wire.last.asked["max_tokens"]
    assert (attributes(span)["server.address"], attributes(span)["server.port"]) == ("127.0.0.1", wire.port)


def test_two_choices_are_two_messages(client: Any, wire: Wire, spans: Spans) -> None:
    client.chat.completions.create(messages=QUESTION, **STEADY, n=2)
    span, choices = spans.only(), wire.last.answered["choices"]
    assert [message["parts"][0]["content"] for message in messages(span)] == [choice["message"]["content"] for choice in choices]
    assert attributes(span)["gen_ai.request.choice.count"] == len(choices) == 2


def test_a_stream_is_recorded_as_what_it_adds_up_to(client: Any, wire: Wire, spans: Spans) -> None:
    with client.chat.completions.create(messages=QUESTION, **STEADY, stream=True, stream_options={"include_usage": True}) as stream:
        chunks = [chunk.to_dict(mode="json") for chunk in stream]
    span, events = spans.only(), wire.last.events
    assert chunks == events
    same_identity(span, events[0])
    same_chat_usage(span, events[-1]["usage"])
    assert text(span) == streamed(events, "content") != ""
    assert attributes(span)["genba.chunks.count"] == len(events)
    assert attributes(span)["gen_ai.request.stream"] is True
    assert attributes(span)["gen_ai.response.time_to_first_chunk"] > 0


def test_the_lines_of_a_stream_reach_the_caller_untouched(client: Any, wire: Wire, spans: Spans) -> None:
    with client.chat.completions.with_streaming_response.create(messages=QUESTION, **STEADY, stream=True) as response:
        lines = list(response.iter_lines())
    assert lines == bytes(wire.last.body).decode().splitlines()
    assert text(spans.only()) == streamed(wire.last.events, "content") != ""


def test_nothing_is_added_to_a_request(client: Any, wire: Wire, spans: Spans) -> None:
    client.chat.completions.create(messages=QUESTION, model=MODEL, max_tokens=4, stream=True).close()
    assert wire.last.asked == {"messages": QUESTION, "model": MODEL, "max_tokens": 4, "stream": True}


def test_a_stream_closed_early_keeps_what_arrived(client: Any, wire: Wire, spans: Spans) -> None:
    stream = client.chat.completions.create(messages=QUESTION, **STEADY, stream=True)
    seen = ""
    for chunk in stream:
        seen += chunk.choices[0].delta.content or ""
        if seen:
            break
    stream.close()
    assert text(spans.only()) == seen
    assert outcome(spans.only()) == "cancelled"


def test_a_tool_call_and_its_answer_are_on_record(client: Any, wire: Wire, spans: Spans) -> None:
    asked = client.chat.completions.create(messages=ASK_WEATHER, tools=[WEATHER], **STEADY)
    message, span = wire.last.answered["choices"][0]["message"], spans.only()
    same_tool_calls(span, message["tool_calls"])
    same_chat_usage(span, wire.last.answered["usage"])
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert attributes(span)["genba.response.finish_reasons"] == ("tool_calls",)
    assert json.loads(attributes(span)["gen_ai.tool.definitions"]) == [{"type": "function", **WEATHER["function"]}]

    spans.clear()
    call = asked.choices[0].message.tool_calls[0]
    answer = {"role": "tool", "tool_call_id": call.id, "content": "18 degrees and sunny"}
    turns = [*ASK_WEATHER, asked.choices[0].message.model_dump(exclude_none=True), answer]
    client.chat.completions.create(messages=turns, tools=[WEATHER], **STEADY)
    span = spans.only()
    assert text(span) == wire.last.answered["choices"][0]["message"]["content"] != ""
    recorded = parts(span, "input")
    assert {"type": "tool_call_response", "id": call.id, "response": "18 degrees and sunny"} in recorded
    assert [part["name"] for part in recorded if part["type"] == "tool_call"] == ["weather"]


def test_a_streamed_tool_call_is_put_together(client: Any, wire: Wire, spans: Spans) -> None:
    for _ in client.chat.completions.create(messages=ASK_WEATHER, tools=[WEATHER], tool_choice="required", **STEADY, stream=True):
        pass
    pieces = [call for event in wire.last.events for choice in event["choices"] for call in choice["delta"].get("tool_calls", ())]
    whole = {
        "id": pieces[0]["id"],
        "function": {"name": "weather", "arguments": "".join(p["function"]["arguments"] for p in pieces)},
    }
    same_tool_calls(spans.only(), [whole])


def test_a_parsed_answer_is_recorded_as_the_json_it_was(client: Any, wire: Wire, spans: Spans) -> None:
    ask = [{"role": "user", "content": "Name a city and its country."}]
    parsed = client.chat.completions.parse(messages=ask, response_format=Place, **STEADY)
    span, content = spans.only(), wire.last.answered["choices"][0]["message"]["content"]
    assert isinstance(parsed.choices[0].message.parsed, Place)
    assert parsed.choices[0].message.parsed == Place.model_validate_json(content)
    assert text(span) == content
    assert attributes(span)["gen_ai.output.type"] == "json"


def test_log_probabilities_are_kept(client: Any, wire: Wire, spans: Spans) -> None:
    client.chat.completions.create(messages=QUESTION, **{**STEADY, "max_tokens": 3}, logprobs=True, top_logprobs=2)
    sent = wire.last.answered["choices"][0]["logprobs"]["content"]
    assert len(sent) == 3
    [tokens] = genba.tokens.decode(attributes(spans.only())["genba.tokens.output"])
    assert tokens.ids == [one["id"] for one in sent]
    assert tokens.pieces == [bytes(one["bytes"]) for one in sent]
    assert tokens.logprobs == [one["logprob"] for one in sent]
    assert [[one.id for one in top] for top in tokens.top] == [[one["id"] for one in entry["top_logprobs"]] for entry in sent]


def test_the_ids_are_the_engine_s_own_streamed_or_not(client: Any, wire: Wire, spans: Spans) -> None:
    told = {**STEADY, "extra_body": {"cache_prompt": False, "verbose": True, "return_tokens": True}}
    client.chat.completions.create(messages=QUESTION, **told)
    ids, why = wire.last.answered["__verbose"]["tokens"], wire.last.answered["choices"][0]["finish_reason"]
    for _ in client.chat.completions.create(messages=QUESTION, **STEADY, logprobs=True, stream=True):
        pass
    [[whole], [streamed]] = (genba.tokens.decode(attributes(span)["genba.tokens.output"]) for span in spans.all())
    assert (whole.ids, streamed.ids, why) == (ids, ids[:-1], "stop"), "the token that ends an answer is not streamed"
    assert streamed.text.decode() == text(spans.all()[1])
    assert attributes(spans.all()[0])["gen_ai.usage.output_tokens"] == len(ids)
    assert attributes(spans.all()[1])["gen_ai.usage.output_tokens"] == len(ids), "its timings tell, though no usage was asked for"
    assert attributes(spans.all()[1])["genba.timing.prefill"] > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_server_s_own_endpoint_tells_every_token(stream: bool, client: Any, wire: Wire, spans: Spans) -> None:
    body = {"prompt": "Once upon a time", "n_predict": 8, "temperature": 0, "n_probs": 2, "return_tokens": True, "stream": stream}
    more = {"stream": True, "stream_cls": openai.Stream[object]} if stream else {}
    answer = client.with_options(base_url=wire.url).post("/completion", body=body, cast_to=object, **more)
    events = list(answer) if stream else [answer]
    span = spans.only()
    [tokens] = genba.tokens.decode(attributes(span)["genba.tokens.output"])
    assert tokens.ids == [id for event in events for id in event["tokens"]]
    assert len(tokens) == events[-1]["tokens_predicted"] == attributes(span)["gen_ai.usage.output_tokens"]
    assert tokens.text.decode() == text(span) == "".join(event["content"] for event in events)
    assert attributes(span)["gen_ai.usage.input_tokens"] == events[-1]["tokens_evaluated"]


def test_tokens_that_the_server_s_stream_leaves_out_keep_their_places(client: Any, wire: Wire, spans: Spans) -> None:
    body = {"prompt": "Hi", "n_predict": 20, "temperature": 0, "return_tokens": True, "grammar": 'root ::= "a😀é"'}
    root = client.with_options(base_url=wire.url)
    whole = root.post("/completion", body=body, cast_to=object)
    list(root.post("/completion", body={**body, "stream": True}, cast_to=object, stream=True, stream_cls=openai.Stream[object]))
    [tokens] = genba.tokens.decode(attributes(spans.all()[1])["genba.tokens.output"])
    assert len(tokens) == len(whole["tokens"])
    assert None in tokens.ids
    assert all(mine in (None, theirs) for mine, theirs in zip(tokens.ids, whole["tokens"], strict=True))


def test_a_response_is_recorded_as_it_was_on_the_wire(client: Any, wire: Wire, spans: Spans) -> None:
    client.responses.create(model=MODEL, input="What is the capital of France?", max_output_tokens=24, temperature=0)
    span, body = spans.only(), wire.last.answered
    same_identity(span, body)
    assert text(span) == body["output"][0]["content"][0]["text"] != ""
    assert attributes(span)["gen_ai.usage.input_tokens"] == body["usage"]["input_tokens"]
    assert attributes(span)["gen_ai.usage.output_tokens"] == body["usage"]["output_tokens"]


def test_a_streamed_response_is_recorded_as_what_it_adds_up_to(client: Any, wire: Wire, spans: Spans) -> None:
    for _ in client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=8, temperature=0, stream=True):
        pass
    span, events = spans.only(), wire.last.events
    assert text(span) == "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta") != ""
    same_identity(span, events[-1]["response"])
    assert attributes(span)["gen_ai.usage.output_tokens"] == events[-1]["response"]["usage"]["output_tokens"]


def test_embeddings_are_recorded_without_their_numbers(embedding_wire: Wire, spans: Spans) -> None:
    with openai.OpenAI(base_url=f"{embedding_wire.url}/v1", api_key="none") as client:
        answer = client.embeddings.create(model=MODEL, input=["A dog barks.", "Taxes rise."])
    span, body = spans.only(), embedding_wire.last.answered
    assert len(answer.data) == len(body["data"]) == 2
    assert attributes(span)["gen_ai.operation.name"] == "embeddings"
    assert attributes(span)["gen_ai.response.model"] == body["model"]
    assert attributes(span)["gen_ai.usage.input_tokens"] == body["usage"]["prompt_tokens"]
    assert attributes(span)["gen_ai.embeddings.dimension.count"] == len(answer.data[0].embedding) == 576


def test_a_refused_request_fails_its_span_and_raises_as_before(client: Any, wire: Wire, spans: Spans) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 5000}])
    assert wire.last.status == 400
    assert outcome(spans.only()) == "failed"
    assert attributes(spans.only())["error.type"] == "openai.BadRequestError"


async def test_the_async_client_is_recorded_alike(wire: Wire, spans: Spans) -> None:
    async with openai.AsyncOpenAI(base_url=f"{wire.url}/v1", api_key="none") as client:
        await client.chat.completions.create(messages=QUESTION, **STEADY)
    same_identity(spans.only(), wire.last.answered)
    same_chat_usage(spans.only(), wire.last.answered["usage"])
    assert text(spans.only()) == wire.last.answered["choices"][0]["message"]["content"]
