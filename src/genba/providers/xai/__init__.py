"""xAI's own client, over gRPC: its chats and pictures are objects whose methods send the protobuf message that they hold.

It tries again within gRPC, where nobody sees it. Nor does it keep the address that it talks to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON
from ...observing import exchanges, methods
from ...observing.exchanges import Exchange
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from . import native
from .chat import CHAT
from .pictures import PICTURES
from .protobuf import as_json

_LIBRARY = "xai-sdk"
_CHATS = ("sample", "sample_batch", "parse", "defer", "defer_batch", "stream", "stream_batch")
_PICTURES = ("sample", "sample_batch")


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    chats = [
        Method(
            where=f"xai_sdk.{host}.chat:Chat.{name}",
            sent=functools.partial(_asked, name.startswith("stream")),
            answer=_answer,
            later=True,
            event=_chunk,
            optional=True,
        )
        for host in ("sync", "aio")
        for name in _CHATS
    ]
    pictures = [
        Method(where=f"xai_sdk.{host}.image:Client.{name}", sent=_drawn, answer=_answer, later=True, optional=True)
        for host in ("sync", "aio")
        for name in _PICTURES
    ]
    return [
        *methods.patches(_LIBRARY, [*chats, *pictures]),
        *exchanges.patches(
            _LIBRARY,
            [
                Exchange(where="xai_sdk.chat:BaseChat._make_request", sent=_request),
                Exchange(where="xai_sdk.chat:Response.__init__", gave=_given),
            ],
        ),
        *native.patches(),
    ]


def _asked(stream: bool, arguments: Arguments) -> Sent:
    """Only what a sampler may want to see; `_request` has the rest."""
    chat = arguments.receiver
    known: dict[str, Any] = {semconv.REQUEST_STREAM: True} if stream else {}
    conversation = getattr(chat, "_conversation_id", None)
    if isinstance(conversation, str):
        known[semconv.CONVERSATION_ID] = conversation
    return Sent(endpoint=CHAT, model=chat.proto.model, attributes=known, withholds_content=native.withholds_content())


def _request(arguments: Arguments) -> JSON:
    return {**as_json(arguments.receiver.proto), "n": arguments.get("n")}


def _drawn(arguments: Arguments) -> Sent:
    """As near to the wire as the arguments are: the client makes its request of them in the same call."""
    said = arguments.given()
    pictures = [*_named(said, "image_file_id", "file_id"), *_named(said, "image_url", "image_url")]
    body = {**{name: value for name, value in said.items() if isinstance(value, (str, int))}, "images": pictures}
    return Sent(endpoint=PICTURES, body=body, model=said.get("model"), withholds_content=native.withholds_content())


def _named(said: Mapping[str, Any], argument: str, field: str) -> list[JSON]:
    one, several = said.get(argument), said.get(f"{argument}s")
    return [{field: value} for value in (*([one] if one else []), *(several or []))]


def _answer(result: Any) -> JSON:
    """What the server said: the methods for several answers give each with all of them, that which parses gives it first."""
    first = result[0] if isinstance(result, (list, tuple)) and result else result
    proto = getattr(first, "proto", None)
    return as_json(proto) if proto is not None else None


def _chunk(item: Any) -> JSON:
    """The answer so far and the chunk; or the answers and each one's view of the chunk."""
    return _answer(item[1])


def _given(arguments: Arguments) -> Callable[[], JSON] | None:
    """What a client makes its answer of. A stream begins with an empty one."""
    proto = arguments.get("response")
    return functools.partial(as_json, proto) if getattr(proto, "id", "") else None
