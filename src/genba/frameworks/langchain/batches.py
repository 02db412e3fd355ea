"""Several prompts given to a model at once: LangChain begins a run for each, and ends them when all are answered.

All are begun before the first client's call, so the last one begun is current for every one of these, and each takes its own of what
that one saw on the wire: the answer with the same id.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from opentelemetry.context import get_current

from ...conversation import Request, Response
from ...recording import owning
from ...recording.exchange import Exchange, Raw
from ...recording.reported import Reported
from ..runs import Run, Runs


class Batch:
    """The runs of prompts that were given at once."""

    def __init__(self, size: int, parent: Hashable) -> None:
        self.size = size
        self.parent = parent
        self.runs: dict[Hashable, Run] = {}
        self.seen: Sequence[Exchange] | None = None

    def joined(self, id: Hashable, run: Run) -> None:
        """Another run of it has begun."""
        run.memo = self
        self.runs[id] = run

    def settled(self) -> None:
        """All calls are over: what the last one begun has seen of them is for all."""
        if self.seen is None:
            owner = next(reversed(self.runs.values())).invocation
            self.seen, owner.adopted, owner.exchange = owner.adopted, (), None
            for run in self.runs.values():
                run.reported = Own(run.reported, self.seen)


class Own(Reported):
    """What is known of one of them: its own of what was on the wire, if that can be told, else what LangChain says."""

    def __init__(self, told: Reported, seen: Sequence[Exchange]) -> None:
        super().__init__()
        self._told = told
        self._seen = seen
        self._found: Exchange | None = None

    @property
    def says_something(self) -> bool:
        """Something always is told."""
        return True

    def _exchange(self) -> Exchange:
        if self._found is None:
            self._told.read_response = self.read_response or self._told.read_response
            id = self._told.response().id
            of_same_id = (one for one in self._seen if id is not None and one.response().id == id)
            self._found = next(of_same_id, self._told)
        return self._found

    def request(self) -> Request:
        """What was asked."""
        return self._exchange().request()

    def response(self) -> Response:
        """What came back."""
        return self._exchange().response()

    def extra(self) -> Mapping[str, Any]:
        """Further span attributes."""
        return self._exchange().extra()

    def raw(self) -> Raw:
        """Both as they were."""
        return self._exchange().raw()


def at_work(runs: Runs, size: Any, parent: Hashable) -> Batch | None:
    """The batch that a run of `size` prompts below `parent` belongs to, if there are several; then it may become the current one."""
    if not isinstance(size, int) or size < 2:
        return None
    run: Any = get_current().get(owning.RUN)
    batch = run.memo if run is not None else None
    if not isinstance(batch, Batch) or batch.parent != parent or batch.seen is not None or len(batch.runs) >= batch.size:
        return Batch(size, parent)
    runs.leave(next(reversed(batch.runs)))
    return batch
