"""What differs between two sets of recorded model calls, and how sure that is: pure statistics over what the store gives back."""

from .comparing import compare
from .lines import Report
from .sides import Side, gather

__all__ = ["Report", "Side", "compare", "gather"]
