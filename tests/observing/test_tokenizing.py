"""The wrappers around tokenizers: nothing of a call changes by them, and what is noted is bounded and goes with its thread."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import pickle
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genba
from genba.observing import tokenizing
from genba.tokens.app_calls import TokenizerCall

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
ABOUT = ("tokenizers",)
Tokenizer = tokenizers.Tokenizer
NAMES = ("encode", "encode_batch", "encode_batch_fast", "async_encode", "async_encode_batch")
ORIGINALS = {name: vars(Tokenizer)[name] for name in NAMES if name in vars(Tokenizer)}  # older releases have not all of them
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ODD = st.one_of(TEXTS, st.just("\ud800"), st.none(), st.integers(), st.binary(max_size=4))


def over_bytes() -> Any:
    """A tokenizer whose tokens are bytes, with one special token."""
    made = Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(["the model saw the model"] * 4, trainer)
    return made


TOKENIZER = over_bytes()


@pytest.fixture(autouse=True)
def hooked(start_tracing: Callable[..., Any]) -> None:
    start_tracing(tokens="pieces")


def noted() -> list[TokenizerCall]:
    return [TokenizerCall._make(call) for call in tokenizing.calls()]


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call gives, in a form that can be compared: the ids, or the error with its words."""
    try:
        result = call(TOKENIZER, *args, **kwargs)
    except BaseException as error:
        # Without numpy the library panics when it is given no text, which is no `Exception`.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return type(error), str(error)
        raise
    return [one.ids for one in result] if isinstance(result, list) else result.ids


@settings(deadline=None)
@given(ODD, st.none() | TEXTS, st.booleans(), st.booleans(), st.booleans())
def test_a_call_with_one_text_gives_what_it_gave(text: Any, pair: Any, pretokenized: bool, special: bool, named: bool) -> None:
    args: tuple[Any, ...] = () if named else (text, pair)
    kwargs = {"sequence": text, "pair": pair} if named else {}
    ask = functools.partial(outcome, is_pretokenized=pretokenized, add_special_tokens=special)
    assert ask(Tokenizer.encode, *args, **kwargs) == ask(ORIGINALS["encode"], *args, **kwargs)


@settings(deadline=None)
@given(
    st.lists(ODD | st.tuples(TEXTS, TEXTS), max_size=4) | ODD, st.booleans(), st.sampled_from(["encode_batch", "encode_batch_fast"])
)
def test_a_call_with_many_texts_gives_what_it_gave(texts: Any, special: bool, name: str) -> None:
    hooked = outcome(getattr(Tokenizer, name), texts, add_special_tokens=special)
    assert hooked == outcome(ORIGINALS[name], texts, add_special_tokens=special)


def test_wrong_arguments_are_refused_in_the_same_words() -> None:
    for args, kwargs in (((), {}), (("a",), {"sequence": "a"}), (("a",), {"no": 1}), (("a", None, False, True, 1), {})):
        assert outcome(Tokenizer.encode, *args, **kwargs) == outcome(ORIGINALS["encode"], *args, **kwargs)
    assert noted() == []


def test_the_functions_look_as_before() -> None:
    assert inspect.signature(Tokenizer.encode) == inspect.signature(ORIGINALS["encode"])
    assert Tokenizer.encode.__name__ == "encode"
    assert Tokenizer.encode.__doc__ == ORIGINALS["encode"].__doc__


def test_the_very_originals_come_back() -> None:
    assert all(vars(Tokenizer)[name] is not original for name, original in ORIGINALS.items())
    genba.uninstrument()
    assert all(vars(Tokenizer)[name] is original for name, original in ORIGINALS.items())
    TOKENIZER.encode("a")
    assert list(tokenizing.calls()) == []


@pytest.mark.parametrize("level", ["off", "counts"])
def test_nothing_is_touched_below_the_level_of_pieces(level: str, start_tracing: Callable[..., Any]) -> None:
    genba.uninstrument()
    start_tracing(tokens=level)
    assert all(vars(Tokenizer)[name] is original for name, original in ORIGINALS.items())


def test_a_wrapper_that_somebody_kept_passes_on_and_notes_nothing() -> None:
    kept = Tokenizer.encode
    genba.uninstrument()
    assert kept(TOKENIZER, "the").ids == TOKENIZER.encode("the").ids
    assert list(tokenizing.calls()) == []


def test_instances_are_pickled_as_before() -> None:
    TOKENIZER.encode("a")
    again = pickle.loads(pickle.dumps(TOKENIZER))
    assert again.encode("the model").ids == TOKENIZER.encode("the model").ids
    assert pickle.loads(pickle.dumps(TOKENIZER.encode))("the").ids == TOKENIZER.encode("the").ids


def test_a_call_is_noted_with_its_time_its_text_and_its_result() -> None:
    result = TOKENIZER.encode("the model", add_special_tokens=False)
    [call] = noted()
    assert (call.given, call.result, call.tokenizer(), call.chat) == ("the model", result, TOKENIZER, None)
    assert call.time_ns > 0


def test_a_pair_of_texts_is_not_noted_as_one() -> None:
    TOKENIZER.encode("a", "b")
    TOKENIZER.encode("a", pair="b")
    assert noted() == []


def test_a_batch_is_kept_as_it_was_when_the_application_changes_its_lists() -> None:
    texts = ["the", "model"]
    results = TOKENIZER.encode_batch(texts)
    texts.clear()
    results.clear()
    [call] = noted()
    assert call.given == ("the", "model")
    assert [one.ids for one in call.result] == [TOKENIZER.encode(text).ids for text in ("the", "model")]


def test_each_thread_has_its_own_notes() -> None:
    seen: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        for at in range(20):
            TOKENIZER.encode(f"{number} {at}")
        seen[number] = [call.given for call in noted()]

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == {number: [f"{number} {at}" for at in range(20)] for number in range(4)}
    assert noted() == []


def test_what_a_thread_noted_goes_with_it() -> None:
    class Mark:
        """Something that is seen to go."""

    left: list[Any] = []

    def work() -> None:
        mark = Mark()
        tokenizing.calls().append((0, None, "a", mark, None))  # type: ignore[attr-defined]
        left.append(weakref.ref(mark))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    gc.collect()
    assert left[0]() is None


@pytest.mark.skipif(not Tokenizer.__weakrefoffset__, reason="tokenizers before 0.23 cannot be referred to weakly")
def test_a_tokenizer_is_not_kept_alive() -> None:
    one = Tokenizer.from_str(TOKENIZER.to_str())
    one.encode("the")
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    assert noted()[0].tokenizer() is None


def test_only_the_last_calls_are_kept() -> None:
    for at in range(tokenizing.CALLS + 10):
        TOKENIZER.encode(str(at))
    assert [call.given for call in noted()] == [str(at) for at in range(10, tokenizing.CALLS + 10)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=2 * tokenizing.CALLS))
def test_only_the_last_calls_with_several_texts_are_kept_and_they_push_out_no_others(sizes: list[int]) -> None:
    tokenizing.calls().clear()  # type: ignore[attr-defined]
    expected: list[Any] = []
    for at, size in enumerate(sizes):
        texts = tuple(f"{at} {number}" for number in range(size))
        TOKENIZER.encode_batch(list(texts))
        several = [call for call in expected if isinstance(call, tuple)]
        if size != 1 and len(several) == tokenizing.SEVERAL:
            expected.remove(several[0])
        expected = [*expected, texts[0] if size == 1 else texts][-tokenizing.CALLS :]
    assert [call.given for call in noted()] == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from([10, 600, 40_000, 200_000]), min_size=1, max_size=8))
def test_long_texts_push_older_ones_out(lengths: list[int]) -> None:
    tokenizing.calls().clear()  # type: ignore[attr-defined]
    for length in lengths:
        TOKENIZER.encode("the model saw " * (length // 14))
    kept = noted()
    assert len(kept[-1].given or "") == lengths[-1] // 14 * 14  # the newest is there, however long
    longer = [call for call in kept if len(call.given or "") > 512]
    assert sum(len(call.given or "") for call in longer[:-1]) <= tokenizing.MOST


@pytest.mark.skipif("async_encode" not in ORIGINALS, reason="this release of tokenizers has no async calls")
def test_an_async_call_is_noted_when_it_is_done_and_its_errors_are_the_applications() -> None:
    async def work() -> None:
        future = TOKENIZER.async_encode("the model")
        assert asyncio.isfuture(future)
        assert (await future).ids == TOKENIZER.encode("the model").ids
        assert len(await TOKENIZER.async_encode_batch(["the", "model"])) == 2
        with pytest.raises(TypeError):
            await TOKENIZER.async_encode(5)
        assert [call.given for call in noted()] == ["the model", "the model", ("the", "model")]

    asyncio.run(work())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_with_nothing() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    TOKENIZER.encode("of the parent")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(len(tokenizing.calls())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"0"
    assert len(tokenizing.calls()) == 1


def test_the_outermost_call_is_noted_in_place_of_the_inner_ones() -> None:
    class Outer:
        def __call__(self, text: str) -> Any:
            return TOKENIZER.encode_batch([text])

    wrapped = tokenizing.outermost(tokenizing.of_texts)(Outer.__call__)
    outer = Outer()
    wrapped(outer, "the model")
    [call] = noted()
    assert (call.given, call.tokenizer()) == ("the model", outer)


def test_an_error_of_an_outer_call_leaves_nothing_behind() -> None:
    def fails(self: object, text: str) -> Iterator[int]:
        TOKENIZER.encode(text)
        raise KeyError(text)

    with pytest.raises(KeyError):
        tokenizing.outermost(tokenizing.of_texts)(fails)(object(), "a")
    assert noted() == []
    TOKENIZER.encode("b")
    assert [call.given for call in noted()] == ["b"]
