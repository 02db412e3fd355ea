"""What LiteLLM tries in turn for one request: a router's deployments, retries and fallbacks hang below one span."""

from __future__ import annotations

from collections.abc import Sequence

from ... import semconv
from ...observing.arguments import Arguments
from ...observing.patching import Patch
from ...observing.steps import Begun, Step
from ...observing.steps import patches as step_patches


def patches() -> Sequence[Patch]:
    """Everything to wrap."""
    return step_patches("litellm", _STEPS)


def _routed(arguments: Arguments) -> Begun | None:
    """A request to a router; a fallback of one goes through the same function again."""
    if arguments.kwargs.get("fallback_depth"):
        return None
    function = getattr(arguments.kwargs.get("original_function"), "__name__", "").removeprefix("_")
    return _tried(f"Router.{function}" if function else "Router", arguments)


def _with_fallbacks(arguments: Arguments) -> Begun:
    """A request that names other models to try."""
    return _tried("completion", arguments)


def _tried(function: str, arguments: Arguments) -> Begun:
    model = arguments.get("model")
    name = f"litellm.{function}"
    subject = f"{name} {model}" if isinstance(model, str) and model else name
    return Begun(operation=None, subject=subject, attributes={semconv.CODE_FUNCTION_NAME: name})


# The plain forms run the asynchronous ones.
_STEPS = (
    Step(where="litellm.router:Router.async_function_with_fallbacks", begins=_routed),
    Step(where="litellm.main:async_completion_with_fallbacks", begins=_with_fallbacks, optional=True),
    Step(where="litellm.litellm_core_utils.fallback_utils:async_completion_with_fallbacks", begins=_with_fallbacks, optional=True),
)
