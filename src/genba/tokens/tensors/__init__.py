"""Tensors in numbers: what was in one when it was shown to genba. No library of tensors is imported; whoever has one has imported it."""

from .stepwise import Steps
from .summary import BIN_EDGES, KINDS, Summary
from .taking import Taken, absent, take
from .whole import save

__all__ = ["BIN_EDGES", "KINDS", "Steps", "Summary", "Taken", "absent", "save", "take"]
