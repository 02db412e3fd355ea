"""Arrays of jax. Nobody can change one, so it is kept as it is, and whatever is compiled to measure it is compiled on genba's thread."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Final

from . import numpy_arrays
from .measuring import Library
from .sources import Source
from .summary import Summary

NAME: Final = "jax"
PIECE: Final = 1 << 22


def recognised(value: Any) -> Source | Summary | None:
    """How to measure `value`; why not; or None if it is nothing of jax's."""
    jax: Any = sys.modules[NAME]
    is_array: bool = isinstance(value, getattr(jax, "Array", ()))
    if not is_array:
        return None
    shape, dtype = tuple(int(n) for n in value.shape), str(value.dtype)
    if isinstance(value, jax.core.Tracer):
        return Summary(shape, dtype, "none", "jax is tracing the function: there are no values yet")
    if value.is_deleted():
        return Summary(shape, dtype, "none", "it was given away to another computation")
    devices = sorted(f"{device.platform}:{device.id}" for device in value.devices())
    if not value.is_fully_addressable:
        return Summary(shape, dtype, ",".join(devices), "a part of it is in another process")
    kind = getattr(value.dtype, "kind", None)  # keys of random numbers have none
    if kind is None or kind not in "biufcV":
        return Summary(shape, dtype, ",".join(devices), f"values of type {dtype} are no numbers")
    is_on_host = all(name.startswith("cpu:") for name in devices)
    return Source(
        library=_library(jax, is_on_host=is_on_host),
        array=value,
        shape=shape,
        dtype=dtype,
        device=",".join(devices),
        size=int(value.nbytes),
        copy=_itself,
        raw=_raw,
        ids=numpy_arrays.ids,
        is_on_host=is_on_host,
        is_immutable=True,
        is_complex=kind == "c",
        quietly=numpy_arrays.quietly if is_on_host else contextlib.nullcontext,
    )


def _library(jax: Any, *, is_on_host: bool) -> Library:
    if is_on_host:
        return numpy_arrays.library()
    return Library(names=jax.numpy, wide=_wide, at=_at, top=jax.lax.top_k, read=lambda values: list(values.tolist()), piece=PIECE)


def _itself(array: Any) -> Any:
    return array


def _raw(array: Any) -> bytes:
    return numpy_arrays.raw(sys.modules["numpy"].asarray(array))


def _wide(piece: Any) -> Any:
    jnp: Any = sys.modules[NAME].numpy
    real = jnp.abs(piece) if piece.dtype.kind == "c" else piece
    return real if real.dtype == jnp.float64 else real.astype(jnp.float32)


def _at(rows: Any, columns: Any) -> Any:
    jnp: Any = sys.modules[NAME].numpy
    there = (columns >= 0) & (columns < rows.shape[1])
    found = jnp.take_along_axis(rows, jnp.where(there, columns, 0)[:, None], axis=1)[:, 0]
    return jnp.where(there, found, jnp.nan)
