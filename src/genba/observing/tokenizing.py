"""What the application had its tokenizers do lately, on each thread: texts and what became of them, kept by reference only.

The wrappers are plain functions, written out for speed: a tokenizer may be called for every line of a corpus. What is noted is a tuple
as long as `TokenizerCall`, which is what reads it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from sys import getsizeof
from time import time_ns
from typing import Any, Final, TypeAlias
from weakref import ref

import orjson

from .. import harmless
from ..recording import signals

Function: TypeAlias = Callable[..., Any]

CALLS: Final = 64
"""How many calls of a thread are remembered."""
SEVERAL: Final = 4
"""How many of these may be calls with several texts: to keep more results makes each new one slower, as its memory is new."""
MOST: Final = 8 << 20
"""Bytes of texts and results that are kept on a thread; the newest is kept however long it is."""
_SHORT: Final = 512
"""Characters. So many calls of this length weigh less than that."""
_TOKEN: Final = 128
"""Bytes that a token takes in a result, at most."""
_CHANGING: Final = frozenset(
    ("padding", "truncation", "max_length", "return_tensors", "documents", "tokenizer_kwargs", "sanitize_control_tokens")
)
"""Options of `apply_chat_template` without which the ids that it gives are those of all that was said, and of nothing else."""
_NOT_PLAIN: Final = ("text_pair", "truncation", "max_length", "padding", "is_split_into_words")
"""Options of a tokenizer in Python with which its ids are not those of the text, and do not tell so."""
_DOING: Final = "taking note of a tokenizer's call"


_Noting: TypeAlias = "Callable[[_Notes, Callable[[], Any], tuple[Any, ...], dict[str, Any], Any, list[Any]], None]"


class _Notes:
    """What is known on one thread."""

    __slots__ = ("outer", "ring", "several", "weight")

    def __init__(self) -> None:
        self.ring: deque[Any] = deque(maxlen=CALLS)
        self.outer: list[Any] | None = None
        """What inner calls made, while an outer one is at work that is to be noted in their place."""
        self.weight = 0
        """Bytes that long texts and their results take, at least since the oldest were let go."""
        self.several: deque[int] = deque()
        """The times of the calls with several texts."""


class _Here(threading.local):
    """The thread that asks. Its notes go when it does. They are an object of their own, as each look at this one takes a while."""

    def __init__(self) -> None:
        self.notes = _Notes()


_here: _Here | None = None
_users = 0


def connect() -> Callable[[], None]:
    """Begin to take notes, for one library. Returns what ends it again."""
    global _here, _users  # noqa: PLW0603  # one for the process, which every wrapper looks at
    _users += 1
    if _here is None:
        _here = _Here()
    at_work = signals.current()
    if at_work is not None:
        at_work.tokenizer_calls, at_work.quietly = calls, quietly

    def undo() -> None:
        global _here, _users  # noqa: PLW0603
        _users -= 1
        if not _users:
            _here = None  # and what was noted on any thread goes with it
            if at_work is not None:
                at_work.tokenizer_calls, at_work.quietly = None, contextlib.nullcontext

    return undo


def calls() -> Sequence[Any]:
    """The calls of this thread, oldest first, as far as they are remembered: the very list, to which later ones are added."""
    here = _here
    return () if here is None else here.notes.ring


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """While genba itself uses a tokenizer on this thread: none of it is the application's."""
    here = _here
    if here is None:
        yield
        return
    notes = here.notes
    before, notes.outer = notes.outer, []
    try:
        yield
    finally:
        notes.outer = before


def _forked() -> None:
    here = _here
    if here is not None:
        here.notes = _Notes()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


# What is put around a function.


def _reference(original: Function) -> Callable[[Any], Callable[[], Any]]:
    """How a tokenizer is referred to: weakly, where its class lets it (tokenizers from 0.23 on); so nothing of its vocabulary is kept."""
    owner = getattr(original, "__objclass__", None)
    return ref if owner is None or owner.__weakrefoffset__ else functools.partial(functools.partial, _itself)


def _itself(tokenizer: Any) -> Any:
    return tokenizer


def one_text(original: Function) -> Function:
    """For `encode(text, …)`."""
    reference = _reference(original)

    @functools.wraps(original)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        try:
            here = _here
            if here is None:
                return result
            text = args[0] if args else _named(kwargs)
            if type(text) is str and (len(args) < 2 or args[1] is None) and (not kwargs or kwargs.get("pair") is None):
                notes = here.notes
                if notes.outer is not None:
                    notes.outer.append((text, result))
                else:
                    notes.ring.append((time_ns(), reference(self), text, result, None))
                    if len(text) > _SHORT:
                        _weigh(notes)
        except Exception as ours:  # noqa: BLE001  # a bare `try`: this is the hot path
            harmless.failed(_DOING, ours)
        return result

    return run


def many_texts(original: Function) -> Function:
    """For `encode_batch(texts, …)`."""
    reference = _reference(original)

    @functools.wraps(original)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        try:
            here = _here
            if here is None:
                return result
            given = args[0] if args else _named(kwargs)
            notes = here.notes
            if notes.outer is not None:
                notes.outer.append((given, result))
            else:
                _note(notes, reference(self), given, result)
        except Exception as ours:  # noqa: BLE001
            harmless.failed(_DOING, ours)
        return result

    return run


def later(original: Function) -> Function:
    """For `async_encode` and `async_encode_batch`, which return a future."""
    reference = _reference(original)

    @functools.wraps(original)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        future = original(self, *args, **kwargs)
        with harmless.guard(_DOING):
            given = args[0] if args else _named(kwargs)
            is_pair = kwargs.get("pair") is not None or (isinstance(given, str) and len(args) > 1 and args[1] is not None)
            if _here is not None and not is_pair and isinstance(given, (str, list, tuple)):
                future.add_done_callback(
                    functools.partial(_came, reference(self), given if isinstance(given, str) else tuple(given))
                )
        return future

    return run


def outermost(note: _Noting) -> Callable[[Function], Function]:
    """For a function that calls another one with a wrapper: the outer call is noted, and what came of the inner ones."""

    def wrap(original: Function) -> Function:
        @functools.wraps(original)
        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            here = _here
            if here is None:
                return original(self, *args, **kwargs)
            notes = here.notes
            if notes.outer is not None:
                return original(self, *args, **kwargs)
            inner: list[Any] = []
            notes.outer = inner
            try:
                result = original(self, *args, **kwargs)
            finally:
                notes.outer = None
            try:
                note(notes, ref(self), args, kwargs, result, inner)
            except Exception as ours:  # noqa: BLE001
                harmless.failed(_DOING, ours)
            return result

        return run

    return wrap


# What is noted of a tokenizer that rests on another one, or is written in Python: transformers'.


def of_texts(
    notes: _Notes, tokenizer: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, inner: list[Any]
) -> None:
    """`__call__` and `encode` of a tokenizer of transformers."""
    if inner:
        for given, what in inner:
            _note(notes, tokenizer, given, what)
        return
    given = args[0] if args else kwargs.get("text")
    is_plain = len(args) < 2 and not any(
        kwargs.get(name) for name in ("text_pair", "truncation", "max_length", "is_split_into_words")
    )
    ids = _ids(result)
    if is_plain and ids is not None:
        if isinstance(given, str):
            _note(notes, tokenizer, given, ids[0] if ids and isinstance(ids[0], tuple) else ids)
        elif isinstance(given, (list, tuple)) and len(given) == len(ids):
            _note(notes, tokenizer, given, ids)


def of_conversation(
    notes: _Notes, tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, inner: list[Any]
) -> None:
    """`apply_chat_template` of one: what was said is written down as it was, since the application goes on to change it."""
    if len(inner) == 1 and len(args) == 1 and kwargs.get("add_generation_prompt") and _CHANGING.isdisjoint(kwargs):
        # The usual way, in as few steps as there can be. The ids as a tuple are a fraction of the `Encoding` that they came in.
        said, given = args[0], inner[0][0]
        ids = result if type(result) is list else getattr(result, "data", None)
        if type(ids) is dict:
            ids = ids.get("input_ids")
        if (
            type(ids) is list
            and ids
            and type(ids[0]) is int
            and type(given) is list
            and type(said) is list
            and type(said[0]) is dict
        ):
            chat = _written(said, kwargs.get("tools"))
            notes.ring.append((time_ns(), tokenizer, given[0], tuple(ids), chat))
            if chat is None or len(given[0]) + len(chat[0]) + len(chat[1]) > _SHORT:
                _weigh(notes)
            return
    _of_unusual(notes, tokenizer, args, kwargs, result, inner)


def _of_unusual(
    notes: _Notes, tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, inner: list[Any]
) -> None:
    if kwargs.get("tokenize") is False:
        return
    chat = _chat(args, kwargs)
    if len(inner) == 1 and not kwargs.get("sanitize_control_tokens"):
        given, what = inner[0]
        _note(notes, tokenizer, given, what, chat)
    elif chat is not None and not any(kwargs.get(name) for name in _NOT_PLAIN):
        ids = _ids(result)
        if ids is not None:
            _note(notes, tokenizer, None, ids[0] if len(ids) == 1 and isinstance(ids[0], tuple) else ids, chat)


def _chat(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, bytes] | None:
    """The messages and the tools, as JSON; None where they are not what a model is sent, or cannot be written."""
    if not kwargs.get("add_generation_prompt") or len(args) > 2 or kwargs.get("documents"):
        return None
    conversation = args[0] if args else kwargs.get("conversation")
    tools = args[1] if len(args) > 1 else kwargs.get("tools")
    if not isinstance(conversation, (list, tuple)) or not conversation or not isinstance(conversation[0], dict):
        return None
    return _written(conversation, tools)


def _written(conversation: Any, tools: Any) -> tuple[bytes, bytes] | None:
    try:
        return orjson.dumps(conversation), b"null" if tools is None else orjson.dumps(tools)
    except TypeError:  # functions as tools, pictures in messages
        return None


def _ids(result: Any) -> tuple[Any, ...] | None:
    """The ids, copied: a list that the application was given is its own."""
    if not isinstance(result, (list, tuple)):
        with contextlib.suppress(KeyError, TypeError, IndexError):
            result = result["input_ids"]
        if hasattr(result, "tolist"):
            result = result.tolist()
    if not isinstance(result, (list, tuple)):
        return None
    return tuple(tuple(one) if isinstance(one, list) else one for one in result)


# What is kept.


def _named(kwargs: dict[str, Any]) -> Any:
    """The first argument, where it was given by its name."""
    return next((kwargs[name] for name in ("sequence", "input", "text") if name in kwargs), None)


def _came(tokenizer: Callable[[], Any], given: Any, future: Any) -> None:
    with harmless.guard(_DOING):
        # Asking for the exception in public would hide that nobody else did.
        if not future.cancelled() and getattr(future, "_exception", None) is None and _here is not None:
            _note(_here.notes, tokenizer, given, future.result())


def _note(notes: _Notes, tokenizer: Callable[[], Any], given: Any, result: Any, chat: tuple[bytes, bytes] | None = None) -> None:
    """Keep this. Lists of several are copied: they are the application's, and may change. What in them is no text does no harm."""
    now = time_ns()
    if type(given) is list or type(given) is tuple:
        if len(given) == 1:
            given, result = given[0], result[0]
        else:
            given, result = tuple(given), tuple(result)
            notes.several.append(now)
            if len(notes.several) > SEVERAL:
                _let_go(notes.ring, notes.several.popleft())
    notes.ring.append((now, tokenizer, given, result, chat))
    length = len(given) if type(given) is str else sum(map(len, given or ()))
    if chat is not None:
        length += len(chat[0]) + len(chat[1])
    if length > _SHORT:
        _weigh(notes)


def _let_go(ring: deque[Any], time: int) -> None:
    """Let go of the call with several texts that ended at this time, if it is still there."""
    for at, call in enumerate(ring):
        if call[0] >= time:
            if call[0] == time and type(call[2]) is tuple:
                del ring[at]
            break


def _weigh(notes: _Notes) -> None:
    """Let go of the oldest where the texts and results have become too many."""
    ring = notes.ring
    notes.weight += _weight(ring[-1])
    if notes.weight > MOST:
        weight, keep = 0, 0
        for call in reversed(ring):
            weight += _weight(call)
            if weight > MOST and keep:
                weight -= _weight(call)
                break
            keep += 1
        for _ in range(len(ring) - keep):
            ring.popleft()
        notes.weight = weight


def _weight(call: tuple[Any, ...]) -> int:
    """About how many bytes this keeps."""
    _, _, given, result, chat = call
    is_several = type(given) is tuple
    texts, results = (given, result) if is_several else ((given,), (result,))
    said = sum(map(getsizeof, texts)) + sum(map(len, chat or ()))
    return said + _TOKEN * sum(len(one) for one in results if hasattr(one, "__len__"))
