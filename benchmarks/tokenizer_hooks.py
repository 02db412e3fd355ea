"""What a hooked tokenizer call costs: microseconds with genba at `tokens="pieces"` and without, for each library that is installed."""

from __future__ import annotations

import os
import tempfile
import timeit
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import genba

TEXT = "What the model really saw."
CONVERSATION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEXT}]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ROUNDS, CALLS = 15, 200


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """What is called: its name and a call of it."""
    if find_spec("tokenizers") is not None:
        backend = trained()
        yield "tokenizers  Tokenizer.encode", lambda: backend.encode(TEXT)
        yield "tokenizers  Tokenizer.encode_batch of 8", lambda: backend.encode_batch([TEXT] * 8)
        if find_spec("transformers") is not None:
            import transformers

            tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=TEMPLATE)
            yield "transformers  __call__", lambda: tokenizer(TEXT)
            yield (
                "transformers  apply_chat_template",
                lambda: tokenizer.apply_chat_template(CONVERSATION, add_generation_prompt=True),
            )
    if find_spec("tiktoken") is not None:
        import tiktoken

        ranks = {bytes([byte]): byte for byte in range(256)}
        encoding = tiktoken.Encoding("bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 256})
        yield "tiktoken  Encoding.encode", lambda: encoding.encode(TEXT)
        yield "tiktoken  Encoding.encode_ordinary", lambda: encoding.encode_ordinary(TEXT)


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
    """The best round's time for one call."""
    return min(timeit.repeat(call, number=CALLS, repeat=3)) / CALLS * 1e6


def main() -> None:
    """Print the table."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    listed = dict(cases())
    bare: Mapping[str, float] = dict.fromkeys(listed, float("inf"))
    hooked = dict(bare)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):  # in turns, so that a busy machine slows both
            bare = {name: min(bare[name], microseconds(call)) for name, call in listed.items()}
            genba.init(tokens="pieces", store=f"{folder}/genba.db")
            hooked = {name: min(hooked[name], microseconds(call)) for name, call in listed.items()}
            genba.uninstrument()
    print(f"{'call':44} {'unhooked µs':>12} {'hooked µs':>12} {'more µs':>9}")
    for name in listed:
        print(f"{name:44} {bare[name]:12.2f} {hooked[name]:12.2f} {hooked[name] - bare[name]:9.2f}")


if __name__ == "__main__":
    main()
