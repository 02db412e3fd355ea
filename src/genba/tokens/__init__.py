"""What the model really saw and said: tokenizers, tokens and tensors, without importing any library of theirs."""

from ..conversation.tokens import Alternative, Tokens
from .written import Timeline, TokensError, decode, decode_timeline

__all__ = ["Alternative", "Timeline", "Tokens", "TokensError", "decode", "decode_timeline"]
