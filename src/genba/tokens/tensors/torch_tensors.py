"""Tensors of torch, on whatever device: nothing here waits for one, copies to one, or leaves a trace in a graph of gradients."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from .measuring import Library
from .sources import Source
from .summary import Summary

NAME: Final = "torch"
PIECE_ON_HOST: Final = 1 << 15
"""What torch gives to one thread: others would be woken fifty times a piece, and the host may use them."""
PIECE: Final = 1 << 22
"""On an accelerator each piece costs some fifty launches; as float64 it is 32 MiB."""
_NARROW: Final = ("mps",)
"""Devices without float64."""
_ON_HOST: Final = (1, 3)


def recognised(value: Any) -> Source | Summary | None:
    """How to measure `value`; why not; or None if it is nothing of torch's."""
    torch: Any = sys.modules[NAME]
    is_tensor: bool = isinstance(value, getattr(torch, "Tensor", ()))
    if not is_tensor:
        return _by_dlpack(torch, value)
    if torch.jit.is_tracing():  # what is computed now would become part of the traced program, the shape too
        return Summary((), str(value.dtype).removeprefix("torch."), str(value.device), "torch.jit is tracing the function")
    shape, dtype, device = tuple(int(n) for n in value.shape), str(value.dtype).removeprefix("torch."), str(value.device)
    reason = _reason_against(torch, value)
    if reason is not None:
        return Summary(shape, dtype, device, reason)
    with quietly():
        array = value.detach()
        if type(array) is not torch.Tensor:
            array = array.as_subclass(torch.Tensor)
    is_on_host = value.device.type == "cpu"
    return Source(
        library=library(PIECE_ON_HOST if is_on_host else PIECE),
        array=array,
        shape=shape,
        dtype=dtype,
        device=device,
        size=value.numel() * value.element_size(),
        copy=_copy,
        raw=raw,
        ids=_ids_on_host if is_on_host else _ids_on(value.device),
        is_on_host=is_on_host,
        is_complex=value.is_complex(),
        quietly=quietly,
        queued=_queued,
    )


def library(piece: int = PIECE_ON_HOST) -> Library:
    """torch, for measuring."""
    return Library(names=sys.modules[NAME], wide=_wide, at=_at, top=_top, read=_read, piece=piece)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """No gradients, and no subclass or mode of the host's that hears of our operations."""
    torch: Any = sys.modules[NAME]
    with torch.no_grad(), getattr(torch._C, "DisableTorchFunction", contextlib.nullcontext)():  # noqa: SLF001  # torch has no other name for it
        yield


def raw(array: Any) -> bytes:
    """The values, little-endian (as every machine that torch runs on), row after row."""
    import ctypes  # only here

    with quietly():
        here = array.to("cpu").contiguous()
        return ctypes.string_at(here.data_ptr(), here.numel() * here.element_size()) if here.numel() else b""


def _by_dlpack(torch: Any, value: Any) -> Source | Summary | None:
    """Something of another library: torch reads what is on an accelerator, numpy the rest, if it is there."""
    kind = type(value)
    is_foreign = (
        hasattr(kind, "__dlpack__") and hasattr(kind, "__dlpack_device__") and not kind.__module__.startswith(("numpy", "jax"))
    )
    if not is_foreign or (int(value.__dlpack_device__()[0]) in _ON_HOST and "numpy" in sys.modules):
        return None
    return recognised(torch.from_dlpack(value))


def _reason_against(torch: Any, tensor: Any) -> str | None:
    if getattr(type(tensor), "__torch_dispatch__", None) is not torch.Tensor.__torch_dispatch__:
        # Distributed ones are of this kind: a reduction of such a tensor makes every process wait for every other.
        return f"{type(tensor).__name__} computes in a way of its own"
    functorch: Any = getattr(torch._C, "_functorch", None)  # noqa: SLF001  # torch has no other name for it
    if functorch is not None and functorch.is_batchedtensor(tensor):
        return "torch.vmap is at work: this stands for many tensors at once"
    if tensor.layout is not torch.strided:
        return f"it is sparse ({str(tensor.layout).removeprefix('torch.')}): most of its values are not there"
    if tensor.device.type == "meta":
        return "it is a meta tensor: it has a shape and no values"
    if tensor.is_quantized:
        return "it is quantized: its values are codes"
    if tensor.dtype not in _numbers(torch):
        return f"torch computes nothing with {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        return "a CUDA graph is being captured: what is computed now would become part of it"
    return None


def _numbers(torch: Any) -> set[Any]:
    names = (
        "float16 bfloat16 float32 float64 bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 complex32 complex64 complex128 "
        "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz"
    )
    return {getattr(torch, name) for name in names.split() if hasattr(torch, name)}


def _copy(array: Any) -> Any:
    return array.clone()


def _wide(piece: Any) -> Any:
    torch: Any = sys.modules[NAME]
    wide = torch.float32 if piece.device.type in _NARROW else torch.float64
    if piece.is_complex():
        piece = piece.to(torch.complex64 if wide is torch.float32 else torch.complex128).abs()
    return piece.to(wide)


def _at(rows: Any, columns: Any) -> Any:
    torch: Any = sys.modules[NAME]
    if isinstance(columns, list):
        # A tensor of them would have to be sent to the device, and sending waits.
        absent = rows[0, 0] * 0 + float("nan")
        width = rows.shape[1]
        return torch.stack([rows[n, column] if 0 <= column < width else absent for n, column in enumerate(columns)])
    # On an accelerator an index that is out of range would end the host's process.
    there = (columns >= 0) & (columns < rows.shape[1])
    found = torch.gather(rows, 1, torch.where(there, columns, 0)[:, None])[:, 0]
    return torch.where(there, found, float("nan"))


def _top(rows: Any, number: int) -> tuple[Any, Any]:
    torch: Any = sys.modules[NAME]
    values, where = torch.topk(rows, number, 1)
    return values, where


def _read(values: Any) -> list[Any]:
    listed: list[Any] = values.tolist()
    return listed


def _ids_on_host(chosen: Any, most: int) -> Any:
    torch: Any = sys.modules[NAME]
    if isinstance(chosen, torch.Tensor):
        if chosen.device.type != "cpu":
            return None
        chosen = chosen.detach()
    listed = chosen.reshape(-1)[-most:].tolist() if hasattr(chosen, "reshape") else chosen
    return _listed(listed, most)


def _listed(chosen: Any, most: int) -> Any:
    flat = [chosen] if isinstance(chosen, int) else chosen
    while isinstance(flat, (list, tuple)) and any(isinstance(one, (list, tuple)) for one in flat):
        flat = [id for one in flat for id in one]
    if not isinstance(flat, (list, tuple)) or not all(isinstance(id, int) for id in flat):
        return None
    return list(flat[-most:])


def _ids_on(device: Any) -> Callable[[Any, int], Any]:
    def ids(chosen: Any, most: int) -> Any:
        if getattr(chosen, "device", None) == device:
            integer = chosen.detach().reshape(-1)[-most:]
            return None if integer.is_floating_point() else integer.long()
        return _ids_on_host(chosen, most)

    return ids


def _queued(array: Any) -> Callable[[], None]:
    """What comes when all that was queued until now is done."""
    torch: Any = sys.modules[NAME]
    backend: Any = getattr(torch, array.device.type, None)
    if array.device.type == "cpu" or not hasattr(backend, "current_stream"):
        return lambda: None  # reading waits by itself
    event = backend.current_stream(array.device).record_event()
    waits: Callable[[], None] = event.synchronize
    return waits
