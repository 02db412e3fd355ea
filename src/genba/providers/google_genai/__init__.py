"""Google's client for Gemini and Vertex: all its calls pass four methods that hold the wire's JSON, and are told apart by their path."""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.methods import Method
from ...observing.methods import patches as observing
from ...observing.patching import Patch
from . import interactions, live
from .calling import as_agent, as_reading_agent, as_tool
from .requests import answer, sent
from .retries import as_attempt

__all__ = ["patches"]

_LIBRARY = "google-genai"
_CLIENT = "google.genai._api_client"
_AGENTS = {
    "google.genai.models": (("Models", "AsyncModels"), "generate_content"),
    "google.genai.chats": (("Chat", "AsyncChat"), "send_message"),
}
"""What may call functions of the host's: the classes of a module, and the name of the method, whose stream is called the same."""
_FUNCTIONS = "google.genai._extra_utils"


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    requests = ("request", "async_request", "request_streamed", "async_request_streamed")
    return [
        *observing(
            _LIBRARY,
            [
                Method(where=f"{_CLIENT}:BaseApiClient.{name}", sent=sent, answer=answer, later=True, event=answer)
                for name in requests
            ],
        ),
        *(
            Patch(_CLIENT, f"BaseApiClient.{name}", as_attempt, _LIBRARY, optional=True)
            for name in ("_request_once", "_async_request_once")
        ),
        *(
            Patch(module, f"{kind}.{name}{stream}", wrap(f"{module}:{kind}.{name}{stream}"), _LIBRARY)
            for module, (kinds, name) in _AGENTS.items()
            for kind in kinds
            for stream, wrap in (("", as_agent), ("_stream", as_reading_agent))
        ),
        *(
            Patch(_FUNCTIONS, name, as_tool, _LIBRARY, optional=True)
            for name in ("invoke_function_from_dict_args", "invoke_function_from_dict_args_async")
        ),
        *live.patches(_LIBRARY),
        *interactions.patches(_LIBRARY),
    ]
