"""What a hooked tokenizer call costs: microseconds with genba at `tokens="pieces"` and without, for each library that is installed.

    nox -s bench            or: python benchmarks/tokenizer_hooks.py [rounds]

A call into transformers passes several hooks, one inside another; each is a hooked call. What a hook costs is at its least in a loop of
nothing else, as that of `Tokenizer.encode` is here; after other work, such as rendering a template, its code is cold.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import timeit
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import genba

TEXT = "What the model really saw."
CONVERSATION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEXT}]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ROUNDS, CALLS = 60, 50


def cases() -> Iterator[tuple[str, int, Callable[[], object]]]:
    """What is called: its name, how many hooks it passes, and a call of it."""
    if find_spec("tokenizers") is not None:
        backend = trained()
        yield "tokenizers  Tokenizer.encode", 1, lambda: backend.encode(TEXT)
        yield "tokenizers  Tokenizer.encode, 150 tokens", 1, lambda: backend.encode(TEXT * 25)
        yield "tokenizers  Tokenizer.encode_batch of 8", 1, lambda: backend.encode_batch([TEXT] * 8)
        if find_spec("transformers") is not None:
            import transformers

            tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=TEMPLATE)
            yield "transformers  __call__", 2, lambda: tokenizer(TEXT)
            yield (
                "transformers  apply_chat_template",
                3,
                lambda: tokenizer.apply_chat_template(CONVERSATION, add_generation_prompt=True),
            )
    if find_spec("tiktoken") is not None:
        import tiktoken

        ranks = {bytes([byte]): byte for byte in range(256)}
        encoding = tiktoken.Encoding("bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 256})
        yield "tiktoken  Encoding.encode", 1, lambda: encoding.encode(TEXT)
        yield "tiktoken  Encoding.encode_ordinary", 1, lambda: encoding.encode_ordinary(TEXT)


def trained() -> Any:
    """A small tokenizer over bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT] * 10, trainer)
    return tokenizer


def microseconds(call: Callable[[], object]) -> float:
    """The best time for one call: what else a machine does only adds to it."""
    return min(timeit.repeat(call, number=CALLS, repeat=4)) / CALLS * 1e6


def main() -> None:
    """Print the table."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    listed = list(cases())
    bare: dict[str, list[float]] = {name: [] for name, _, _ in listed}
    hooked: dict[str, list[float]] = {name: [] for name, _, _ in listed}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):  # in turns, so that a busy machine slows both
            for name, _, call in listed:
                bare[name].append(microseconds(call))
            genba.init(tokens="pieces", store=f"{folder}/genba.db")
            for name, _, call in listed:
                hooked[name].append(microseconds(call))
            genba.uninstrument()
    print(
        f"{'call':44} {'hooks':>5} {'unhooked µs':>12} {'more µs':>8} {'a hook':>7} {'more, of all rounds: median, middle half':>42}"
    )
    for name, hooks, _ in listed:
        more = min(hooked[name]) - min(bare[name])
        low, median, high = statistics.quantiles([one - two for one, two in zip(hooked[name], bare[name], strict=True)], n=4)
        spread = f"{median:.2f} ({low:.2f} to {high:.2f})"
        print(f"{name:44} {hooks:5} {min(bare[name]):12.2f} {more:8.2f} {more / hooks:7.2f} {spread:>42}")


if __name__ == "__main__":
    main()
