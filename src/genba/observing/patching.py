"""Put a wrapper in the place of a library's function, once that library is imported, and take it off again.

Classes are patched, not module names, so that it does not matter who imported what before. What could not be patched is reported, with
the reason, and never guessed at.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CellType
from typing import Any

import wrapt

from .. import harmless
from ..libraries import Library
from . import versions

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]

WAITING = "waiting for the library to be imported"
PATCHED = "patched"
NONE_HERE = "skipped: this version has none, which is normal"
"""What becomes of most seams."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One function to be wrapped: where it is, and what to put around it."""

    module: str
    attribute: str
    """Such as `SyncAPIClient.request`."""
    wrap: Wrap
    library: str
    """The distribution it comes from."""
    optional: bool = False
    """Whether its absence is normal in some versions of the library."""
    otherwise: Sequence[Patch] = ()
    """What to wrap where it is absent."""
    enclosed: str = ""
    """For a function that a decorator made: the decorator's name for the function inside. That one is wrapped, where it is enclosed,
    so that whoever imported the decorated one by name is seen too."""

    @classmethod
    def at(cls, where: str, wrap: Wrap, library: str, *, optional: bool = False, otherwise: Sequence[Patch] = ()) -> Patch:
        """The patch of the function that is at `where`, as `module:Class.method`."""
        module, _, attribute = where.partition(":")
        return cls(module, attribute, wrap, library, optional, otherwise)


@dataclass(slots=True)
class Seam:
    """What became of a patch, for `doctor`."""

    patch: Patch
    state: str = WAITING
    version: str | None = None
    put_back: Callable[[], None] | None = field(default=None, repr=False)


@dataclass(slots=True)
class Watched:
    """A library that is to be traced, for `doctor`."""

    library: Library
    state: str = WAITING
    version: str | None = None
    undo: list[Callable[[], None]] = field(default_factory=list, repr=False)


_seams: dict[tuple[str, str], Seam] = {}
_watched: dict[str, Watched] = {}
_hooked: set[str] = set()


def trace(library: Library) -> None:
    """Trace `library`, now or when it is imported: until then nothing of it is, nor of its declaration."""
    if library.name in _watched:
        return
    _watched[library.name] = Watched(library)
    for module in library.imports:
        if module in sys.modules:
            _traced(_watched[library.name])
        elif module not in _hooked:
            _hooked.add(module)
            wrapt.register_post_import_hook(_imported, module)


def _traced(watched: Watched) -> None:
    """Its library is there: import what declares it, put the patches on, connect to its callbacks."""
    library = watched.library
    if watched.version is not None:
        return
    watched.version = version = versions.note(library.distribution) or "unknown"
    if library.leaves_alone(version):
        watched.state = f"left alone: {version} is older than {library.oldest}, the oldest release that genba traces"
        harmless.logger.warning("genba leaves %s alone: its version %s is older than %s.", library.name, version, library.oldest)
        return
    watched.state = "traced"
    with harmless.guard(f"instrumenting {library.name}"):
        declaration = importlib.import_module(f"genba.{library.module}")
        for patch in declaration.patches() if hasattr(declaration, "patches") else ():
            apply(patch)
        if hasattr(declaration, "connect"):
            undo = declaration.connect()
            if undo is not None:
                watched.undo.append(undo)
        return
    watched.state = "failed: see the failures below"


def apply(patch: Patch) -> None:
    """Wrap `patch`'s function, now or when its module is imported."""
    key = (patch.module, patch.attribute)
    if key in _seams and _seams[key].put_back is not None:
        return
    _seams[key] = Seam(patch)
    if patch.module in sys.modules:
        _put_on(_seams[key])
    elif patch.module not in _hooked:
        _hooked.add(patch.module)
        wrapt.register_post_import_hook(_imported, patch.module)


def remove_all() -> None:
    """Put every original back where nobody has since put something else."""
    for seam in list(_seams.values()):
        if seam.put_back is not None:
            with harmless.guard(f"taking the patch off {seam.patch.module}.{seam.patch.attribute}"):
                seam.put_back()
    _seams.clear()
    for watched in list(_watched.values()):
        for undo in watched.undo:
            with harmless.guard(f"disconnecting from {watched.library.name}"):
                undo()
    _watched.clear()


def watched() -> list[Watched]:
    """The libraries that are traced or waited for."""
    return list(_watched.values())


def seams() -> list[Seam]:
    """What is patched, and what is not and why."""
    return list(_seams.values())


def _imported(module: Any) -> None:
    with harmless.guard(f"instrumenting {module.__name__}"):
        for waiting in list(_watched.values()):
            if module.__name__ in waiting.library.imports:
                _traced(waiting)
        for (name, _), seam in list(_seams.items()):
            if name == module.__name__ and seam.put_back is None:
                _put_on(seam)


def _put_on(seam: Seam) -> None:
    patch = seam.patch
    with harmless.guard(f"patching {patch.module}.{patch.attribute}"):
        seam.version = versions.note(patch.library)
        owner: Any = sys.modules[patch.module]
        *path, name = patch.attribute.split(".")
        for step in path:
            owner = getattr(owner, step, None)
        original = None if owner is None else vars(owner).get(name)
        if patch.enclosed:
            owner, name = _cell(original, patch.enclosed), "cell_contents"
            original = getattr(owner, name, None)
        if original is None:
            _missing(seam)
            return
        wrapped = patch.wrap(original)
        setattr(owner, name, wrapped)
        seam.put_back = lambda: _put_back(owner, name, wrapped, original)
        seam.state = PATCHED


def _missing(seam: Seam) -> None:
    patch = seam.patch
    if patch.optional:
        seam.state = NONE_HERE
        return
    instead = "single methods are traced instead" if patch.otherwise else "its calls are not traced"
    seam.state = f"skipped: not found in this version, {instead}"
    harmless.logger.warning(
        "genba does not find %s.%s in %s %s: %s. Please report it with the version.",
        patch.module, patch.attribute, patch.library, seam.version, instead,
    )  # fmt: skip
    for other in patch.otherwise:
        apply(other)


def _put_back(owner: Any, name: str, wrapped: Any, original: Any) -> None:
    # Somebody who has since wrapped our wrapper keeps it; ours passes calls on untouched once genba is off.
    now = owner.cell_contents if isinstance(owner, CellType) else vars(owner).get(name)
    if now is wrapped:
        setattr(owner, name, original)


def _cell(function: Any, variable: str) -> CellType | None:
    """Where a decorated function keeps what it closes over under this name."""
    while function is not None:
        code = getattr(function, "__code__", None)
        if code is not None and variable in code.co_freevars:
            cell: CellType = function.__closure__[code.co_freevars.index(variable)]
            return cell
        function = getattr(function, "__wrapped__", None)
    return None
