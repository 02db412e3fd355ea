"""What is in an array of numpy, against formulas of its own; and what of it is on the span."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import genba
from genba.tokens.tensors import BIN_EDGES, Steps, take
from support.spans import Spans, attributes

np = pytest.importorskip("numpy", reason="numpy is not installed")

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)
SOME = st.lists(FLOATS, max_size=60)


def measures(value: Any, *args: Any) -> dict[str, Any]:
    return take(value, *args).summary().plain()


def told(spans: Spans, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(attributes(spans.only())[f"genba.tensor.{name}"])
    return found


def bin_of(value: float) -> int:
    """By the words of the documentation: eight bins for negative values, one for zero, eight for positive ones."""
    further = sum(abs(value) >= edge for edge in BIN_EDGES)
    return 8 if value == 0 else 9 + further if value > 0 else 7 - further


@given(SOME)
def test_statistics_are_those_of_the_finite_values(values: list[float]) -> None:
    found = measures(np.array(values, np.float32))
    finite = [value for value in values if math.isfinite(value)]
    assert found["shape"] == [len(values)]
    assert found["count"] == len(values)
    assert found["nan"] == sum(math.isnan(value) for value in values)
    assert found["inf"] == sum(math.isinf(value) for value in values)
    assert found["histogram"] == [sum(bin_of(value) == place for value in finite) for place in range(17)]
    assert found["zeros"] == (pytest.approx(finite.count(0) / len(values)) if values else None)
    if not finite:
        assert [found[name] for name in ("min", "max", "mean", "std", "norm")] == [None] * 5
        return
    mean = math.fsum(finite) / len(finite)
    scale = max(map(abs, finite))
    assert found["min"] == pytest.approx(min(finite))
    assert found["max"] == pytest.approx(max(finite))
    assert found["mean"] == pytest.approx(mean, abs=scale * 1e-8)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / len(finite))
    assert found["std"] == pytest.approx(deviation, rel=1e-6, abs=scale * 1e-8)
    assert found["norm"] == pytest.approx(math.sqrt(math.fsum(value * value for value in finite)), rel=1e-6, abs=1e-300)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=12), st.integers(-2, 14), st.integers(0, 20))
def test_a_step_of_logits_tells_entropy_rank_and_probability(logits: list[float], chosen: int, top: int) -> None:
    found = measures(np.array(logits), "logits", [chosen], top)
    weights = [math.exp(value) for value in logits]
    likely = [weight / math.fsum(weights) for weight in weights]
    assert found["entropy"] == [pytest.approx(-math.fsum(p * math.log(p) for p in likely), abs=1e-7)]
    if 0 <= chosen < len(logits):
        assert found["chosen_probability"] == [pytest.approx(likely[chosen], rel=1e-6)]
        assert found["chosen_rank"] == [1 + sum(value > logits[chosen] for value in logits)]
    else:
        assert (found["chosen_probability"], found["chosen_rank"]) == ([None], [None])
    [tokens] = found["top"]
    assert [p for _, p in tokens] == [pytest.approx(p, rel=1e-6) for p in sorted(likely, reverse=True)[:top]]
    assert all(likely[id] == pytest.approx(p, rel=1e-6) for id, p in tokens)
    assert len({id for id, _ in tokens}) == len(tokens)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(2, 9), st.integers(0, 9))
def test_steps_that_come_one_by_one_are_told_as_if_they_had_come_together(many: int, texts: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(many, texts, width)).astype(np.float32)
    chosen = random.integers(0, width, (many, texts))
    steps = Steps()
    for some, ids in zip(logits, chosen, strict=True):
        steps.add(some, ids)
    apart, together = steps.summary().plain(), measures(logits.reshape(-1, width), "logits", chosen.reshape(-1))
    for name, value in together.items():
        assert apart[name] == (pytest.approx(value) if isinstance(value, float) else value), name
    assert [row[0] for row in steps.rows()] == pytest.approx(together["entropy"])


def test_steps_that_cannot_be_measured_say_why() -> None:
    steps = Steps()
    assert steps.summary().unknown == "no logits were seen"
    steps.add(np.array(["a"]))
    assert steps.summary().unknown == "values of type str32 are no numbers"


def test_pieces_add_up_to_the_whole() -> None:
    values = np.random.default_rng(4).normal(1000, 0.5, (3, 70_001)).astype(np.float32)
    values[1, 5], values[2, 7], values[0, :100] = math.nan, -math.inf, 0
    finite = values[np.isfinite(values)].astype(np.float64)
    found = measures(values)
    assert (found["count"], found["nan"], found["inf"]) == (210_003, 1, 1)
    assert found["mean"] == pytest.approx(finite.mean())
    assert found["std"] == pytest.approx(finite.std())
    assert found["norm"] == pytest.approx(np.linalg.norm(finite))
    assert found["zeros"] == pytest.approx(100 / 210_003)
    assert sum(found["histogram"]) == finite.size


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "longdouble", ">f4", "int8", "uint64", "bool", "complex64"], ids=lambda name: name.strip(">")
)
def test_every_type_of_number_is_measured(dtype: str) -> None:
    found = measures(np.array([[0, 1], [1, 0]], dtype))
    assert [found[name] for name in ("min", "max", "mean", "zeros")] == [0, 1, 0.5, 0.5]
    assert found["norm"] == pytest.approx(math.sqrt(2))
    assert found.get("of") == ("magnitude" if dtype == "complex64" else None)


def test_odd_shapes_are_measured() -> None:
    assert measures(np.float32(2.5))["mean"] == 2.5
    assert measures(np.array(3))["shape"] == []
    assert measures(np.zeros((0, 4)))["count"] == 0
    assert measures(np.zeros((0, 4)), "logits")["entropy"] == []
    assert measures(np.zeros((4, 0)), "embeddings")["dimension"] == 0
    assert measures(np.array(3.0), "logits")["mean"] == 3
    reversed_part = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, ::2].T
    assert measures(reversed_part)["mean"] == pytest.approx(reversed_part.mean())
    read_only = np.arange(4.0)
    read_only.flags.writeable = False
    assert measures(read_only)["max"] == 3


def test_what_holds_no_numbers_says_why() -> None:
    assert measures(np.array(["a"]))["unknown"] == "values of type str32 are no numbers"
    assert measures(np.array([None]))["unknown"] == "values of type object are no numbers"
    assert measures("words")["unknown"] == "builtins.str is no tensor that genba knows"
    assert measures(None)["unknown"] == "builtins.NoneType is no tensor that genba knows"
    assert measures([[1.0], [1.0, 2.0]])["unknown"] == "builtins.list is no tensor that genba knows"


def test_others_give_their_arrays_by_interface_or_by_dlpack() -> None:
    class Shown:
        def __init__(self, array: Any) -> None:
            self.array = array
            self.__array_interface__ = array.__array_interface__

    class Lent:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __dlpack__(self, **how: Any) -> Any:
            return self.array.__dlpack__(**how)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    for other in (Shown, Lent):
        assert measures(other(np.array([1.0, 2.0])))["mean"] == 1.5
    assert measures([1.0, 2.0], "embeddings")["norms"] == [pytest.approx(math.sqrt(5))]


def test_embeddings_tell_dimension_and_norms() -> None:
    found = measures(np.array([[3.0, 4.0], [0.0, 0.0], [math.nan, 1.0]]), "embeddings")
    assert (found["dimension"], found["vectors"], found["norms"], found["nan"]) == (2, 3, [5, 0, None], 1)


def test_of_many_steps_the_last_are_told() -> None:
    logits = np.zeros((2, 300, 4))
    logits[1, 299, 2] = 50
    found = measures(logits, "logits", np.full((2, 300), 2), 1)
    assert (found["steps"], found["first_step"], len(found["entropy"])) == (600, 344, 256)
    assert found["entropy"][0] == pytest.approx(math.log(4))
    assert found["chosen_probability"][-1] == pytest.approx(1)
    assert found["top"][-1] == [[2, pytest.approx(1)]]


def test_ids_that_do_not_fit_the_steps_are_left_out() -> None:
    assert "chosen_rank" not in measures(np.zeros((3, 4)), "logits", [1, 2])
    assert "chosen_rank" not in measures(np.zeros((1, 4)), "logits", [1.5])


def test_a_token_that_cannot_come_is_no_nan() -> None:
    found = measures(np.array([0.0, -math.inf, 0.0]), "logits", [1])
    assert found["entropy"] == [pytest.approx(math.log(2))]
    assert (found["chosen_rank"], found["chosen_probability"]) == ([3], [0])
    assert measures(np.array([0.0, math.nan]), "logits", [0])["chosen_rank"] == [None]


def test_what_the_host_does_to_it_afterwards_changes_nothing(spans: Spans) -> None:
    small, large = np.ones(10), np.ones(300_000)
    with genba.observe("step"):
        genba.tensor("small", small)
        genba.tensor("large", large)
        small[:], large[:] = math.nan, math.nan
    found = attributes(spans.only())
    assert [json.loads(found[f"genba.tensor.{name}"])[0]["nan"] for name in ("small", "large")] == [0, 0]


def test_the_host_s_own_strictness_is_not_touched() -> None:
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measures(np.array([math.nan, math.inf]))["mean"] is None
        assert np.geterr()["divide"] == "raise"


@pytest.mark.parametrize("block", ["observe", "tool", "agent", "workflow", "retrieval", "embeddings", "inference"])
def test_it_is_on_the_span_of_the_operation_at_work(block: str, spans: Spans) -> None:
    with genba.observe("around"), getattr(genba, block)("it"):
        genba.tensor("hidden.12", np.array([1.0, 2.0]))
        genba.tensor("hidden.12", np.array([3.0]))
    inner, outer = spans.all()
    assert "genba.tensor.hidden.12" not in attributes(outer)
    first, second = json.loads(attributes(inner)["genba.tensor.hidden.12"])
    assert (first["mean"], second["mean"]) == (1.5, 3)
    assert 0 <= first["at_ns"] <= second["at_ns"]


def test_under_a_span_of_the_host_s_it_is_on_ours_around(spans: Spans) -> None:
    with genba.inference("acme-1"), spans.app.start_as_current_span("the host's"):
        genba.tensor("hidden", np.array([1.0]))
    [ours] = spans.all()
    assert "genba.tensor.hidden" in attributes(ours)


def test_a_nan_in_logits_marks_the_span(spans: Spans) -> None:
    with genba.inference("acme-1"):
        genba.tensor("hidden", np.array([math.nan]))
        genba.tensor("good", np.array([1.0]), kind="logits")
        genba.tensor("bad", np.array([1.0, math.nan]), kind="logits")
    assert attributes(spans.only())["genba.tensors.nan_logits"] == ("bad",)


def test_where_nothing_is_at_work_it_is_counted_as_dropped(spans: Spans) -> None:
    genba.tensor("hidden", np.array([1.0]))
    with spans.app.start_as_current_span("the host's"):
        genba.tensor("hidden", np.array([1.0]))
    assert genba.doctor().dropped == {"tensors: no operation of genba's was at work": 2}


def test_before_init_and_after_uninstrument_it_does_nothing(start_tracing: Callable[..., Spans]) -> None:
    genba.tensor("hidden", np.array([1.0]))
    spans = start_tracing()
    genba.uninstrument()
    genba.tensor("hidden", np.array([1.0]))
    assert spans.all() == []


def test_a_span_keeps_so_many_and_counts_the_rest(spans: Spans) -> None:
    with genba.observe("step"):
        for number in range(260):
            genba.tensor("hidden", np.array([number]))
    assert len(told(spans, "hidden")) == 256
    assert attributes(spans.only())["genba.tensors.dropped"] == 4


def test_without_content_it_is_not_told_which_tokens_were_likely(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(capture_content="none")
    with genba.inference("acme-1"):
        genba.tensor("logits", np.zeros((1, 4)), kind="logits", chosen=[1])
    [found] = told(spans, "logits")
    assert "top" not in found
    assert found["chosen_probability"] == [0.25]


@pytest.mark.hostile
def test_nothing_is_raised_into_the_host(spans: Spans) -> None:
    class Broken:
        @property
        def shape(self) -> Any:
            raise RuntimeError("broken")

        __array_interface__ = shape

    with genba.observe("step"):
        genba.tensor("broken", Broken())
        genba.tensor("odd", np.zeros(3), kind="odd")  # type: ignore[arg-type]  # that is the test
        genba.tensor("odd", np.zeros(3), kind="logits", top_k="many")  # type: ignore[arg-type]  # that is the test
        genba.tensor(7, np.zeros(3))  # type: ignore[arg-type]  # that is the test
    assert told(spans, "7")[0]["zeros"] == 1
    assert genba.doctor().failures["summarising a tensor"][0] == 3


def test_many_copies_never_wait_at_once() -> None:
    taken = [take(np.full(1 << 17, number, np.float64)) for number in range(70)]
    assert {one.is_ready for one in taken[:32]} == {False}
    assert taken[-1].is_ready, "it was measured at once"
    assert [one.summary().plain()["max"] for one in taken] == list(range(70))
    assert not take(np.zeros(1 << 17)).is_ready
