"""What is a secret or personal data is found wherever it stands, and what is none is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genba
from genba.redacting import national_ids
from genba.redacting.finding import Findings
from genba.redacting.redaction import redactor
from genba.redacting.redactor import Redactor
from support import planted

ROOT = Path(genba.__file__).parent


def made(option: object) -> Redactor:
    found = redactor(option, {})
    assert found is not None
    return found


SECRETS = made("secrets")
EVERYTHING = made("secrets,personal,ip")
AROUND = st.sampled_from(["", " ", "key: ", "\n", '"', "'", "(", "see <", "日本 ", "x=", ",", "🐝 ", "it is "])
AFTER = st.sampled_from(["", " ", ".", "\n", '"', "'", ")", ">", " bees", ",", "。", " 🐝", "; more"])
patient = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


def redacted(text: str, by: Redactor = SECRETS) -> str:
    return by.text(text, "somewhere", Findings())


@pytest.mark.parametrize("kind", planted.SECRETS)
@patient
@given(data=st.data())
def test_a_secret_is_gone_wherever_it_stands(kind: str, data: st.DataObject) -> None:
    secret = data.draw(planted.SECRETS[kind])
    text = data.draw(AROUND) + secret + data.draw(AFTER)
    assert secret not in redacted(text)
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("kind", planted.NAMED)
@patient
@given(data=st.data())
def test_a_secret_is_gone_that_what_stands_before_it_gives_away(kind: str, data: st.DataObject) -> None:
    text, secret = data.draw(planted.NAMED[kind])
    assert secret not in redacted(data.draw(AROUND) + text + data.draw(AFTER))


@pytest.mark.parametrize("kind", planted.PERSONAL)
@patient
@given(data=st.data())
def test_personal_data_is_gone_where_asked_for(kind: str, data: st.DataObject) -> None:
    said = data.draw(planted.PERSONAL[kind])
    text = (
        data.draw(st.sampled_from(["", " ", "(", "it is ", "\n", "日本 "]))
        + said
        + data.draw(st.sampled_from(["", " ", ")", ".", "\n", ", yes"]))
    )
    assert said not in redacted(text, made([kind]))
    assert said not in redacted(text, EVERYTHING)
    assert said in redacted(text, made("secrets")) or kind == "phone"


@patient
@given(data=st.data(), depth=st.integers(0, 3), ascii_only=st.booleans())
def test_a_secret_is_gone_in_json_in_json(data: st.DataObject, depth: int, ascii_only: bool) -> None:
    kind = data.draw(st.sampled_from(sorted(planted.SECRETS)))
    secret = data.draw(planted.SECRETS[kind])
    value: object = {"a": [1, {"note": f"it is {secret} ü"}]}
    for _ in range(depth):
        value = {"inner": json.dumps(value, ensure_ascii=ascii_only)}
    kept = SECRETS.json(json.dumps(value).encode(), "x", Findings())
    assert secret not in kept.decode()
    read = json.loads(kept)
    for _ in range(depth):
        read = json.loads(read["inner"])
    assert secret not in read["a"][1]["note"]
    assert read["a"][1]["note"].endswith(" ü")


@patient
@given(data=st.data())
def test_a_secret_is_gone_whose_characters_are_escaped(data: st.DataObject) -> None:
    secret = data.draw(planted.SECRETS["openai project"])
    escaped = "".join(f"\\u{ord(c):04x}" if data.draw(st.booleans()) else c for c in secret)
    kept = redacted('{"a": "' + escaped + '", "b": 1}')
    assert json.loads(kept) == {"a": "‹openai_key›", "b": 1}


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("us_ssn", "078-05-1120"),
        ("uk_nino", "AB123456C"),
        ("fr_nir", "2 55 08 14 168 025 38"),
        ("de_steuer_id", "86 095 742 719"),
        ("es_dni", "12345678Z"),
        ("es_dni", "X1234567L"),
        ("it_codice_fiscale", "RSSMRA85T10A562S"),
        ("nl_bsn", "111222333"),
        ("be_rrn", "85.07.30-033.28"),
        ("pl_pesel", "44051401359"),
        ("se_personnummer", "811228-9874"),
        ("br_cpf", "529.982.247-25"),
        ("ch_ahv", "756.9217.0769.85"),
        ("ca_sin", "130-692-544"),
        ("fi_hetu", "131052-308T"),
        ("in_aadhaar", "2341 2341 2346"),
    ],
)
def test_the_published_examples_of_national_ids_pass_their_checksums(kind: str, number: str) -> None:
    by = made([kind])
    assert redacted(f"the number {number}, please", by) == f"the number ‹{kind}›, please"
    digit = next(at for at in range(len(number) - 1, -1, -1) if number[at].isdigit())
    if kind not in ("us_ssn", "uk_nino"):  # the others have a checksum
        wrong = number[:digit] + str((int(number[digit]) + 1) % 10) + number[digit + 1 :]
        assert redacted(wrong, by) == wrong


def test_every_national_id_is_tested() -> None:
    assert {one.kind for one in national_ids.IDS} == national_ids.KINDS
    assert len(national_ids.KINDS) == 15


@pytest.mark.parametrize(
    "card", ["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444", "6011111111111117", "30569309025904"]
)
def test_cards_are_found_between_other_numbers(card: str) -> None:
    assert redacted(f"12345 {card} 12/27 123", made("card")) == "12345 ‹card› 12/27 123"


def test_a_card_number_that_fails_its_checksum_is_left() -> None:
    assert redacted("4111 1111 1111 1112", made("card")) == "4111 1111 1111 1112"


@pytest.mark.parametrize("address", ["192.168.1.17", "2001:db8::8a2e:370:7334", "::1", "fe80::1"])
def test_ip_addresses_are_a_kind_of_their_own(address: str) -> None:
    assert redacted(f"from {address} to you", made("ip")) == "from ‹ip› to you"
    assert redacted(f"from {address} to you", made("secrets,personal")) == f"from {address} to you"


ORDINARY = [*ROOT.rglob("*.py"), *(ROOT.parent.parent / "docs").rglob("*.md"), *(ROOT.parent.parent / "examples").rglob("*.py")]


@pytest.mark.parametrize("path", ORDINARY, ids=lambda path: path.name)
def test_source_code_and_documentation_have_no_secrets(path: Path) -> None:
    if path.name == "privacy.md":  # which shows some
        return
    assert SECRETS.matches(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "api_key=os.environ['OPENAI_API_KEY']",
        'client = OpenAI(api_key="your-api-key")',
        "password = get_password(user, salt2)",
        "max_tokens: 4096, token: str | None = None",
        "if token == expected_token_v2: return",
        "Authorization: Bearer $TOKEN",
        "Set the password: at least 12 characters",
        "postgres://user:${DB_PASSWORD}@host/db",
        "the risk-free task-based disk-utilisation of sk-learn",
        "class sk-fading-circle-number-1-of-12",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        "call_9f2c1e0b7a6d4c55 chatcmpl-AbCdEf0123456789AbCdEf",
        "the header begins with -----BEGIN PRIVATE KEY----- and then",
        'logprobs {"token": " bees", "bytes": [32, 98]}',
        "key = 'gen_ai.request.model'; secret: false",
    ],
)
def test_what_only_speaks_of_secrets_is_left(text: str) -> None:
    assert redacted(text) == text


HOSTILE = (
    *(
        "a",
        "1 ",
        "4 4",
        "444 ",
        "a@",
        "a@a.",
        "sk-",
        "sk-a1",
        "eyJaaaaaaaaaa.",
        "AKIA",
        "AKIAIOSFODNN7EXAMPL ",
        "-----BEGIN PRIVATE KEY-----",
    ),
    *(
        "://a:",
        "://a:b@",
        "password=",
        "api_key: '",
        "bearer ",
        "\\",
        "\\u0041",
        '\\"',
        "DE12 ",
        "+1 ",
        "00",
        "(202) ",
        "AB 12 34 ",
        "f:",
    ),
    *(
        "123456789:AA",
        "ghp_",
        "Q~",
        "token=",
        '{"a":',
        "[[",
        " …[1 characters, sha256 0123456789abcdef]… ",
        "AccountKey=aaaa",
        "%40",
    ),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_made_to_be_slow_is_looked_through(piece: str) -> None:
    # With a pattern that takes quadratic time this would not end.
    text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
    assert redacted(text, EVERYTHING)
