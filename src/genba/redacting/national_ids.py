"""National identity and tax numbers, each with its own checksum where its country gave it one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, NamedTuple

from .finding import Match, Traits

_compiled = cache(re.compile)


class Id(NamedTuple):
    """The numbers of one country."""

    kind: str
    digits: int
    """How many digits must follow one another in the text, apart from what one writes between them."""
    pattern: str
    is_one: Callable[[str], bool]
    """Of its letters and digits, in upper case."""


def find(traits: Traits, kinds: frozenset[str]) -> Iterator[Match]:
    """Every number of these kinds."""
    for one in IDS:
        if one.kind not in kinds or not traits.has_digits(one.digits or 1):
            continue
        for found in _compiled(one.pattern).finditer(traits.text):
            said = "".join(c for c in found.group() if c.isalnum()).upper()
            if one.is_one(said):
                yield Match(found.start(), found.end(), one.kind, said)


def _us_ssn(said: str) -> bool:
    return said.isdigit() and said[:3] not in ("000", "666") and said[0] != "9" and said[3:5] != "00" and said[5:] != "0000"


def _uk_nino(said: str) -> bool:
    return not set(said[:2]) & set("DFIQUV") and said[1] != "O" and said[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _fr_nir(said: str) -> bool:
    if said[0] not in "123478":
        return False
    body = said[:13].replace("2A", "19", 1).replace("2B", "18", 1) if said[5:7] in ("2A", "2B") else said[:13]
    return body.isdigit() and 97 - int(body) % 97 == int(said[13:]) and (1 <= int(said[3:5]) <= 12 or 20 <= int(said[3:5]) <= 99)


def _de_steuer_id(said: str) -> bool:
    if said[0] == "0":
        return False
    counts = sorted((said[:10].count(digit) for digit in set(said[:10])), reverse=True)
    if counts[0] not in (2, 3) or counts[1] != 1:
        return False
    product = 10
    for digit in said[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(said[10])


_ES_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def _es_dni(said: str) -> bool:
    number = said[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return _ES_LETTERS[int(number) % 23] == said[-1]


_IT_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _it_codice_fiscale(said: str) -> bool:
    if said[8] not in "ABCDEHLMPRST":
        return False
    odd = sum(_IT_ODD[int(c) if c.isdigit() else ord(c) - 65] for c in said[0:15:2])
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in said[1:15:2])
    return chr(65 + (odd + even) % 26) == said[15]


def _nl_bsn(said: str) -> bool:
    return said != "000000000" and sum(int(d) * w for d, w in zip(said, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11 == 0


def _be_rrn(said: str) -> bool:
    return any(97 - int(prefix + said[:9]) % 97 == int(said[9:]) for prefix in ("", "2")) and int(said[2:4]) <= 12


def _pl_pesel(said: str) -> bool:
    total = sum(int(d) * w for d, w in zip(said[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return (10 - total % 10) % 10 == int(said[10]) and 1 <= int(said[2:4]) % 20 <= 12 and 1 <= int(said[4:6]) <= 31


def _se_personnummer(said: str) -> bool:
    digits = said[-10:]
    total = sum(sum(divmod(int(d) * (2 - at % 2), 10)) for at, d in enumerate(digits))
    return total % 10 == 0 and 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) % 60 <= 31


def _br_cpf(said: str) -> bool:
    if len(set(said)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(d) * (length + 1 - at) for at, d in enumerate(said[:length]))
        if total * 10 % 11 % 10 != int(said[length]):
            return False
    return True


def _ch_ahv(said: str) -> bool:
    total = sum(int(d) * (3 if at % 2 else 1) for at, d in enumerate(said[:12]))
    return (10 - total % 10) % 10 == int(said[12])


def _ca_sin(said: str) -> bool:
    total = sum(sum(divmod(int(d) * (1 + at % 2), 10)) for at, d in enumerate(said))
    return total % 10 == 0 and said[0] not in "08"


def _fi_hetu(said: str) -> bool:
    return int(said[:2]) <= 31 and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(said[:6] + said[-4:-1]) % 31] == said[-1]


def _together(i: int, j: int) -> int:
    """Two symmetries of the pentagon, one after the other."""
    if i < 5:
        return (i + j) % 5 if j < 5 else (i + j) % 5 + 5
    return 5 + (i - 5 - j) % 5 if j < 5 else (i - j) % 5


_VERHOEFF_D: Final = [[_together(i, j) for j in range(10)] for i in range(10)]
_VERHOEFF_P: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _in_aadhaar(said: str) -> bool:
    check = 0
    for at, digit in enumerate(reversed(said)):
        value = int(digit)
        for _ in range(at % 8):
            value = _VERHOEFF_P[value]
        check = _VERHOEFF_D[check][value]
    return check == 0 and len(set(said)) > 1 and said[0] in "23456789"


_D: Final = r"[0-9](?<!{0}[0-9])"
"""A first digit that does not follow such a character. Written so that the search can run from digit to digit."""
_FREE: Final = _D.format(r"[\w.]")
_APART: Final = _D.format(r"[\w-]")
_END: Final = r"(?![\w]|\.[0-9])"
_L: Final = r"[A-Za-z](?<![A-Za-z0-9][A-Za-z])"

IDS: Final = (
    Id("us_ssn", 9, _APART + r"[0-9]{2}[- ][0-9]{2}[- ][0-9]{4}(?![\w-])", _us_ssn),
    Id("uk_nino", 6, _L + r"[A-Za-z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d](?![A-Za-z0-9])", _uk_nino),
    Id("fr_nir", 8, _FREE + r" ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![\w])", _fr_nir),
    Id("de_steuer_id", 11, _FREE + r"[0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}" + _END, _de_steuer_id),
    Id(
        "es_dni",
        7,
        r"[XYZxyz0-9](?<![A-Za-z0-9].)(?:[0-9]{7}|[ -]?[0-9]{7})[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z](?![A-Za-z0-9])",
        _es_dni,
    ),
    Id(
        "it_codice_fiscale",
        0,
        _L
        + r"[A-Za-z]{5} ?[0-9LMNP-Vlmnp-v]{2} ?[A-Za-z][0-9LMNP-Vlmnp-v]{2} ?[A-Za-z][0-9LMNP-Vlmnp-v]{3} ?[A-Za-z](?![A-Za-z0-9])",
        _it_codice_fiscale,
    ),
    Id("nl_bsn", 9, _FREE + r"(?:[0-9]{8}|[0-9]{3}[. ][0-9]{2}[. ][0-9]{3})" + _END, _nl_bsn),
    Id("be_rrn", 11, _FREE + r"[0-9]\.?[0-9]{2}\.?[0-9]{2}[- ]?[0-9]{3}\.?[0-9]{2}" + _END, _be_rrn),
    Id("pl_pesel", 11, _FREE + r"[0-9]{10}" + _END, _pl_pesel),
    Id("se_personnummer", 6, _FREE + r"[0-9]{5}(?:[0-9]{2})?[-+][0-9]{4}" + _END, _se_personnummer),
    Id("br_cpf", 11, _FREE + r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w])", _br_cpf),
    Id("ch_ahv", 13, r"7(?<![\w.]7)56\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}" + _END, _ch_ahv),
    Id("ca_sin", 9, _APART + r"[0-9]{2}[- ][0-9]{3}[- ][0-9]{3}(?![\w-])", _ca_sin),
    Id("fi_hetu", 6, _D.format(r"\w") + r"[0-9][01][0-9]{3}[-+A-FYXWVUa-fyxwvu][0-9]{3}[0-9A-Ya-y](?![\w])", _fi_hetu),
    Id("in_aadhaar", 12, _APART + r"[0-9]{3}[ -][0-9]{4}[ -][0-9]{4}(?![\w]|[ -][0-9])", _in_aadhaar),
)
KINDS: Final = frozenset(one.kind for one in IDS)
