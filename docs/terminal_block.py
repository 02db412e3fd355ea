"""Put what genba prints about the last demo into the README, between its markers: `nox -s demo -- readme`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- begin: printed by `nox -s demo -- readme`, not typed -->"
END = "<!-- end -->"
COMMANDS = ("genba list --limit 5", "genba show last")
"""Five calls are what one demo makes."""


def main() -> None:
    """Run the commands in the project's folder, where the demo left its store."""
    put(README, {command: printed(command) for command in COMMANDS})


def printed(command: str) -> str:
    """What a command writes to a terminal 110 characters wide, without colours."""
    _, *arguments = command.split()
    genba = Path(sys.executable).parent / "genba"
    plain = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    return subprocess.run([genba, *arguments], cwd=README.parent, env=plain, check=True, capture_output=True, text=True).stdout


def put(page: Path, outputs: Mapping[str, str]) -> None:
    """Replace what is between the markers of `page`."""
    before, found, rest = page.read_text().partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        sys.exit(f"{page} has no markers:\n{BEGIN}\n{END}")
    shown = "\n\n".join(f"$ {command}\n{_tidy(output)}" for command, output in outputs.items())
    page.write_text(f"{before}{BEGIN}\n```text\n{shown}\n```\n{END}{after}")


def _tidy(output: str) -> str:
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


if __name__ == "__main__":
    main()
