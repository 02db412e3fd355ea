"""transformers: models in this process, run by `generate` of a model or by a pipeline, which rests on that.

A pipeline knows what was said and `generate` what it cost: together they are one call.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.patching import Patch
from . import generation, pipelines, vocabularies


def patches() -> Sequence[Patch]:
    """What is to be wrapped."""
    return [*generation.patches(), *pipelines.patches(), *vocabularies.patches()]
