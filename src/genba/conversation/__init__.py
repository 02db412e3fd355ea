"""What was said: requests, responses, messages and usage, as plain values. Imports nothing of ours."""

from . import parts
from .exchange import Request, Response
from .parts import JSON, Message, Part, ToolDefinition
from .tokens import Timings, Tokens
from .usage import Usage

__all__ = ["JSON", "Message", "Part", "Request", "Response", "Timings", "Tokens", "ToolDefinition", "Usage", "parts"]
