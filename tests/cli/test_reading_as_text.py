"""Spans and conversations as text: what the console exporter prints and `genba show` shows."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.conversation import parts
from genba.conversation.reading import Transcript, duration, escaped, first_words, outcome, plain, trace_lines, tree, written
from store.example import BEGAN, span

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    ["role", "parts", "type", "text", "content", "tool_call", "tool_call_response", "id", "name", "genba.missing", "blob"]
)
MESSAGE_LIKE = st.recursive(
    JSON | WORDS, lambda some: st.lists(some, max_size=3) | st.dictionaries(WORDS, some, max_size=4), max_leaves=8
)


def text_of(*messages: Any, **content: Any) -> str:
    """A conversation as text."""
    whole = {"gen_ai.input.messages": list(messages), **content}
    return plain(Transcript([whole]).lines(whole))


def user(*pieces: parts.Part) -> Any:
    return parts.message("user", pieces)


def test_whose_parent_is_not_there_is_a_root() -> None:
    root, child, orphan = (bytes([number]) * 8 for number in (1, 2, 3))
    rows = [
        span(span_id=orphan, parent_span_id=b"gone" * 2, name="orphan", start_ns=BEGAN + 3),
        span(span_id=child, parent_span_id=root, name="child", start_ns=BEGAN + 2),
        span(span_id=root, name="root", start_ns=BEGAN + 1),
    ]
    assert [(len(branch.last), branch.span.name) for branch in tree(rows)] == [(0, "root"), (1, "child"), (0, "orphan")]


def test_a_loop_of_parents_shows_each_span_once() -> None:
    one, other, own = (bytes([number]) * 8 for number in (1, 2, 3))
    rows = [span(span_id=one, parent_span_id=other), span(span_id=other, parent_span_id=one), span(span_id=own, parent_span_id=own)]
    assert sorted(branch.span.span_id for branch in tree(rows)) == [one, other, own]


def test_a_tree_may_be_deeper_than_python_s_stack() -> None:
    ids = [number.to_bytes(8, "big") for number in range(1, 5001)]
    rows = [span(span_id=id, parent_span_id=parent) for id, parent in zip(ids, [None, *ids], strict=False)]
    assert len(tree(rows)) == 5000


def test_guides_lead_from_each_parent_to_its_children() -> None:
    ids = {name: name.encode() * 8 for name in "abcde"}
    rows = [
        span(name=name, span_id=ids[name], parent_span_id=ids.get(parent), start_ns=BEGAN + number)
        for number, (name, parent) in enumerate([("a", ""), ("b", "a"), ("c", "b"), ("d", "a"), ("e", "d")])
    ]
    assert [line.split()[0:2] for line in plain(trace_lines(rows)).splitlines()[:1]] == [["a", "1.00"]]
    assert [line.split("  1.00")[0] for line in plain(trace_lines(rows)).splitlines()] == [
        "a",
        "├─ b",
        "│  └─ c",
        "└─ d",
        "   └─ e",
    ]


def test_an_outcome_is_known_also_of_spans_that_are_not_ours() -> None:
    assert outcome(span(attributes={"genba.outcome": "abandoned"})) == "abandoned"
    assert outcome(span(status="error")) == "failed"
    assert outcome(span()) == "completed"


def test_a_result_stands_beside_its_call_and_nowhere_else() -> None:
    call = parts.message("assistant", [parts.tool_call("f", {"x": 1}, "c1"), parts.tool_call("g", "broken {", "c2")])
    results = parts.message("tool", [parts.tool_call_response({"y": 2}, "c1"), parts.tool_call_response("lost", "c9")])
    lines = ["assistant", '  calls f({"x": 1})', '    = {"y": 2}', "  calls g(broken {)", "tool", "  result of c9 = lost"]
    assert text_of(call, results).splitlines() == lines


def test_what_the_call_before_had_said_is_only_counted() -> None:
    question, answer = user(parts.text("a")), parts.message("assistant", [parts.text("b")], finish_reason="stop")
    bare = {key: value for key, value in answer.items() if key != "finish_reason"}
    first = {"gen_ai.input.messages": [question], "gen_ai.output.messages": [answer]}
    second = {"gen_ai.input.messages": [question, bare, user(parts.text("c"))], "gen_ai.output.messages": [answer]}
    transcript = Transcript([first, second])
    assert "a" in plain(transcript.lines(first))
    assert plain(transcript.lines(second)) == "(2 messages as above)\nuser\n  c\nassistant\n  b"


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (parts.text("two\nlines"), "  two\n  lines"),
        (parts.reasoning("hm"), "  (thinks) hm"),
        (parts.reasoning("", id="r"), "  (thinks, encrypted)"),
        (parts.refusal("no"), "  (refuses) no"),
        (parts.compaction("short"), "  (summary of turns left out) short"),
        (parts.blob("image", "QUJD", "image/png"), "  [image image/png: 3 bytes]"),
        (parts.uri("image", "https://x/y.png"), "  [image: https://x/y.png]"),
        (parts.file("document", "file-1"), "  [document: file-1]"),
        (parts.other("odd", {"x": 1}), '  {"x": 1, "type": "odd"}'),
        ({"genba.missing": "asked"}, "  [not there any more: asked]"),
    ],
)
def test_every_kind_of_part_has_its_words(part: parts.Part, line: str) -> None:
    assert text_of(user(part)) == f"user\n{line}"


def test_tools_and_instructions_are_said_once_in_a_trace() -> None:
    content = {
        "gen_ai.system_instructions": [parts.text("be brief")],
        "gen_ai.tool.definitions": [parts.function_tool("f", "does")],
    }
    transcript = Transcript([content, content])
    assert plain(transcript.lines(content)) == "system\n  be brief\ntools\n  f  does"
    assert plain(transcript.lines(content)) == ""


@settings(max_examples=50, deadline=None)
@given(st.lists(MESSAGE_LIKE, max_size=3), MESSAGE_LIKE, MESSAGE_LIKE)
def test_anything_at_all_in_the_place_of_messages_is_shown_without_failing(messages: list[Any], other: Any, more: Any) -> None:
    content = {
        "gen_ai.input.messages": messages,
        "gen_ai.output.messages": other,
        "gen_ai.system_instructions": more,
        "gen_ai.tool.definitions": other,
        "genba.input": more,
    }
    transcript = Transcript([content])
    letters = set(plain(transcript.lines(content))) - {"\n", "\t"}
    assert {unicodedata.category(letter) for letter in letters} & {"Cc", "Cs"} == set()
    first_words(content)


@given(st.text())
def test_escaped_text_acts_on_nothing_and_ordinary_text_stays(text: str) -> None:
    line = escaped(text, one_line=True)
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in line)
    line.encode()
    if text.isascii() and text.isprintable():
        assert line == text


def test_first_words_are_the_answer_or_else_the_last_question() -> None:
    question = {"gen_ai.input.messages": [user(parts.text("one")), user(parts.text("two\n lines"))]}
    assert first_words(question) == "two lines"
    assert first_words({**question, "gen_ai.output.messages": [parts.message("assistant", [parts.text("yes")])]}) == "yes"
    assert first_words({"genba.input": {"a": 1}}) == '{"a": 1}'
    assert first_words({}) == ""


@pytest.mark.parametrize(
    ("nanoseconds", "said"),
    [
        (0, "0.0 ms"),
        (1_250_000, "1.2 ms"),
        (99e6, "99 ms"),
        (1e9, "1.00 s"),
        (59.99e9, "59.99 s"),
        (60e9, "1 min 00 s"),
        (3.7e12, "1 h 01 min"),
    ],
)
def test_durations_are_said_as_people_say_them(nanoseconds: float, said: str) -> None:
    assert duration(nanoseconds) == said


def test_json_is_written_with_its_own_letters() -> None:
    assert written({"a": "é\x1b"}) == '{"a": "é\\u001b"}'
    assert written("é\x1b") == "é\\x1b"
