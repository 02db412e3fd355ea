"""The tokens that a model of transformers really saw and said, and its logits: tiny models of random weights, made here."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genba
import genba.tokens.identity
import genba.tokens.piece_bytes
from genba.tokens import Tokens, decode
from support.spans import Spans, attributes, outcome, text

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

PAD, END, BEGIN = 0, 1, 2
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Byte-level BPE of all bytes and a few merges: whatever is not ASCII is cut in the middle of its characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("ð", "Ł")]
    words = ["<pad>", "<|end|>", "<|begin|>", *alphabet, *("".join(pair) for pair in merges)]
    made = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<|end|>", bos_token="<|begin|>", padding_side="left"
    )


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=PAD, bos_token_id=BEGIN, eos_token_id=END, max_position_embeddings=512,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def run(model: Any, tokenizer: Any, texts: Any, **how: Any) -> Any:
    asked = tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
    return model.generate(**asked, **{"max_new_tokens": 6, "do_sample": False, "tokenizer": tokenizer, **how})


def never_ending(**more: Any) -> dict[str, Any]:
    return {"suppress_tokens": [PAD, END, BEGIN], **more}


def told(spans: Spans, side: Any) -> list[Tokens]:
    return decode(attributes(spans.only()).get(f"genba.tokens.{side}", "[]"), side)


def tensor(spans: Spans) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(attributes(spans.only())["genba.tensor.logits"])
    return found


def new(ids: Any, length: int) -> list[list[int]]:
    listed: list[list[int]] = ids[:, length:].tolist()
    return listed


def joined(tokens: Tokens) -> bytes:
    special = set(tokens.special or ())
    return b"".join(piece or b"" for at, piece in enumerate(tokens.pieces or ()) if at not in special)


def test_the_ids_are_those_that_the_model_got_and_gave(model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="pieces")
    ids = run(model, tokenizer, ["hello 👋", "hé"], **never_ending())
    length = max(len(tokenizer(one)["input_ids"]) for one in ("hello 👋", "hé"))
    seen, said = told(spans, "input"), told(spans, "output")
    assert [list(one.ids or ()) for one in seen] == [tokenizer(one)["input_ids"] for one in ("hello 👋", "hé")]
    assert [joined(one) for one in seen] == ["hello 👋".encode(), "hé".encode()]
    assert [list(one.ids or ()) for one in said] == new(ids, length)
    assert [(one.index, one.source) for one in (*seen, *said)] == [(0, "engine"), (1, "engine")] * 2
    assert all(one.logprobs is None and one.top is None for one in said)
    fingerprint = genba.tokens.identity.of(tokenizer).fingerprint
    assert {one.tokenizer for one in (*seen, *said)} == {attributes(spans.only())["genba.tokenizer.fingerprint"]} == {fingerprint}


@FEW
@given(asked=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8))
def test_the_pieces_are_the_bytes_of_the_text_wherever_it_is_cut(model: Any, tokenizer: Any, asked: str) -> None:
    spans = Spans()
    genba.init(tracer_provider=spans.provider, store="off", tokens="pieces")
    try:
        run(model, tokenizer, asked)
        [seen], [said] = told(spans, "input"), told(spans, "output")
        assert seen.text == asked.encode()
        expected = tokenizer.decode(said.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert joined(said).decode("utf-8", "replace") == expected
    finally:
        genba.uninstrument()


def test_control_is_marked_and_the_end_is_one_of_the_tokens(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tokens="pieces")
    prompt = torch.tensor([[BEGIN, 40, 41, BEGIN]])
    model.generate(prompt, max_new_tokens=6, do_sample=False, tokenizer=tokenizer, forced_eos_token_id=END)
    [seen], [said] = told(spans, "input"), told(spans, "output")
    assert (list(seen.special or ()), (seen.pieces or ())[0]) == ([0, 3], b"<|begin|>")
    assert (said.ids or ())[-1] == END
    assert list(said.special or ())[-1] == len(said) - 1
    assert attributes(spans.only())["gen_ai.usage.output_tokens"] == len(said)


def test_what_fills_a_row_is_left_out_where_no_mask_says_so(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tokens="pieces")
    model.generate(torch.tensor([[PAD, 40, 41], [40, 41, 42]]), **never_ending(max_new_tokens=2, do_sample=False))
    assert [list(one.ids or ()) for one in told(spans, "input")] == [[40, 41], [40, 41, 42]]
    assert told(spans, "input")[0].unknown["pieces"].startswith("no tokenizer is known for this model")


def test_by_itself_nothing_is_told_of_tokens_but_who_counted_them(model: Any, tokenizer: Any, spans: Spans) -> None:
    run(model, tokenizer, "hello", return_dict_in_generate=True, output_logits=True)
    assert told(spans, "input") == told(spans, "output") == []
    assert attributes(spans.only())["genba.usage.source.output_tokens"] == "engine"
    assert not [name for name in attributes(spans.only()) if name.startswith("genba.tensor")]


@pytest.mark.parametrize("which", ["output_logits", "output_scores"])
def test_logits_that_the_host_asked_for_tell_how_sure_the_model_was(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans], which: str
) -> None:
    spans = start_tracing(tokens="full")
    result = run(model, tokenizer, ["hello", "he"], return_dict_in_generate=True, **{which: True})
    steps = result.logits if which == "output_logits" else result.scores
    for one in told(spans, "output"):
        expected = torch.stack([step[one.index] for step in steps]).double().log_softmax(-1)
        entropies = -(expected.exp() * expected).sum(-1)
        assert one.logprobs == pytest.approx([float(expected[at, id]) for at, id in enumerate(one.ids or ())], abs=1e-5)  # type: ignore[index]
        assert one.entropies == pytest.approx(entropies.tolist()[: len(one)], abs=1e-5)
        for at, some in enumerate(one.top or ()):
            assert [other.logprob for other in some] == pytest.approx(expected[at].topk(5).values.tolist(), abs=1e-5)
            assert all(other.piece == genba.tokens.piece_bytes.pieces_of(tokenizer)(other.id) for other in some)  # type: ignore[arg-type]


def test_of_beams_the_probabilities_are_those_of_the_beam_that_won(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tokens="full")
    how = {"return_dict_in_generate": True, "output_scores": True, "num_beams": 3, "num_return_sequences": 2}
    result = run(model, tokenizer, "hello", **how)
    expected = model.compute_transition_scores(result.sequences, result.scores, result.beam_indices)
    for one, row in zip(told(spans, "output"), expected.tolist(), strict=True):
        assert one.logprobs == pytest.approx(row[: len(one)], abs=1e-5)


def test_without_logits_it_says_why_nothing_is_known_of_them(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tokens="full")
    run(model, tokenizer, "hello")
    [said] = told(spans, "output")
    assert said.logprobs is None
    assert "output_logits" in said.unknown["logprobs"]


def test_what_the_host_does_to_its_logits_afterwards_is_not_seen(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tokens="full")
    result = run(model, tokenizer, "hello", return_dict_in_generate=True, output_logits=True)
    expected = [float(step[0].max()) - float(step[0].logsumexp(-1)) for step in result.logits]
    for step in result.logits:
        step.zero_()
    assert told(spans, "output")[0].logprobs == pytest.approx(expected[: len(told(spans, "output")[0])], abs=1e-5)


def test_runs_of_a_pipeline_are_numbered_through(model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="pieces")
    pipeline = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
    pipeline(["hello", "he"], max_new_tokens=3, do_sample=False, tokenizer=tokenizer)
    assert [one.text for one in told(spans, "input")] == [b"hello", b"he"]
    assert [one.index for one in told(spans, "output")] == [0, 1]


def test_tokens_of_a_streamer_know_the_chunk_that_they_came_in(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tokens="pieces")
    run(model, tokenizer, "hello", streamer=transformers.TextIteratorStreamer(tokenizer), **never_ending())
    assert list(told(spans, "output")[0].chunks or ()) == list(range(6))


def test_an_answer_that_was_cut_short_has_the_tokens_that_came(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    class Leaving(transformers.TextStreamer):  # type: ignore[misc]  # the library may be untyped
        left = 4

        def put(self, value: Any) -> None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    spans = start_tracing(tokens="pieces")
    with pytest.raises(KeyboardInterrupt):
        run(model, tokenizer, "hello", streamer=Leaving(tokenizer), **never_ending())
    assert outcome(spans.only()) == "cancelled"
    assert len(told(spans, "output")[0]) == 3
    assert joined(told(spans, "output")[0]).decode("utf-8", "replace") == text(spans.only())


# The logits, summarised by themselves.


def test_all_steps_are_one_summary_and_the_answer_is_the_same(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    before = run(model, tokenizer, "hello", return_dict_in_generate=True, output_logits=True)
    spans = start_tracing(tensors="logits")
    ids = run(model, tokenizer, "hello")
    assert ids.equal(before.sequences)
    [found] = tensor(spans)
    logits = torch.stack([step[0] for step in before.logits]).double()
    chosen = before.sequences[0, -len(logits) :]
    likely = logits.softmax(-1)
    assert found["shape"] == [len(logits), len(tokenizer)]
    assert (found["count"], found["nan"]) == (logits.numel(), 0)
    assert found["mean"] == pytest.approx(float(logits.mean()), abs=1e-6)
    assert found["max"] == pytest.approx(float(logits.max()))
    assert found["chosen_rank"] == [1] * len(logits)
    assert found["chosen_probability"] == pytest.approx([float(likely[at, id]) for at, id in enumerate(chosen)], rel=1e-5)
    assert [some[0][0] for some in found["top"]] == chosen.tolist()
    assert found["entropy"] == pytest.approx((-(likely * likely.log()).sum(-1)).tolist(), rel=1e-5)


@pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "read anew"])
def test_answers_side_by_side_come_one_after_the_other_each_to_its_end(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans], use_cache: bool
) -> None:
    spans = start_tracing(tensors="logits", tokens="full")
    how = {"return_dict_in_generate": True, "output_logits": True, "use_cache": use_cache}
    first = run(model, tokenizer, ["hello", "zzz"], **how)
    spans.clear()
    end = int(first.sequences[0, -4])
    run(model, tokenizer, ["hello", "zzz"], eos_token_id=end, **how)
    [found], said = tensor(spans), told(spans, "output")
    assert found["steps"] == sum(len(one) for one in said)
    logprobs = [logprob for one in said for logprob in one.logprobs or ()]
    assert found["chosen_probability"] == pytest.approx([math.exp(one or 0) for one in logprobs], rel=1e-4)


def test_a_prompt_that_is_read_in_parts_is_no_more_steps(model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tensors="logits")
    ids = run(model, tokenizer, "hello hello hello", prefill_chunk_size=4, **never_ending())
    [found] = tensor(spans)
    assert found["steps"] == 6
    assert found["chosen_rank"] == [1] * 6
    assert [some[0][0] for some in found["top"]] == ids[0, -6:].tolist()


def test_a_nan_marks_the_span(tokenizer: Any, model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tensors="all")
    broken = type(model)(model.config).eval()
    broken.lm_head.weight.data[7] = math.nan
    run(broken, tokenizer, "hello")
    assert attributes(spans.only())["genba.tensors.nan_logits"] == ("logits",)
    assert tensor(spans)[0]["nan"] == len(tensor(spans)[0]["entropy"])


def test_of_beams_every_pass_is_told_and_no_choice(model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tensors="logits")
    run(model, tokenizer, "hello", num_beams=3, **never_ending())
    [found] = tensor(spans)
    assert (found["steps"], "chosen_rank" in found) == (18, False)


def test_of_drafted_tokens_it_is_said_that_nothing_is_known(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tensors="logits")
    run(model, tokenizer, "hello", prompt_lookup_num_tokens=2)
    assert "drafted" in tensor(spans)[0]["unknown"]


@pytest.mark.parametrize("tensors", ["off", "embeddings", "logits"])
def test_no_hook_is_left_on_the_model_however_the_run_ends(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans], tensors: str
) -> None:
    seen: list[int] = []

    class Looking(transformers.TextStreamer):  # type: ignore[misc]  # the library may be untyped
        def put(self, value: Any) -> None:
            seen.append(len(model._forward_hooks))
            if len(seen) == 3:
                raise KeyboardInterrupt

    spans = start_tracing(tensors=tensors)
    with pytest.raises(KeyboardInterrupt):
        run(model, tokenizer, "hello", streamer=Looking(tokenizer))
    assert seen == [int(tensors == "logits")] * 3
    assert not model._forward_hooks
    assert ("genba.tensor.logits" in attributes(spans.only())) == (tensors == "logits")
    if tensors == "logits":
        assert tensor(spans)[0]["chosen_rank"] == [1, None], "the run was left before the last choice was told"


def test_a_model_that_works_for_two_threads_tells_each_its_own(
    model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]
) -> None:
    spans = start_tracing(tensors="logits")
    at_once = threading.Barrier(2)

    class Together(transformers.TextStreamer):  # type: ignore[misc]  # the library may be untyped
        def put(self, value: Any) -> None:
            at_once.wait(30)

    def work(asked: str) -> None:
        run(model, tokenizer, asked, streamer=Together(tokenizer), **never_ending())

    threads = [threading.Thread(target=work, args=(asked,)) for asked in ("hello", "zz")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for span in spans.all():
        [found] = json.loads(attributes(span)["genba.tensor.logits"])
        assert found["steps"] == 6
        assert found["chosen_rank"] == [1] * 6


def test_a_compiled_model_is_one_graph_still(model: Any, tokenizer: Any, start_tracing: Callable[..., Spans]) -> None:
    class Small(torch.nn.Module):  # type: ignore[misc]  # the library may be untyped
        def forward(self, input_ids: Any) -> Any:
            return transformers.modeling_outputs.CausalLMOutput(logits=input_ids[..., None].float() * 2)

    from genba.providers.transformers import logits

    spans = start_tracing(tensors="logits")
    small = Small()
    compiled = torch.compile(small.__call__, backend="eager", fullgraph=True)
    with genba.inference("acme-1") as invocation:
        watch = logits.watched(small, {}, None, invocation)
        assert watch is not None
        assert compiled(input_ids=torch.ones(1, 2, dtype=torch.long)).logits.tolist() == [[[2.0], [2.0]]]
        watch.stop()
    assert tensor(spans)[0]["unknown"] == "no logits were seen"
