"""Where finished spans can go by genba's own hand: the embedded store, the terminal, a JSON Lines file.

A destination is opened with its first batch, on the background thread. One that fails says so once, counts, and is tried again with
the next batch.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.sdk.trace import ReadableSpan

from .. import harmless
from ..conversation.encoding import encode
from ..recording.ledger import Account, Ledger
from ..recording.pending import invocation_of
from .redacted import redacted

if TYPE_CHECKING:
    from ..redacting.redactor import Redactor
    from ..store.journal import Journal
    from ..store.rows import RunRow, SpanRow, Written

UNREADABLE = "unreadable"
NOT_STORABLE = "values that cannot be stored"


class Destination(Protocol):
    """Takes finished spans, in batches, on one thread at a time."""

    name: str

    def write(self, spans: Sequence[ReadableSpan]) -> Mapping[str, int] | None:
        """Write them; reason -> how many were dropped because of it. May raise: then none was written.

        None where they have not arrived yet: then the destination counts them itself.
        """

    def close(self) -> None:
        """Let go of what is open."""


class Store:
    """The embedded store."""

    def __init__(
        self,
        path: str,
        ledger: Ledger,
        version: str,
        packages: Callable[[], Mapping[str, str]],
        redactor: Redactor | None = None,
    ) -> None:
        self.name = "store"
        self.path = Path(path).absolute()
        self._ledger = ledger
        self._version = version
        self._redactor = redactor
        self._packages = packages
        """What the process has imported until now; it only grows."""
        self._writer: Any = None
        self._registered: tuple[str, int] | None = None
        """Which run was written down, and with how many packages."""
        self._journal: Any = None
        self._told: Account | None = None
        """The account as it was written last."""

    def write(self, spans: Sequence[ReadableSpan]) -> Mapping[str, int]:
        """Store them."""
        # Imported with the first span: SQLite and the schema are nothing that `import genba` should load.
        from ..store.writer import StoreWriter
        from .finished import rows

        if self._writer is None:
            self._writer = StoreWriter(self.path)
        if spans or self._registered is None or self._registered[0] != self._ledger.run_id:
            self._register()
        readable = rows(spans)
        if len(readable) < len(spans):
            there = {row.span_id for row in readable}
            lost = (span for span in spans if span.context is None or span.context.span_id.to_bytes(8, "big") not in there)
            self._ledger.note_absent(map(sequence_of, lost), UNREADABLE, self.name)
        written = self._write(readable)
        self._ledger.note_absent(written.refused, NOT_STORABLE, self.name)
        if written.notice:
            harmless.logger.warning("genba: %s", written.notice)
        return {**written.dropped, **_unreadable(spans, readable)}

    def _write(self, readable: Sequence[SpanRow], ended: str | None = None) -> Written:
        from ..store.rows import AbsenceRow, AccountRow

        account, absences = self._ledger.account(), self._ledger.absences()
        counts = account._asdict()
        row = AccountRow(
            run_id=counts.pop("run_id"), counts=counts, absences=[AbsenceRow(**one._asdict()) for one in absences], ended=ended
        )
        written: Written = self._writer.write(readable, row)
        self._ledger.stored(absences)
        self._told = account
        return written

    def clean(self, said: Any) -> Any:
        """What may be written down of a name, or of a short attribute."""
        return said if self._redactor is None or not isinstance(said, str) else self._redactor.name(said)

    def has_changed(self, account: Account) -> bool:
        """Whether more has happened than the store was told."""
        return self._told is None or _without_times(account) != _without_times(self._told)

    def journal(self) -> Journal:
        """The journal of this run."""
        from ..store.journal import Journal

        if self._journal is None:
            self._journal = Journal(self.path, self._run())
        journal: Journal = self._journal
        return journal

    def end(self) -> None:
        """Write down that the run has ended in order."""
        from ..store.accounts import IN_ORDER

        self.write(())
        self._write((), IN_ORDER)
        if self._journal is not None:
            self._journal.close(remove=True)
            self._journal = None

    def forked(self) -> None:
        """In a child: its run is another, and the parent's journal is the parent's."""
        if self._journal is not None:
            self._journal.close(remove=False)
        self._journal = self._told = None

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._registered = None

    def _register(self) -> None:
        """Say which run the spans belong to, and say it again when the process has imported more."""
        run = self._run()
        now = (run.run_id, len(run.packages or ()))
        if self._registered != now:
            self._writer.register(run)
            self._registered = now

    def _run(self) -> RunRow:
        from ..store.rows import RunRow

        ledger = self._ledger
        return RunRow(
            run_id=ledger.run_id,
            pid=os.getpid(),
            started_ns=ledger.started_ns,
            python=sys.version.split()[0],
            genba=self._version,
            command=tuple(sys.orig_argv if self._redactor is None else self._redactor.command(sys.orig_argv)),
            parent_run_id=ledger.parent_run_id,
            packages=self._packages(),
        )


class Console:
    """The terminal: each trace as a readable tree, on standard error, so that the host's own output stays clean."""

    def __init__(self) -> None:
        self.name = "console"

    def write(self, spans: Sequence[ReadableSpan]) -> Mapping[str, int]:
        """Print them."""
        from .finished import rows
        from .printing import printed

        readable = rows(spans)
        stream = sys.stderr
        if stream is not None:
            stream.write(printed(readable))
            stream.flush()
        return _unreadable(spans, readable)

    def close(self) -> None:
        """Nothing is open."""


class Jsonl:
    """A file with one JSON object a span and line."""

    def __init__(self, path: str) -> None:
        self.name = f"jsonl:{path}"
        self._path = Path(path).absolute()

    def write(self, spans: Sequence[ReadableSpan]) -> Mapping[str, int]:
        """Append them."""
        from .finished import rows

        readable = rows(spans)
        lines = b"".join(encode(as_json(one)) + b"\n" for one in readable)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: lines of several processes do not mix.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, lines)
        finally:
            os.close(descriptor)
        return _unreadable(spans, readable)

    def close(self) -> None:
        """Nothing is open."""


def _unreadable(spans: Sequence[ReadableSpan], readable: Sequence[SpanRow]) -> Mapping[str, int]:
    return {UNREADABLE: len(spans) - len(readable)} if len(readable) < len(spans) else {}


def sequence_of(span: ReadableSpan) -> int | None:
    """The number of the call that this is the span of; None if it is not one of genba's."""
    sequence: int | None = getattr(invocation_of(span), "sequence", None)
    return sequence


def _without_times(account: Account) -> Account:
    """What changes of an account by something other than its being written."""
    return account._replace(
        at_ns=0, in_flight=0, exported={name: number for name, number in account.exported.items() if name != "store"}
    )


def as_json(one: SpanRow) -> dict[str, Any]:
    """A finished span as JSON values, content included; no raw exchange, which only the store keeps."""
    from .printing import content_of

    return {
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
        "parent_span_id": one.parent_span_id.hex() if one.parent_span_id else None,
        "name": one.name,
        "kind": one.kind,
        "scope": one.scope,
        "start_time_unix_nano": one.start_ns,
        "end_time_unix_nano": one.end_ns,
        "status": one.status,
        "status_description": one.status_description,
        "attributes": {**one.attributes, **content_of(one)},
        "events": one.events,
        "links": one.links,
        "resource": one.resource,
        "run_id": one.run_id,
    }


class Delivery:
    """Hands batches of finished spans to each destination, and keeps count of what became of them."""

    def __init__(self, destinations: Sequence[Destination], ledger: Ledger, redactor: Redactor | None = None) -> None:
        self.destinations = destinations
        self._redactor = redactor
        self._ledger = ledger
        self._complained: Counter[str] = Counter()

    def deliver(self, spans: Sequence[ReadableSpan]) -> None:
        """Write these spans everywhere, once what must not be written is taken out."""
        if self._redactor is not None:
            spans = redacted(spans, self._redactor)
        for destination in self.destinations:
            try:
                dropped = destination.write(spans)
            except Exception as error:  # noqa: BLE001  # whatever it is, the next destination still gets them
                self._failed(destination, spans, error)
                continue
            if dropped is None:
                continue
            self._ledger.exported[destination.name] += len(spans) - sum(dropped.values())
            for reason, number in dropped.items():
                self._ledger.dropped[f"{destination.name}: {reason}"] += number

    def close(self) -> None:
        """Close every destination."""
        for destination in self.destinations:
            with harmless.guard(f"closing {destination.name}"):
                destination.close()

    def _failed(self, destination: Destination, spans: Sequence[ReadableSpan], error: Exception) -> None:
        number = len(spans)
        self._ledger.lose(map(sequence_of, spans), type(error).__name__, destination.name)
        self._complained[destination.name] += 1
        if self._complained[destination.name] == 1:
            harmless.logger.warning(
                "genba could not write %d spans to %s at %s: %s Your program is not affected. Further failures are counted: see genba.doctor().",
                number, destination.name, time.strftime("%H:%M:%S"), harmless.cleaned(str(error)),
            )  # fmt: skip
