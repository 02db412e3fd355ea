"""The files that an export writes: JSON Lines, CSV and Parquet. What is unfinished never stands under the file's own name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol, TypeAlias

import click
import orjson

from ..store import values
from .export_columns import Column

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]
ENDINGS: Final[Mapping[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
GROUP_ROWS: Final = 10_000
GROUP_BYTES: Final = 32 * 1024 * 1024
"""How much of a Parquet file is held in memory until it is written as a group of rows."""


class Sheet(Protocol):
    """Takes rows: a value for each column, as `Column.read` gave it."""

    def write(self, row: Sequence[Any]) -> None: ...
    def finish(self) -> None: ...


@contextmanager
def sheet(to: str, format: Format, columns: Sequence[Column]) -> Iterator[Sheet]:
    """Open the file, or standard output for `-`. It gets its name when all is written; if that fails, what was there stays."""
    if to == "-":
        made = _SHEETS[format](sys.stdout.buffer, columns)
        yield made
        made.finish()
        sys.stdout.buffer.flush()
        return
    path = Path(to)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            made = _SHEETS[format](file, columns)
            yield made
            made.finish()
        unfinished.replace(path)
    except OSError as error:
        raise click.ClickException(f"{to} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


class _Jsonl:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns

    def write(self, row: Sequence[Any]) -> None:
        record = {column.name: _timed(column, value) for column, value in zip(self._columns, row, strict=True)}
        self._file.write(_json(record) + b"\n")

    def finish(self) -> None:
        """Nothing is held."""


class _Csv:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns
        self._write([column.name for column in columns])

    def write(self, row: Sequence[Any]) -> None:
        self._write([_cell(column, value) for column, value in zip(self._columns, row, strict=True)])

    def finish(self) -> None:
        """Nothing is held."""

    def _write(self, cells: Sequence[Any]) -> None:
        # By RFC 4180. Python's own writer refuses a null character before 3.11.
        line = ",".join(_quoted(str(cell)) for cell in cells) + "\r\n"
        self._file.write(line.encode("utf-8", "backslashreplace"))


class _Parquet:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ModuleNotFoundError as error:
            raise click.ClickException(
                "Writing Parquet needs pyarrow, which is not installed. Install it with: pip install 'genba[parquet]'"
            ) from error
        kinds = {
            "string": pa.string(),
            "json": pa.string(),
            "int": pa.int64(),
            "double": pa.float64(),
            "time": pa.timestamp("ns", tz="UTC"),
            "strings": pa.list_(pa.string()),
            "ids": pa.list_(pa.list_(pa.int64())),
        }
        self._arrow = pa
        self._columns = columns
        self._schema = pa.schema(
            [pa.field(one.name, kinds[one.kind], metadata={"description": one.says}) for one in columns],
        )
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Sequence[Any]] = []
        self._bytes = 0

    def write(self, row: Sequence[Any]) -> None:
        cells = [_typed(column, value) for column, value in zip(self._columns, row, strict=True)]
        self._rows.append(cells)
        self._bytes += sum(len(cell) for cell in cells if isinstance(cell, (str, list)))
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._group()

    def finish(self) -> None:
        if self._rows:
            self._group()
        self._writer.close()

    def _group(self) -> None:
        arrays = [
            self._arrow.array(list(cells), type=field.type)
            for cells, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()
        self._bytes = 0


_SHEETS: Final[Mapping[Format, Callable[[BinaryIO, Sequence[Column]], Sheet]]] = {"jsonl": _Jsonl, "csv": _Csv, "parquet": _Parquet}


def _timed(column: Column, value: Any) -> Any:
    return _moment(value) if column.kind == "time" and value is not None else value


def _quoted(cell: str) -> str:
    quoted = cell.replace('"', '""')
    return f'"{quoted}"' if quoted != cell or any(sign in cell for sign in ",\r\n") else cell


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return ""
    if column.kind in ("json", "strings", "ids"):
        return _json(value).decode()
    return _timed(column, value)


def _typed(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "json":
        return _json(value).decode()
    if column.kind == "string":
        return values.text(value)
    return [values.text(one) for one in value] if column.kind == "strings" else value


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):
        # What JSON has no word for, such as a lone surrogate, is written as the store writes it.
        return values.encode(value).encode()


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
