"""Redact texts, and the values that hold them. Whatever goes wrong withholds the text, and is counted and logged once.

What stands for a text says what it was: `‹mail›`, or with a key `‹mail:7f3a9c2e10›`, the same for the same person. No detector finds
anything in that, so redacting twice does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from .. import harmless
from . import assignments, personal, secrets
from .finding import FAILED, WITHHELD, Findings, Match, RedactionError, Traits, apart
from .paths import Paths
from .views import View, views

_SHAPE: Final = ("type", "role")
"""What makes a part of a message readable at all."""
DEEPEST: Final = 8
"""How often JSON in a text within JSON is taken apart."""

_CUT: Final = re.compile(r" …\[([0-9]+) characters, sha256 ([0-9a-f]{16})\]… ")


class Redactor:
    """Takes out what is to be taken out. One for the process; it keeps nothing of what it has seen."""

    def __init__(
        self,
        kinds: frozenset[str] = secrets.KINDS,
        patterns: Mapping[str, re.Pattern[str]] | None = None,
        callables: Sequence[Callable[[str, str], str]] = (),
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        key: bytes | None = None,
    ) -> None:
        self._secrets = kinds & secrets.KINDS
        self._personal = kinds - secrets.KINDS
        self._patterns = dict(patterns or {})
        self._callables = tuple(callables)
        self._allow, self._deny = Paths(allow), Paths(deny)
        self._key = key
        self._clean_names: set[str] = set()

    @property
    def has_rules(self) -> bool:
        """Whether it has rules that depend on where a text stands, or on a function of the user's."""
        return bool(self._callables) or bool(self._allow) or bool(self._deny)

    @property
    def has_callables(self) -> bool:
        """Whether it has functions of the user's."""
        return bool(self._callables)

    # Texts.

    def matches(self, text: str, traits: Traits | None = None) -> list[Match]:
        """What detectors and patterns find in a text, also where it is written with escapes."""
        found = self._found(text, traits)
        if "\\" in text:
            for view in views(text):
                found += [Match(*view.range(one.start, one.end), one.kind, one.said) for one in self._found(view.text)]
        return apart(found) if len(found) > 1 else found

    def _found(self, text: str, traits: Traits | None = None) -> list[Match]:
        if len(text) < 3:
            return []
        traits = traits or Traits(text)
        found: list[Match] = []
        if self._secrets:
            found += [one for one in secrets.find(traits) if one.kind in self._secrets]
        if self._personal:
            # The end of `app:password@host` looks like a mail address.
            secret = list(found)
            found += [
                one
                for one in personal.find(traits, self._personal)
                if one.kind != "mail" or not any(other.start < one.end and one.start < other.end for other in secret)
            ]
        for name, pattern in self._patterns.items():
            found += [Match(one.start(), one.end(), name, one.group()) for one in pattern.finditer(text) if one.group()]
        return found

    def text(self, text: str, path: str, findings: Findings, depth: int = 0) -> str:
        """The text as it may be kept."""
        if not text or path in self._allow:
            return text
        if path in self._deny:
            return self._denied(text, findings)
        try:
            return self._redacted(text, path, findings, depth)
        except Exception as error:  # noqa: BLE001  # whatever it is: what could not be redacted does not leave
            return self._failed(path, error, findings)

    def _denied(self, text: str, findings: Findings) -> str:
        if text != WITHHELD:
            findings.counts["withheld"] += 1
            findings.originals.add(text)
            findings.is_rewritten = True
        return WITHHELD

    def _failed(self, path: str, error: Exception, findings: Findings) -> str:
        findings.counts["failed"] += 1
        findings.is_rewritten = True
        where = re.split(r"[\[ ]", path, maxsplit=1)[0]
        said = RedactionError(f"{type(error).__name__} in a redactor, in {where!r}: that text is withheld")
        harmless.failed("redacting", said)
        return FAILED

    def _redacted(self, text: str, path: str, findings: Findings, depth: int) -> str:
        found = self.matches(text)
        if (found or self.has_rules or _names_secrets(text)) and depth < DEEPEST and text[:1] in ("{", "[") and len(text) > 2:
            loaded = _loaded(text)
            if loaded is not None:
                value = self.value(loaded, path, findings, depth + 1)
                return text if value == loaded else orjson.dumps(value).decode()
        if text.startswith("data:text/"):
            return self._data_url(text, path, findings, depth)
        kept = self.replaced(text, found, findings)
        if findings.nearby:
            for said in findings.nearby:
                kept = kept.replace(said, self._stand_in("aws_secret", said))
        kept = _without_cut_ends(kept, was_found=bool(found))
        for call in self._callables:
            kept = self._called(call, kept, path, findings)
        return kept

    def replaced(self, text: str, found: Sequence[Match], findings: Findings | None = None) -> str:
        """The text, with what was found in it taken out."""
        if not found:
            return text
        if findings is not None:
            findings.add(found)
        parts: list[str] = []
        end = 0
        for one in found:
            parts += (text[end : one.start], self._stand_in(one.kind, one.said))
            end = one.end
        return "".join((*parts, text[end:]))

    def _called(self, call: Callable[[str, str], str], text: str, path: str, findings: Findings) -> str:
        kept = call(text, path)
        if not isinstance(kept, str):
            raise TypeError("it returned no text")
        if kept != text:
            findings.counts[getattr(call, "__name__", None) or type(call).__name__] += 1
            findings.originals.add(_differing(text, kept))
            findings.is_rewritten = True
        return str(kept)

    def _stand_in(self, kind: str, said: str) -> str:
        if self._key is None or kind in secrets.KINDS:
            return f"‹{kind}›"
        import hashlib
        import hmac

        same = said.replace("%40", "@").casefold() if kind == "mail" else "".join(said.split()).casefold()
        digest = hmac.new(self._key, f"{kind}\0{same}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"‹{kind}:{digest.hexdigest()[:10]}›"

    def _data_url(self, text: str, path: str, findings: Findings, depth: int) -> str:
        head, comma, data = text.partition(",")
        if not head.endswith(";base64"):
            return self.replaced(text, self.matches(text), findings)
        return head + comma + self.encoded_text(data, path, findings, depth)

    def encoded_text(self, data: str, path: str, findings: Findings, depth: int = 0) -> str:
        """Text in base64, as files in messages are. What is no text is left as it is."""
        import base64

        try:
            said = base64.b64decode(data, validate=True).decode()
        except ValueError:
            return data
        kept = self.text(said, path, findings, depth + 1)
        return data if kept == said else base64.b64encode(kept.encode()).decode()

    def name(self, name: str) -> str:
        """A name of a span, an event or an attribute: there are few different ones, so what is clean is remembered."""
        if name in self._clean_names:
            return name
        try:
            kept = self.replaced(name, self.matches(name))
        except Exception as error:  # noqa: BLE001
            return self._failed("a name", error, Findings())
        if kept == name and len(self._clean_names) < 10_000:
            self._clean_names.add(name)
        return kept

    # Values.

    def value(self, value: Any, path: str, findings: Findings, depth: int = 0) -> Any:
        """A JSON value, every text in it redacted, and numbers that are one too."""
        if isinstance(value, str):
            return self.text(value, path, findings, depth)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, (int, float)) and path in self._deny:
            return self._denied(str(value), findings)
        if isinstance(value, float):
            return value
        if isinstance(value, int):
            return self._number(value, path, findings)
        if isinstance(value, Mapping):
            return self._object(value, path, findings, depth)
        if isinstance(value, (list, tuple)):
            kept = [self.value(one, f"{path}[{at}]", findings, depth) for at, one in enumerate(value)]
            return tuple(kept) if isinstance(value, tuple) else kept
        if isinstance(value, (bytes, bytearray)):
            said = bytes(value).decode("utf-8", "surrogateescape")
            redacted = self.text(said, path, findings, depth)
            return value if redacted == said else redacted.encode("utf-8", "surrogateescape")
        return value

    def _object(self, value: Mapping[Any, Any], path: str, findings: Findings, depth: int) -> dict[Any, Any]:
        kept: dict[Any, Any] = {}
        is_blob = value.get("type") == "blob" and isinstance(value.get("content"), str) and _is_of_text(value.get("mime_type"))
        for key, item in value.items():
            name = self._key_of(key, path, findings, kept)
            where = f"{path}.{key}" if path else str(key)
            if is_blob and key == "content" and where not in self._allow and where not in self._deny:
                kept[name] = self.encoded_text(item, where, findings, depth)
            elif isinstance(key, str) and type(item) is str and "password" in self._secrets and assignments.is_secret(key, item):
                kept[name] = self._named(item, where, findings)
            elif self.has_rules and key in _SHAPE and type(item) is str:  # rules are about what is said
                kept[name] = self.replaced(item, self.matches(item), findings)
            else:
                kept[name] = self.value(item, where, findings, depth)
        return kept

    def _key_of(self, key: Any, path: str, findings: Findings, taken: Mapping[Any, Any]) -> Any:
        if not isinstance(key, str) or key in self._clean_names:
            return key
        kept = self.name(key)
        if kept == key:
            return key
        findings.add(self.matches(key))
        number, unique = 1, kept
        while unique in taken:
            number += 1
            unique = f"{kept} {number}"
        return unique

    def _named(self, said: str, path: str, findings: Findings) -> str:
        if path in self._allow:
            return said
        better = self.matches(said)
        match = (
            better[0]
            if len(better) == 1 and better[0].end - better[0].start == len(said)
            else Match(0, len(said), "password", said)
        )
        return self.replaced(said, [match], findings)

    def _number(self, value: int, path: str, findings: Findings) -> Any:
        if -9_999_999 < value < 9_999_999 or not (self._personal or self._patterns) or path in self._allow:
            return value
        said = str(value)
        kept = self.replaced(said, self.matches(said), findings)
        return value if kept == said else kept

    # Documents.

    def json(self, encoded: bytes, path: str, findings: Findings) -> bytes:
        """A JSON value as bytes. One in which nothing is found is not taken apart."""
        try:
            text = encoded.decode("utf-8", "surrogateescape")
            # What its texts say are parts of this: so it need not be looked through as it is written too.
            said = Traits(View(text).text if "\\" in text else text)
            found = self.matches(said.text, said)
            if not (found or self.has_rules or self._is_special(said)):
                return encoded
            findings.nearby.update(one.said for one in found if one.kind == "aws_secret")
            try:
                loaded = orjson.loads(encoded)
            except ValueError:
                return self.text(text, path, findings, DEEPEST).encode("utf-8", "surrogateescape")
            kept = self.value(loaded, path, findings)
            return encoded if kept == loaded else orjson.dumps(kept)
        except Exception as error:  # noqa: BLE001
            return orjson.dumps(self._failed(path, error, findings))

    def _is_special(self, traits: Traits) -> bool:
        """Whether there may be something in it that is only seen when it is taken apart."""
        text = traits.text
        return (
            "data:text/" in text
            or '"blob"' in text
            or " …[" in text
            or ("password" in self._secrets and assignments.mentions(traits))
        )

    def attributes(self, attributes: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
        """Attributes of a span, an event, a link or a resource."""
        if not self._may_hold(attributes):
            return dict(attributes)
        try:
            return self._object(attributes, "", findings, 0)
        except Exception as error:  # noqa: BLE001
            failed = self._failed("attributes", error, findings)
            return {
                name: failed if isinstance(value, (str, bytes, list, tuple, dict)) else value for name, value in attributes.items()
            }

    def _may_hold(self, attributes: Mapping[str, Any]) -> bool:
        """Whether to look at each by itself: all of them are looked through as one text first, since most hold nothing."""
        if self.has_rules:
            return True
        texts: list[str] = []
        for name, value in attributes.items():
            if name not in self._clean_names and self.name(name) != name:
                return True
            if type(value) is str:
                if assignments.is_secret(name, value):
                    return True
                texts.append(value)
            elif isinstance(value, (list, tuple)) and all(type(one) is str for one in value):
                texts += value
            elif type(value) is int:
                if value > 9_999_999:
                    texts.append(str(value))
            elif not isinstance(value, (bool, float)):
                return True
        joined = "\n".join(texts)
        try:
            return bool(self.matches(joined)) or " …[" in joined or "data:text/" in joined or _has_named_secrets(texts)
        except Exception:  # noqa: BLE001  # then each of them is looked at, and fails alone
            return True

    def words(self, words: str) -> str:
        """The words of an error of genba's own, for the log: by detectors and patterns alone."""
        try:
            return self.replaced(words, self.matches(words))
        except Exception:  # noqa: BLE001  # this is where failures are told: there is nowhere to tell of this one
            return words.partition(":")[0] + ": " + FAILED

    def command(self, words: Sequence[str]) -> list[str]:
        """A command line."""
        findings = Findings()
        kept: list[str] = []
        for at, word in enumerate(words):
            if at and assignments.is_flag(words[at - 1]) and self._secrets:
                kept.append(self._stand_in("password", word))
            else:
                kept.append(self.text(word, "command", findings, DEEPEST))
        return kept


def _loaded(text: str) -> Any:
    try:
        loaded = orjson.loads(text)
    except ValueError:
        return None
    return loaded if isinstance(loaded, (dict, list)) else None


def _names_secrets(text: str) -> bool:
    return assignments.mentions(Traits(text))


def _has_named_secrets(texts: Sequence[str]) -> bool:
    """Whether one of them is JSON that may have a value which only its name makes a secret."""
    return any(text[:1] in ("{", "[") and _names_secrets(text) for text in texts)


def _is_of_text(mime_type: Any) -> bool:
    return isinstance(mime_type, str) and (mime_type.startswith("text/") or mime_type.endswith(("json", "xml", "yaml")))


def _without_cut_ends(kept: str, *, was_found: bool) -> str:
    """What stands beside a cut may be half of a secret that no detector knows by its half; and a hash of the whole may betray the rest."""
    if " …[" not in kept:
        return kept
    parts = _CUT.split(kept)
    for at in range(0, len(parts) - 1, 3):
        parts[at], parts[at + 3] = _without_end(parts[at]), _without_end(parts[at + 3][::-1], "›tuc‹")[::-1]
        digest = "withheld" if was_found else parts[at + 2]
        parts[at + 1 : at + 3] = [f" …[{parts[at + 1]} characters, sha256 {digest}]… ", ""]
    return "".join(parts)


def _without_end(text: str, instead: str = "‹cut›") -> str:
    """The text without what follows its last space, if that is long enough for a part of a secret."""
    tail = text[-400:]
    length = len(tail) - len(tail.rstrip()) or len(tail.split()[-1]) if tail.split() else 0
    return text[:-length] + instead if length >= 8 and not tail[-1:].isspace() else text


def _differing(text: str, kept: str) -> str:
    """The part of a text that was changed: from the first difference to the last."""
    start = next((at for at, (one, other) in enumerate(zip(text, kept, strict=False)) if one != other), min(len(text), len(kept)))
    most = min(len(text), len(kept)) - start
    end = next((at for at in range(most) if text[-1 - at] != kept[-1 - at]), most)
    return text[start : len(text) - end]
