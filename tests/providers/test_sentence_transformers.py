"""sentence-transformers with tiny models of random weights, made here: what was asked, how long the vectors are, tokens, order."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from support import programs, stored
from support.spans import Spans, attributes, failed, text, tree

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

TEXTS = ["cat", "a dog"]
"""Each letter is a token, and each text has one before it and one behind it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer and two models."""
    folder = tmp_path_factory.mktemp("models")
    letters = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *string.ascii_lowercase,
        *(f"##{one}" for one in string.ascii_lowercase),
    ]
    config = transformers.BertConfig(
        vocab_size=len(letters), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=1
    )
    for name, kind in (("tiny", transformers.BertModel), ("tiny-cross", transformers.BertForSequenceClassification)):
        kind(config).save_pretrained(folder / name)
        _tokenizer(letters).save_pretrained(folder / name)
    return folder


def _tokenizer(letters: list[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordPiece({letter: number for number, letter in enumerate(letters)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64)


@pytest.fixture
def model(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder / "tiny"), device="cpu", prompts={"query": "q ", "document": ""})


@pytest.fixture
def cross(folder: Path) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(str(folder / "tiny-cross"), device="cpu")


def found(spans: Spans) -> Any:
    return json.loads(attributes(spans.only())["gen_ai.retrieval.documents"])


def test_texts_that_are_encoded_are_an_embedding(model: Any, spans: Spans) -> None:
    vectors = model.encode(TEXTS, batch_size=1)
    assert vectors.shape == (2, 8)
    told = attributes(spans.only())
    assert (spans.only().name, told["gen_ai.provider.name"]) == ("embeddings tiny", "sentence_transformers")
    assert (told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (8, 5 + 6)
    assert text(spans.only(), "input") == "".join(TEXTS)
    assert str(vectors[0][0])[:8] not in spans.only().to_json()


def test_a_precision_that_is_asked_for_is_the_encoding(model: Any, spans: Spans) -> None:
    model.encode(TEXTS, precision="binary")
    assert attributes(spans.only())["gen_ai.request.encoding_formats"] == ("binary",)


def test_a_query_and_a_document_are_one_embedding_each(model: Any, spans: Spans) -> None:
    assert model.encode_query("cat").shape == (8,)
    assert model.encode_document(["cat"], convert_to_tensor=True).shape == (1, 8)
    assert tree(spans) == ["embeddings tiny", "embeddings tiny"]
    assert [attributes(span)["gen_ai.embeddings.dimension.count"] for span in spans.all()] == [8, 8]


def test_the_tokens_that_the_model_saw_are_counted_over_all_batches(model: Any, spans: Spans) -> None:
    model.encode(["cat", "catdog", "dog"], batch_size=1)
    model.encode(["cat", "catdog"], batch_size=2)
    assert [attributes(span)["gen_ai.usage.input_tokens"] for span in spans.all()] == [5 + 8 + 5, 5 + 8], "padding is no token"


def test_a_ranking_has_the_documents_in_their_order(cross: Any, spans: Spans) -> None:
    ranked = cross.rank("cat", ["dog", "cat"], return_documents=True, top_k=2)
    assert [(one["id"], one["score"], one["content"]) for one in found(spans)] == [
        (str(one["corpus_id"]), pytest.approx(one["score"]), one["text"]) for one in ranked
    ]
    told = attributes(spans.only())
    assert (spans.only().name, told["gen_ai.retrieval.top_k"]) == ("rerank tiny-cross", 2)
    assert text(spans.only(), "input") == "catdogcat"


def test_pairs_that_are_scored_have_their_scores(cross: Any, spans: Spans) -> None:
    scores = cross.predict([("cat", "dog"), ("cat", "cat")])
    assert [(one["id"], one["score"]) for one in found(spans)] == [
        (str(index), pytest.approx(float(score))) for index, score in enumerate(scores)
    ]
    assert text(spans.only(), "input") == "catdogcat"


def test_what_the_model_refuses_is_a_failure(model: Any, spans: Spans) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011  # which one is the library's affair
        model.encode(TEXTS, prompt_name="no such prompt")
    assert failed(spans.only())
    assert attributes(spans.only())["error.type"].endswith(type(refused.value).__name__)


def test_an_embedding_of_the_hosts_own_takes_in_what_the_model_says(model: Any, spans: Spans) -> None:
    @genba.embeddings(model="house")
    def embed(texts: list[str]) -> Any:
        return model.encode(texts).tolist()

    embed(["cat"])
    told = attributes(spans.only())
    assert (told["gen_ai.request.model"], told["gen_ai.usage.input_tokens"], told["gen_ai.embeddings.dimension.count"]) == (
        "house",
        5,
        8,
    )


def test_uninstrument_puts_the_librarys_own_methods_back(folder: Path, start_tracing: Callable[..., Spans]) -> None:
    from sentence_transformers import CrossEncoder, SentenceTransformer

    def methods() -> list[Any]:
        return [vars(SentenceTransformer)["encode"], vars(CrossEncoder)["predict"], vars(CrossEncoder)["rank"]]

    before = methods()
    start_tracing(instrument=["sentence-transformers"])
    assert all(now is not then for now, then in zip(methods(), before, strict=True))
    genba.uninstrument()
    assert methods() == before


def test_the_example_leaves_an_embedding_for_each_side(folder: Path, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "libraries" / "encoder.py"
    programs.run(example.read_text(), folder=tmp_path, ENCODER=str(folder / "tiny"))
    assert stored.names(tmp_path) == ["embeddings tiny", "embeddings tiny"]
