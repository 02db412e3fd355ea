"""Every library that genba traces, one row each: which releases, what of it, and what becomes of the spans that it makes itself.

A row names the module that declares it, which is imported only once the library itself is. This table is the support table of the
docs and of `genba doctor`; whether and when a row was run is in `support.json`, which the test runs write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Room = Literal["client", "engine", "framework", "retrieval", "tools", "work"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A library that is traced."""

    name: str
    """What `genba.init(instrument=[…])` calls it."""
    module: str
    """Where it is declared, below `genba`: a module with `patches()`, `connect()` or both."""
    room: Room
    imports: Sequence[str]
    """Modules of the library; once one of them has been imported, the declaration is."""
    distribution: str
    """What it is installed as."""
    versions: str
    """The releases that are tested, such as `>=1.109,<4`. An older one is left alone; a newer one is tried."""
    covers: str
    """What of it is traced, for a person."""
    native: str = ""
    """The policy about telemetry of its own, if it has any, and the reason."""
    opt_in: bool = False
    """Whether it is traced only when `instrument` names it."""

    @property
    def oldest(self) -> str:
        """The oldest release that is traced."""
        return self.versions.partition(",")[0].removeprefix(">=")

    def leaves_alone(self, version: str) -> bool:
        """Whether `version` is older than that; what cannot be compared is not."""
        return _numbers(version) < _numbers(self.oldest)


def _row(
    room: Room,
    name: str,
    module: str,
    imports: str,
    versions: str,
    covers: str,
    *,
    distribution: str = "",
    native: str = "",
    opt_in: bool = False,
) -> Library:
    return Library(
        name=name,
        module=module,
        room=room,
        imports=imports.split(),
        distribution=distribution or name,
        versions=versions,
        covers=covers,
        native=native,
        opt_in=opt_in,
    )


LIBRARIES: dict[str, Library] = {
    library.name: library
    for library in (
        _row(
            "client", "openai", "providers.openai", "openai", ">=1.109,<4",
            "chat completions, responses, completions, embeddings, images, audio, moderations",
        ),
        _row(
            "client", "anthropic", "providers.anthropic", "anthropic", ">=0.77,<3",
            "messages, completions, token counts, batches; Bedrock, Vertex and Foundry clients",
            native="replaced: it makes spans of its own from 1.17 on, without content and parameters; ours stand in their place",
        ),
        _row("client", "groq", "providers.groq", "groq", ">=0.31,<2", "chat completions, embeddings, audio"),
    )
}  # fmt: skip
"""By name, in the order of use."""


def _numbers(version: str) -> list[int]:
    numbers: list[int] = []
    for piece in version.split("."):
        digits = "".join(character for character in piece if character.isdigit()) if piece[:1].isdigit() else ""
        if not digits:
            break
        numbers.append(int(digits))
        if not piece.isdigit():  # such as 0b1: what follows is no number
            break
    return numbers
