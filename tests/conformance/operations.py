"""Every operation that genba records, each as a host would cause it: those of the installed clients, and our own decorators'."""

from __future__ import annotations

from importlib.util import find_spec

from conformance import anthropic_operations, openai_operations, own_operations
from conformance.registry import Operation

OPERATIONS: dict[str, Operation] = {
    **(openai_operations.OPERATIONS if find_spec("openai") else {}),
    **(anthropic_operations.OPERATIONS if find_spec("anthropic") else {}),
    **own_operations.OPERATIONS,
}
