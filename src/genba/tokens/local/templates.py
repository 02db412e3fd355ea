"""Render a model's chat template, as transformers does: a program in Jinja that comes with the model, run in a sandbox.

It is somebody else's code. What it reads is plain JSON, what it makes is bounded, and it changes nothing; but nothing here ends one that
does not end by itself. It runs only where a person has named the tokenizer that it came with.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import metadata
from typing import Any, Final

LONGEST: Final = 16_000_000
"""Characters that a template may make of one conversation."""
_TOO_LONG: Final = f"the chat template makes more than {LONGEST:,} characters"
_SAFE: Final = (3, 1, 6)
"""The first jinja2 without known ways out of its sandbox: transformers takes none that is older either."""


class RenderingError(ValueError):
    """A conversation that this template cannot render; the message says why."""


@dataclass(slots=True)
class Rendered:
    """What a template made."""

    text: str = ""
    is_dated: bool = False
    """Whether it asked what time it is: made again, it comes out differently."""


@dataclass(slots=True)
class _Run:
    """What the template asks of us while it runs."""

    asked: list[str] = field(default_factory=list)

    def strftime_now(self, format: str) -> str:
        self.asked.append(format)
        return datetime.now().strftime(format)  # noqa: DTZ005  # as transformers has it: the time of the place


def render(template: str, messages: Sequence[Mapping[str, Any]], **named: Any) -> Rendered:
    """The text that `template` makes of `messages`, up to where the model begins to answer.

    Raises:
        RenderingError: jinja2 is not installed, or the template refuses, fails or makes too much.
    """
    run = _Run()
    try:
        context = {"tools": None, "documents": None, "add_generation_prompt": True, **named}
        parts = _compiled(template).generate(messages=messages, strftime_now=run.strftime_now, **context)
        return Rendered(_bounded(parts), bool(run.asked))
    except RenderingError:
        raise
    except ImportError as error:
        raise RenderingError("jinja2 is not installed; it comes with: pip install 'genba[tokens]'") from error
    except Exception as error:  # whatever a program may raise
        reason = str(error).partition("\n")[0][:200]
        raise RenderingError(f"the chat template fails: {type(error).__name__}: {reason}") from error


def _bounded(parts: Iterable[str]) -> str:
    kept, length = [], 0
    for part in parts:
        length += len(part)
        if length > LONGEST:
            raise RenderingError(_TOO_LONG)
        kept.append(part)
    return "".join(kept)


@lru_cache(maxsize=16)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)


@lru_cache(maxsize=1)
def _environment() -> Any:
    exceptions, sandbox = (importlib.import_module(f"jinja2.{name}") for name in ("exceptions", "sandbox"))
    version = metadata.version("jinja2")
    if tuple(int(number) for number in re.findall(r"\d+", version)[:3]) < _SAFE:
        raise RenderingError(f"jinja2 {version} is installed, whose sandbox can be left; 3.1.6 and later are used")

    def raise_exception(message: str) -> None:
        raise exceptions.TemplateError(message)

    def bounded(environment: Any, context: Any, operator: str, left: Any, right: Any) -> Any:
        if _is_too_much(operator, left, right):
            raise RenderingError(_TOO_LONG)
        return sandbox.SandboxedEnvironment.call_binop(environment, context, operator, left, right)

    # The library is not ours to import when this module is: hence its classes are made here.
    bounds = {"intercepted_binops": frozenset({"*", "**"}), "call_binop": bounded}
    kind = type("Bounded", (sandbox.ImmutableSandboxedEnvironment,), bounds)
    found = kind(trim_blocks=True, lstrip_blocks=True, extensions=[_generation(), "jinja2.ext.loopcontrols"])
    found.filters["tojson"] = _to_json
    found.globals["raise_exception"] = raise_exception
    return found


def _is_too_much(operator: str, left: Any, right: Any) -> bool:
    if operator == "**":
        return isinstance(right, (int, float)) and abs(right) > 64
    for times, what in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(what, (str, list, tuple)) and times * len(what) > LONGEST:
            return True
    return False


def _generation() -> Any:
    """`{% generation %}…{% endgeneration %}`, which marks what the model said; for us it is what is in it."""
    extension = importlib.import_module("jinja2.ext").Extension

    def parse(_self: Any, parser: Any) -> Any:
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)

    return type("Generation", (extension,), {"tags": {"generation"}, "parse": parse, "identifier": "genba.generation"})


def _to_json(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT002  # templates call it so
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT002
) -> str:
    """Without escaping what HTML would need, which jinja2's own filter does."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
