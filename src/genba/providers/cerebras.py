"""Cerebras' client: OpenAI's format under a longer path."""

from __future__ import annotations

from . import openai
from .generated_clients import GeneratedClient, client_patches, resembling

CLIENT = GeneratedClient(
    package="cerebras.cloud.sdk",
    distribution="cerebras-cloud-sdk",
    routes=resembling(openai.ROUTES, "cerebras", "/chat/completions", "/completions", under="/v1"),
)

patches = client_patches(CLIENT)
