"""Write a whole tensor into a file of the safetensors format, named after the SHA-256 of what is in it: equal tensors are one file.

The format: eight bytes with the length of the header, little-endian; the header, JSON padded with spaces; the values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from ...offloading.files import make_folder, write

TENSOR: Final = "tensor"
"""What the tensor is called in its file. Its own name is on the span: the same values may have many."""
DTYPES: Final = {
    "bool": "BOOL",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    "complex64": "C64",
}  # fmt: skip
"""What the format calls each type of values."""


def save(folder: Path, dtype: str, shape: Sequence[int], values: bytes) -> Mapping[str, Any]:
    """Write it; where it is and what its hash is, or why it could not be written."""
    if dtype not in DTYPES:
        return {"unknown": f"the safetensors format has no {dtype}"}
    head = header(dtype, shape, len(values))
    digest = hashlib.sha256(head)
    digest.update(values)
    file = folder / f"{digest.hexdigest()}.safetensors"
    try:
        if not file.exists():
            make_folder(folder)
            write(file, head, values)
    except OSError as error:
        return {"unknown": f"the file could not be written: {error.strerror or type(error).__name__}"}
    return {"sha256": digest.hexdigest(), "path": f"{folder.name}/{file.name}", "bytes": len(head) + len(values)}


def header(dtype: str, shape: Sequence[int], size: int) -> bytes:
    """What stands before the values."""
    described = orjson.dumps({TENSOR: {"dtype": DTYPES[dtype], "shape": list(shape), "data_offsets": [0, size]}})
    padded = described + b" " * (-len(described) % 8)
    return len(padded).to_bytes(8, "little") + padded
