"""The `genba` command: look at what was recorded, run a program under genba, see how genba is doing."""

from __future__ import annotations

import sys


def main() -> None:
    """What the `genba` command starts."""
    try:
        from .commands import run_command_line
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("click", "rich"):
            raise
        print(
            f"The genba command needs {error.name}, which is not installed. Install it with: pip install 'genba[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(run_command_line(sys.argv[1:]))


__all__ = ["main"]
