"""What a tokenizer on this machine tells of a call: exact where the text lets it be known, and else a reason."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tokenizers", reason="tokenizers is not installed")
pytest.importorskip("jinja2", reason="jinja2 is not installed")

from genba.conversation import Request, Response, parts
from genba.conversation.usage import Usage
from genba.tokens.local import Counted, Tokenizer, Tokenizers
from genba.tokens.local.counting import count
from support.vocabularies import description, trained

pytestmark = pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")  # bpe-openai reads its data so

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}assistant:"
ASKED = Request(model="m", messages=[parts.message("user", [parts.text("abc é")])])
ANSWERED = Response(messages=[parts.message("assistant", [parts.text("bab")], finish_reason="stop")])


def folder(path: Path, template: str | None, **changes: Any) -> Path:
    path.mkdir(exist_ok=True)
    (path / "tokenizer.json").write_text(json.dumps(description(*trained(1), **changes)))
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, "eos_token": "<|end|>"}))
    return path


@pytest.fixture
def named(tmp_path: Path) -> Tokenizers:
    return Tokenizers({"m": str(folder(tmp_path / "small", TEMPLATE))})


def counted(named: Tokenizers, request: Request = ASKED, response: Response = ANSWERED, **more: Any) -> Counted:
    found = named.count("m", "vllm", request, response, **more)
    assert isinstance(found, Counted), found
    return found


def asked(*messages: Any, **more: Any) -> Request:
    return Request(model="m", messages=messages, **more)


def test_a_conversation_of_texts_is_told_and_counted(named: Tokenizers) -> None:
    found = counted(named)
    prompt, answer = found.tokens

    assert (prompt.side, answer.side, prompt.source) == ("input", "output", "local")
    assert b"".join(piece or b"" for piece in prompt.pieces or ()) == "user: abc é<|end|>assistant:".encode()
    assert prompt.text == "user: abc éassistant:".encode()
    assert [prompt.pieces[at] for at in prompt.special or ()] == [b"<|end|>"]
    assert answer.text == b"bab"
    assert answer.special == []
    assert prompt.tokenizer == answer.tokenizer == found.identity.fingerprint
    assert found.counts == {"input_tokens": len(prompt), "output_tokens": len(answer)}
    assert found.allowance == {"input_tokens": 0, "output_tokens": 1}
    assert found.unknown == {}


def test_an_answer_that_was_cut_has_no_last_token_to_allow_for(named: Tokenizers) -> None:
    cut = Response(
        messages=[parts.message("assistant", [parts.text("ba")]), ANSWERED.messages[0]], finish_reasons=["length", "stop"]
    )

    found = counted(named, response=cut)

    assert [(one.side, one.index) for one in found.tokens] == [("input", 0), ("output", 0), ("output", 1)]
    assert found.allowance["output_tokens"] == 1


IMAGE = parts.media("image", "https://example.com/a.png")
CALL = parts.tool_call("f", {}, "1")


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (asked(parts.message("user", [parts.text("see"), IMAGE])), "message 1 has an image"),
        (asked(parts.message("user", [parts.text("a"), parts.text("b")])), "message 1 has 2 texts"),
        (asked(parts.message("user", [parts.text("a")]), parts.message("assistant", [CALL])), "message 2 has a tool call"),
        (asked(parts.message("user", [parts.text("a\ud800")])), "a surrogate that stands alone"),
        (asked(parts.message("user", [{"type": "odd"}])), "a part of the type 'odd'"),
        (
            asked(parts.message("user", [parts.text("a")]), parts.message("assistant", [parts.text("b")])),
            "the last message is the model's own",
        ),
        (asked(), "the request has no messages"),
        (replace(ASKED, tools=[parts.function_tool("f")]), "the request offers tools"),
        (replace(ASKED, previous_response_id="r"), "adds turns that are not in the request"),
        (replace(ASKED, reasoning_level="low"), "how much to reason"),
    ],
)
def test_an_input_that_is_more_than_its_texts_is_not_counted(named: Tokenizers, request_: Request, why: str) -> None:
    found = counted(named, request_)

    assert why in found.unknown["input_tokens"]
    assert [one.side for one in found.tokens] == ["output"]
    assert set(found.counts) == set(found.allowance) == {"output_tokens"}


@pytest.mark.parametrize(
    ("response", "request_", "why"),
    [
        (Response(messages=[parts.message("assistant", [parts.reasoning("hm"), parts.text("a")])]), ASKED, "has reasoning"),
        (Response(messages=[parts.message("assistant", [CALL])]), ASKED, "has a tool call"),
        (replace(ANSWERED, usage=Usage(output_tokens=90, reasoning_output_tokens=80)), ASKED, "the model reasoned"),
        (Response(messages=[parts.message("assistant", [parts.text("a\ufffd")])]), ASKED, "U+FFFD"),
        (ANSWERED, replace(ASKED, stop_sequences=["x"]), "stop sequences"),
        (Response(), ASKED, "there is no answer"),
    ],
)
def test_an_output_that_is_more_than_its_text_is_not_counted(
    named: Tokenizers, response: Response, request_: Request, why: str
) -> None:
    found = counted(named, request_, response)

    assert why in found.unknown["output_tokens"]
    assert [one.side for one in found.tokens] == ["input"]
    assert set(found.counts) == {"input_tokens"}


def test_a_control_token_that_a_message_spells_is_told_and_both_readings_are_allowed_for(named: Tokenizers) -> None:
    found = counted(named, asked(parts.message("user", [parts.text("a<|end|>b<|end|>")])))
    prompt = found.tokens[0]
    tokenizer = named.of("m", None)
    assert isinstance(tokenizer, Tokenizer)

    assert [prompt.pieces[at] for at in prompt.special or ()] == [b"<|end|>"] * 3
    by_user = ", ".join(map(str, (prompt.special or ())[:2]))
    assert prompt.unknown["special"].startswith("message 1 spells <|end|>, and 1 more are spelled; that is taken as control")
    assert f"(here tokens {by_user})" in prompt.unknown["special"]
    assert found.allowance["input_tokens"] == 2 * (len(tokenizer.encode("<|end|>")) - 1)


def test_a_template_that_looks_into_the_text_leaves_it_open_where_a_spelling_went(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content.split('<|end|>')[-1] }}{% endfor %}"
    named = Tokenizers({"m": str(folder(tmp_path / "splits", template))})

    found = counted(named, asked(parts.message("user", [parts.text("a<|end|>b")])))

    assert "where that comes to stand in the prompt cannot be told" in found.unknown["input_tokens"]


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (None, "has no chat template"),
        ("{{ raise_exception('no system') }}", "no system"),
        ("{{ strftime_now('%d') }}{{ messages }}", "the time at which"),
    ],
)
def test_a_template_that_does_not_tell_the_prompt_is_a_reason(tmp_path: Path, template: str | None, why: str) -> None:
    found = counted(Tokenizers({"m": str(folder(tmp_path / "odd", template))}))

    assert why in found.unknown["input_tokens"]
    assert found.counts == {"output_tokens": 1} or set(found.counts) == {"output_tokens"}


def test_a_template_may_be_named_beside_the_tokenizer(tmp_path: Path) -> None:
    other = tmp_path / "other.jinja"
    other.write_text("{{ messages[0].content }}!")
    path = folder(tmp_path / "small", TEMPLATE)

    found = counted(Tokenizers({"m": f"{path}#{other}"}))
    missing = Tokenizers({"m": f"{path}#{tmp_path / 'none.jinja'}"}).of("m", None)

    assert found.tokens[0].text == "abc é!".encode()
    assert found.identity.fingerprint != counted(Tokenizers({"m": str(path)})).identity.fingerprint
    assert isinstance(missing, str)
    assert "none.jinja cannot be read" in missing


def test_a_text_to_be_continued_is_no_conversation(named: Tokenizers) -> None:
    found = counted(
        named,
        asked(parts.message("user", [parts.text("abc")]), parts.message("user", [parts.text("b")])),
        operation="text_completion",
    )

    assert [(one.side, one.index, one.text) for one in found.tokens][:2] == [("input", 0, b"abc"), ("input", 1, b"b")]


def test_an_instruction_that_the_api_takes_apart_is_the_first_message(named: Tokenizers) -> None:
    found = counted(named, replace(ASKED, system_instructions=[parts.text("ca")]))

    assert found.tokens[0].text == "system: causer: abc éassistant:".encode()


def test_a_deployment_is_known_by_the_model_that_answered(tmp_path: Path) -> None:
    named = Tokenizers({"real-*": str(folder(tmp_path / "small", TEMPLATE))})

    found = named.count("my-deployment", "vllm", replace(ASKED, model="my-deployment"), replace(ANSWERED, model="real-1"))

    assert isinstance(found, Counted)
    assert isinstance(named.count("my-deployment", "vllm", ASKED, ANSWERED), str)


# OpenAI's own models.


@pytest.fixture
def openai() -> Tokenizers:
    if not any(importlib.util.find_spec(name) for name in ("quicktok", "bpe_openai")):
        pytest.skip("neither quicktok nor bpe-openai is installed")
    return Tokenizers({})


HELLO = Request(
    model="gpt-4o",
    messages=[
        parts.message("system", [parts.text("You are a helpful assistant.")]),
        parts.message("user", [parts.text("Hello!")], name="ann"),
    ],
)


def test_openais_rule_counts_the_messages_of_its_chat_models(openai: Tokenizers) -> None:
    answer = replace(ANSWERED, model="gpt-4o-2024-08-06", id="chatcmpl-1")

    exact = openai.count("gpt-4o", "openai", HELLO, answer)
    moved = openai.count("gpt-4o", "azure.ai.openai", HELLO, replace(answer, model="gpt-4o-2026-01-01"))

    assert isinstance(exact, Counted)
    assert isinstance(moved, Counted)
    # 3 for the answer, and of each message 3, its role and its text; a name has one more.
    assert exact.counts["input_tokens"] == 3 + (3 + 1 + 6) + (3 + 1 + 2) + (1 + 1)
    assert exact.allowance["input_tokens"] == 0
    assert moved.allowance["input_tokens"] == 2 + 2 * 1
    assert [one.side for one in exact.tokens] == ["output"]
    assert "does not tell how it puts the messages" in exact.unknown["input_tokens"]


@pytest.mark.parametrize(
    ("request_", "response", "why"),
    [
        (replace(HELLO, model="gpt-5"), ANSWERED, "OpenAI does not say how many tokens it adds to the messages for gpt-5"),
        (HELLO, replace(ANSWERED, id="resp_1"), "the Responses API"),
        (replace(HELLO, output_type="json"), ANSWERED, "for an answer as json"),
        (
            Request(model="gpt-4o", messages=[parts.message("user", [parts.text("<|endoftext|>")])]),
            ANSWERED,
            "spells a special token",
        ),
    ],
)
def test_what_openai_says_nothing_about_is_not_counted(openai: Tokenizers, request_: Request, response: Response, why: str) -> None:
    found = openai.count(request_.model, "openai", request_, response)

    assert isinstance(found, Counted)
    assert why in found.unknown["input_tokens"]
    assert "input_tokens" not in found.counts


def test_the_answer_of_a_model_that_reasons_is_counted_only_where_it_did_not(openai: Tokenizers) -> None:
    asked = replace(HELLO, model="gpt-5-mini")
    hidden = openai.count("gpt-5-mini", "openai", asked, ANSWERED)
    told = openai.count("gpt-5-mini", "openai", asked, replace(ANSWERED, usage=Usage(output_tokens=2, reasoning_output_tokens=0)))

    assert isinstance(hidden, Counted)
    assert isinstance(told, Counted)
    assert "that is hidden" in hidden.unknown["output_tokens"]
    assert "output_tokens" in told.counts


def test_an_answer_in_bytes_that_the_tokenizer_does_not_have_shows_it_is_the_wrong_one(tmp_path: Path) -> None:
    told = description(*trained(1))
    vocabulary = {token: id for token, id in told["model"]["vocab"].items() if token != "!"}
    path = folder(tmp_path / "lacks", TEMPLATE, model={**told["model"], "vocab": vocabulary})

    found = counted(Tokenizers({"m": str(path)}), ASKED, Response(messages=[parts.message("assistant", [parts.text("a!")])]))
    left_out = counted(Tokenizers({"m": str(path)}), asked(parts.message("user", [parts.text("a!")])))

    assert "it is not the model's own" in found.unknown["output_tokens"]
    assert "the model does not see them" in left_out.tokens[0].unknown["text"]


def test_counting_needs_nothing_but_a_tokenizer(named: Tokenizers) -> None:
    tokenizer = named.of("m", None)
    assert isinstance(tokenizer, Tokenizer)

    assert count(tokenizer, None, ASKED, ANSWERED, None).counts == counted(named).counts
