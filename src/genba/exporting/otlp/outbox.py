"""All OTLP destinations of genba's own: spans go into the spool once, and from there to each destination in its turn.

Everything here is done by the background thread, and what waits for a server does the thread's other work meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan

from ... import harmless
from ...background import Background
from ...recording.ledger import Ledger
from ...spooling import spool as spooling
from .answers import Stopped
from .connecting import connect
from .target import Target

if TYPE_CHECKING:
    from .sender import Sender


class Outbox:
    """Takes finished spans, and has them sent."""

    name = "otlp"

    def __init__(self, targets: Sequence[Target], folder: str | None, ledger: Ledger, background: Background) -> None:
        self.targets = targets
        self._folder = Path(folder).absolute() if folder is not None else None
        self._ledger = ledger
        self._background = background
        self._senders: list[Sender] = []
        self._spool: spooling.Spool | None = None
        self._pid = 0
        self._is_closing = False
        self._hurried = False
        self._moved = threading.Event()
        self._unsent = 0
        """Spans of this process that have not arrived somewhere, as of the last step."""
        self._is_stuck = False
        """Whether all that is unsent waits for a time that has not come."""

    def begin(self) -> None:
        """Have the background thread take turns here from now on."""
        self._background.tend(self.turn)

    def write(self, spans: Sequence[ReadableSpan]) -> Mapping[str, int] | None:
        """Keep them until they are sent. They are counted when they have arrived, so there is nothing to tell now."""
        from .encoding import entries

        spool = self._begun()
        encoded = entries(spans)
        spool.append(encoded)
        if len(encoded) < len(spans):
            for target in self.targets:
                self._ledger.dropped[f"{target.name}: unreadable"] += len(spans) - len(encoded)
        self._note()
        return None

    def turn(self) -> float | None:
        """Send one request for each destination that wants to; in how many seconds there is more to do."""
        if self._is_closing:
            return None
        spool = self._begun()
        spool.look_around()
        pauses = [spooling.LOOK_AROUND]
        for sender in list(self._senders):
            due = sender.due(hurried=self._hurried)
            if due is None:
                continue
            if due <= 0:
                self._serve(sender)
                due = 0.0
            pauses.append(due)
        self._note()
        return min(pauses)

    def flush(self, until: float) -> int:
        """Send all that can be sent by then; how many spans are not."""
        self._hurried = True
        try:
            while True:
                if not self._unsent or self._is_stuck or monotonic() >= until:
                    return self._unsent
                if self._background.is_here() or not self._background.is_alive:
                    self.turn()
                    continue
                self._background.wake()
                self._moved.wait(0.02)
                self._moved.clear()
        finally:
            self._hurried = False

    def close(self) -> None:
        """Stop waiting for servers, and let go of the spool: what is in it is there for the next process."""
        if self._spool is None:
            return
        self._is_closing = True
        self._background.run(self._close, 1.0)

    def describe(self) -> list[str]:
        """For a person, line by line."""
        told = {sender.target.name: sender.describe() for sender in self._senders}
        lines = [f"destination {target.name} ({target.url}){told.get(target.name, '')}" for target in self.targets]
        if self._folder is None:
            return [*lines, "no spool: spans wait in memory, and are lost if they are not sent when the process ends"]
        lines.append(f"spool {self._folder}")
        if self._spool is not None and self._spool.in_memory:
            lines.append(
                f"  {self._spool.in_memory} spans waited in memory instead: {self._spool.trouble or 'the disk did not take them'}"
            )
        return lines

    def _begun(self) -> spooling.Spool:
        """The spool of this process: in a forked child it is another one than its parent's."""
        if self._spool is None or self._pid != os.getpid():
            from .sender import Sender

            self._pid = os.getpid()
            self._moved = threading.Event()
            self._is_closing = self._hurried = False
            self._unsent = 0
            names = {target.key: target.name for target in self.targets}
            self._spool = spooling.Spool(self._folder, names, self._lost, self._ledger.run_id)
            self._senders = [Sender(target, self._spool, connect, self._taken) for target in self.targets]
        return self._spool

    def _serve(self, sender: Sender) -> None:
        with harmless.guard(f"sending to {sender.target.name}"):
            try:
                sender.turn(self._meanwhile)
            except Stopped:
                return
        self._note()

    def _meanwhile(self) -> None:
        """What is done while a server takes its time."""
        if self._is_closing:
            raise Stopped
        self._background.meanwhile()
        for sender in self._senders:
            # Only those that answer in time: what is served here must come back before the outer one can go on.
            if sender.is_well:
                due = sender.due(hurried=self._hurried)
                if due is not None and due <= 0:
                    self._serve(sender)

    def _note(self) -> None:
        spool = self._spool
        if spool is None:
            return
        unsent = [sender for sender in self._senders if spool.own_waiting(sender.key)]
        self._unsent = max((spool.own_waiting(sender.key) for sender in unsent), default=0)
        self._is_stuck = all(sender.is_pausing for sender in unsent)
        self._moved.set()

    def _taken(self, name: str, number: int) -> None:
        self._ledger.exported[name] += number

    def _lost(self, key: str, reason: str, number: int) -> None:
        name = next((target.name for target in self.targets if target.key == key), key)
        self._ledger.dropped[f"{name}: {reason}"] += number

    def _close(self) -> None:
        for sender in self._senders:
            sender.close()
        if self._spool is not None and self._pid == os.getpid():
            self._spool.close()
        self._spool, self._senders = None, []
