"""What is in an array of jax, also while jax traces a function."""

from __future__ import annotations

import math
from typing import Any

import pytest

from genba.tokens.tensors import take
from genba.tokens.tensors.jax_arrays import _library
from genba.tokens.tensors.measuring import measure, norms, steps

jax = pytest.importorskip("jax", reason="jax is not installed")
jnp = jax.numpy


def measures(value: Any, *args: Any) -> dict[str, Any]:
    return take(value, *args).summary().plain()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int32", "bool", "complex64"])
def test_every_type_of_number_is_measured(dtype: str) -> None:
    found = measures(jnp.array([[0, 1], [1, 0]]).astype(dtype))
    assert found["dtype"] == dtype
    assert found["device"] == "cpu:0"
    assert [found[name] for name in ("min", "max", "mean", "zeros")] == [0, 1, 0.5, 0.5]


def test_logits_and_embeddings_are_told() -> None:
    found = measures(jnp.zeros((1, 4)), "logits", jnp.array([2]))
    assert found["entropy"] == [pytest.approx(math.log(4))]
    assert found["chosen_probability"] == [0.25]
    assert measures(jnp.array([[3.0, 4.0]]), "embeddings")["norms"] == [5]


def test_while_jax_traces_there_are_no_values() -> None:
    seen = []

    @jax.jit
    def double(x: Any) -> Any:
        seen.append(measures(x))
        return x * 2

    assert double(jnp.ones(3)).tolist() == [2, 2, 2]
    assert seen[0]["unknown"] == "jax is tracing the function: there are no values yet"
    assert seen[0]["shape"] == [3]


def test_keys_of_random_numbers_are_no_numbers() -> None:
    assert "no numbers" in measures(jax.random.key(0))["unknown"]


def test_on_an_accelerator_jax_itself_measures() -> None:
    library = _library(jax, is_on_host=False)
    finite, mean, _, least, greatest, nans, *_ = library.read(measure(library, jnp.array([1.0, math.nan, 3.0])))
    assert (finite, mean, least, greatest, nans) == (2, 2, 1, 3, 1)
    [row] = library.read(steps(library, jnp.zeros((1, 4)), jnp.array([9]), 2))
    assert row[0] == pytest.approx(math.log(4))
    assert math.isnan(row[2])
    assert library.read(norms(library, jnp.array([[3.0, 4.0]]))) == [5]


def test_one_that_is_given_away_says_so() -> None:
    array = jnp.ones(3)
    taken = take(array)
    array.delete()
    assert taken.summary().plain()["unknown"] == "it was given away to another computation before it was measured"
    assert measures(array)["unknown"] == "it was given away to another computation"
