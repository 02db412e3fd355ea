"""What a model is asked with: the parameters that a run of it goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...observing.endpoint import Endpoint
from ...semconv import Operation
from ..in_process import read_request, read_response

NAME = "transformers"
_SAMPLING = ("temperature", "top_p", "top_k")


def asked(given: Mapping[str, Any], config: Any, prompt_length: int) -> dict[str, Any]:
    """The parameters that a run goes by: those `given`, else those of its `GenerationConfig`.

    A configuration always has a temperature; it counts for nothing unless tokens are drawn at random.
    """
    is_random = setting(given, config, "do_sample") is True
    body = {name: setting(given, config, name) if is_random else given.get(name) for name in _SAMPLING}
    body["max_tokens"] = setting(given, config, "max_new_tokens")
    length = setting(given, config, "max_length")
    if body["max_tokens"] is None and isinstance(length, int):
        body["max_tokens"] = max(length - prompt_length, 0)
    stop = setting(given, config, "stop_strings")
    body["stop"] = [stop] if isinstance(stop, str) else stop
    body["n"] = setting(given, config, "num_return_sequences")
    return body


def setting(given: Mapping[str, Any], config: Any, name: str) -> Any:
    """A parameter as it was given, else as it is configured."""
    value = given.get(name)
    return getattr(config, name, None) if value is None else value


TEXT = Endpoint(operation=Operation.TEXT_COMPLETION, provider=NAME, request=read_request, response=read_response)
CHAT = Endpoint(operation=Operation.CHAT, provider=NAME, request=read_request, response=read_response)
