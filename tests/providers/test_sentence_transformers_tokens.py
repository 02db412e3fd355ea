"""The tokens that a model of sentence-transformers saw, and what is in the vectors that it gave."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genba.providers import sentence_transformers as ours
from genba.tokens import Tokens, decode
from support.spans import Spans, attributes

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
np = pytest.importorskip("numpy", reason="numpy is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each letter is a token, and each text has one before it and one behind it."""
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *string.ascii_lowercase, *(f"##{one}" for one in string.ascii_lowercase)]
    made = Tokenizer(models.WordPiece({letter: number for number, letter in enumerate(letters)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    config = transformers.BertConfig(
        vocab_size=len(letters), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(folder)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **names).save_pretrained(folder)
    return SentenceTransformer(str(folder), device="cpu")


def told(spans: Spans) -> list[Tokens]:
    return decode(attributes(spans.only()).get("genba.tokens.input", "[]"), "input")


def tensor(spans: Spans) -> dict[str, Any]:
    [found] = json.loads(attributes(spans.only())["genba.tensor.embeddings"])
    return dict(found)


def letters(one: Tokens) -> bytes:
    return b"".join(piece or b"" for at, piece in enumerate(one.pieces or ()) if at not in (one.special or ()))


def test_each_text_has_the_tokens_that_the_model_saw(model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="pieces")
    texts = ["cat", "longest", "a", "cat"]
    model.encode(texts, batch_size=3)
    assert [one.index for one in told(spans)] == [0, 1, 2, 3], "though the library puts the longest first"
    assert [letters(one) for one in told(spans)] == [text.encode() for text in texts]
    assert [list(one.ids or ()) for one in told(spans)] == [model.tokenizer(text)["input_ids"] for text in texts]
    assert all(list(one.special or ()) == [0, len(one) - 1] for one in told(spans))
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == sum(len(one) for one in told(spans))
    assert attributes(spans.only())["genba.usage.source.input_tokens"] == "engine"


def test_of_many_texts_some_are_kept_and_that_is_said(
    model: Any, start_tracing: Callable[..., Spans], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "MOST_TEXTS", 2)
    spans = start_tracing(tokens="pieces")
    model.encode(["a", "abc", "ab"], batch_size=1)
    assert [(one.index, letters(one)) for one in told(spans)] == [(1, b"abc"), (2, b"ab")]
    assert told(spans)[0].unknown["texts"] == "of 3 texts those that the model read first are recorded: 2"
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 12


def test_by_itself_no_tokens_are_kept(model: Any, spans: Spans) -> None:
    model.encode(["cat"])
    assert told(spans) == []
    assert "genba.tensor.embeddings" not in attributes(spans.only())


@pytest.mark.parametrize("how", [{}, {"convert_to_tensor": True}, {"convert_to_numpy": False}], ids=["array", "tensor", "list"])
def test_vectors_are_summarised_in_whatever_form_they_come(
    model: Any, start_tracing: Callable[..., Spans], how: dict[str, Any]
) -> None:
    spans = start_tracing(tensors="embeddings")
    vectors = model.encode(["cat", "dog"], **how)
    expected = [float(np.linalg.norm(np.asarray(vector))) for vector in vectors]
    assert (tensor(spans)["dimension"], tensor(spans)["vectors"]) == (8, 2)
    assert tensor(spans)["norms"] == pytest.approx(expected, rel=1e-5)


def test_vectors_of_each_token_are_as_they_are(model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tensors="all")
    assert len(model.encode(["cat", "do"], output_value="token_embeddings")) == 2
    assert "unknown" in tensor(spans)
