"""Secrets and personal data made up for tests: of each kind, as many as wanted. None is anybody's."""

from __future__ import annotations

import base64
import string
from random import Random

from hypothesis import strategies as st

from genba.redacting import national_ids, personal

ALNUM = string.ascii_letters + string.digits
DASHED = ALNUM + "-_"


def _of(alphabet: str, length: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=most or length)


def _random(alphabet: str, length: int, most: int | None = None) -> st.SearchStrategy[str]:
    """Drawn by chance, as keys and good passwords are; what is found by its looks must look so."""

    def drawn(random: Random, size: int) -> str:
        return "q7Z" + "".join(random.choice(alphabet) for _ in range(size - 5)) + "x4"

    return st.builds(drawn, st.integers(0, 1 << 64).map(Random), st.integers(length, most or length))


def _digits(length: int) -> st.SearchStrategy[str]:
    return _of(string.digits, length)


SECRETS: dict[str, st.SearchStrategy[str]] = {
    "openai project": _of(DASHED, 40, 150).map("sk-proj-{}".format),
    "openai service": _of(DASHED, 40, 60).map("sk-svcacct-{}".format),
    "openai older": st.tuples(_of(ALNUM, 20), _of(ALNUM, 20)).map(lambda two: f"sk-{two[0]}T3BlbkFJ{two[1]}"),
    "openai alike": _random(ALNUM, 32, 48).map("sk-{}".format),
    "anthropic": _of(DASHED, 90, 100).map("sk-ant-api03-{}".format),
    "openrouter": _of("0123456789abcdef", 64).map("sk-or-v1-{}".format),
    "google": _of(DASHED, 35).map("AIza{}".format),
    "aws": _of(string.ascii_uppercase + "234567", 16).map("AKIA{}".format),
    "aws session": _of(string.ascii_uppercase + "234567", 16).map("ASIA{}".format),
    "azure": st.tuples(_of(ALNUM, 52), _of(ALNUM, 26)).map(lambda two: f"{two[0]}JQQJ99{two[1]}"),
    "azure storage": _of(ALNUM + "+/", 86).map("AccountKey={}==".format),
    "github": _of(ALNUM, 36).map("ghp_{}".format),
    "github fine": _of(ALNUM + "_", 60, 82).map("github_pat_{}".format),
    "gitlab": _of(DASHED, 20).map("glpat-{}".format),
    "slack": _of(ALNUM + "-", 40).map("xoxb-{}".format),
    "stripe": _of(ALNUM, 24).map("sk_live_{}".format),
    "huggingface": _of(ALNUM, 34).map("hf_{}".format),
    "npm": _of(ALNUM, 36).map("npm_{}".format),
    "pypi": _of(DASHED, 100).map("pypi-AgEIcHlwaS5vcmc{}".format),
    "twilio": _of("0123456789abcdef", 32).map("SK{}".format),
    "sendgrid": st.tuples(_of(DASHED, 22), _of(DASHED, 43)).map(lambda two: f"SG.{two[0]}.{two[1]}"),
    "telegram": st.tuples(st.integers(10**8, 10**10 - 1), _of(DASHED, 33)).map(lambda two: f"{two[0]}:AA{two[1]}"),
    "groq": _of(ALNUM, 52).map("gsk_{}".format),
    "xai": _of(ALNUM, 80).map("xai-{}".format),
    "jwt": st.tuples(_of(DASHED, 20, 60), _of(DASHED, 30, 90), _of(DASHED, 43)).map(lambda of: f"eyJ{of[0]}.eyJ{of[1]}.{of[2]}"),
    "private key": st.binary(min_size=200, max_size=600).map(
        lambda body: "-----BEGIN RSA PRIVATE KEY-----\n" + base64.encodebytes(body).decode() + "-----END RSA PRIVATE KEY-----"
    ),
}
"""A description of each kind -> what makes its examples: the whole of one must be gone."""

NAMED: dict[str, st.SearchStrategy[tuple[str, str]]] = {
    "postgres": _random(ALNUM, 12).map(lambda pw: (f"postgres://app:{pw}@db.internal:5432/main", pw)),
    "redis": _random(ALNUM, 12).map(lambda pw: (f"redis://:{pw}@cache/0", pw)),
    "mongodb": _random(ALNUM, 12).map(lambda pw: (f"mongodb+srv://u:{pw}@cluster0.example.net/?w=majority", pw)),
    "amqp": _random(ALNUM, 12).map(lambda pw: (f"amqp://guest:{pw}@mq:5672/", pw)),
    "jdbc": _random(ALNUM, 12).map(lambda pw: (f"jdbc:mysql://db/x?user=app&password={pw}", pw)),
    "odbc": _random(ALNUM, 12).map(lambda pw: (f"Server=db;Uid=app;Pwd={pw};", pw)),
    "bearer": _random(ALNUM, 40).map(lambda key: (f"Authorization: Bearer {key}", key)),
    "basic": _random(ALNUM, 12)
    .map(lambda pw: base64.b64encode(f"app:{pw}".encode()).decode())
    .map(lambda said: (f"Authorization: Basic {said}", said)),
    "assigned": _random(ALNUM, 16).map(lambda pw: (f"password = '{pw}'", pw)),
    "environment": _random(ALNUM, 24).map(lambda key: (f"API_KEY={key}", key)),
    "aws secret": st.tuples(_of(string.ascii_uppercase + "234567", 16), _of(ALNUM + "+/", 37)).map(
        lambda two: (f"id AKIA{two[0]} and key aA1{two[1]}", f"aA1{two[1]}")
    ),
}
"""A description -> texts, and what in them is secret because of what stands before it."""


def _luhn(body: str) -> str:
    return next(body + str(last) for last in range(10) if personal.luhn(body + str(last)))


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _iban(country: str, bban: str) -> str:
    moved = "".join(str(int(c, 36)) for c in bban + country + "00")
    return f"{country}{98 - int(moved) % 97:02}{bban}"


def _valid(kind: str, bodies: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Those of the numbers that this kind's own checksum takes: tested against published examples elsewhere."""
    is_one = next(one.is_one for one in national_ids.IDS if one.kind == kind)
    return bodies.filter(lambda said: is_one("".join(c for c in said if c.isalnum()).upper()))


def _ended(kind: str, bodies: st.SearchStrategy[str], ends: list[str]) -> st.SearchStrategy[str]:
    is_one = next(one.is_one for one in national_ids.IDS if one.kind == kind)

    def ended(body: str) -> str:
        return next((body + end for end in ends if is_one("".join(c for c in body + end if c.isalnum()).upper())), "")

    return bodies.map(ended).filter(bool)


PERSONAL: dict[str, st.SearchStrategy[str]] = {
    "mail": st.tuples(_of(string.ascii_lowercase + "._+", 6), _of(string.ascii_lowercase, 5)).map(
        lambda of: f"a{of[0]}x@{of[1]}.co.uk"
    ),
    "phone": st.one_of(_digits(8).map("+49 151 {}".format), _digits(7).map("+1-212-2{}".format), _digits(9).map("0033 6{}".format)),
    "card": st.one_of(_digits(14).map(lambda body: _luhn("4" + body)), _digits(13).map(lambda body: _grouped(_luhn("51" + body)))),
    "iban": st.one_of(
        _digits(18).map(lambda bban: _iban("DE", bban)), _digits(14).map(lambda digits: _grouped(_iban("GB", "NWBK" + digits)))
    ),
    "us_ssn": _valid("us_ssn", st.tuples(_digits(3), _digits(2), _digits(4)).map("-".join)),
    "uk_nino": st.tuples(_digits(6), st.sampled_from("ABCD")).map(lambda of: f"AB{of[0]}{of[1]}"),
    "fr_nir": _ended("fr_nir", _digits(8).map("18505{}".format), [f"{n:02}" for n in range(98)]),
    "de_steuer_id": _ended("de_steuer_id", st.permutations("123456789").map("".join).map(lambda d: d + d[0]), list(string.digits)),
    "es_dni": _ended("es_dni", _digits(8), list("TRWAGMYFPDXBNJZSQVHLCKE")),
    "it_codice_fiscale": _ended("it_codice_fiscale", _digits(3).map("RSSMRA85T10A{}".format), list(string.ascii_uppercase)),
    "nl_bsn": _ended("nl_bsn", _digits(8), list(string.digits)),
    "pl_pesel": _ended("pl_pesel", _digits(5).map("85071{}".format).map(lambda d: d[:4] + "15" + d[6:]), list(string.digits)),
    "br_cpf": _digits(9)
    .map(lambda d: f"{d[:3]}.{d[3:6]}.{d[6:]}-")
    .flatmap(lambda body: _ended("br_cpf", st.just(body), [f"{n:02}" for n in range(100)])),
}
"""Kind -> what makes examples of it."""
