"""Personal data that has a form of its own: mail and IP addresses, phone, card and account numbers, and national ids."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from . import national_ids
from .finding import Match, Traits

KINDS: Final = frozenset({"mail", "phone", "card", "iban", *national_ids.KINDS})
IP: Final = "ip"
"""A kind of its own: addresses are as often of machines as of people."""

_compiled = cache(re.compile)


def find(traits: Traits, kinds: frozenset[str]) -> Iterator[Match]:
    """Everything of these kinds in the text."""
    text = traits.text
    if "mail" in kinds and ("@" in text or "%40" in text):
        yield from _mails(text)
    if "iban" in kinds and traits.has_digits(4):
        yield from _ibans(text)
    if "card" in kinds and traits.has_digits(12):
        yield from _cards(text)
    if "phone" in kinds and traits.has_digits(7):
        yield from _phones(text)
    wanted = kinds & national_ids.KINDS
    if wanted and traits.has_digits(1):
        yield from national_ids.find(traits, wanted)
    if IP in kinds and ("." in text or ":" in text):
        yield from _addresses(text)


_DOMAIN: Final = r"(?:@|%40)(?:[^\W_][\w-]{0,62}\.){1,8}(?:xn--[\w-]{2,20}|[^\W\d_]{2,24})"


def _mails(text: str) -> Iterator[Match]:
    """From each `@`: its domain first, since most of them have none, then what stands before it."""
    for sign in ("@", "%40"):
        at = text.find(sign)
        while at >= 0:
            domain = _compiled(_DOMAIN).match(text, at)
            if domain is not None:
                before = text[max(at - 64, 0) : at]
                local = len(before)
                while local and (before[local - 1].isalnum() or before[local - 1] in "_.+'~-"):
                    local -= 1
                start = at - len(before) + local
                while start < at and not (text[start].isalnum() or text[start] == "_"):  # a quotation mark, say
                    start += 1
                if start < at:
                    yield Match(start, domain.end(), "mail", text[start : domain.end()])
            at = text.find(sign, at + 1)


def _cards(text: str) -> Iterator[Match]:
    at = 0
    pattern = _compiled(r"[2-6](?<![0-9].)[0-9]{2,18}(?:[ .\xa0-][0-9]{3,19}){0,5}")
    while (found := pattern.search(text, at)) is not None:
        start = found.start()
        end = _card_end(text, start, found.end()) if _may_be_a_card(found.group()) else 0
        if end:
            yield Match(start, end, "card", _digits(text[start:end]))
            at = end
        else:  # a later group of digits may begin one
            group = re.match(r"[0-9]+", text[start : found.end()])
            at = start + (group.end() if group else 1)


def _may_be_a_card(said: str) -> bool:
    """Whether its groups of digits are as on a card: one, or four and others."""
    groups = said.replace("\xa0", " ").replace(".", " ").replace("-", " ").split(" ")
    return len(groups[0]) >= 13 or (len(groups) >= 3 and len(groups[0]) == 4 and 4 <= len(groups[1]) <= 6)


_LENGTHS: Final = {"4": (13, 16, 19), "5": (16,), "2": (16,), "3": (14, 15, 16), "6": (16, 17, 18, 19)}


def _card_end(text: str, start: int, limit: int) -> int:
    """Where the card number that begins here ends; 0 if none does."""
    digits = ""
    ends: dict[int, int] = {}
    for at in range(start, min(limit, start + 40)):
        if text[at].isdigit():
            digits += text[at]
            if at + 1 == len(text) or not text[at + 1].isdigit():
                ends[len(digits)] = at + 1
        if len(digits) == 19:
            break
    first = digits[:1]
    if first == "5" and not 51 <= int(digits[:2] or 0) <= 58 and digits[:2] != "50":
        return 0
    if first == "2" and not 2221 <= int(digits[:4] or 0) <= 2720:
        return 0
    if first == "3" and digits[:2] not in ("30", "34", "35", "36", "37", "38", "39"):
        return 0
    for length in sorted(_LENGTHS.get(first, ()), reverse=True):
        if length in ends and len(set(digits[:length])) > 1 and luhn(digits[:length]):
            return ends[length]
    return 0


_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """Whether the last digit is what the others ask for."""
    numbers = [ord(c) - 48 for c in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[n] for n in numbers[1::2])) % 10 == 0


_IBANS: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Length -> the countries whose account numbers have it."""


@cache
def _iban_length(country: str) -> int | None:
    return next((length for length, countries in _IBANS.items() if len(country) == 2 and country in countries.split()), None)


def _ibans(text: str) -> Iterator[Match]:
    for found in _compiled(r"[0-9]{2}(?<=[A-Za-z]{2}..)(?=[ \xa0-]?[A-Za-z0-9])").finditer(text):
        begin = found.start() - 2
        length = _iban_length(text[begin : begin + 2].upper()) if not text[begin - 1 : begin].isalnum() or not begin else None
        if length is None:
            continue
        end, said = _gathered(text, begin, length)
        if len(said) == length and not (end < len(text) and text[end].isalnum()) and _mod97(said):
            yield Match(begin, end, "iban", said.upper())


def _gathered(text: str, start: int, length: int) -> tuple[int, str]:
    """So many letters and digits from here on, single spaces between them left out, and where they end."""
    said: list[str] = []
    at = start
    while at < len(text) and len(said) < length:
        c = text[at]
        if c.isascii() and c.isalnum():
            said.append(c)
        elif c not in " \xa0-" or text[at - 1] in " \xa0-":
            break
        at += 1
    return at, "".join(said)


def _mod97(iban: str) -> bool:
    moved = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


_REST: Final = r"[ \xa0]?[1-9][0-9]{0,2}(?:[ \xa0./-]{0,2}\(?[0-9]{1,5}\)?){1,7}"
_PHONES: Final = (
    r"\+(?<![\w+].)" + _REST,
    r"00(?<![\w+.:,/-]00)" + _REST,
    r"\([2-9][0-9]{2}\)[ \xa0-]?[0-9]{3}[ .-][0-9]{4}(?![0-9])",
    r"[2-9](?<![\w./-].)[0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{4}(?![\w./-])",
)


def _phones(text: str) -> Iterator[Match]:
    for found in (found for pattern in _PHONES for found in _compiled(pattern).finditer(text)):
        said = _at_most(found.group(), _LONGEST_PHONE)
        digits = _digits(said)
        if len(digits) >= (11 if said.startswith("00") else 8):
            yield Match(found.start(), found.start() + len(said), "phone", digits.removeprefix("00"))


_LONGEST_PHONE: Final = 15


def _at_most(said: str, digits: int) -> str:
    """What has so many digits at most: another number may follow, after a space."""
    said = said.rstrip(" \xa0./-(")
    while len(_digits(said)) > digits + 2 * said.startswith("00"):
        shorter = re.sub(r"[ \xa0./()-]+[0-9]+\)?$", "", said)
        if shorter == said:
            return ""
        said = shorter
    return said


def _addresses(text: str) -> Iterator[Match]:
    for found in _compiled(r"[0-9](?<![\w.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])").finditer(text):
        if all(int(part) < 256 for part in found.group().split(".")):
            yield Match(found.start(), found.end(), IP, found.group())
    end = 0
    for found in _compiled(r":[0-9A-Fa-f]{0,4}:").finditer(text):
        if found.start() < end:
            continue
        start = found.start()
        while start > max(found.start() - 5, end) and text[start - 1] in "0123456789abcdefABCDEF":
            start -= 1
        whole = _compiled(r"[0-9A-Fa-f:]{2,39}(?:\.[0-9.]{1,12})?").match(text, start)
        end = found.end() if whole is None else whole.end()
        said = text[start:end].rstrip(".")
        if (
            not (text[start - 1 : start].isalnum() and start)
            and not text[end : end + 1].isalnum()
            and any(c.isalnum() for c in said)
        ):
            try:
                ipaddress.IPv6Address(said)
            except ValueError:
                continue
            yield Match(start, start + len(said), IP, said)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
