"""The tokens and times that vLLM tells, after its source, played by a stand-in of the same shape. The library itself is not run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

import genba
from genba.conversation.tokens import Alternative
from genba.tokens import Tokens, decode
from support.spans import Spans, attributes
from support.vllm_engine import LLM, AsyncLLM, RequestMetrics, RequestOutputKind, RequestStateStats, SamplingParams, installed

pytestmark = pytest.mark.skipif(find_spec("vllm") is not None, reason="the library itself is installed")

KINDS = pytest.mark.parametrize("kind", list(RequestOutputKind), ids=lambda kind: kind.name)


@pytest.fixture
def tracing(start_tracing: Callable[..., Spans]) -> Iterator[Callable[..., Spans]]:
    with installed():
        yield start_tracing
        genba.uninstrument()


def told(spans: Spans, side: Any) -> list[Tokens]:
    return decode(attributes(spans.only()).get(f"genba.tokens.{side}", "[]"), side)


def read(engine: AsyncLLM, how: SamplingParams, most: int = 9) -> None:
    async def ask() -> None:
        stream = engine.generate("how is", how, "id-1")
        for _ in range(most):
            if await anext(stream, None) is None:  # type: ignore[call-overload]  # the default may be of any type
                return
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    asyncio.run(ask())


def test_every_prompt_and_answer_has_its_ids(tracing: Callable[..., Spans]) -> None:
    spans = tracing(tokens="pieces")
    LLM().generate(["how is it", "and"], SamplingParams(n=2))
    assert [(one.index, list(one.ids or ())) for one in told(spans, "input")] == [(0, [7, 7, 7]), (1, [7])]
    assert [(one.index, list(one.ids or ())) for one in told(spans, "output")] == [(index, [0, 1, 2]) for index in range(4)]
    assert {one.source for one in (*told(spans, "input"), *told(spans, "output"))} == {"engine"}
    assert told(spans, "output")[0].unknown["pieces"] == "the engine has no tokenizer"
    assert attributes(spans.only())["genba.usage.source.output_tokens"] == "engine"


def test_pieces_come_from_the_engines_tokenizer(tracing: Callable[..., Spans]) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    words = {"Ġit": 0, "Ġis": 1, "ä½": 2, "h": 7}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(words, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    tokenizer.add_special_tokens(["<end>"])
    spans = tracing(tokens="pieces")
    LLM(tokenizer).generate("how is it", SamplingParams())
    read(AsyncLLM(tokenizer), SamplingParams())
    for span in spans.all():
        [said] = decode(attributes(span)["genba.tokens.output"])
        assert list(said.pieces or ()) == [b" it", b" is", b"\xe4\xbd"]
        assert said.tokenizer == attributes(span)["genba.tokenizer.fingerprint"]


def test_log_probabilities_are_told_of_both_sides(tracing: Callable[..., Spans]) -> None:
    spans = tracing(tokens="full")
    LLM().generate("how is it", SamplingParams(logprobs=1, prompt_logprobs=1))
    [seen], [said] = told(spans, "input"), told(spans, "output")
    assert list(seen.logprobs or ()) == [None, -2.0, -2.0]
    assert list(said.logprobs or ()) == [-1.0, -2.0, -3.0]
    assert list((said.top or ())[1]) == [Alternative(9, None, -0.5), Alternative(1, None, -2.0)]


@KINDS
def test_a_stream_adds_up_to_the_tokens_of_the_answer(tracing: Callable[..., Spans], kind: RequestOutputKind) -> None:
    spans = tracing(tokens="full")
    read(AsyncLLM(), SamplingParams(output_kind=kind, logprobs=1))
    [seen], [said] = told(spans, "input"), told(spans, "output")
    assert list(seen.ids or ()) == [7, 7]
    assert (list(said.ids or ()), list(said.logprobs or ())) == ([0, 1, 2], [-1.0, -2.0, -3.0])
    if kind is RequestOutputKind.DELTA:
        assert list(said.chunks or ()) == [0, 1, 2]


@pytest.mark.parametrize("kind", [RequestOutputKind.DELTA, RequestOutputKind.CUMULATIVE], ids=lambda kind: kind.name)
def test_a_stream_left_halfway_has_the_tokens_that_came(tracing: Callable[..., Spans], kind: RequestOutputKind) -> None:
    spans = tracing(tokens="pieces")
    read(AsyncLLM(), SamplingParams(output_kind=kind), most=2)
    assert list(told(spans, "output")[0].ids or ()) == [0, 1]


@pytest.mark.parametrize("metrics", [RequestStateStats(), RequestMetrics()], ids=["this version", "older"])
def test_its_statistics_are_the_times(tracing: Callable[..., Spans], metrics: Any) -> None:
    spans = tracing()
    engine = LLM()
    engine.metrics = metrics
    engine.generate("how is it")
    found = {name: value for name, value in attributes(spans.only()).items() if name.startswith("genba.timing.")}
    assert found == {
        "genba.timing.queue": 0.25,
        "genba.timing.prefill": 0.75,
        "genba.timing.decode": 2.0,
        "genba.timing.input_tokens_per_second": pytest.approx(2 / 0.75),
        "genba.timing.output_tokens_per_second": 1.0,
    }


def test_times_that_have_not_come_and_those_of_many_at_once_are_not_told(tracing: Callable[..., Spans]) -> None:
    spans = tracing()
    engine = LLM()
    engine.metrics = RequestStateStats(queued_ts=0.0, scheduled_ts=0.0, first_token_ts=0.0, last_token_ts=0.0)
    engine.generate("how is it")
    engine.metrics = RequestStateStats()
    engine.generate(["how", "is"])
    assert not [name for span in spans.all() for name in attributes(span) if name.startswith("genba.timing.")]


def test_by_itself_no_ids_are_told(tracing: Callable[..., Spans]) -> None:
    spans = tracing()
    LLM().generate("how is it")
    assert told(spans, "input") == told(spans, "output") == []


def test_texts_that_are_embedded_have_their_ids(tracing: Callable[..., Spans]) -> None:
    spans = tracing(tokens="pieces")
    LLM().embed(["one", "two three"])
    assert [list(one.ids or ()) for one in told(spans, "input")] == [[7], [7, 7]]
