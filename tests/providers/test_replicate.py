"""Replicate's client: one call with all its polling, predictions begun now and fetched later, files that go in and come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba import semconv
from genba.providers import replicate
from support.clients.replicate import ID, INPUT, MODEL, event, make, prediction
from support.examples import run_example
from support.openai_wire import ANSWER, PNG, QUESTION
from support.spans import Spans, attributes, messages, outcome, text
from support.stored import names
from support.wire import Received, Reply, Server, Stream, json_answer

pytest.importorskip("replicate", reason="replicate is not installed")
TEXT = "".join(ANSWER)
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
METRICS = {"input_token_count": 20, "output_token_count": 9, "predict_time": 0.4}
PICTURE = "https://delivery.example/bee.png"


def polled(*begun: dict[str, Any], iterates: bool = False) -> Any:
    """Answers the requests for a prediction one after the other, and says of the model's version whether its output is iterated."""
    waiting = list(begun)
    output = {"type": "array", **({"x-cog-array-type": "iterator"} if iterates else {})}
    version = {
        "id": VERSION,
        "created_at": "2026-01-01T00:00:00Z",
        "cog_version": "0.9.0",
        "openapi_schema": {"components": {"schemas": {"Output": output}}},
    }

    def answer(request: Received) -> Reply:
        if "/versions/" in request.path:
            return json_answer(version)
        return json_answer(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return answer


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_run_is_one_call_with_all_its_polling(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(polled(prediction("starting", None), prediction("processing", None), prediction(metrics=METRICS)))
    client = make(server.url, asynchronous)
    input = {**INPUT, "system_prompt": "In one line.", "temperature": 0.5, "max_new_tokens": 50, "stop_sequences": "x", "seed": 7}
    output = await client.async_run(MODEL, input) if asynchronous else client.run(MODEL, input)
    assert "".join(output) == TEXT
    assert len(server.received) == 3
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "replicate",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.response.id": ID,
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 9,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert (span.name, text(span), text(span, "input")) == (f"generate_content {MODEL}", TEXT, QUESTION)
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "In one line."}]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_output_that_is_iterated_while_it_is_made_ends_its_call_when_it_was_read(
    asynchronous: bool, server: Server, spans: Spans
) -> None:
    begun, half, whole = prediction("starting", None), prediction("processing", ANSWER[:2]), prediction(metrics=METRICS)
    server.serve(polled(begun, half, whole, iterates=True))
    client = make(server.url, asynchronous)
    if asynchronous:
        output = await client.async_run(f"{MODEL}:{VERSION}", INPUT)
        assert spans.all() == []
        assert [piece async for piece in output] == list(ANSWER)
    else:
        output = client.run(f"{MODEL}:{VERSION}", INPUT)
        assert spans.all() == []
        assert list(output) == list(ANSWER)
    span = spans.only()
    assert (outcome(span), text(span)) == ("completed", TEXT)
    assert attributes(span)["gen_ai.usage.output_tokens"] == 9
    assert attributes(span)["gen_ai.response.time_to_first_chunk"] > 0


def test_output_that_is_only_handed_over_as_an_iterator_was_complete_before(server: Server, spans: Spans) -> None:
    server.serve(polled(prediction(), iterates=True))
    output = make(server.url, False).run(f"{MODEL}:{VERSION}", INPUT)
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)
    assert list(output) == list(ANSWER)


def test_a_prediction_that_fails_says_so_and_which_it_was(server: Server, spans: Spans) -> None:
    from replicate.exceptions import ModelError

    server.serve(json_answer(prediction("failed", None, error="the engine is overheated")))
    with pytest.raises(ModelError, match="overheated"):
        make(server.url, False).run(MODEL, INPUT)
    span = spans.only()
    assert outcome(span) == "failed"
    assert attributes(span)["error.type"].endswith("ModelError")
    assert attributes(span)["gen_ai.response.id"] == ID


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_prediction_is_begun_by_one_call_and_waited_for_by_another(
    asynchronous: bool, server: Server, spans: Spans
) -> None:
    server.serve(polled(prediction("starting", None), prediction("processing", None), prediction()))
    predictions = make(server.url, asynchronous).predictions
    if asynchronous:
        made = await predictions.async_create(model=MODEL, input=INPUT)
        await made.async_wait()
        await made.async_wait()
    else:
        made = predictions.create(model=MODEL, input=INPUT)
        made.wait()
        made.wait()
    begun, waited = spans.all()
    assert (begun.name, attributes(begun)["gen_ai.response.status"]) == (f"generate_content {MODEL}", "queued")
    assert (waited.name, attributes(waited)["gen_ai.response.status"]) == ("fetch_response", "completed")
    assert attributes(begun)["gen_ai.response.id"] == attributes(waited)["gen_ai.response.id"] == ID
    assert text(waited) == TEXT


def test_a_prediction_that_failed_while_it_was_waited_for_makes_that_call_fail(server: Server, spans: Spans) -> None:
    server.serve(polled(prediction("starting", None), prediction("failed", None, error="the engine is overheated")))
    made = make(server.url, False).predictions.create(version=VERSION, input=INPUT)
    made.wait()
    begun, waited = spans.all()
    assert begun.name == f"generate_content {VERSION}"
    assert (outcome(waited), waited.status.description) == ("failed", "the engine is overheated")
    assert attributes(waited)["error.type"] == "failed"


def test_a_stream_of_a_prediction_begun_before_is_fetched(server: Server, spans: Spans) -> None:
    server.serve(Stream([*(event("output", text) for text in ANSWER), event("done", "{}")]))
    client = make(server.url, False)
    made = client.deployments.predictions.create("bees/hive", input=INPUT, stream=True)
    assert "".join(map(str, made.stream())) == TEXT
    begun, fetched = spans.all()
    assert (begun.name, fetched.name) == ("generate_content bees/hive", "fetch_response")
    assert (text(fetched), attributes(fetched)["gen_ai.response.id"]) == (TEXT, ID)


def test_the_modules_own_functions_are_traced(server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    import replicate as module

    monkeypatch.setattr(module.default_client, "_base_url", server.url)
    monkeypatch.setattr(module.default_client, "_api_token", "key-for-tests")
    server.serve(json_answer(prediction()))
    assert module.run(MODEL, input=INPUT) == list(ANSWER)
    assert spans.only().name == f"generate_content {MODEL}"


def test_files_are_known_by_where_they_are(server: Server, spans: Spans) -> None:
    server.serve(json_answer(prediction(output=[PICTURE])))
    made = make(server.url, False)
    output = made.run(MODEL, {**INPUT, "image": f"data:image/png;base64,{PNG}"})
    assert output[0].url == PICTURE
    span = spans.only()
    assert [part["type"] for part in messages(span, "input")[0]["parts"]] == ["text", "blob"]
    assert messages(span)[0]["parts"] == [{"type": "uri", "modality": "image", "uri": PICTURE}]


def test_each_retry_while_polling_is_an_event(server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    server.serve(json_answer(prediction()))
    server.queue.append(json_answer(prediction("starting", None)))
    server.queue.append(json_answer({}, 503, headers={"retry-after": "0"}))
    make(server.url, False).run(MODEL, INPUT)
    assert [event.name for event in spans.only().events] == [semconv.RETRY_EVENT]


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    from replicate import client, deployment, model
    from replicate import prediction as predictions

    owners = (client, client.Client, client.RetryTransport, predictions.Prediction, predictions.Predictions)
    owners = (*owners, model.ModelsPredictions, deployment.DeploymentPredictions)
    before = [dict(vars(owner)) for owner in owners]
    start_tracing()
    assert all(dict(vars(owner)) != was for owner, was in zip(owners, before, strict=True))
    genba.uninstrument()
    assert [dict(vars(owner)) for owner in owners] == before


@pytest.mark.parametrize(
    "odd",
    [None, [], "text", {"input": 3}, {"input": {"prompt": 3, "x": [3]}}, {"output": {"a": 1}, "metrics": 3}, {"output": [None, 3]}],
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    replicate.read_request(odd)
    replicate.read_response(odd)
    replicate.read_response(replicate.fold([odd, {"event": "output"}, {"event": "done", "data": 3}]))


def test_the_example_leaves_one_call_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(prediction()))
    ran = run_example(
        "replicate_run", tmp_path, REPLICATE_URL=server.url, REPLICATE_API_TOKEN="key-for-tests", REPLICATE_MODEL=MODEL
    )
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == [f"generate_content {MODEL}"]
