"""vLLM after its source: how what it takes and gives is read, played by a stand-in of the same shape. The library itself is not run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

import genba
from support.spans import Spans, attributes, failed, messages, outcome, parts, readable, text
from support.vllm_engine import LLM, MODEL, WORDS, AsyncLLM, PoolingOfflineMixin, RequestOutputKind, SamplingParams, installed

pytestmark = pytest.mark.skipif(find_spec("vllm") is not None, reason="the library itself is installed")

ANSWER = "".join(WORDS)
KINDS = pytest.mark.parametrize("kind", list(RequestOutputKind), ids=lambda kind: kind.name)


@pytest.fixture
def spans(start_tracing: Callable[..., Spans]) -> Iterator[Spans]:
    with installed():
        yield start_tracing()
        genba.uninstrument()


def usage(span: Any) -> tuple[Any, ...]:
    told = attributes(span)
    return tuple(told.get(f"gen_ai.usage.{name}") for name in ("input_tokens", "output_tokens", "cache_read.input_tokens"))


def test_a_prompt_is_a_completion(spans: Spans) -> None:
    LLM().generate("how is it", SamplingParams(temperature=0.5, top_k=3, max_tokens=9, seed=4))
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.provider.name"]) == (f"text_completion {MODEL}", "vllm")
    assert (text(span, "input"), text(span), usage(span)) == ("how is it", ANSWER, (3, 3, 1))
    asked = ("temperature", "top_p", "top_k", "max_tokens", "seed")
    assert [told[f"gen_ai.request.{name}"] for name in asked] == [0.5, 1.0, 3, 9, 4]
    assert "gen_ai.request.presence_penalty" not in told
    assert (told["gen_ai.response.id"], told["gen_ai.response.finish_reasons"]) == ("0", ("stop",))
    readable(span)


def test_many_prompts_are_one_call_with_all_answers(spans: Spans) -> None:
    LLM().generate(["how is it", {"prompt": "and tomorrow"}], [SamplingParams(), SamplingParams()])
    assert [message["parts"][0]["content"] for message in messages(spans.only(), "input")] == ["how is it", "and tomorrow"]
    assert len(messages(spans.only())) == 2
    assert usage(spans.only()) == (5, 6, 2)


def test_several_answers_to_one_prompt_are_a_choice_each(spans: Spans) -> None:
    LLM().generate("how is it", SamplingParams(n=2))
    assert len(messages(spans.only())) == attributes(spans.only())["gen_ai.request.choice.count"] == 2
    assert usage(spans.only()) == (3, 6, 1)


def test_token_ids_that_were_asked_with_are_ids(spans: Spans) -> None:
    LLM().generate({"prompt_token_ids": [1, 2], "prompt": ""})
    assert parts(spans.only(), "input") == [{"type": "token_ids", "content": [1, 2]}]


@pytest.mark.parametrize("listed", [False, True], ids=["one chat", "a list of one"])
def test_a_chat_has_its_messages(spans: Spans, listed: bool) -> None:
    chat = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "how is it?"}]
    LLM().chat([chat] if listed else chat, use_tqdm=False)
    span = spans.only()
    assert span.name == f"chat {MODEL}"
    assert [message["role"] for message in messages(span, "input")] == ["system", "user"]
    assert text(span) == ANSWER


def test_vectors_are_an_embedding(spans: Spans) -> None:
    LLM().embed(["one", "two three"])
    told = attributes(spans.only())
    assert (spans.only().name, told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (
        f"embeddings {MODEL}",
        2,
        3,
    )


def test_what_it_refuses_is_a_failure(spans: Spans) -> None:
    with pytest.raises(ValueError, match="cannot be empty"):
        LLM().generate("")
    assert failed(spans.only())


@KINDS
def test_a_stream_adds_up_to_the_answer(spans: Spans, kind: RequestOutputKind) -> None:
    async def read() -> int:
        return len([one async for one in AsyncLLM().generate("how is", SamplingParams(output_kind=kind), "id-1")])

    chunks = asyncio.run(read())
    told = attributes(spans.only())
    assert (text(spans.only()), usage(spans.only())) == (ANSWER, (2, 3, None))
    assert (told["genba.chunks.count"], told["gen_ai.response.id"]) == (chunks, "id-1")
    assert told["gen_ai.response.finish_reasons"] == ("length",)


@pytest.mark.parametrize("kind", [RequestOutputKind.DELTA, RequestOutputKind.CUMULATIVE], ids=lambda kind: kind.name)
def test_a_stream_left_halfway_keeps_what_arrived_and_is_aborted(spans: Spans, kind: RequestOutputKind) -> None:
    engine = AsyncLLM()

    async def leave() -> None:
        stream = engine.generate("how is", SamplingParams(output_kind=kind), "id-1")
        await stream.__anext__()
        await stream.__anext__()
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    asyncio.run(leave())
    assert outcome(spans.only()) == "cancelled"
    assert (text(spans.only()), usage(spans.only())) == ("It is ", (2, 2, None))
    assert engine.aborted


def test_of_a_growing_answer_only_the_last_is_kept(spans: Spans) -> None:
    from weakref import ref

    seen: list[Any] = []

    async def read() -> list[bool]:
        alive: list[bool] = []
        stream = AsyncLLM().generate("how is", SamplingParams(), "id-1")
        async for one in stream:
            alive = [known() is not None for known in seen]
            seen.append(ref(one))
            del one
        return alive

    assert asyncio.run(read())[0] is False


def test_requests_at_the_same_time_are_a_call_each(spans: Spans) -> None:
    async def ask(number: int) -> None:
        async for _ in AsyncLLM().generate("how is", SamplingParams(), f"id-{number}"):
            pass

    async def ask_all() -> None:
        await asyncio.gather(*(ask(number) for number in range(3)))

    asyncio.run(ask_all())
    assert sorted(attributes(span)["gen_ai.response.id"] for span in spans.all()) == ["id-0", "id-1", "id-2"]


def test_uninstrument_puts_the_own_methods_back(start_tracing: Callable[..., Spans]) -> None:
    def found() -> list[Any]:
        return [vars(LLM)["generate"], vars(LLM)["chat"], vars(PoolingOfflineMixin)["embed"], vars(AsyncLLM)["generate"]]

    before = found()
    with installed():
        start_tracing(instrument=["vllm"])
        assert all(now is not then for now, then in zip(found(), before, strict=True))
        genba.uninstrument()
    assert found() == before
