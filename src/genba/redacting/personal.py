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
        for found in _compiled(_MAIL).finditer(text):
            yield Match(found.start(), found.end(), "mail", found.group())
    if "iban" in kinds and traits.has_digits(4):
        yield from _ibans(text)
    if "card" in kinds and traits.has_digits(12):
        yield from _cards(text)
    if "phone" in kinds and traits.has_digits(7):
        yield from _phones(text)
    wanted = kinds & national_ids.KINDS
    if wanted and traits.has_digits(2):
        yield from national_ids.find(text, wanted)
    if IP in kinds and ("." in text or ":" in text):
        yield from _addresses(text)


_MAIL: Final = r"\w[\w.+%'~-]{0,63}(?:@|%40)(?:[^\W_][\w-]{0,62}\.){1,8}(?:xn--[\w-]{2,20}|[^\W\d_]{2,24})"


def _cards(text: str) -> Iterator[Match]:
    at = 0
    pattern = _compiled(r"(?<![0-9])[2-6][0-9]{2,18}(?:[ .\xa0-][0-9]{3,19}){0,5}")
    while (found := pattern.search(text, at)) is not None:
        start = found.start()
        end = _card_end(text, start, found.end())
        if end:
            yield Match(start, end, "card", _digits(text[start:end]))
            at = end
        else:  # a later group of digits may begin one
            group = re.match(r"[0-9]+", text[start : found.end()])
            at = start + (group.end() if group else 1)


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


_IBAN_LENGTHS: Final = {
    country: int(length)
    for country, length in (
        entry.split(":")
        for entry in (
            "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28 "
            "EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 "
            "IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 "
            "NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 "
            "SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
        ).split()
    )
}


def _ibans(text: str) -> Iterator[Match]:
    for found in _compiled(r"(?<![A-Za-z0-9])([A-Za-z]{2})[0-9]{2}(?=[ \xa0-]?[A-Za-z0-9])").finditer(text):
        length = _IBAN_LENGTHS.get(found.group(1).upper())
        if length is None:
            continue
        end, said = _gathered(text, found.start(), length)
        if len(said) == length and not (end < len(text) and text[end].isalnum()) and _mod97(said):
            yield Match(found.start(), end, "iban", said.upper())


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


_PHONE: Final = (
    r"(?:(?<![\w+])\+|(?<![\w+.:,/-])00)[ \xa0]?[1-9][0-9]{0,2}(?:[ \xa0./-]{0,2}\(?[0-9]{1,5}\)?){1,7}|"
    r"(?<![\w.])(?:1[ .-])?\([2-9][0-9]{2}\)[ \xa0-]?[0-9]{3}[ .-][0-9]{4}(?![0-9])|"
    r"(?<![\w./-])[2-9][0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{4}(?![\w./-])"
)


def _phones(text: str) -> Iterator[Match]:
    for found in _compiled(_PHONE).finditer(text):
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
    for found in _compiled(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])").finditer(text):
        if all(int(part) < 256 for part in found.group().split(".")):
            yield Match(found.start(), found.end(), IP, found.group())
    for found in _compiled(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\.[0-9.]{1,12})?(?:%[\w]{1,15})?(?![\w:])").finditer(text):
        said = found.group()
        if said.count(":") >= 2 and any(c.isalnum() for c in said):
            try:
                ipaddress.IPv6Address(said.rstrip("."))
            except ValueError:
                continue
            yield Match(found.start(), found.end(), IP, said)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
