"""Whatever is referred to is byte for byte what was sent, and putting it back gives the JSON there was."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genba.conversation import parts
from genba.offloading import base64_texts, content, exchanges, put_back

LIMIT = 4096


class Kept:
    """A store of blobs in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, what: bytes) -> tuple[str, str]:
        digest = hashlib.sha256(what).hexdigest()
        self.blobs[digest] = what
        return f"memory://{digest}", digest

    def read(self, uri: str, digest: str) -> bytes:
        assert uri == f"memory://{digest}"
        return self.blobs[digest]


media = st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 9), st.integers(0, 3 * LIMIT))
encodings = st.sampled_from(base64_texts.ENCODINGS)


@st.composite
def media_texts(draw: st.DrawFn) -> str:
    """Media as they stand in requests: base64 in one of its dialects, or a data URL."""
    head = draw(st.sampled_from(("", "data:image/png;base64,", "data:;base64,", "data:audio/wav;codecs=1;base64,")))
    return head + base64_texts.encoded(draw(media), draw(encodings))


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=20), media_texts()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(("data", "content", "url", "type", "a")), inner, max_size=4)
    ),
    max_leaves=8,
)


def of_media(value: Any) -> list[bytes]:
    """Every media in a value that is larger than the limit."""
    if isinstance(value, str):
        found = base64_texts.decoded(value.rpartition("base64,")[2])
        return [found[0]] if found is not None and len(found[0]) > LIMIT else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for each in inner for one in of_media(each)]


@given(media, encodings)
def test_base64_is_read_so_that_the_same_text_can_be_made_again(what: bytes, encoding: str) -> None:
    text = base64_texts.encoded(what, encoding)
    read = base64_texts.decoded(text)
    assert read is not None
    assert read[0] == what
    assert base64_texts.encoded(*read) == text
    assert base64_texts.media(text) == what


@given(st.text(max_size=200))
def test_what_is_no_base64_is_not_taken_for_it(text: str) -> None:
    read = base64_texts.decoded(text)
    assert read is None or base64_texts.encoded(*read) == text


@given(values)
def test_an_exchange_is_put_back_byte_for_byte(value: Any) -> None:
    kept = Kept()
    for encoded in (orjson.dumps(value), json.dumps(value, indent=1).encode()):
        made = exchanges.offloaded(encoded, LIMIT, kept.put)
        assert put_back(made, kept.read) == encoded
        assert not [one for one in of_media(orjson.loads(made)) if len(one) > LIMIT]
    assert set(of_media(value)) == set(kept.blobs.values())


@given(values)
@example({"type": [], "content": base64.b64encode(bytes(2 * LIMIT)).decode()})
def test_content_is_put_back_and_holds_no_media_over_the_limit(value: Any) -> None:
    kept = Kept()
    done = content.offloaded({}, {"result": orjson.dumps({"response": value})}, LIMIT, kept.put)
    assert orjson.loads(put_back(done.singles["result"], kept.read)) == {"response": value} or of_blob_parts(value)
    assert not of_media(orjson.loads(done.singles["result"])) or of_words(value)
    assert {(one.sha256, one.size) for one in done.references} == {(digest, len(what)) for digest, what in kept.blobs.items()}


def of_blob_parts(value: Any) -> bool:
    return b'"type":"blob"' in orjson.dumps(value)


def of_words(value: Any) -> bool:
    return any(b'"type":"%s"' % word in orjson.dumps(value) for word in (b"text", b"reasoning", b"refusal", b"compaction"))


@given(media, encodings)
def test_a_blob_part_becomes_the_conventions_uri_part_or_stays_as_it_is(what: bytes, encoding: str) -> None:
    kept = Kept()
    part = parts.blob("image", base64_texts.encoded(what, encoding), "image/png", detail="low")
    encoded = orjson.dumps(parts.message("user", [parts.text("look"), part]))
    done = content.offloaded({"gen_ai.input.messages": [encoded]}, {}, LIMIT, kept.put)
    [message] = [orjson.loads(one) for one in done.lists["gen_ai.input.messages"]]
    if len(what) <= LIMIT:
        assert done.lists["gen_ai.input.messages"] == [encoded]
        assert not kept.blobs
        return
    digest = hashlib.sha256(what).hexdigest()
    assert message["parts"] == [
        parts.text("look"),
        {
            "type": "uri",
            "modality": "image",
            "mime_type": "image/png",
            "detail": "low",
            "uri": f"memory://{digest}",
            "sha256": digest,
            "size": len(what),
        },
    ]
    assert kept.blobs == {digest: what}
    [reference] = done.references
    assert reference.path == "gen_ai.input.messages[0].parts[1]"


@given(media)
def test_what_could_not_be_kept_is_shortened_and_says_so(what: bytes) -> None:
    part = parts.blob("audio", base64.b64encode(what).decode())
    encoded = orjson.dumps(parts.message("user", [part]))
    done = content.offloaded({"x": [encoded]}, {}, LIMIT, lambda _: "the disk is full")
    [left] = orjson.loads(done.lists["x"][0])["parts"]
    assert len(left["content"]) <= max(LIMIT, len(base64.b64encode(b"0" * LIMIT)))
    assert [cut.because for cut in done.shortened] == ["the disk is full"] * (len(what) > LIMIT)


def test_words_stay_words_whatever_they_look_like() -> None:
    kept = Kept()
    encoded = orjson.dumps(parts.message("user", [parts.text("abcd" * 10_000)]))
    assert content.offloaded({"x": [encoded]}, {}, LIMIT, kept.put).lists == {"x": [encoded]}
    assert not kept.blobs


@pytest.mark.parametrize("wrapped", [base64.encodebytes(bytes(9000)).decode(), base64.b64encode(bytes(9000)).decode() + "=="])
def test_base64_in_lines_is_media_too(wrapped: str) -> None:
    kept = Kept()
    encoded = orjson.dumps(parts.message("user", [parts.blob("image", wrapped)]))
    content.offloaded({"x": [encoded]}, {}, LIMIT, kept.put)
    assert list(kept.blobs.values()) == [bytes(9000)]


def test_what_only_looks_like_a_reference_is_left_alone() -> None:
    for said in (b'{"genba.blob":{"uri":7}}', b'{"genba.blob":{"uri":"file:///etc/passwd"}}', b'{"genba.blob":{}}'):
        assert put_back(said, Kept().read) == said
