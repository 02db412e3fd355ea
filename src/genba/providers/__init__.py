"""The model clients that genba knows: one declaration each."""

from __future__ import annotations

from collections.abc import Sequence

from ..observing.patching import Patch
from . import anthropic, groq, openai
from .generated_clients import seams

CLIENTS = {client.package: client for client in (openai.CLIENT, anthropic.CLIENT, groq.CLIENT)}
"""By the name that `genba.init(instrument=[…])` takes."""


def patches(name: str) -> Sequence[Patch]:
    """What is to be wrapped to trace this client."""
    return seams.patches(CLIENTS[name])
