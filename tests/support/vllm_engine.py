"""What vLLM looks like from outside, after its source: it runs only on accelerators. A stand-in proves our reading, not the library."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any

WORDS = ["It ", "is ", "sunny."]
MODEL = "acme/tiny"


class RequestOutputKind(Enum):
    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: Any = None
    max_tokens: int | None = 16
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    output_kind: RequestOutputKind = RequestOutputKind.CUMULATIVE
    logprobs: int | None = None
    prompt_logprobs: int | None = None


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class RequestStateStats:
    """What it tells of a request's times, where it keeps statistics: by a clock of its own."""

    num_generation_tokens: int = 3
    arrival_time: float = 1.7e9
    queued_ts: float = 100.0
    scheduled_ts: float = 100.25
    first_token_ts: float = 101.0
    last_token_ts: float = 103.0


@dataclass
class RequestMetrics:
    """The same in older versions."""

    arrival_time: float = 100.0
    last_token_time: float = 103.0
    first_scheduled_time: float | None = 100.25
    first_token_time: float | None = 101.0
    time_in_queue: float | None = 0.25
    finished_time: float | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: Sequence[int]
    finish_reason: str | None = None
    logprobs: Any = None


@dataclass
class RequestOutput:
    request_id: str
    prompt: str | None
    prompt_token_ids: list[int] | None
    outputs: Any
    finished: bool = True
    num_cached_tokens: int | None = None
    encoder_prompt_token_ids: list[int] | None = field(default=None)
    prompt_logprobs: Any = None
    metrics: Any = None


def scored(ids: Sequence[int], how: Any) -> list[dict[int, Logprob]] | None:
    """The log-probabilities of an answer: of each token, and of one that is likelier where it is not the first."""
    if getattr(how, "logprobs", None) is None:
        return None
    return [{id: Logprob(-1.0 - id, 2, "?"), 9: Logprob(-0.5, 1, "?")} for id in ids]


def whole(number: int, prompt: str, how: Any = None, metrics: Any = None) -> RequestOutput:
    """An answer, a token for each word."""
    ids = list(range(len(WORDS)))
    said = [CompletionOutput(index, "".join(WORDS), ids, "stop", scored(ids, how)) for index in range(getattr(how, "n", 1))]
    seen = [7] * len(prompt.split())
    of_prompt = [None, *({7: Logprob(-2.0, 1, "?")} for _ in seen[1:])] if getattr(how, "prompt_logprobs", None) else None
    return RequestOutput(str(number), prompt, seen, said, num_cached_tokens=1, prompt_logprobs=of_prompt, metrics=metrics)


class PoolingOfflineMixin:
    def embed(self, prompts: Any, *, use_tqdm: bool = True, pooling_params: Any = None) -> list[Any]:
        texts = [prompts] if isinstance(prompts, str) else prompts
        return [
            RequestOutput(str(number), None, [7] * len(one.split()), SimpleNamespace(embedding=[0.5, 0.5]))
            for number, one in enumerate(texts)
        ]


class LLM(PoolingOfflineMixin):
    model_config = SimpleNamespace(model=MODEL)
    metrics: Any = None

    def __init__(self, tokenizer: Any = None) -> None:
        self.llm_engine = SimpleNamespace(tokenizer=tokenizer)

    def generate(self, prompts: Any, sampling_params: Any = None, *, use_tqdm: bool = True) -> list[RequestOutput]:
        if prompts == "":
            raise ValueError("The decoder prompt cannot be empty")
        texts = [prompts] if isinstance(prompts, (str, dict)) else prompts
        return [
            whole(number, one if isinstance(one, str) else one["prompt"], sampling_params, self.metrics)
            for number, one in enumerate(texts)
        ]

    def chat(self, messages: Any, sampling_params: Any = None, use_tqdm: Any = None, tools: Any = None) -> list[RequestOutput]:
        chats = [messages] if isinstance(messages[0], dict) else messages
        return [whole(number, "a chat") for number, _ in enumerate(chats)]


class AsyncLLM:
    model_config = SimpleNamespace(model=MODEL)
    aborted = False
    metrics: Any = None

    def __init__(self, tokenizer: Any = None) -> None:
        self.renderer = SimpleNamespace(tokenizer=tokenizer)

    async def get_tokenizer(self) -> Any:
        return self.renderer.tokenizer

    async def generate(
        self, prompt: Any, sampling_params: SamplingParams, request_id: str, *, priority: int = 0
    ) -> AsyncIterator[RequestOutput]:
        kind = sampling_params.output_kind
        try:
            for number in range(1, len(WORDS) + 1):
                await asyncio.sleep(0)
                first = number - 1 if kind is RequestOutputKind.DELTA else 0
                is_last = number == len(WORDS)
                if kind is RequestOutputKind.FINAL_ONLY and not is_last:
                    continue
                ids = range(first, number)
                words, why = "".join(WORDS[first:number]), "length" if is_last else None
                said = CompletionOutput(0, words, ids, why, scored(ids, sampling_params))
                yield RequestOutput(request_id, prompt, [7, 7], [said], finished=is_last, metrics=self.metrics)
        except (asyncio.CancelledError, GeneratorExit):
            self.aborted = True
            raise


@contextmanager
def installed() -> Iterator[None]:
    """As if it were installed and imported."""
    placed = {
        "vllm.entrypoints.llm": {"LLM": LLM},
        "vllm.entrypoints.pooling.offline": {"PoolingOfflineMixin": PoolingOfflineMixin},
        "vllm.v1.engine.async_llm": {"AsyncLLM": AsyncLLM},
    }
    for name, contents in placed.items():
        sys.modules[name] = module = ModuleType(name)
        vars(module).update(contents)
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]
