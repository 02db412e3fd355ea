"""Arrays of numpy, and whatever can be seen as one without being copied."""

from __future__ import annotations

import sys
from typing import Any, Final

from .measuring import Library
from .sources import Source
from .summary import Summary

NAME: Final = "numpy"
PIECE: Final = 1 << 16
"""What fits into a processor's cache, so that all reductions of a piece read memory once."""
_ON_HOST: Final = (1, 3)
"""DLPack's numbers for memory of the host, plain and pinned."""
_NUMBERS: Final = frozenset("biufc")


def recognised(value: Any) -> Source | Summary | None:
    """How to measure `value`; why not; or None if it is nothing of numpy's."""
    array = _as_array(value)
    if array is None:
        return None
    shape, dtype = tuple(int(n) for n in array.shape), str(array.dtype.name)
    if array.dtype.kind not in _NUMBERS and not _is_small_float(array.dtype):
        return Summary(shape, dtype, "cpu", f"values of type {dtype} are no numbers")
    return Source(
        library=library(),
        array=array,
        shape=shape,
        dtype=dtype,
        device="cpu",
        size=int(array.nbytes),
        copy=_copy,
        raw=raw,
        ids=ids,
        is_complex=array.dtype.kind == "c",
        quietly=quietly,
    )


def library() -> Library:
    """numpy, for measuring."""
    return Library(names=sys.modules[NAME], wide=_wide, at=_at, top=_top, read=_read, piece=PIECE)


def quietly() -> Any:
    """It warns, or raises if the host wishes so, of what is no fault here: 0/0 where nothing is finite."""
    return sys.modules[NAME].errstate(all="ignore")


def raw(array: Any) -> bytes:
    """The values, little-endian, row after row."""
    np: Any = sys.modules[NAME]
    ordered = array.astype(array.dtype.newbyteorder("<"), copy=False) if array.dtype.byteorder == ">" else array
    values: bytes = np.ascontiguousarray(ordered).tobytes()
    return values


def ids(chosen: Any, most: int) -> Any:
    """Ids of tokens as an array; None if they are elsewhere than in the host's memory."""
    np: Any = sys.modules[NAME]
    device = getattr(chosen, "device", None)
    if getattr(device, "type", "cpu") != "cpu":
        return None
    if hasattr(chosen, "detach"):
        chosen = chosen.detach().reshape(-1)[-most:].tolist()
    found = np.asarray(chosen).reshape(-1)[-most:]
    return found.astype(np.int64) if found.dtype.kind in "iu" else None


def _as_array(value: Any) -> Any:
    np: Any = sys.modules[NAME]
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    kind = type(value)
    if hasattr(kind, "__array_interface__") or hasattr(value, "__array_interface__"):
        return np.asarray(value)
    if hasattr(kind, "__dlpack__") and hasattr(kind, "__dlpack_device__"):
        return np.from_dlpack(value) if int(value.__dlpack_device__()[0]) in _ON_HOST else None
    if isinstance(value, (list, tuple)) and value:
        return _of_numbers(value)
    return None


def _of_numbers(value: Any) -> Any:
    """A list of floats, such as an embedding that came by wire."""
    np: Any = sys.modules[NAME]
    first = value[0]
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if not isinstance(first, (int, float)):
        return None
    try:
        return np.asarray(value)
    except ValueError:  # its rows are not of one length
        return None


def _is_small_float(dtype: Any) -> bool:
    """bfloat16 and the like, which other packages teach numpy."""
    return dtype.kind == "V" and dtype.names is None and "float" in dtype.name


def _copy(array: Any) -> Any:
    return array.copy()


def _wide(piece: Any) -> Any:
    np: Any = sys.modules[NAME]
    return (np.abs(piece) if piece.dtype.kind == "c" else piece).astype(np.float64)


def _at(rows: Any, columns: Any) -> Any:
    np: Any = sys.modules[NAME]
    there = (columns >= 0) & (columns < rows.shape[1])
    found = np.take_along_axis(rows, np.where(there, columns, 0)[:, None], axis=1)[:, 0]
    return np.where(there, found, np.nan)


def _top(rows: Any, number: int) -> tuple[Any, Any]:
    np: Any = sys.modules[NAME]
    if not number:
        return rows[:, :0], rows[:, :0]
    some = np.argpartition(-rows, number - 1, axis=1)[:, :number]
    values = np.take_along_axis(rows, some, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(some, order, axis=1)


def _read(values: Any) -> list[Any]:
    listed: list[Any] = values.tolist()
    return listed
