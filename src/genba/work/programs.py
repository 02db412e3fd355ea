"""Programs that are started: they find in their environment which span they belong to, as OpenTelemetry lays down."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import harmless
from ..observing.patching import Patch
from ..recording.carrying import carrier, environment


def patches() -> Sequence[Patch]:
    """What is wrapped, if the host asks for it with `carry_context`. `asyncio`'s subprocesses pass it too."""
    return [Patch("subprocess", "Popen.__init__", _with_the_carrier, "subprocess")]


def _with_the_carrier(original: Callable[..., Any]) -> Callable[..., Any]:
    position = list(inspect.signature(original).parameters).index("env")

    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> None:
        with harmless.guard("taking the context along to a program"):
            if carrier():
                if len(args) > position:
                    args = (*args[:position], environment(args[position]), *args[position + 1 :])
                else:
                    kwargs["env"] = environment(kwargs.get("env"))
        original(*args, **kwargs)

    return init
