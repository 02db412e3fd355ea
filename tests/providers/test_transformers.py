"""transformers with a tiny model of random weights, made here: `generate` alone, streamed and drafted for, and pipelines around it."""

from __future__ import annotations

import string
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from support import programs, stored
from support.spans import Spans, attributes, failed, messages, outcome, parts, readable, text, tree

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

TEMPLATE = "{% for message in messages %}{{ message['content'] }}.{% endfor %}"
CHAT = [{"role": "user", "content": "abc"}]
END = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and its tokenizer, in which each letter is a token."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    letters = ["<pad>", "<end>", ".", *string.ascii_lowercase]
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(letters), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=0, bos_token_id=None, eos_token_id=END, max_position_embeddings=256,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    _tokenizer(letters).save_pretrained(folder)
    return folder


def _tokenizer(letters: list[str]) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({letter: number for number, letter in enumerate(letters)}, unk_token="."))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.decoder = decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token=".",
        chat_template=TEMPLATE,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


@pytest.fixture
def tokenizer(folder: Path, spans: Spans) -> Any:
    return transformers.AutoTokenizer.from_pretrained(str(folder))


@pytest.fixture
def model(folder: Path, spans: Spans) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(str(folder)).eval()


@pytest.fixture
def pipeline(model: Any, tokenizer: Any) -> Any:
    return transformers.pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")


def usage(span: Any) -> tuple[Any, Any]:
    told = attributes(span)
    return told.get("gen_ai.usage.input_tokens"), told.get("gen_ai.usage.output_tokens")


def said(tokenizer: Any, ids: Any) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True))


def never_ending(**more: Any) -> dict[str, Any]:
    """Arguments for exactly five tokens, the same each time."""
    return {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, "suppress_tokens": [0, END, 2], **more}


def test_a_run_of_a_model_is_a_completion(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer("abc", return_tensors="pt")
    ids = model.generate(**given, **never_ending())
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.provider.name"]) == ("text_completion tiny", "transformers")
    assert usage(span) == (3, 5)
    assert (told["gen_ai.request.max_tokens"], told["gen_ai.response.finish_reasons"]) == (5, ("length",))
    assert (text(span, "input"), text(span)) == ("abc", said(tokenizer, ids[0, 3:]))
    assert text(span), "it said something"
    readable(span)


def test_what_is_set_for_drawing_counts_where_tokens_are_drawn(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer("abc", return_tensors="pt")
    drawn = transformers.GenerationConfig(
        do_sample=True, temperature=0.5, top_k=7, max_length=8, pad_token_id=0, num_return_sequences=2
    )
    model.generate(**given, generation_config=drawn)
    model.generate(**given, max_new_tokens=2, do_sample=False)
    first, second = (attributes(span) for span in spans.all())
    assert (first["gen_ai.request.temperature"], first["gen_ai.request.top_k"], first["gen_ai.request.max_tokens"]) == (0.5, 7, 5)
    assert first["gen_ai.request.choice.count"] == 2
    assert len(messages(spans.all()[0])) == 2
    assert first["gen_ai.usage.input_tokens"] == 3, "it was read once for both"
    assert "gen_ai.request.temperature" not in second


def test_rows_that_were_filled_up_count_by_what_is_in_them(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer(["abc", "a"], return_tensors="pt", padding=True)
    model.generate(**given, **never_ending())
    assert [message["parts"][0]["content"] for message in messages(spans.only(), "input")] == ["abc", "a"]
    assert usage(spans.only()) == (4, 10)


def test_an_answer_ends_with_the_token_that_says_so(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer(["abc", "xyz"], return_tensors="pt", padding=True)
    whole = model.generate(**given, **never_ending())
    spans.clear()
    end = int(whole[0, 4])
    ids = model.generate(**given, max_new_tokens=5, do_sample=False, eos_token_id=end, pad_token_id=0)
    rows = [row[: row.index(end) + 1] if end in row else row for row in ids[:, 3:].tolist()]
    assert usage(spans.only())[1] == sum(len(row) for row in rows)
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == tuple("stop" if end in row else "length" for row in rows)


def test_an_object_that_has_the_ids_is_read_too(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer("abc", return_tensors="pt")
    result = model.generate(given["input_ids"], return_dict_in_generate=True, output_scores=True, **never_ending())
    assert text(spans.only()) == said(tokenizer, result.sequences[0, 3:])
    assert usage(spans.only()) == (3, 5)


def test_what_the_host_does_to_the_ids_afterwards_is_not_seen(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer("abc", return_tensors="pt")
    ids = model.generate(**given, **never_ending())
    expected = said(tokenizer, ids[0, 3:])
    ids.zero_()
    given["input_ids"].zero_()
    span = spans.only()  # it is read now
    assert (text(span, "input"), text(span)) == ("abc", expected)


def test_without_a_tokenizer_there_are_ids(model: Any, spans: Spans) -> None:
    model.name_or_path = "from elsewhere"
    ids = model.generate(torch.tensor([[3, 4, 5]]), **never_ending())
    assert parts(spans.only(), "input") == [{"type": "token_ids", "content": [3, 4, 5]}]
    assert parts(spans.only()) == [{"type": "token_ids", "content": ids[0, 3:].tolist()}]


def test_a_model_with_an_encoder_gives_only_what_is_new(spans: Spans) -> None:
    config = transformers.T5Config(
        vocab_size=30,
        d_model=8,
        d_kv=4,
        d_ff=8,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    ids = model.generate(torch.tensor([[3, 4, 5, 1]]), **never_ending())
    span = spans.only()
    assert span.name == "text_completion T5ForConditionalGeneration"
    assert usage(span) == (4, 5)
    assert parts(span)[0]["content"] == ids[0, 1:].tolist()


def test_a_streamer_in_a_thread_tells_when_tokens_came(model: Any, tokenizer: Any, spans: Spans) -> None:
    streamer = transformers.TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=30)
    given = tokenizer("abc", return_tensors="pt")
    thread = threading.Thread(target=model.generate, kwargs={**given, **never_ending(), "streamer": streamer})
    thread.start()
    read = "".join(streamer)
    thread.join()
    told = attributes(spans.only())
    assert text(spans.only()) == read
    assert told["genba.chunks.count"] == 5
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.time_to_first_chunk"] >= 0


def test_a_streamer_that_raises_leaves_what_came(model: Any, tokenizer: Any, spans: Spans) -> None:
    class Leaving(transformers.TextStreamer):  # type: ignore[misc]  # the library may be untyped
        left = 4

        def put(self, value: Any) -> None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    given = tokenizer("abc", return_tensors="pt")
    with pytest.raises(KeyboardInterrupt):
        model.generate(**given, **never_ending(), streamer=Leaving(tokenizer))
    assert outcome(spans.only()) == "cancelled"
    assert len(text(spans.only())) == 3
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == ("error",)
    assert not failed(spans.only())


def test_a_streamer_that_the_library_asks_for_its_kind_is_that(model: Any, tokenizer: Any, spans: Spans) -> None:
    from genba.providers.transformers.streamers import Watched

    streamer = transformers.TextStreamer(tokenizer)
    assert isinstance(Watched(streamer), transformers.TextStreamer)
    assert Watched(streamer).skip_prompt is False


def test_a_model_that_drafts_for_another_is_no_call_of_its_own(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer("abc", return_tensors="pt")
    model.generate(**given, max_new_tokens=5, do_sample=False, suppress_tokens=[0, END, 2], assistant_model=model)
    assert tree(spans) == ["text_completion tiny"]
    assert usage(spans.only()) == (3, 5)


def test_what_a_model_refuses_is_a_failure(model: Any, tokenizer: Any, spans: Spans) -> None:
    given = tokenizer("abc", return_tensors="pt")
    with pytest.raises(ValueError, match="no_such_argument"):
        model.generate(**given, no_such_argument=1)
    assert failed(spans.only())
    assert attributes(spans.only())["error.type"] == "ValueError"
    assert text(spans.only(), "input") == "abc"


def test_a_pipeline_is_one_call(pipeline: Any, spans: Spans) -> None:
    result = pipeline("abc", **never_ending())
    span = spans.only()
    assert span.name == "text_completion tiny"
    assert (text(span, "input"), "abc" + text(span)) == ("abc", result[0]["generated_text"])
    assert usage(span) == (3, 5)
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("length",)
    assert attributes(span)["gen_ai.request.max_tokens"] == 5


def test_a_chat_with_a_pipeline_has_its_messages(pipeline: Any, spans: Spans) -> None:
    result = pipeline([{"role": "system", "content": "be"}, *CHAT], **never_ending())
    span = spans.only()
    assert span.name == "chat tiny"
    assert [(message["role"], message["parts"][0]["content"]) for message in messages(span, "input")] == [
        ("system", "be"),
        ("user", "abc"),
    ]
    answer = result[0]["generated_text"][-1]
    assert messages(span) == [
        {"role": "assistant", "parts": [{"type": "text", "content": answer["content"]}], "finish_reason": "length"}
    ]
    assert usage(span) == (7, 5)


def test_several_prompts_of_a_pipeline_are_one_call_with_all_answers(pipeline: Any, spans: Spans) -> None:
    result = pipeline(["abc", "xy"], **never_ending(), return_full_text=False)
    span = spans.only()
    assert [message["parts"][0]["content"] for message in messages(span)] == [one[0]["generated_text"] for one in result]
    assert usage(span) == (5, 10)
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("length", "length")


def test_several_chats_of_a_pipeline_have_all_answers(pipeline: Any, spans: Spans) -> None:
    pipeline([CHAT, CHAT], **never_ending(), batch_size=2)
    assert [message["role"] for message in messages(spans.only(), "input")] == ["user", "user"]
    assert len(messages(spans.only())) == 2
    assert usage(spans.only()) == (8, 10)


def test_ids_that_a_pipeline_was_asked_for_stay_ids(pipeline: Any, spans: Spans) -> None:
    result = pipeline("abc", **never_ending(), return_tensors=True)
    assert parts(spans.only()) == [{"type": "token_ids", "content": result[0]["generated_token_ids"]}]


def test_a_pipeline_that_reads_its_inputs_one_by_one_is_a_call_for_each(pipeline: Any, spans: Spans) -> None:
    read: list[str] = []

    def inputs() -> Any:
        for one in ("abc", "xy"):
            read.append(one)
            yield one

    results = list(pipeline(inputs(), **never_ending(), return_full_text=False))
    assert len(results) == len(read) == 2
    assert [text(span) for span in spans.all()] == [one[0]["generated_text"] for one in results]


def test_a_pipeline_that_fails_is_one_failure(pipeline: Any, spans: Spans) -> None:
    with pytest.raises(ValueError, match="no_such_argument"):
        pipeline(CHAT, no_such_argument=1)
    assert failed(spans.only())
    assert text(spans.only(), "input") == "abc"


def test_a_streamer_of_a_pipeline_tells_when_tokens_came(pipeline: Any, tokenizer: Any, spans: Spans) -> None:
    streamer = transformers.TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=30)
    pipeline(CHAT, **never_ending(), streamer=streamer)
    assert attributes(spans.only())["genba.chunks.count"] == 5
    assert text(spans.only()) == "".join(streamer)


def test_a_call_of_the_hosts_own_takes_in_what_a_pipeline_says(pipeline: Any, spans: Spans) -> None:
    @genba.inference(model="house")
    def ask(question: str) -> Any:
        return pipeline([{"role": "user", "content": question}], **never_ending())[0]["generated_text"][-1]["content"]

    answer = ask("abc")
    assert spans.only().name == "chat house"
    assert text(spans.only()) == answer
    assert usage(spans.only()) == (4, 5)


def test_nothing_is_kept_of_what_is_said_where_content_is_off(folder: Path, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(capture_content="none")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    model = transformers.AutoModelForCausalLM.from_pretrained(str(folder))
    model.generate(**tokenizer("abc", return_tensors="pt"), **never_ending())
    assert messages(spans.only()) == messages(spans.only(), "input") == []
    assert usage(spans.only()) == (3, 5)


def test_uninstrument_puts_the_librarys_own_methods_back(start_tracing: Callable[..., Spans]) -> None:
    from transformers.generation.utils import GenerationMixin
    from transformers.pipelines.text_generation import TextGenerationPipeline
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    genba.uninstrument()

    def found() -> list[Any]:
        return [
            vars(GenerationMixin)["generate"],
            vars(TextGenerationPipeline)["__call__"],
            vars(PreTrainedTokenizerBase)["from_pretrained"],
        ]

    before = found()
    start_tracing(instrument=["transformers"])
    assert all(now is not then for now, then in zip(found(), before, strict=True))
    genba.uninstrument()
    assert all(now is then for now, then in zip(found(), before, strict=True))


def test_the_example_leaves_a_chat(folder: Path, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "libraries" / "local_chat.py"
    programs.run(example.read_text(), folder=tmp_path, MODEL=str(folder))
    assert stored.names(tmp_path) == ["chat tiny"]
