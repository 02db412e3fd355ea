"""The encodings that have a name, such as `o200k_base`: from a library that carries them, and which models of OpenAI's use which.

Nothing here uses the network, unless it is allowed to: plain tiktoken fetches an encoding that it does not have at hand.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .. import splitting

LIBRARIES: Final = {"quicktok": "quicktok-v1", "bpe_openai": "bpe-openai", "tiktoken": "tiktoken"}
"""Those with encodings that have a name, in the order in which they are asked -> what to install."""
OPENAI: Final = ("openai", "azure.ai.openai")
"""The providers that serve OpenAI's models under their own names."""

_MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "o200k_base": ("gpt-4o", "chatgpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3", "o4-mini"),
    "cl100k_base": (
        "gpt-4",
        "gpt-3.5-turbo",
        "gpt-35-turbo",
        "davinci-002",
        "babbage-002",
        "text-embedding-ada-002",
        "text-embedding-3-small",
        "text-embedding-3-large",
    ),
    "o200k_harmony": ("gpt-oss",),
}
"""As tiktoken's own table has it: a model is named so, or its name goes on after a hyphen."""
_REASONING: Final = ("o1", "o3", "o4", "gpt-5", "gpt-oss")
_BLOBS: Final = "https://openaipublic.blob.core.windows.net/encodings/"
_CACHED: Final[Mapping[str, tuple[str, str, str]]] = {
    "cl100k_base": (
        "cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        splitting.CL100K,
    ),
    "o200k_base": ("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", splitting.O200K),
    "o200k_harmony": ("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", splitting.O200K),
}
"""Encoding -> the file that tiktoken keeps it in, that file's SHA-256, and the expression for the pieces."""
_O200K_SPECIAL: Final = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
_HARMONY: Final = {
    "<|startoftext|>": 199998,
    "<|return|>": 200002,
    "<|constrain|>": 200003,
    "<|channel|>": 200005,
    "<|start|>": 200006,
    "<|end|>": 200007,
    "<|message|>": 200008,
    "<|call|>": 200012,
}
_SPECIAL: Final[Mapping[str, Mapping[str, int]]] = {
    "cl100k_base": {
        "<|endoftext|>": 100257,
        "<|fim_prefix|>": 100258,
        "<|fim_middle|>": 100259,
        "<|fim_suffix|>": 100260,
        "<|endofprompt|>": 100276,
    },
    "o200k_base": _O200K_SPECIAL,
    "o200k_harmony": {
        **_O200K_SPECIAL,
        **_HARMONY,
        **{f"<|reserved_{id}|>": id for id in (200000, 200001, 200004, 200009, 200010, 200011, *range(200013, 201088))},
    },
}


def named_by(model: str | None) -> str | None:
    """The encoding that a model of OpenAI's uses, by the model's name."""
    return next((name for name, models in _MODELS.items() if _is_one_of(model, models)), None)


def reasons(model: str | None) -> bool:
    """Whether a model of OpenAI's thinks before it answers, which the answer does not show."""
    return _is_one_of(model, _REASONING)


def _is_one_of(model: str | None, models: tuple[str, ...]) -> bool:
    name = (model or "").removeprefix("ft:")
    return any(name == one or name.startswith((f"{one}-", f"{one}:")) for one in models) or (
        # Its releases are numbered with a point.
        "gpt-5" in models and name.startswith("gpt-5.")
    )


def get(library: str, name: str, *, may_fetch: bool) -> Any | str:
    """The named encoding of a library; as words, why there is none."""
    try:
        module = importlib.import_module(library)
    except ImportError:
        return f"{library} is not installed; it comes with: pip install {LIBRARIES[library]}"
    except Exception as error:  # noqa: BLE001  # whatever a broken installation raises
        return f"{library} cannot be imported: {error}"
    try:
        if library == "tiktoken" and not may_fetch:
            return _at_hand(module, name)
        return module.get_encoding(name)
    except Exception as error:  # noqa: BLE001  # each library has its own, and tiktoken those of the network
        reason = str(error).partition("\n")[0]
        return f"{library} has no encoding '{name}' at hand: {reason[:120]}"


def first(name: str, *, may_fetch: bool) -> Any | list[str]:
    """The named encoding of the first library that has it; else why each of them has not."""
    reasons = []
    for library in LIBRARIES:
        found = get(library, name, may_fetch=may_fetch)
        if not isinstance(found, str):
            return found
        reasons.append(found)
    return reasons


def _at_hand(tiktoken: Any, name: str) -> Any:
    """The encoding as tiktoken has it, read past its own loader, which would fetch what is missing or damaged."""
    loaded = getattr(sys.modules.get("tiktoken.registry"), "ENCODINGS", {}).get(name)
    if loaded is not None:
        return loaded
    if name not in _CACHED:
        raise LookupError("it would be fetched from the network")
    file, digest, pattern = _CACHED[name]
    kept = _kept_by_tiktoken(_BLOBS + file)
    if kept is None or hashlib.sha256(kept).hexdigest() != digest:
        raise LookupError("it is not in tiktoken's cache, and is not fetched")
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in kept.splitlines() if line)}
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=dict(_SPECIAL[name]))


def _kept_by_tiktoken(address: str) -> bytes | None:
    said = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    folder = Path(tempfile.gettempdir()) / "data-gym-cache" if said is None else Path(said)
    path = folder / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    return path.read_bytes() if said != "" and path.is_file() else None
