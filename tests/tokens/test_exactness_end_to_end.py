"""From a server's reply through the openai client, the span and the store to `genba tokens`: what was said arrives byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import genba
from genba.cli import token_calls
from genba.cli.commands import commands
from genba.cli.opening import opened
from support import openai_wire as wire
from support.vocabularies import description, trained
from support.wire import Server, Stream, json_answer, sse

openai = pytest.importorskip("openai", reason="openai is not installed")

SAID: dict[str, Sequence[bytes]] = {
    "emoji whose characters span tokens": [
        b"\xf0\x9f",
        b"\x91\x8d",
        b"\xf0\x9f\x8f\xbd",
        b" ",
        b"\xf0\x9f\x91\xa9\xe2\x80\x8d",
        b"\xf0\x9f\x91\xa7",
    ],
    "CJK, cut in the middle of characters": [
        "日".encode()[:2],
        "日".encode()[2:] + "本".encode()[:1],
        "本".encode()[1:],
        "語".encode(),
    ],
    "combining marks apart from their letters": [b"e", "\u0301".encode(), b"a", "\u0308\u0323".encode(), "क".encode(), "्".encode()],
    "bytes that are no text": [b"ok ", b"\xff", b"\xc0\x80", b"\xe4\xb8", b" end", b"\xf0\x9f"],
    "surrogates in bytes": [b"\xed\xa0\x80", b"\xed\xb0\x80", b"x"],
    "controls and separators": [b"\x00", b"\x1b[31m", b"\r\n", "\u2028".encode(), "\u202e".encode(), b"\t"],
    "our own signs": ["⟨e4 b8⟩".encode(), b"[[", "·↵".encode(), b"|", b"\\", b"]]"],
    "what looks like a special token": [b"<", b"|", b"im_end", b"|", b">", b"\n"],
    "nothing in a token": [b"", b"a", b""],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    genba.uninstrument()


def logprobs(pieces: Sequence[bytes], first_id: int = 100) -> list[dict[str, Any]]:
    """As llama.cpp and OpenAI write them: what is no text by itself stands in the bytes alone."""
    return [
        {
            "id": first_id + at,
            "token": piece.decode("utf-8", "replace"),
            "bytes": list(piece),
            "logprob": -0.5 * at,
            "top_logprobs": [{"id": 7, "token": "x", "bytes": [120], "logprob": -0.125}],
        }
        for at, piece in enumerate(pieces)
    ]


def client(server: Server) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0)


def shown() -> dict[str, Any]:
    """What `genba tokens last --json` says, once everything is in the store."""
    genba.flush()
    done = CliRunner().invoke(commands, ["tokens", "last", "--all", "--json"], prog_name="genba")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def pieces_of(record: dict[str, Any]) -> list[bytes]:
    written = [one["piece"] for one in record["tokens"]]
    return [bytes.fromhex(piece["hex"]) if isinstance(piece, dict) else piece.encode() for piece in written]


def ids_of(record: dict[str, Any]) -> list[int]:
    return [one["id"] for one in record["tokens"]]


@pytest.mark.parametrize("level", ["counts", "full"])
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("what", SAID)
def test_what_a_server_tells_of_each_token_is_what_is_shown(
    folder: Path, server: Server, what: str, is_stream: bool, level: str
) -> None:
    pieces = SAID[what]
    said = b"".join(pieces).decode("utf-8", "replace")
    usage = {"prompt_tokens": 5, "completion_tokens": len(pieces), "total_tokens": 5 + len(pieces)}
    entries = logprobs(pieces)
    if is_stream:
        chunks = [
            {
                "choices": [
                    {"index": 0, "delta": {"content": entry["token"]}, "logprobs": {"content": [entry]}, "finish_reason": None}
                ]
            }
            for entry in entries
        ]
        chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}, {"choices": [], "usage": usage}]
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        server.serve(Stream([*(sse({**head, **chunk}) for chunk in chunks), sse("[DONE]")]))
    else:
        body = wire.chat(said, usage=usage)
        body["choices"][0]["logprobs"] = {"content": entries}
        server.serve(json_answer(body))

    genba.init(tokens=level)
    answer = client(server).chat.completions.create(model="m", messages=wire.MESSAGES, logprobs=True, stream=is_stream)
    if is_stream:
        list(answer)
    found = shown()

    [record] = found["output"]
    assert pieces_of(record) == list(pieces)
    assert ids_of(record) == [100 + at for at in range(len(pieces))]
    assert [one["logprob"] for one in record["tokens"]] == [-0.5 * at for at in range(len(pieces))]
    assert all(one["top"] == [{"id": 7, "piece": "x", "logprob": -0.125}] for one in record["tokens"])
    ends = [sum(map(len, pieces[: at + 1])) for at in range(len(pieces))]
    assert [one["bytes"][1] for one in record["tokens"]] == ends
    assert found["usage"]["output_tokens"]["value"] == found["usage"]["output_tokens"]["counted"] == len(pieces)
    if is_stream:
        assert [one["chunk"] for one in record["tokens"]] == list(range(len(pieces)))
    text = CliRunner().invoke(commands, ["tokens", "last", "--output"], prog_name="genba")
    assert text.exit_code == 0
    assert "\x1b" not in text.output
    assert "\x00" not in text.output
    assert ("only spell what looks like control" in text.output) == (what == "what looks like a special token")


def test_an_empty_answer_has_no_tokens_and_says_so(folder: Path, server: Server) -> None:
    body = wire.chat("", usage={"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5})
    body["choices"][0]["token_ids"] = []
    body["prompt_token_ids"] = [1, 2, 3, 4, 5]
    server.serve(json_answer(body))
    genba.init(tokens="full")
    client(server).chat.completions.create(model="m", messages=wire.MESSAGES)
    found = shown()
    assert ids_of(found["input"][0]) == [1, 2, 3, 4, 5]
    assert sum(len(record["tokens"]) for record in found["output"]) == 0
    assert found["usage"]["output_tokens"]["value"] == 0
    assert found["usage"]["output_tokens"]["mismatch"] is None


def test_200_000_tokens_come_and_go_whole(folder: Path, server: Server) -> None:
    many = 200_000
    seen = [at * 7 % 151_936 for at in range(many)]
    said = [at * 11 % 151_936 for at in range(many)]
    body = wire.chat("…", usage={"prompt_tokens": many, "completion_tokens": many, "total_tokens": 2 * many})
    body["choices"][0]["token_ids"] = said
    body["prompt_token_ids"] = seen
    server.serve(json_answer(body))
    genba.init(tokens="full")
    client(server).chat.completions.create(model="m", messages=wire.MESSAGES)
    genba.flush()
    with opened(None) as store:
        call = token_calls.call(store, "last")
    assert call.records["input"][0].ids == seen
    assert call.records["output"][0].ids == said
    shown = CliRunner().invoke(commands, ["tokens", "last"], prog_name="genba").output.splitlines()
    assert "usage      200000 input_tokens  reported; 200000 seen" in shown
    assert "           200000 output_tokens  reported; 200000 seen" in shown


def test_halves_of_a_character_that_come_in_two_chunks_are_no_reason_to_lose_either(folder: Path, server: Server) -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    halves = [logprobs([b"\xf0\x9f"])[0], logprobs([b"\x91\x8d"], 101)[0]]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [entry]}, "finish_reason": None}]}
        for text, entry in zip(("\ud83d", "\udc4d"), halves, strict=True)
    ]
    server.serve(Stream([*(sse({**head, **chunk}) for chunk in chunks), sse("[DONE]")]))
    genba.init(tokens="full")
    list(client(server).chat.completions.create(model="m", messages=wire.MESSAGES, logprobs=True, stream=True))
    [record] = shown()["output"]
    assert pieces_of(record) == [b"\xf0\x9f", b"\x91\x8d"]
    assert [one["chunk"] for one in record["tokens"]] == [0, 1]


TEMPLATE = "{% for m in messages %}<|end|>{{ m.role }} {{ m.content }}{% endfor %}<|end|>"
TYPED = ["👍🏽 日本 क् e\u0301", "a<|end|>b", "", "x\x00\u202ey", "ab" * 50]


@pytest.fixture
def named(folder: Path) -> dict[str, str]:
    """A tokenizer over bytes, with one special token, that is named for every model."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    (folder / "tokenizer.json").write_text(json.dumps(description(*trained(1))))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return {"*": str(folder)}


@pytest.mark.parametrize("typed", TYPED)
def test_a_prompt_that_is_tokenized_again_is_the_rendered_one_byte_for_byte(
    folder: Path, server: Server, named: dict[str, str], typed: str
) -> None:
    server.serve(json_answer(wire.chat("abc", usage=None)))
    genba.init(tokens="pieces", tokenizers=named)
    client(server).chat.completions.create(model="m", messages=[{"role": "user", "content": typed}])
    [record] = shown()["input"]
    assert record["source"] == "local"
    assert b"".join(pieces_of(record)) == f"<|end|>user {typed}<|end|>".encode()
    control = [at for at, one in enumerate(record["tokens"]) if one["special"]]
    if "<|end|>" in typed:
        # The text of the user spells it. What an engine makes of that is not known from here, and is said.
        assert len(control) == 3
        assert record["unknown"]["special"].startswith("message 1 spells <|end|>")
        assert f"here tokens {control[1]}" in record["unknown"]["special"]
    else:
        assert len(control) == 2
        assert record["unknown"] == {}


def test_a_lone_surrogate_in_an_answer_ends_up_on_record_and_in_no_error(
    folder: Path, server: Server, named: dict[str, str]
) -> None:
    body = wire.chat("ab \ud800 c", usage={"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18})
    body["choices"][0]["logprobs"] = {"content": [{"token": "ab \ud800 c", "bytes": None, "logprob": -1.0, "top_logprobs": []}]}
    server.serve(json_answer(body))
    genba.init(tokens="full", tokenizers=named)
    answer = client(server).chat.completions.create(model="m", messages=wire.MESSAGES, logprobs=True)
    assert answer.choices[0].message.content == "ab \ud800 c"
    [record] = shown()["output"]
    assert [one["logprob"] for one in record["tokens"]] == [-1.0]
    assert CliRunner().invoke(commands, ["tokens", "last"], prog_name="genba").exit_code == 0
