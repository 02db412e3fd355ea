"""The Model Context Protocol: tools called by its client and carried out by its server, in one trace.

Version 2 makes spans of its own, of each message. They stay; ours are around them, and theirs are told what was said.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.patching import Patch
from . import client, server


def patches() -> Sequence[Patch]:
    """What is there of this in either version; neither has all of it."""
    return [*client.PATCHES, *server.PATCHES]
