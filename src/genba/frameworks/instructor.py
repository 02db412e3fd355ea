"""Instructor: a structured answer is asked for until it is valid. One span stands around the attempts, which are the client's own calls."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import get_current_span

from .. import harmless, semconv
from ..observing.arguments import Arguments
from ..observing.around import Function
from ..observing.patching import Patch
from ..observing.steps import Begun, Step, Stepping
from ..observing.steps import patches as step_patches


def patches() -> Sequence[Patch]:
    """Everything to wrap."""
    return [
        *step_patches("instructor", _STEPS),
        *(Patch(module, name, _listening, "instructor", optional=True) for module, name in _TOLD),
    ]


def _asked(arguments: Arguments) -> Begun | None:
    """Asking for a type of answer; where none is named there is one attempt and nothing to validate."""
    wanted = arguments.get("response_model")
    if wanted is None:
        return None
    name = _name(wanted)
    return Begun(operation=None, subject=f"instructor {name}", attributes={semconv.STRUCTURED_TYPE: name})


def _name(wanted: Any) -> str:
    """`Person`, `Iterable[Person]`, `Partial[Person]`."""
    name = getattr(wanted, "__name__", None)
    return name if isinstance(name, str) and "[" not in str(wanted) else str(wanted).rpartition(".")[2]


def _answered(stepping: Stepping, result: Any) -> None:
    """The valid answer. One that is still to be read as a stream is its reader's."""
    if hasattr(result, "model_dump"):
        stepping.gave(result.model_dump())  # Instructor hangs the client's answer on the object itself


def _listening(emit: Function) -> Function:
    """What tells the app's hooks that an answer was not valid: between two attempts, so their common span is current."""

    @functools.wraps(emit)
    def listening(self: Any, error: Any, *args: Any, **known: Any) -> Any:
        with harmless.guard("taking note of an answer that is not valid"):
            if not known.get("is_last_attempt"):
                said = {semconv.RETRY_ATTEMPT: known.get("attempt_number"), semconv.ERROR_TYPE: type(error).__name__}
                get_current_span().add_event(
                    semconv.RETRY_EVENT, {name: value for name, value in said.items() if value is not None}
                )
        return emit(self, error, *args, **known)

    return listening


_TOLD = (("instructor.v2.core.hooks", "Hooks.emit_parse_error"), ("instructor.core.hooks", "Hooks.emit_parse_error"))

# Where they are called from: both are imported by name.
_STEPS = tuple(
    Step(where=where, begins=_asked, gave=_answered, optional=True)
    for where in (
        "instructor.v2.core.patch:retry_sync_v2",
        "instructor.v2.core.patch:retry_async_v2",
        "instructor.core.patch:retry_sync",
        "instructor.core.patch:retry_async",
    )
)
