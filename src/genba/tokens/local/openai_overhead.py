"""How many tokens a conversation has with OpenAI's chat models, as far as OpenAI says: by a rule of thumb in its cookbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ...conversation import Request, Response
from .plain_text import Uncountable
from .tokenizer import Tokenizer

_EXACTLY: Final = (
    "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-0613",
    "gpt-3.5-turbo-16k-0613",
    "gpt-4-0314",
    "gpt-4-32k-0314",
    "gpt-4-0613",
    "gpt-4-32k-0613",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-2024-08-06",
)
"""The models that the rule was written for."""
_ROUGHLY: Final = ("gpt-3.5-turbo", "gpt-35-turbo", "gpt-4-", "gpt-4o")
"""Those that it is said to hold for until they change: one model of theirs had 4 tokens a message, and one less for a name."""
_A_MESSAGE: Final = 3
_A_NAME: Final = 1
_THE_ANSWER: Final = 3


def count(tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]], request: Request, response: Response) -> tuple[int, int]:
    """How many tokens went in, and by how many that may be wrong.

    Raises:
        Uncountable: nothing is said about this model, or this kind of request.
    """
    model = response.model or request.model or ""
    is_exact = model in _EXACTLY
    if not is_exact and not (model == "gpt-4" or model.startswith(_ROUGHLY)):
        raise Uncountable(f"OpenAI does not say how many tokens it adds to the messages for {model}")
    if (response.id or "").startswith("resp_"):
        raise Uncountable("OpenAI does not say how many tokens it adds to the input of the Responses API")
    if request.output_type not in (None, "text"):
        raise Uncountable(f"OpenAI does not say how many tokens it adds for an answer as {request.output_type}")
    total, names = _THE_ANSWER, 0
    for message in messages:
        texts = [message["role"], message["content"], message.get("name", "")]
        if any(special in text for text in texts for special in tokenizer.special_texts):
            raise Uncountable("a message spells a special token, and what OpenAI makes of that is not known")
        names += 1 if "name" in message else 0
        total += _A_MESSAGE + sum(len(tokenizer.encode(text)) for text in texts)
    total += names * _A_NAME
    return total, 0 if is_exact else len(messages) + 2 * names
