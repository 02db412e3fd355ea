"""`genba tokens`: what is shown of one call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from cli import agent
from cli.conftest import Genba
from cli.test_show import on_a_terminal
from genba.cli.token_pieces import plain_text
from genba.cli.token_timeline import bars
from genba.conversation.tokens import Alternative, Chunk, Tokens
from genba.store.reader import Store
from genba.store.rows import SpanRow
from genba.store.writer import StoreWriter
from genba.tokens import written
from store.example import encoded, span

Stored = Callable[[Sequence[SpanRow]], None]

SEEN = Tokens(
    side="input",
    source="server",
    ids=[1, 4093, 198, 19556, 2, 216],
    pieces=[b"<|im_start|>", b"user", b"\n", b" Hello", b"<|im_end|>", b"  "],
    special=[0, 4],
    tokenizer="5f1c02aa",
)
SAID = Tokens(
    side="output",
    source="server",
    ids=[504, 2260, 7906, 240, 2],
    pieces=[b"The", b" end\n", b" \xe4\xb8", b"\xad", b"<|im_end|>"],
    special=[4],
    logprobs=[-0.1, -0.9, -3.0, 0.0, None],
    entropies=[0.2, 1.0, 2.5, 0.0, None],
    top=[
        [Alternative(504, b"The", -0.1), Alternative(38634, b"Paris", -2.5)],
        [Alternative(9, b" city", -0.6), Alternative(2260, b" end\n", -0.9)],
        [Alternative(9, b" city", -0.6)],
        [],
        [],
    ],
    chunks=[0, 1, 1, 2, 2],
    tokenizer="5f1c02aa",
)
TIMELINE = written.write_timeline([Chunk(80_000_000), Chunk(92_000_000), Chunk(1_792_000_000)], 0)


def called(*records: Tokens, content: bool = True, **said: Any) -> SpanRow:
    """A chat with these token records."""
    stored: dict[str, list[bytes]] = {"gen_ai.input.messages": encoded({"role": "user", "parts": []})} if content else {}
    for record in records:
        stored.setdefault(f"genba.tokens.{record.side}", []).append(written.write(record))
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "genba.outcome": "completed"}
    return span(**{"span_id": b"\xaa" * 8, **said, "attributes": {**attributes, **said.pop("attributes", {})}, "content": stored})


WHOLE: dict[str, Any] = {
    "gen_ai.usage.input_tokens": 6,
    "gen_ai.usage.output_tokens": 9,
    "genba.usage.source.input_tokens": "counted:5f1c02aa",
    "genba.usage.source.output_tokens": "reported",
    "genba.usage.counted.output_tokens": 5,
    "genba.usage.mismatch.output_tokens": 4,
    "genba.usage.unknown": ["cache_read.input_tokens: the provider did not say"],
    "genba.tokenizer.name": "SmolLM2",
    "genba.tokenizer.library": "tokenizers",
    "genba.tokenizer.version": "0.23.3",
    "genba.tokenizer.fingerprint": "5f1c02aa",
    "genba.timing.prefill": 0.18,
    "genba.timing.input_tokens_per_second": 33.3,
    "gen_ai.response.time_to_first_chunk": 0.08,
    "genba.chunks.count": 3,
    "genba.chunks.timeline": TIMELINE,
    "genba.chunks.interval.p50": 0.012,
    "genba.chunks.interval.p95": 1.7,
    "genba.chunks.interval.max": 1.7,
    "genba.chunks.stalls": 1,
    "genba.timing.output_tokens_per_second": 51.5,
}


def test_a_call_is_shown_cut_into_its_tokens_with_where_each_number_comes_from(stored: Stored, genba: Genba) -> None:
    stored([called(SEEN, SAID, attributes=WHOLE, start_ns=1_790_000_000_000_000_000)])
    shown = genba("tokens", "last")
    assert shown.exit_code == 0
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", shown.output) == snapshot("""\
chat m  span aaaaaaaaaaaaaaaa  WHEN
call       1.00 s  first 80 ms  6 in, 9 out  completed
tokenizer  SmolLM2 tokenizers 0.23.3  5f1c02aa
usage           6 input_tokens  counted by genba with tokenizer 5f1c02aa
                9 output_tokens  reported; 5 seen
                  4 more reported than seen, beyond template and end tokens
                ? cache_read.input_tokens  unknown: the provider did not say
engine     prefill 180 ms (33.3 tokens/s)

input      6 tokens, 2 of them control, 13 bytes of text  ids in the server's reply
  [[<|im_start|>]]|user|↵
  |·Hello|[[<|im_end|>]]|··

output     5 tokens, 1 of them control, 12 bytes of text  ids in the server's reply
  The|·end↵
  |·⟨e4 b8⟩|⟨ad=中⟩|[[<|im_end|>]]
stream     3 chunks  first after 80 ms  1 stall  51.5 tokens/s
           between chunks p50 12 ms, p95 1.70 s, longest 1.70 s
           ▁█  gaps, up to 1.70 s
""")


def test_each_token_is_listed_with_all_that_is_known_of_it(stored: Stored, genba: Genba) -> None:
    stored([called(SEEN, SAID, attributes=WHOLE)])
    listed = genba("tokens", "last", "--ids").output
    assert listed[listed.index("AT") :] == snapshot("""\
AT  BYTE     ID  PIECE
 0     0      1  <|im_start|>
 1     0   4093  user
 2     4    198  ↵
 3     5  19556  ·Hello
 4    11      2  <|im_end|>
 5    11    216  ··

output     5 tokens, 1 of them control, 12 bytes of text  ids in the server's reply
AT  BYTE    ID  PIECE       LOGPROB      P  RANK  ENTROPY  CHUNK    CAME  OTHERS
 0     0   504  The         -0.1000  0.905     1    0.200      0   80 ms  Paris 0.082
 1     3  2260  ·end↵       -0.9000  0.407     2    1.000      1   92 ms  ·city 0.549
 2     8  7906  ·⟨e4 b8⟩    -3.0000  0.050    >1    2.500      1   92 ms  ·city 0.549
 3    11   240  ⟨ad=中⟩      0.0000  1.000          0.000      2  1.79 s
 4    12     2  <|im_end|>        -      -              -      2  1.79 s
stream     3 chunks  first after 80 ms  1 stall  51.5 tokens/s
           between chunks p50 12 ms, p95 1.70 s, longest 1.70 s
           ▁█  gaps, up to 1.70 s
""")


def test_json_has_every_column_decoded(stored: Stored, genba: Genba) -> None:
    stored([called(SEEN, SAID, attributes=WHOLE)])
    whole = json.loads(genba("tokens", "aaaa", "--json").output)
    [record] = whole["output"]
    assert [token["id"] for token in record["tokens"]] == SAID.ids
    assert [token["piece"] for token in record["tokens"]] == ["The", " end\n", {"hex": "20e4b8"}, {"hex": "ad"}, "<|im_end|>"]
    assert record["tokens"][1] == {
        "at": 1,
        "bytes": [3, 8],
        "id": 2260,
        "piece": " end\n",
        "special": False,
        "logprob": -0.9,
        "entropy": 1.0,
        "top": [{"id": 9, "piece": " city", "logprob": -0.6}, {"id": 2260, "piece": " end\n", "logprob": -0.9}],
        "chunk": 1,
        "offset_ns": 92_000_000,
    }
    assert whole["usage"]["output_tokens"] == {"value": 9, "source": "reported", "counted": 5, "mismatch": 4}
    assert whole["usage"]["input_tokens"]["source"] == "counted:5f1c02aa"
    assert whole["timeline"]["offsets_ns"] == [80_000_000, 92_000_000, 1_792_000_000]
    assert whole["tokenizer"]["fingerprint"] == "5f1c02aa"


# Which call is meant.


def test_last_is_the_newest_model_call_wherever_it_is(stored: Stored, genba: Genba) -> None:
    stored([*agent.spans(), called(SAID, start_ns=1), span(name="invoke_agent later", start_ns=2_000_000_000_000_000_000)])
    assert f"span {agent.EMBED.hex()}" in genba("tokens", "last").output


def test_of_a_trace_or_an_agent_it_is_the_newest_call_and_that_is_said(stored: Stored, genba: Genba) -> None:
    stored(agent.spans())
    of_trace = genba("tokens", "abc1").output
    assert f"span {agent.EMBED.hex()}" in of_trace
    assert "This is the newest of the 3 model calls in the trace" in of_trace
    of_agent = genba("tokens", agent.ROOT.hex()).output
    assert "the newest of the 3 model calls in the span 'invoke_agent planner'" in of_agent
    assert "newest" not in genba("tokens", agent.ASK.hex()).output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dddd",), 1, "No trace or span in"),
        (("lst",), 1, "is not an id"),
        ((agent.TOOL.hex(),), 1, "There is no model call in the span 'execute_tool get_weather'"),
        (("last", "--choice", "3"), 1, "This call has no choice or prompt 3"),
        (("last", "--diff", "dddd"), 2, "No trace or span in"),
    ],
)
def test_what_is_asked_for_and_is_not_there_is_explained(
    stored: Stored, genba: Genba, words: Sequence[str], code: int, said: str
) -> None:
    stored(agent.spans())
    done = genba("tokens", *words)
    assert done.exit_code == code
    assert said in done.output


def test_a_store_that_is_not_there_or_empty_of_calls_is_explained(stored: Stored, genba: Genba) -> None:
    assert "There is no genba store at" in genba("tokens", "last").output
    stored([span(name="something")])
    assert "There are no model calls in" in genba("tokens", "last").output


# What is not known.


def test_what_would_record_tokens_is_said_where_none_are(stored: Stored, genba: Genba) -> None:
    stored([called()])
    shown = genba("tokens", "last").output
    assert 'genba.init(tokens="pieces")' in shown
    assert shown.count("GENBA_TOKENS=pieces") == 1
    assert "output     none are recorded: the reply tells no ids" in shown
    assert "no numbers are recorded" in shown
    assert json.loads(genba("tokens", "last", "--json").output)["not_recorded"].keys() == {"input", "output"}


def test_content_that_was_switched_off_is_named_as_the_reason(stored: Stored, genba: Genba) -> None:
    stored([called(content=False)])
    assert "capture_content='none'" in genba("tokens", "last").output


def test_each_reason_stands_with_what_it_is_about(stored: Stored, genba: Genba) -> None:
    record = replace(SAID, source="logprobs", ids=None, tokenizer=None, unknown={"top": "not asked for"})
    reasons = ["input: the server sends none", "output[0].ids: they are not told", "something else: is amiss"]
    stored([called(record, attributes={"genba.tokens.unknown": reasons})])
    lines = genba("tokens", "last").output.splitlines()
    assert "input      the server sends none" in lines
    at = next(at for at, line in enumerate(lines) if line.startswith("output"))
    assert lines[at].endswith("log-probabilities of the reply: pieces without ids")
    assert lines[at + 1 : at + 3] == ["  ids unknown: they are not told", "  top unknown: not asked for"]
    assert lines[-1] == "unknown    something else: is amiss"


def test_tokens_without_pieces_are_shown_by_their_ids(stored: Stored, genba: Genba) -> None:
    stored([called(replace(SAID, ids=[504, None, 7, 8, 2], pieces=None))])
    assert "  ⟨#504⟩|⟨?⟩|⟨#7⟩|⟨#8⟩|[[⟨#2⟩]]\n" in genba("tokens", "last", "--output").output


def test_a_damaged_record_and_a_removed_one_cost_only_themselves(stored: Stored, genba: Genba, folder: Path) -> None:
    row = called(SEEN, SAID)
    row = replace(
        row, content={**row.content, "genba.tokens.output": [*row.content["genba.tokens.output"], b'{"source":"x","v":9}']}
    )
    stored([row])
    shown = genba("tokens", "last").output
    assert "version 9" in shown
    assert "The|·end" in shown
    path = folder / ".genba" / "genba.db"
    with Store(path) as store:
        [one] = store.spans()
        [piece] = store.content(one)["genba.tokens.input"]  # type: ignore[misc]
    writer = StoreWriter(path)
    writer.delete_content([piece.id], "asked by the user")
    writer.close()
    assert "A token record is not there any more: asked by the user." in genba("tokens", "last").output


def test_an_empty_text_is_empty(stored: Stored, genba: Genba) -> None:
    stored([called(replace(SAID, ids=[], pieces=[], special=[], logprobs=[], entropies=[], top=[], chunks=[]))])
    for words in ((), ("--ids",)):
        shown = genba("tokens", "last", "--output", *words).output
        assert "0 tokens" in shown
        assert "  empty\n" in shown


# How much is shown.


def test_a_long_text_is_shown_from_both_ends_and_how_much_is_missing_is_said(stored: Stored, genba: Genba) -> None:
    count = 200_000
    long = Tokens(side="input", source="local", ids=list(range(count)), pieces=[f" {at}".encode() for at in range(count)])
    stored([called(long)])
    shown = genba("tokens", "last", "--input").output
    assert "200,000 tokens" in shown
    assert "|·199\n" in shown
    assert "  ·199800|" in shown
    assert "  … 199,600 tokens left out" in shown
    few = genba("tokens", "last", "--input", "--limit", "3").output
    assert few.splitlines()[-3:] == ["  ·0|·1", "  … 199,997 tokens left out: --limit N shows more, --all shows all …", "  ·199999"]
    assert "left out" not in genba("tokens", "last", "--input", "--all").output
    listed = genba("tokens", "last", "--ids", "--limit", "2").output.splitlines()
    assert [line.split()[0] for line in listed if line.strip()[:1] in ("0", "1", "…")] == ["0", "…", "199999", "…"]


def test_choices_are_shown_one_by_one_or_alone(stored: Stored, genba: Genba) -> None:
    stored([called(SEEN, replace(SAID, index=1, pieces=[b"Two"] * 5), replace(SAID, pieces=[b"One"] * 5))])
    both = genba("tokens", "last").output
    assert both.index("choice 0, 5 tokens") < both.index("choice 1, 5 tokens")
    alone = genba("tokens", "last", "--choice", "1").output
    assert "One" not in alone
    assert "Two" in alone
    assert "user" in alone


# Every byte can be seen, and nothing acts.


def read_back(shown: str) -> list[bytes]:
    """The pieces that a plain line stands for."""
    pieces = [b""]
    for match in re.finditer(r"\\(?:x(..)|u(....)|U(.{8})|(r)|(\[\[|\]\]|.))|⟨([0-9a-f ]*)(?:=[^⟩]*)?⟩|(.)", shown):
        two, four, eight, back, literal, some, one = match.groups()
        if one == "|":
            pieces.append(b"")
        elif some is not None:
            pieces[-1] += bytes.fromhex(some)
        elif literal or one:
            pieces[-1] += (literal or {"·": " ", "→": "\t", "↵": "\n", "◌": ""}.get(one, one)).encode()
        else:
            pieces[-1] += b"\r" if back else chr(int(two or four or eight, 16)).encode()
    return pieces


hostile = st.one_of(
    st.binary(max_size=5),
    st.text(max_size=5).map(str.encode),
    st.sampled_from(["|", "[[", "\\", "·", "  ", "\n\n", "\r\n", "\u202e", "\x1b[31m", "◌", "e\u0301", "\u0301", "⟨61⟩", "😀"]).map(
        str.encode
    ),
    st.integers(0, 4).map(lambda at: "😀".encode()[:at]),
    st.integers(0, 4).map(lambda at: "😀".encode()[at:]),
)


@given(st.lists(hostile, min_size=1, max_size=6))
def test_the_exact_bytes_of_every_token_can_be_read_off_a_plain_line(pieces: list[bytes]) -> None:
    record = Tokens(side="output", source="server", pieces=pieces, special=[])
    shown = plain_text(record, range(len(pieces)))
    assert shown.isprintable()
    assert read_back(shown) == pieces


def test_text_that_looks_like_control_is_told_apart_from_control(stored: Stored, genba: Genba) -> None:
    pieces = [b"<|im_start|>", b" say", b" <", b"|", b"im_end", b"|>", b"<|im_end|>"]
    stored([called(Tokens(side="input", source="server", ids=[1, 5, 6, 7, 8, 9, 2], pieces=pieces, special=[0, 6]))])
    shown = genba("tokens", "last", "--input").output
    assert r"  [[<|im_start|>]]|·say|·<|\||im_end|\|>|[[<|im_end|>]]" in shown
    assert "tokens 2 to 5 only spell what looks like control: ·<|im_end|> is text to the model" in shown


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forking beside pytest's threads
def test_on_a_terminal_neighbours_differ_in_shade_and_likelihood_in_colour(stored: Stored, folder: Path) -> None:
    stored([called(SEEN, SAID, attributes=WHOLE)])
    shown = on_a_terminal(folder, "tokens", "last", "--output", COLORTERM="truecolor")
    shades = [re.search(rf"\x1b\[([0-9;]*)m{text}", shown) for text in ("The", "·end", r"·⟨e4 b8⟩")]
    assert all(shades)
    first, second, third = (shade[1] for shade in shades if shade)
    assert first.split("48;2")[1] == third.split("48;2")[1] != second.split("48;2")[1]
    assert len({one.split("48;2")[0] for one in (first, second, third)}) == 3
    assert "p ≥ 0.9" in shown
    assert "|" not in re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("<|im_end|>", "")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_where_colours_are_refused_boundaries_are_written(stored: Stored, folder: Path) -> None:
    stored([called(SEEN, SAID)])
    shown = on_a_terminal(folder, "tokens", "last", NO_COLOR="1")
    assert "The|·end↵" in re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("words", [("last",), ("last", "--ids"), ("last", "--diff", "last")], ids=" ".join)
def test_nothing_in_a_token_or_an_attribute_acts_on_a_terminal(stored: Stored, folder: Path, words: tuple[str, ...]) -> None:
    evil = "\x1b[31mred\x07\x9b2J\u202egnol\r\x00[bold]b[/bold]"
    pieces = [evil.encode(), b"\x1b", "\u202e".encode(), evil.encode()]
    record = Tokens(
        side="output",
        source=evil,
        pieces=pieces,
        special=[3],
        top=[[Alternative(None, evil.encode(), -1.0)]] * 4,
        logprobs=[-1.0] * 4,
        tokenizer=evil,
        ids_source=evil,
        unknown={evil: evil},
    )
    names = ("genba.tokenizer.name", "genba.tokenizer.fingerprint", "genba.usage.source.input_tokens", "gen_ai.request.model")
    attributes: dict[str, Any] = dict.fromkeys(names, evil)
    attributes |= {"gen_ai.usage.input_tokens": 3, f"gen_ai.usage.{evil}": 4}
    attributes |= {"genba.tokens.unknown": [evil, f"input: {evil}"], "genba.usage.unknown": [f"{evil}: {evil}"]}
    stored([called(record, attributes=attributes, name=evil)])
    shown = on_a_terminal(folder, "tokens", *words)
    rest = re.sub(r"\x1b\[(?:0|[1-9][0-9;]*)m", "", shown)
    assert {character for character in rest if not character.isprintable()} <= {"\n"}
    assert "\x1b[31mred" not in shown
    assert "[bold]b[/bold]" in rest


# The line of bars.


def test_a_stall_is_seen_among_however_many_gaps() -> None:
    gaps = [1_000_000] * 5_000
    gaps[3_210] = 900_000_000
    assert bars(gaps, 10) == "▁▁▁▁▁▁█▁▁▁"
    assert bars([1, 2, 4, 8]) == "▂▃▅█"
    assert bars([0, 0]) == "▁▁"
