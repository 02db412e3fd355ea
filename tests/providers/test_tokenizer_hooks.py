"""Tokenizers that the application calls: what is noted of each library's calls, and which of them made the input of a model call."""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import genba
from genba.conversation import Request, Tokens, loose, parts
from genba.observing import tokenizing
from genba.semconv import Operation
from genba.tokens import app_calls, identity
from genba.tokens.piece_bytes import pieces_of, special_ids
from support import vocabularies

ABOUT = ("tokenizers", "tiktoken", "transformers-tokenizers")
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hé 你🙂"}]
TEMPLATE = "{% for m in messages %}<|end|>{{ m.role }}\n{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|end|>{% endif %}"
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Now.", "parameters": {"type": "object", "properties": {}}},
}
TEXTS = st.text(max_size=30)
RANKS, PAIRS = vocabularies.trained(1)
END = len(RANKS)


@pytest.fixture(autouse=True)
def hooked(start_tracing: Callable[..., Any]) -> None:
    start_tracing(tokens="pieces")


def backend(**changes: Any) -> Any:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    return tokenizers.Tokenizer.from_str(json.dumps(vocabularies.description(RANKS, PAIRS, **changes)))


def encoding() -> Any:
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    return tiktoken.Encoding("small", pat_str=r"\S+|\s+", mergeable_ranks=RANKS, special_tokens={"<|end|>": END})


def pretrained(template: str = TEMPLATE) -> Any:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend(), chat_template=template)


def prompts(*texts: str) -> Request:
    return Request(messages=[parts.message("user", [parts.text(text)] if text else []) for text in texts])


def conversation(messages: Any = MESSAGES, **more: Any) -> Request:
    return loose.request({"messages": messages, **more})


def seen(request: Request, operation: str = Operation.TEXT_COMPLETION) -> list[Tokens]:
    return app_calls.seen(tokenizing.calls(), request, time.time_ns(), operation)


def noted() -> list[app_calls.TokenizerCall]:
    return [app_calls.TokenizerCall._make(call) for call in tokenizing.calls()]


# tiktoken


def answered(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)
    return result.tolist() if hasattr(result, "tolist") else result


@settings(deadline=None)
@given(
    st.text(max_size=20) | st.sampled_from(["<|end|>", "a<|end|>b", "\ud800", "\ud83d\ude42"]) | st.none() | st.integers(),
    st.sampled_from(["all", set(), {"<|end|>"}]),
    st.sampled_from(["all", (), ["a"]]),
    st.sampled_from(["encode", "encode_ordinary", "encode_to_numpy"]),
)
def test_tiktoken_gives_what_it_gave(text: Any, allowed: Any, disallowed: Any, name: str) -> None:
    one = encoding()
    assume(hasattr(one, name) and (name != "encode_to_numpy" or find_spec("numpy") is not None))
    options = {} if name == "encode_ordinary" else {"allowed_special": allowed, "disallowed_special": disallowed}
    hooked = getattr(type(one), name)
    assert answered(hooked, one, text, **options) == answered(hooked.__wrapped__, one, text, **options)


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), max_size=3))
def test_tiktoken_gives_of_many_texts_what_it_gave(texts: list[str]) -> None:
    one = encoding()
    for hooked in (type(one).encode_batch, type(one).encode_ordinary_batch):
        assert answered(hooked, one, texts, num_threads=2) == answered(hooked.__wrapped__, one, texts, num_threads=2)


def test_a_batch_of_tiktoken_is_one_call_though_it_works_on_threads() -> None:
    encoding().encode_batch(["abc", "é"])
    assert [call.given for call in noted()] == [("abc", "é")]


@settings(deadline=None)
@given(st.text(max_size=30))
def test_the_tokens_of_a_prompt_are_known_from_the_call_that_made_them(text: str) -> None:
    one = encoding()
    tokenizing.calls().clear()  # type: ignore[attr-defined]
    ids = one.encode(text, disallowed_special=())
    [tokens] = seen(prompts(text))
    assert (tokens.side, tokens.source, tokens.ids, tokens.special) == ("input", "app", ids, [])
    assert tokens.text == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    assert tokens.tokenizer == identity.of(one).fingerprint


def test_special_tokens_are_marked_and_their_spelling_in_a_text_is_not() -> None:
    one = encoding()
    one.encode("a<|end|>", allowed_special="all")
    [tokens] = seen(prompts("a<|end|>"))
    assert (tokens.pieces, tokens.special) == ([b"a", b"<|end|>"], [1])
    one.encode_ordinary("a<|end|>")
    [tokens] = seen(prompts("a<|end|>"))
    assert (tokens.text, tokens.special) == (b"a<|end|>", [])


def test_a_list_that_the_application_changed_is_no_longer_that_of_the_text() -> None:
    one = encoding()
    ids = one.encode("abc")
    ids.append(END)
    assert seen(prompts("abc")) == []
    sent = Request(tokens=[Tokens(side="input", source="server", ids=list(ids))])
    [tokens] = seen(sent)  # but it is what was sent
    assert tokens.pieces is not None
    assert (tokens.ids, tokens.pieces[-1]) == (ids, b"<|end|>")


def test_ids_that_nobody_here_made_are_nobodys() -> None:
    encoding().encode("abc")
    assert seen(Request(tokens=[Tokens(side="input", source="server", ids=[1, 2, 3])])) == []


# Which call it was


def test_one_message_is_not_what_the_model_saw() -> None:
    encoding().encode("hi")
    assert seen(prompts("hi"), Operation.CHAT) == []
    assert app_calls.seen(tokenizing.calls(), prompts("hi"), time.time_ns()) == []


def test_of_several_texts_each_has_its_tokens() -> None:
    one = encoding()
    one.encode_batch(["abc", "é", "abc"])
    one.encode("")
    found = seen(prompts("abc", "not tokenized", "", "é", "abc"), Operation.EMBEDDINGS)
    assert {tokens.index: tokens.ids for tokens in found} == {
        0: one.encode("abc"), 2: [], 3: one.encode("é"), 4: one.encode("abc"),
    }  # fmt: skip


def test_the_last_call_before_counts_and_one_after_only_if_there_is_none() -> None:
    one = encoding()
    one.encode("a<|end|>", allowed_special="all")
    between = time.time_ns()
    time.sleep(0.001)
    one.encode("a<|end|>", disallowed_special=())
    find = app_calls.seen
    assert find(tokenizing.calls(), prompts("a<|end|>"), between, Operation.TEXT_COMPLETION)[0].special == [1]
    assert find(tokenizing.calls(), prompts("a<|end|>"), 0, Operation.TEXT_COMPLETION)[0].special == [1]
    assert find(tokenizing.calls(), prompts("a<|end|>"), time.time_ns(), Operation.TEXT_COMPLETION)[0].special == []


def test_a_tokenizer_that_is_gone_leaves_its_ids_and_the_reason() -> None:
    one = backend()
    if not type(one).__weakrefoffset__:
        pytest.skip("tokenizers before 0.23 cannot be referred to weakly")
    ids = one.encode("abc").ids
    del one
    [tokens] = seen(prompts("abc"))
    assert (tokens.ids, tokens.pieces, tokens.unknown["pieces"]) == (ids, None, app_calls.GONE)


# tokenizers


@settings(deadline=None)
@given(TEXTS.filter(lambda text: text.isprintable() and "<" not in text))
def test_the_pieces_of_a_byte_level_vocabulary_make_the_text(text: str) -> None:
    one = backend()
    tokenizing.calls().clear()  # type: ignore[attr-defined]
    ids = one.encode(text).ids
    [tokens] = seen(prompts(text))
    assert (tokens.ids, tokens.text, tokens.special) == (ids, text.encode(), [])


def test_what_fills_a_batch_up_is_no_token_of_the_text() -> None:
    one = backend()
    one.enable_padding(pad_id=END, pad_token="<|end|>")
    one.encode_batch(["a", "a a a"])
    assert [len(tokens) for tokens in seen(prompts("a", "a a a"))] == [1, len(one.encode("a a a").ids)]


def test_a_text_that_was_cut_is_not_what_the_model_saw() -> None:
    one = backend()
    one.enable_truncation(2)
    one.encode("a b c d")
    assert seen(prompts("a b c d")) == []


def test_tokens_put_around_a_text_are_marked() -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    one = backend()
    one.post_processor = tokenizers.processors.TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", END)])
    one.encode("ab")
    [tokens] = seen(prompts("ab"))
    assert (tokens.special, tokens.text) == ([0], b"ab")


def test_pieces_of_vocabularies_that_are_written_as_text() -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    words = {"<unk>": 0, "▁he": 1, "llo": 2, "<0xC3>": 3, "<0xB6>": 4, "▁": 5}
    one = tokenizers.Tokenizer(tokenizers.models.BPE(words, [], byte_fallback=True, unk_token="<unk>"))
    one.decoder = tokenizers.decoders.Sequence(
        [tokenizers.decoders.Replace("▁", " "), tokenizers.decoders.ByteFallback(), tokenizers.decoders.Fuse()]
    )
    assert [pieces_of(one)(id) for id in range(7)] == [b"<unk>", b" he", b"llo", b"\xc3", b"\xb6", b" ", None]
    pieces = {"[UNK]": 0, "he": 1, "##llo": 2, "##": 3}
    two = tokenizers.Tokenizer(tokenizers.models.WordPiece(pieces, unk_token="[UNK]"))
    assert [pieces_of(two)(id) for id in (*range(5), -1)] == [b"[UNK]", b"he", b"llo", b"##", None, None]


def test_a_tokenizer_that_got_a_token_more_is_read_anew() -> None:
    one = backend()
    assert (pieces_of(one)(END + 1), special_ids(one)) == (None, frozenset({END}))
    one.add_special_tokens(["<|new|>"])
    assert (pieces_of(one)(END + 1), special_ids(one)) == (b"<|new|>", frozenset({END, END + 1}))


def test_one_vocabulary_has_the_same_pieces_in_every_library() -> None:
    one, two = pieces_of(backend()), pieces_of(encoding())
    assert [one(id) for id in range(END + 2)] == [two(id) for id in range(END + 2)] == [*RANKS, b"<|end|>", None]


def test_what_is_no_tokenizer_has_no_pieces() -> None:
    assert (pieces_of(object())(1), special_ids(object())) == (None, None)


# transformers


@settings(deadline=None)
@given(TEXTS, st.booleans(), st.sampled_from([None, "x"]))
def test_transformers_gives_what_it_gave(text: str, special: bool, pair: str | None) -> None:
    one = pretrained()
    base = type(one)
    for hooked in (base.__call__, base.encode):
        ask = functools.partial(answered, text=text, text_pair=pair, add_special_tokens=special)
        assert ask(hooked, one) == ask(hooked.__wrapped__, one)


def test_wrong_arguments_of_transformers_are_refused_in_the_same_words() -> None:
    one = pretrained()
    called = type(one).__call__
    for args in ((), (5,), ([5],)):
        assert answered(called, one, *args) == answered(called.__wrapped__, one, *args)
    assert noted() == []


def test_a_call_of_transformers_is_one_call_of_its_own_tokenizer() -> None:
    one = pretrained()
    ids = one("abc é")["input_ids"]
    one(["a", "b"], padding=False)
    assert one.encode("é") == seen(prompts("é"))[0].ids
    assert [call.tokenizer() is one for call in noted()] == [True] * 3
    [tokens] = seen(prompts("abc é"))
    assert (tokens.ids, tokens.text, tokens.tokenizer) == (ids, "abc é".encode(), identity.of(one).fingerprint)
    assert len(seen(prompts("a", "b"))) == 2


def test_a_conversation_that_was_put_into_the_template_is_what_the_model_saw() -> None:
    one = pretrained()
    said = copy.deepcopy(MESSAGES)
    given = one.apply_chat_template(said, add_generation_prompt=True, return_dict=True)
    said.append({"role": "assistant", "content": "later"})
    said[0]["content"] = "changed later"
    [tokens] = seen(conversation(), Operation.CHAT)
    assert tokens.ids == given["input_ids"]
    assert b"".join(piece or b"" for piece in tokens.pieces or ()).decode() == "<|end|>system\nBe brief.<|end|>user\nHé 你🙂<|end|>"
    assert [(tokens.pieces or ())[at] for at in tokens.special or ()] == [b"<|end|>"] * 3
    assert seen(conversation(said), Operation.CHAT) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_dict": False},
        {"return_dict": True, "return_tensors": "np"},
        {"tokenize": True, "padding": "max_length", "max_length": 200},
    ],
    ids=["", "a list", "arrays", "filled up"],
)
def test_however_a_conversation_is_asked_for_its_tokens_are_the_same(options: dict[str, Any]) -> None:
    if "return_tensors" in options:
        pytest.importorskip("numpy", reason="numpy is not installed")
    one = pretrained()
    one.pad_token = "<|end|>"
    ids = one(one.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True))["input_ids"]
    tokenizing.calls().clear()  # type: ignore[attr-defined]
    one.apply_chat_template(MESSAGES, add_generation_prompt=True, **options)
    [tokens] = seen(conversation(), Operation.CHAT)
    assert (tokens.ids, tokens.special is not None, tokens.tokenizer) == (ids, True, identity.of(one).fingerprint)


def test_ids_of_a_conversation_are_as_they_were_when_the_application_changes_its_list() -> None:
    one = pretrained()
    given = one.apply_chat_template(MESSAGES, add_generation_prompt=True, return_dict=False)
    ids = list(given)
    given.append(END)
    assert [tokens.ids for tokens in seen(conversation(), Operation.CHAT)] == [ids]


def test_a_conversation_of_which_the_template_makes_nothing_has_no_tokens() -> None:
    before = genba.doctor().failures  # of the whole process
    pretrained("{{ '' }}").apply_chat_template(MESSAGES, add_generation_prompt=True)
    assert [tokens.ids for tokens in seen(conversation(), Operation.CHAT)] == [[]]
    assert genba.doctor().failures == before


def test_a_conversation_that_differs_is_another() -> None:
    one = pretrained()
    one.apply_chat_template(MESSAGES, add_generation_prompt=True)
    assert len(seen(conversation(), Operation.CHAT)) == 1
    for other in (MESSAGES[1:], [*MESSAGES, MESSAGES[1]], [{**MESSAGES[0], "role": "user"}, MESSAGES[1]]):
        assert seen(conversation(other), Operation.CHAT) == []
    assert seen(conversation(tools=[TOOL]), Operation.CHAT) == []


def test_instructions_that_are_sent_apart_are_the_system_message() -> None:
    pretrained_one = pretrained()
    pretrained_one.apply_chat_template(MESSAGES, add_generation_prompt=True)
    apart = replace(conversation(MESSAGES[1:]), system_instructions=[parts.text("Be brief.")])
    assert len(seen(apart, Operation.CHAT)) == 1


def test_tools_are_part_of_what_the_model_saw() -> None:
    one = pretrained(TEMPLATE + "{% if tools %}{{ tools | length }}{% endif %}")
    one.apply_chat_template(MESSAGES, tools=[TOOL], add_generation_prompt=True)
    assert seen(conversation(), Operation.CHAT) == []
    assert len(seen(conversation(tools=[TOOL]), Operation.CHAT)) == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"add_generation_prompt": True, "tokenize": False}, {"add_generation_prompt": True, "truncation": True, "max_length": 3}],
    ids=["no answer begins", "no tokens", "cut"],
)
def test_what_is_not_the_whole_prompt_is_not_taken_for_it(options: dict[str, Any]) -> None:
    one = pretrained()
    one.apply_chat_template(MESSAGES, **options)
    assert seen(conversation(), Operation.CHAT) == []


def test_several_conversations_at_once_are_texts() -> None:
    one = pretrained()
    one.apply_chat_template([MESSAGES, MESSAGES[:1]], add_generation_prompt=True)
    assert [type(call.given) for call in noted()] == [tuple]
    assert seen(conversation(), Operation.CHAT) == []


def test_a_tokenizer_in_python_is_seen_too() -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("jinja2", reason="jinja2 is not installed")

    class Words(transformers.PreTrainedTokenizer):  # type: ignore[misc,name-defined]
        """A vocabulary of three words."""

        def __init__(self, **options: Any) -> None:
            self.words = {"<unk>": 0, "a": 1, "b": 2}
            super().__init__(unk_token="<unk>", **options)

        @property
        def vocab_size(self) -> int:
            return len(self.words)

        def get_vocab(self) -> dict[str, int]:
            return dict(self.words)

        def _tokenize(self, text: str, **_: Any) -> list[str]:
            return text.split()

        def _convert_token_to_id(self, token: str) -> int:
            return self.words.get(token, 0)

        def _convert_id_to_token(self, index: int) -> str:
            return list(self.words)[index]

    one = Words(chat_template="{% for m in messages %}{{ m.content }} {% endfor %}")
    one("a b")
    one(["b", "a"])
    assert [tokens.ids for tokens in seen(prompts("a b"))] == [[1, 2]]
    assert [tokens.ids for tokens in seen(prompts("a", "b"))] == [[1], [2]]
    [tokens] = seen(prompts("a b"))
    assert (tokens.pieces, tokens.unknown) == (None, {"pieces": "Words does not let it be known what its tokens stand for"})
    one.apply_chat_template([{"role": "user", "content": "b a"}], add_generation_prompt=True)
    assert [tokens.ids for tokens in seen(conversation([{"role": "user", "content": "b a"}]), Operation.CHAT)] == [[2, 1]]


def test_below_the_level_of_pieces_no_library_is_touched(start_tracing: Callable[..., Any]) -> None:
    genba.uninstrument()
    start_tracing(tokens="counts")
    encoding().encode("abc")
    assert list(tokenizing.calls()) == []
    assert not any("Encoding." in seam or "Tokenizer." in seam for seam, _, _ in genba.doctor().clients)
