"""Passwords and keys that only their name gives away: `password=…`, `"api_key": "…"`.

A value that is a word, a variable or a placeholder is none: most of the code and documentation in prompts is about such names.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from .finding import Match, Traits

_STRICT: Final = (
    r"pass(?:word|wd|phrase|code)|pwd|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|private[_-]?key|"
    r"(?:proxy[_-]?)?authorization(?:[_-]?token)?|(?:set[_-]?)?cookie|x[_-]api[_-]key|api[_-]?key|access[_-]?key|account[_-]?key|"
    r"(?:access|refresh|auth|session|bearer|id|security|csrf|api|bot)[_-]?token|(?:subscription|signing|encryption|shared|master)[_-]?key"
)
_LOOSE: Final = r"secret|token|credentials?|passwort|contraseña|mot[_-]?de[_-]?passe"
_NAME: Final = rf"(?i)(?:.{{0,64}}[^a-z0-9])?(?:{_STRICT})[0-9]{{0,3}}"
_LOOSE_NAME: Final = rf"(?i)(?:.{{0,64}}[^a-z0-9])?(?:{_LOOSE})"

_AFTER: Final = (
    r"[0-9]{0,3}[\"'`\]]{0,2}\s{0,3}(?:=>|:=|={1,2}|:)\s{0,3}(?:(?:str|bytes|string)\s{0,2}=\s{0,2})?"
    r"[bfru]{0,2}[\"'`]{0,3}([^\s\"'`,;<>(){}\[\]&\\‹›]{6,256})"
)
_QUOTED: Final = r"[0-9]{0,3}\\{0,7}\"\s{0,3}:\s{0,3}\\{0,7}\""
_STEMS: Final[Mapping[str, tuple[str, str]]] = {
    "passw": ("passwo?r?d", ""),
    "passphrase": ("passphrase", ""),
    "passcode": ("passcode", ""),
    "pwd": ("pwd", ""),
    "credential": ("credentials?", r"(?!)"),
    "secret": ("secret", r"client[_-]?"),
    "token": ("token", r"(?:access|refresh|auth|authorization|session|bearer|security|csrf|api|bot)[_-]?"),
    "key": ("key", r"(?:api|access|account|private|secret|subscription|signing|encryption|shared|master)[_-]?"),
}
"""What a name ends in; how it is written on; what before it makes sure that it means a secret."""
_IN_A_STRING: Final = r"[;?&](?:password|pwd|passwd)\s?=\s?([^\s;&\"'<>{}$\\‹›]{1,200})"
_FLAG: Final = r"(?i)--?(?:password|passwd|pwd|token|api-?key|secret(?:-key)?|access-?key|auth(?:orization)?)"
_HARMLESS: Final = (
    r"(?i).*(?:example|placeholder|your[_-]|changeme|redacted|removed|withheld|dummy|insert|xxxx|\*\*\*|\.\.\.|…|0123456789|12345678|abcdef).*|"
    r"(?:none|null|true|false|undefined|string|str|required|optional)|[$%{<].*|https?:.*|/.*|[0-9.,:+-]+|[a-z_]+[.:/][a-z_.:/]+"
)

_PLACEHOLDER: Final = r"(?i)none|null|true|false|undefined|string|str|number|required|optional|[$%{<].*|\*+|x+"


def assigned(traits: Traits) -> Iterator[Match]:
    """What is assigned to a name that means a secret, where it looks like one."""
    text, lower = traits.text, _lower(traits)
    for stem, (name, before) in _STEMS.items():
        if stem not in lower:
            continue
        pattern, at = _compiled(name + _AFTER), 0
        while (found := pattern.search(lower, at)) is not None:
            at = start = found.start(1)  # what is no secret may hold another name, as in `key: API_KEY=…`
            if text[found.end() : found.end() + 1] in ("(", "["):  # a call, or an item
                continue
            is_sure = _follows(before, lower, found.start())
            if not is_sure and stem == "key":
                continue
            said = text[start : found.end(1)].rstrip(".:!?")
            if _is_a_password(said) if is_sure else _is_a_token(said):
                yield Match(start, start + len(said), "password", said)
                at = found.end()
    if "=" in text and ("pwd" in lower or "passw" in lower):
        for found in _compiled(_IN_A_STRING).finditer(lower):
            yield Match(found.start(1), found.end(1), "password", text[found.start(1) : found.end(1)])


def mentions(traits: Traits) -> bool:
    """Whether there may be JSON in it whose value is a secret by its name alone."""
    if '"' not in traits.text:
        return False
    lower = _lower(traits)
    if "authorization" in lower or 'cookie"' in lower:
        return True
    return any(
        stem in lower and any(_follows(before, lower, found.start()) for found in _compiled(name + _QUOTED).finditer(lower))
        for stem, (name, before) in _STEMS.items()
    )


def _follows(before: str, lower: str, place: int) -> bool:
    return not before or _compiled(f"(?:{before})$").search(lower, max(place - 16, 0), place) is not None


def _lower(traits: Traits) -> str:
    """In lower case, each character at its own place: few letters are longer so, and those are none of ours."""
    lower = traits.lower
    return lower if len(lower) == len(traits.text) else "".join(c.lower() if c.isascii() else c for c in traits.text)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _meaning(name: str) -> int:
    return 2 if _compiled(_NAME).fullmatch(name) else 1 if _compiled(_LOOSE_NAME).fullmatch(name) else 0


def is_secret(name: str, value: str) -> bool:
    """Whether `value` is a secret because of the name that it has: a key of an object, a header, a flag."""
    if len(name) > 80 or not value or "‹" in value:
        return False
    meaning = _meaning(name)
    if meaning == 2:
        return (
            len(value) >= 3
            and not _compiled(_PLACEHOLDER).fullmatch(value[:300])
            and (" " not in value.strip() or _is_a_header(value))
        )
    return meaning == 1 and _is_a_token(value)


def _is_a_header(value: str) -> bool:
    scheme, _, rest = value.strip().partition(" ")
    return (
        scheme.lower() in ("basic", "bearer", "token", "apikey", "key", "digest", "negotiate") or "=" in scheme or is_random(rest)
    )


def is_flag(word: str) -> bool:
    """Whether a secret follows this word on a command line."""
    return _compiled(_FLAG).fullmatch(word) is not None


def is_random(said: str) -> bool:
    """Whether a text looks drawn by chance: several kinds of characters, and many different ones."""
    body = said[-64:]
    digits = sum(c.isdigit() for c in body)
    letters = sum(c.isalpha() for c in body)
    return digits >= 2 and letters >= 2 and _entropy(body) >= 3.0 and not _is_words(body)


def _is_words(said: str) -> bool:
    """Whether it is words with signs between them, some perhaps a number: `us-east-1`, `step-by-step-2024`."""
    parts = [part for part in re.split(r"[_.:\-/+]", said) if part]
    return len(parts) > 1 and all(part.isalpha() or part.isdigit() for part in parts)


def _is_a_password(said: str) -> bool:
    if len(said) < 6 or _compiled(_HARMLESS).fullmatch(said):
        return False
    has_digit, has_letter = any(c.isdigit() for c in said), any(c.isalpha() for c in said)
    has_sign = any(not c.isalnum() and c not in "_.-:/" for c in said)
    if not (has_letter and (has_digit or has_sign)) or (said.isidentifier() and not _is_mixed(said)):
        return False
    return _entropy(said) >= 2.5 and not _is_words(said)


def _is_a_token(said: str) -> bool:
    """The same for a name that often means something else."""
    return len(said) >= 12 and " " not in said and not _compiled(_HARMLESS).fullmatch(said[:300]) and is_random(said)


def _is_mixed(identifier: str) -> bool:
    """Whether a name is none that one would choose: digits amidst it, more than at its end."""
    stem = identifier.rstrip("0123456789")
    inner = sum(c.isdigit() for c in stem)
    return inner >= 2 or (
        len(identifier) - len(stem) >= 1 and "_" not in stem and len(identifier) >= 6 and _entropy(identifier) >= 2.7
    )


def _entropy(said: str) -> float:
    """Bits per character."""
    length = len(said)
    return -sum(n / length * math.log2(n / length) for n in Counter(said).values()) if length else 0.0
