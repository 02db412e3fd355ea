"""What is in a tensor of torch: every type, layout and state that one can have."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import genba
from genba.tokens.tensors import take, taking
from support.spans import Spans, attributes

torch = pytest.importorskip("torch", reason="torch is not installed")
np = pytest.importorskip("numpy", reason="numpy is not installed")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402  # only where there is torch


def measures(value: Any, *args: Any) -> dict[str, Any]:
    return take(value, *args).summary().plain()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure at once, as on an accelerator."""
    monkeypatch.setattr(taking, "COPIED", -1)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=40))
def test_torch_and_numpy_tell_the_same(values: list[float]) -> None:
    ours, theirs = measures(torch.tensor(values, dtype=torch.float32)), measures(np.array(values, np.float32))
    for name, value in theirs.items():
        assert ours[name] == (pytest.approx(value, rel=1e-6, abs=1e-300) if isinstance(value, float) else value), name


@given(st.lists(st.floats(-30, 30, width=16), min_size=2, max_size=12), st.integers(-2, 14), st.booleans())
def test_torch_and_numpy_tell_the_same_of_logits(logits: list[float], chosen: int, given_as_tensor: bool) -> None:
    ids = torch.tensor([chosen]) if given_as_tensor else [chosen]
    ours, theirs = measures(torch.tensor([logits]), "logits", ids), measures(np.array([logits]), "logits", [chosen])
    for name in ("entropy", "chosen_rank", "chosen_probability"):
        assert ours[name] == [value if value is None else pytest.approx(value, rel=1e-5, abs=1e-6) for value in theirs[name]]
    assert [p for _, p in ours["top"][0]] == [pytest.approx(p, rel=1e-5) for _, p in theirs["top"][0]]


@pytest.mark.parametrize(
    "name",
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "bool",
        "uint8",
        "uint16",
        "uint64",
        "int8",
        "int32",
        "int64",
        "complex64",
        "float8_e4m3fn",
        "float8_e5m2",
    ],
)
def test_every_type_of_number_is_measured(name: str) -> None:
    found = measures(torch.tensor([[0, 1], [1, 0]]).to(getattr(torch, name)))
    assert found["dtype"] == name
    assert [found[what] for what in ("min", "max", "mean", "std", "zeros")] == [0, 1, 0.5, 0.5, 0.5]


def test_odd_shapes_and_layouts_are_measured() -> None:
    assert measures(torch.tensor(3.0))["mean"] == 3
    assert measures(torch.empty(0, 3))["count"] == 0
    assert measures(torch.empty(0, 3), "logits")["entropy"] == []
    strided = torch.arange(24.0).reshape(2, 3, 4).transpose(0, 2)[::2]
    assert measures(strided)["mean"] == pytest.approx(float(strided.mean()))
    expanded = torch.ones(1).expand(1_000_000)
    assert measures(expanded)["norm"] == 1000
    large = torch.randn(5, 90_001, dtype=torch.float64).t()
    assert measures(large)["std"] == pytest.approx(float(large.std(unbiased=False)))


@pytest.mark.filterwarnings("ignore:Sparse")
def test_what_holds_no_numbers_says_why() -> None:
    assert measures(torch.empty(3, device="meta"))["unknown"].startswith("it is a meta tensor")
    assert measures(torch.eye(3).to_sparse())["unknown"].startswith("it is sparse (sparse_coo)")
    assert measures(torch.eye(3).to_sparse_csr())["unknown"].startswith("it is sparse (sparse_csr)")


@pytest.mark.filterwarnings("ignore")  # torch is about to take quantized tensors away
def test_a_quantized_one_says_so() -> None:
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    assert measures(quantized)["unknown"].startswith("it is quantized")


def test_a_tensor_that_computes_in_its_own_way_is_left_alone() -> None:
    class Own(torch.Tensor):
        @classmethod
        def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise AssertionError("this would make every process wait")

    own = torch.Tensor._make_wrapper_subclass(Own, (3,))
    assert measures(own)["unknown"] == "Own computes in a way of its own"


def test_a_subclass_hears_nothing_of_it() -> None:
    class Heard(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if "__get__" not in str(function) and getattr(function, "__name__", "") not in QUESTIONS:
                raise AssertionError(function)
            return super().__torch_function__(function, types, args, kwargs or {})

    assert measures(torch.ones(3).as_subclass(Heard))["mean"] == 1


QUESTIONS = ("is_complex", "numel", "element_size", "size", "dim")
"""What is asked of a tensor, and computes nothing."""


@pytest.mark.usefixtures("at_once")
def test_gradients_go_on_as_if_nothing_had_been_asked() -> None:
    weights = torch.ones(3, requires_grad=True)
    hidden = weights * 2
    found = measures(hidden, "logits", [1])
    hidden.sum().backward()
    assert found["mean"] == 2
    assert weights.grad.tolist() == [2, 2, 2]
    assert torch.is_grad_enabled()
    with torch.inference_mode():
        assert measures(torch.ones(3))["mean"] == 1


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("kind", [None, "logits", "embeddings"])
def test_nothing_is_asked_that_would_wait_for_an_accelerator(kind: str | None) -> None:
    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            assert function._opname not in ("_local_scalar_dense", "nonzero", "item", "bincount", "unique", "masked_select")
            return function(*args, **(kwargs or {}))

    tensor, ids = torch.randn(3, 50_000), [1, 2, 60_000]
    with Watching():
        taken = take(tensor, kind, ids)
    tensor.fill_(math.nan)
    assert taken.is_ready
    assert taken.summary().plain()["nan"] == 0


def test_ids_on_the_same_device_may_be_out_of_range() -> None:
    library = taking.torch_tensors.library()
    found = library.at(torch.tensor([[1.0, 2.0]] * 3), torch.tensor([1, 2, -1]))
    assert found.tolist()[0] == 2
    assert [math.isnan(value) for value in found.tolist()] == [False, True, True]


def test_a_whole_tensor_is_read_on_the_exporter_s_thread_where_it_is_on_an_accelerator() -> None:
    source = taking.recognised(torch.arange(3.0))
    assert isinstance(source, taking.Source)
    tensor = source.array
    taken = taking._kept(
        replace(source, is_on_host=False), taking.Asked(), lambda dtype, shape, values: {"of": [dtype, list(shape), len(values)]}
    )
    tensor.fill_(7)
    assert taken.summary().plain()["max"] == 2
    assert taken.summary().plain()["file"] == {"of": ["float32", [3], 12]}


def test_it_is_on_the_span_and_saved_whole(start_tracing: Any, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    spans: Spans = start_tracing(store=str(tmp_path / "genba.db"))
    whole = torch.randn(3, 4).bfloat16().t()
    with genba.inference("acme-1"):
        genba.tensor("hidden", whole, save=True)
    [found] = json.loads(attributes(spans.only())["genba.tensor.hidden"])
    saved = safetensors.load_file(tmp_path / found["file"]["path"])["tensor"]
    assert saved.dtype == torch.bfloat16
    assert torch.equal(saved, whole)


def test_while_torch_transforms_a_function_nothing_is_measured_and_nothing_changes() -> None:
    seen: list[dict[str, Any]] = []

    def double(x: Any) -> Any:
        seen.append(measures(x))
        return x * 2

    assert torch.func.vmap(double)(torch.ones(2, 3)).tolist() == [[2, 2, 2], [2, 2, 2]]
    assert seen.pop()["unknown"].startswith("torch.vmap is at work")
    assert torch.func.grad(lambda x: double(x).sum())(torch.ones(3)).tolist() == [2, 2, 2]
    assert seen.pop()["mean"] == 1
