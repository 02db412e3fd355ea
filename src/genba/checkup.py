"""What genba is doing in this process, and what it knows of the libraries there: `genba.doctor()`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import harmless, running, support
from .libraries import LIBRARIES
from .observing import patching, versions
from .recording import signals


@dataclass(frozen=True, slots=True)
class Doctor:
    """What genba is doing in this process. `str()` of it is for a person."""

    version: str
    python: str
    is_running: bool
    pipeline: Sequence[str]
    libraries: Sequence[tuple[str, str | None, str, str]]
    """(library, its installed version, what is done with it here, with which versions it was tested): the support table, for here"""
    clients: Sequence[tuple[str, str | None, str]]
    """(seam, version of its library, what became of it)"""
    counts: dict[str, int]
    dropped: dict[str, int]
    failures: dict[str, tuple[int, str]]

    def __str__(self) -> str:
        lines = [
            f"genba {self.version} on Python {self.python}: {'running' if self.is_running else 'not running (call genba.init())'}"
        ]
        lines.extend(f"  {line}" for line in self.pipeline)
        lines.append("libraries")
        lines.extend(
            f"  {name} {version}: {state}" + (f"; {known}" if known else "")
            for name, version, state, known in self.libraries
            if version is not None
        )
        absent = [name for name, version, _, _ in self.libraries if version is None]
        if absent:
            lines.append(f"  not installed: {', '.join(absent)}")
        if self.clients:
            lines.extend(self._seams())
        lines.append("calls")
        lines.append("  " + (", ".join(f"{name} {number}" for name, number in self.counts.items()) or "none"))
        lines.extend(f"  dropped {number}: {reason}" for reason, number in self.dropped.items())
        if self.failures:
            lines.append("failures of genba's own (your program was not affected)")
            lines.extend(f"  {number} × while {doing}: {words}" for doing, (number, words) in self.failures.items())
        return "\n".join(lines)

    def _seams(self) -> Iterator[str]:
        """Those that are missing one by one, the others as a number: `clients` has each."""
        waiting = [seam for seam, _, state in self.clients if state == patching.WAITING]
        patched = [seam for seam, _, state in self.clients if state == patching.PATCHED]
        yield f"seams: {len(patched)} patched, {len(waiting)} when their modules are imported"
        for seam, version, state in self.clients:
            if state not in (patching.WAITING, patching.PATCHED, patching.NONE_HERE):
                yield f"  {seam}  {version or '-'}  {state}"


def doctor() -> Doctor:
    """Look at genba from outside."""
    at_work = running.state()
    counts: dict[str, int] = {}
    dropped: dict[str, int] = {}
    pipeline: list[str] = []
    if at_work is not None:
        ledger = at_work.signals.ledger
        at_work.signals.tracer()
        offload = at_work.signals.offload
        pipeline = [*at_work.pipeline.describe(), *(offload.describe() if offload is not None else ()), f"run {ledger.run_id}"]
        if signals.current() is None:
            pipeline.append("switched off by OTEL_SDK_DISABLED=true")
        counts = {
            "made": ledger.made,
            "in flight": len(ledger.open),
            "ended": ledger.ended,
            "sampled out": ledger.sampled_out,
            **{f"exported to {name}": number for name, number in ledger.exported.items()},
            "waiting": at_work.signals.background.waiting,
        }
        if ledger.content_dropped:
            counts["kept without what was said, because of overload"] = ledger.content_dropped
        dropped = dict(ledger.dropped)
    return Doctor(
        version=running.VERSION,
        python=sys.version.split()[0],
        is_running=at_work is not None and signals.current() is not None,
        pipeline=pipeline,
        libraries=_libraries(is_at_work=at_work is not None),
        clients=[(f"{seam.patch.module}.{seam.patch.attribute}", seam.version, seam.state) for seam in patching.seams()],
        counts=counts,
        dropped=dropped,
        failures={doing: (failure.count, failure.first) for doing, failure in harmless.failures().items()},
    )


def _libraries(*, is_at_work: bool) -> list[tuple[str, str | None, str, str]]:
    """The support table for what is installed here."""
    watched = {one.library.name: one for one in patching.watched()}
    found: list[tuple[str, str | None, str, str]] = []
    for name, library in LIBRARIES.items():
        one = watched.get(name)
        # Of what is imported, the version at work: another may have been installed since.
        version = (one.version if one is not None else None) or versions.installed(library.distribution)
        if one is not None:
            state = one.state
        elif library.room == "work":
            continue  # part of Python, or of no interest unless asked for
        else:
            state = "not asked for" if is_at_work else "would be traced"
        if version is not None and library.leaves_alone(version):
            state = f"left alone: older than {library.oldest}"
        known = "" if library.room == "work" else support.told(library)
        found.append((name, version, state, known))
    return found
