"""The runnable examples of single libraries, each run as a person would: in a process of its own, from its own folder."""

from __future__ import annotations

from pathlib import Path

from support.programs import Ran, run

FOLDER = Path(__file__).parents[2] / "examples" / "libraries"


def run_example(name: str, folder: Path, **environment: str) -> Ran:
    """Run `examples/libraries/<name>.py` in `folder`, where its store will lie."""
    path = FOLDER / f"{name}.py"
    program = f"import runpy, sys; sys.path.insert(0, {str(FOLDER)!r}); runpy.run_path({str(path)!r}, run_name='__main__')"
    return run(program, folder=folder, **environment)
