"""Whole tensors in files: the format as others read it, one file for equal tensors, and never without the content switch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.tokens.tensors import save
from support.spans import Spans, attributes

np = pytest.importorskip("numpy", reason="numpy is not installed")


def shown(spans: Spans) -> dict[str, Any]:
    [found] = json.loads(attributes(spans.only())["genba.tensor.hidden"])
    file: dict[str, Any] = found["file"]
    return file


def show(value: Any) -> None:
    with genba.inference("acme-1"):
        genba.tensor("hidden", value, save=True)


def test_a_file_is_a_header_and_the_values(tmp_path: Path) -> None:
    file = save(tmp_path / "tensors", "float32", (2, 3), np.arange(6, dtype="<f4").tobytes())
    written = (tmp_path / file["path"]).read_bytes()
    size = int.from_bytes(written[:8], "little")
    assert size % 8 == 0
    assert json.loads(written[8 : 8 + size]) == {"tensor": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    assert np.frombuffer(written[8 + size :], "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    assert file["sha256"] == hashlib.sha256(written).hexdigest()
    assert file["bytes"] == len(written)


@pytest.mark.parametrize("dtype", ["float32", "float16", ">f8", "bool", "int64", "complex64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (3, 4)], ids=str)
def test_others_read_the_same(dtype: str, shape: tuple[int, ...], start_tracing: Any, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    spans = start_tracing(store=str(tmp_path / "genba.db"))
    value = np.asarray(np.random.default_rng(1).normal(size=shape) * 3, order="F").astype(dtype)
    show(value)
    found = safetensors.load_file(tmp_path / shown(spans)["path"])["tensor"]
    assert found.shape == shape
    assert np.array_equal(found, value)


def test_equal_tensors_are_one_file(start_tracing: Any, tmp_path: Path) -> None:
    start_tracing(store=str(tmp_path / "genba.db"))
    for _ in range(2):
        show(np.ones(3))
    show(np.zeros(3))
    genba.flush()
    assert len(list((tmp_path / "tensors").glob("*.safetensors"))) == 2
    assert not list((tmp_path / "tensors").glob("*.part"))
    assert (tmp_path / "tensors" / ".gitignore").read_text() == "*\n"


def test_what_the_host_does_to_it_afterwards_is_not_in_the_file(start_tracing: Any, tmp_path: Path) -> None:
    spans = start_tracing(store=str(tmp_path / "genba.db"))
    value = np.ones(500_000)
    with genba.inference("acme-1"):
        genba.tensor("hidden", value, save=True)
        value[:] = 7
    written = (tmp_path / shown(spans)["path"]).read_bytes()
    assert np.frombuffer(written[-value.nbytes :]).max() == 1


def test_without_content_nothing_is_saved(start_tracing: Any, tmp_path: Path) -> None:
    spans = start_tracing(store=str(tmp_path / "genba.db"), capture_content="none")
    show(np.ones(3))
    assert shown(spans) == {"unknown": "content is off"}
    assert not (tmp_path / "tensors").exists()


def test_without_a_store_nothing_is_saved(spans: Spans) -> None:
    show(np.ones(3))
    assert shown(spans) == {"unknown": "the store is off"}


def test_a_folder_that_cannot_be_written_is_told(start_tracing: Any, tmp_path: Path) -> None:
    spans = start_tracing(store=str(tmp_path / "genba.db"))
    (tmp_path / "tensors").write_text("a file is in the way")
    show(np.ones(3))
    assert shown(spans)["unknown"].startswith("the file could not be written")


def test_a_type_that_the_format_has_not_is_told(start_tracing: Any, tmp_path: Path) -> None:
    spans = start_tracing(store=str(tmp_path / "genba.db"))
    show(np.ones(3, "complex128"))
    assert shown(spans)["unknown"] == "the safetensors format has no complex128"
