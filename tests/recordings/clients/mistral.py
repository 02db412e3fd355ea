"""Mistral's client, whose wire is OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recordings import reading
from recordings.calling import served
from recordings.playing import played
from support.clients.mistral import make
from support.wire import Server

PACKAGE = "mistralai"
FORMS = ("as called",)


def call(exchange: Mapping[str, Any], form: str, server: Server) -> list[Any]:
    server.serve(served(exchange))
    body = dict(exchange["request"]["body"])
    name = "stream" if body.pop("stream", False) else "complete"

    def ask(client: Any) -> Any:
        return getattr(client.chat, f"{name}_async" if client.asynchronous else name)(**body)

    return played(exchange, make, ask, server)


def read(exchange: Mapping[str, Any]) -> reading.Said:
    return reading.read(exchange)
