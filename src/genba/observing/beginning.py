"""The beginning of every call to a client: whether it is recorded at all, and as a span of its own or as part of an outer one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from .. import semconv
from ..recording import owning, signals
from ..recording.invocation import Invocation
from ..semconv import SUBJECTS
from .call import Call
from .endpoint import Endpoint


def begun(
    endpoint: Endpoint, attributes: Callable[..., dict[str, Any]], *known: Any, kind: SpanKind = SpanKind.CLIENT
) -> Call | None:
    """A call to `endpoint`, its span started with `attributes(*known)`; None if it is not to be recorded."""
    sending = signals.current()
    if sending is None:
        return None
    context = owning.living(get_current())
    if context and owning.suppressed(context):
        return None
    if sending.drops(context):
        return None
    owner = owning.owner_of(context, endpoint.operation)
    if owner is not None:
        owner.inner = call = Call(endpoint, owner, owned=False)
        outer = context.get(owning.CALL)
        if isinstance(outer, Call) and outer.invocation is owner:
            call.outer = outer
        if owner.is_recording:
            call.attributes = _given(sending, attributes, known)
            owner.named_after(call.attributes.get(semconv.REQUEST_MODEL))
        return call
    given = _given(sending, attributes, known)
    subject = given.get(SUBJECTS.get(endpoint.operation, semconv.REQUEST_MODEL))
    name = endpoint.operation if subject is None else f"{endpoint.operation} {subject}"
    invocation = Invocation(sending, endpoint.operation, name, kind, given, context)
    invocation.calling = call = Call(endpoint, invocation, owned=True)
    return call


def _given(sending: signals.Signals, attributes: Callable[..., dict[str, Any]], known: tuple[Any, ...]) -> dict[str, Any]:
    given = attributes(*known)
    names = sending.settings.provider_names
    if names:
        given.update(_named_by_host(names, given))
    return given


def _named_by_host(names: Mapping[str, str], attributes: Mapping[str, Any]) -> dict[str, str]:
    """Who serves the model, where the host said so for the address that is called: that goes before what we would think."""
    address, port = str(attributes.get(semconv.SERVER_ADDRESS) or "").lower(), attributes.get(semconv.SERVER_PORT)
    labels = address.split(".")
    keys = (f"{address}:{port}", f"[{address}]:{port}", *(".".join(labels[start:]) for start in range(len(labels))))
    name = next((names[key] for key in keys if key in names), None)
    return {} if name is None else {semconv.PROVIDER_NAME: name}
