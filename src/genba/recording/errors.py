"""Put an exception into words that telemetry can carry: its class, its message, its stack."""

from __future__ import annotations

import traceback

from .. import harmless, semconv
from ..conversation.encoding import readable, shorten

MAX_WORDS = 1000
"""Characters of an error's message that are kept."""


def type_name(error: BaseException) -> str:
    """The canonical name of an error's class, for `error.type`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ in ("builtins", None) else f"{kind.__module__}.{kind.__qualname__}"


MOST_WORDS = 100_000
"""Characters that are looked through: what is to be taken out must be whole, so this comes before shortening."""


def bounded(words: str) -> str:
    """An error's message as long as it may be."""
    return shorten(words, MAX_WORDS)


def message_of(error: BaseException) -> str:
    """What an error says, not bounded yet; nothing if it cannot say it."""
    try:
        return readable(shorten(str(error), MOST_WORDS))
    except Exception:  # noqa: BLE001  # an exception may fail to describe itself
        return ""


def attributes_of(error: BaseException, *, with_words: bool) -> dict[str, str]:
    """The error as `exception.*` attributes. Its words and stack may quote what was said, so they can be left out."""
    written = {semconv.EXCEPTION_TYPE: type_name(error)}
    if with_words:
        written[semconv.EXCEPTION_MESSAGE] = message_of(error)
        with harmless.guard("formatting a stack trace"):
            written[semconv.EXCEPTION_STACKTRACE] = readable("".join(traceback.format_exception(error)))
    return written
