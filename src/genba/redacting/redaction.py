"""What is redacted, as it is asked for: `genba.init(redact=…)`, GENBA_REDACT."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..settings import SettingsError

if TYPE_CHECKING:
    from .redactor import Redactor

KEY_VARIABLE: Final = "GENBA_REDACT_KEY"
DEFAULT: Final = "secrets"
SHORTEST_KEY: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What is taken out of spans, logs and stored exchanges, before anything leaves the process or touches a disk.

    Example:
        >>> genba.init(redact=genba.Redaction(detect="secrets,personal", patterns={"customer": r"C-[0-9]{8}"}))
    """

    detect: str | Sequence[str] = DEFAULT
    """What is looked for: `secrets`, `personal`, or single kinds such as `mail`, `card` and `ip`; together with commas, or as a list."""
    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict)
    """Regular expressions of your own, by the name that stands in place of what they find."""
    callables: Sequence[Callable[[str, str], str]] = ()
    """Functions of your own: given a text and its path, they return what may be kept of it. They run after everything else."""
    allow: Sequence[str] = ()
    """Paths whose texts are left as they are, such as `gen_ai.tool.definitions*`."""
    deny: Sequence[str] = ()
    """Paths whose texts are withheld whole, such as `gen_ai.system_instructions[*].content`."""
    pseudonym_key: str | bytes | None = field(default=None, repr=False)
    """With a key of at least 16 bytes, what is found is replaced by a pseudonym: the same one for the same person. Or GENBA_REDACT_KEY."""


def redactor(option: Any, environ: Mapping[str, str] | None = None) -> Redactor | None:
    """What redacts as `option` asks, or else GENBA_REDACT; None if nothing is to be redacted.

    Raises:
        SettingsError: it cannot be used, and what to write instead.
    """
    env = os.environ if environ is None else environ
    origin = "genba.init(redact=…)"
    if option is None:
        option, origin = env.get("GENBA_REDACT") or DEFAULT, "the environment variable GENBA_REDACT"
    if option is False or option in ("off", "none"):
        return None
    asked = option if isinstance(option, Redaction) else Redaction(detect=option)
    from .redactor import Redactor  # the tables of detectors are nothing that importing genba should load

    return Redactor(
        kinds=_kinds(asked.detect, origin),
        patterns=_patterns(asked.patterns, origin),
        callables=_callables(asked.callables, origin),
        allow=_paths(asked.allow, "allow", origin),
        deny=_paths(asked.deny, "deny", origin),
        key=_key(asked.pseudonym_key, env),
    )


def _kinds(detect: Any, origin: str) -> frozenset[str]:
    from . import personal, secrets

    words = [word.strip() for word in detect.split(",")] if isinstance(detect, str) else detect
    if not isinstance(words, (list, tuple, set, frozenset)) or not all(isinstance(word, str) for word in words):
        raise SettingsError(
            f"{origin}: use 'secrets', 'secrets,personal', 'off' or a genba.Redaction(…), not a {type(detect).__name__}."
        )
    known = {"secrets": secrets.KINDS, "personal": personal.KINDS, personal.IP: frozenset({personal.IP})}
    known.update({kind: frozenset({kind}) for kind in (*personal.KINDS, *secrets.KINDS)})
    wanted: frozenset[str] = frozenset()
    for word in words:
        if word not in known and word not in ("", "off", "none"):
            kinds = ", ".join(sorted({personal.IP, *personal.KINDS}))
            raise SettingsError(
                f"{origin} names {word!r}, which genba cannot detect. Use 'secrets', 'personal', 'off', or single kinds: {kinds}."
            )
        wanted |= known.get(word, frozenset())
    return wanted


def _patterns(patterns: Any, origin: str) -> Mapping[str, re.Pattern[str]]:
    if not isinstance(patterns, Mapping):
        raise SettingsError(
            f"{origin}: patterns must be a mapping such as {{'customer': r'C-[0-9]{{8}}'}}, not a {type(patterns).__name__}."
        )
    compiled: dict[str, re.Pattern[str]] = {}
    for name, pattern in patterns.items():
        if not isinstance(name, str) or re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) is None:
            raise SettingsError(
                f"{origin}: the pattern's name {name!r} must be made of letters, digits, '_', '.' and '-': it replaces what is found."
            )
        try:
            made = re.compile(pattern)
        except (re.error, TypeError) as error:
            raise SettingsError(f"{origin}: the pattern {name!r} is no regular expression for texts: {error}.") from None
        if not isinstance(made.pattern, str):
            raise SettingsError(f"{origin}: the pattern {name!r} is one for bytes. Write it for texts, without the b.")
        compiled[name] = made
    return compiled


def _callables(callables: Any, origin: str) -> tuple[Callable[[str, str], str], ...]:
    listed = tuple(callables) if isinstance(callables, (list, tuple)) else (callables,)
    for one in listed:
        if not callable(one):
            raise SettingsError(f"{origin}: callables must be functions of a text and its path, and {one!r} is none.")
    return listed


def _paths(paths: Any, name: str, origin: str) -> tuple[str, ...]:
    listed = (paths,) if isinstance(paths, str) else paths
    if not isinstance(listed, (list, tuple)) or not all(isinstance(path, str) and path for path in listed):
        raise SettingsError(f"{origin}: {name} must be a list of paths such as 'gen_ai.input.messages[*].parts[*].content'.")
    return tuple(listed)


def _key(key: Any, env: Mapping[str, str]) -> bytes | None:
    origin = "genba.Redaction(pseudonym_key=…)"
    if key is None:
        key, origin = env.get(KEY_VARIABLE) or None, KEY_VARIABLE
    if key is None:
        return None
    if not isinstance(key, (str, bytes)):
        raise SettingsError(f"{origin} must be text or bytes, not a {type(key).__name__}.")
    made = key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key
    if len(made) < SHORTEST_KEY:  # never the key itself: this is logged
        raise SettingsError(
            f"{origin} has {len(made)} bytes, and with so short a key pseudonyms can be guessed. "
            f"Use at least {SHORTEST_KEY}, such as those of: python -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return made
