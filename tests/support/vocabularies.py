"""Small made-up vocabularies, and how each library is told of one."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from genba.tokens import identity, tokenizer_json

CHARACTERS = {byte: character for character, byte in tokenizer_json.BYTES.items()}
BYTES = [bytes([byte]) for byte in range(256)]


def spelled(token: bytes) -> str:
    return "".join(CHARACTERS[byte] for byte in token)


def trained(seed: int, merges: int = 40) -> tuple[dict[bytes, int], list[tuple[bytes, bytes]]]:
    """A byte-level BPE vocabulary, trained as all are: the neighbours met most often in a text become a token, again and again."""
    dice = random.Random(seed)
    words = ["".join(dice.choices("abcé", k=dice.randint(2, 9))).encode() for _ in range(60)]
    texts = [[word[at : at + 1] for at in range(len(word))] for word in words]
    ranks = {token: at for at, token in enumerate(BYTES)}
    pairs: list[tuple[bytes, bytes]] = []
    while len(pairs) < merges:
        met = Counter(pair for text in texts for pair in pairwise(text) if pair[0] + pair[1] not in ranks)
        if not met:
            break
        left, right = max(met, key=lambda pair: (met[pair], pair))
        ranks[left + right] = len(ranks)
        pairs.append((left, right))
        for text in texts:
            at = 0
            while at + 1 < len(text):
                if (text[at], text[at + 1]) == (left, right):
                    text[at : at + 2] = [left + right]
                at += 1
    return ranks, pairs


def description(ranks: Mapping[bytes, int], pairs: list[tuple[bytes, bytes]], **changes: Any) -> dict[str, Any]:
    """A tokenizer.json of this vocabulary, with one special token."""
    special = {"id": len(ranks), "content": "<|end|>", "special": True}
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**special, **usual}],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": {spelled(token): id for token, id in ranks.items()},
            "merges": [[spelled(left), spelled(right)] for left, right in pairs],
        },
        **changes,
    }


def gguf(keys: Mapping[str, Any]) -> bytes:
    """A GGUF file with these keys, and no tensors."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def valued(value: Any) -> bytes:
        if isinstance(value, bool):
            return struct.pack("<IB", 7, value)
        if isinstance(value, int):
            return struct.pack("<II", 4, value)
        if isinstance(value, str):
            return struct.pack("<I", 8) + text(value)
        if isinstance(value[0], float):
            return struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
        if isinstance(value[0], int):
            return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))

    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(text(key) + valued(value) for key, value in keys.items())


def differing(one: identity.Identity, other: identity.Identity) -> set[str]:
    return {a.name for a, b in zip(one.parts, other.parts, strict=True) if (a.digest, a.form) != (b.digest, b.form)}
