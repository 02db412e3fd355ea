"""`genba run` and `genba doctor`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Piped

STATE = """
import json, sys
spec = __spec__ and __spec__.name
print(json.dumps([sys.argv, sys.path[0], __name__, __file__, spec, __package__, sorted(globals())]), flush=True)
import __main__
assert __main__.__dict__ is globals()
"""
POOL = """
import multiprocessing
def double(number):
    return number * 2
class Kept:
    pass
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
    import pickle
    print(type(pickle.loads(pickle.dumps(Kept()))) is Kept)
"""


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, timeout=60, check=False)


@pytest.fixture
def programs(folder: Path) -> Path:
    (folder / "app.py").write_text(STATE)
    (folder / "pool.py").write_text(POOL)
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    for name in ("__main__.py", "state.py"):
        (folder / "package" / name).write_text(STATE)
    (folder / "package" / "pool.py").write_text(POOL)
    (folder / "plain").mkdir()
    (folder / "plain" / "__main__.py").write_text(STATE)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("app.py",),
        ("app.py", "--help", "-m", "x", "--", "--version"),
        ("./package/state.py", "a b"),
        ("-m", "package"),
        ("-m", "package.state", "--help", "-m", "x", "--"),
        ("-mpackage.state", "-h"),
        ("plain", "-x"),
        ("pool.py",),
        ("-m", "package.pool"),
    ],
    ids=" ".join,
)
def test_a_program_sees_what_it_sees_under_python(programs: Path, piped: Piped, words: tuple[str, ...]) -> None:
    under_genba, under_python = piped("run", *words), python(programs, *words)
    assert under_genba.stdout == under_python.stdout, under_genba.stderr
    assert (under_genba.returncode, under_python.returncode) == (0, 0)
    assert under_python.stdout


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit(7)",
        "import sys; sys.exit('said')",
        "raise SystemExit",
        "1 / 0",
        "raise KeyboardInterrupt",
        "raise EOFError('of the program, not of the command line')",
        "x = = 1",
        "import os; os._exit(3)",
        "import sys; sys.excepthook = lambda *error: print('hook', error[0], error[2].tb_frame.f_code.co_name, error[2].tb_lineno)\n1 / 0",
        "import atexit; atexit.register(print, 'at exit')\n1 / 0",
    ],
)
def test_a_program_ends_as_it_does_under_python(folder: Path, piped: Piped, program: str) -> None:
    (folder / "app.py").write_text(program)
    under_genba, under_python = piped("run", "app.py"), python(folder, "app.py")
    assert (under_genba.returncode, under_genba.stdout, under_genba.stderr) == (
        under_python.returncode,
        under_python.stdout,
        under_python.stderr,
    )
    assert under_python.returncode != 0 or program == "raise SystemExit"


def test_an_interrupted_program_ends_by_the_signal(folder: Path, piped: Piped) -> None:
    (folder / "app.py").write_text("raise KeyboardInterrupt")
    assert piped("run", "app.py").returncode == -signal.SIGINT


def test_a_module_s_traceback_begins_with_the_module(folder: Path, piped: Piped) -> None:
    (folder / "broken.py").write_text("def f():\n    1 / 0\nf()\n")
    said = piped("run", "-m", "broken").stderr.decode()
    assert said.startswith("Traceback (most recent call last):\n")
    assert f'File "{folder / "broken.py"}", line 3' in said.splitlines()[1]
    assert "runpy" not in said
    assert "genba" not in said


def test_genba_is_on_before_the_first_line(folder: Path, piped: Piped) -> None:
    (folder / "app.py").write_text("import sys\nassert 'genba' in sys.modules\nimport genba\nprint(genba.doctor())")
    done = piped("run", "app.py")
    assert done.returncode == 0, done.stderr
    assert b"not running" not in done.stdout


def test_what_cannot_be_run_is_said_without_a_traceback(folder: Path, piped: Piped) -> None:
    for words, code, said in (
        (("run", "nope.py"), 2, "can't open file 'nope.py'"),
        (("run", "-m", "nope"), 1, "No module named nope"),
        (("run",), 2, "Say what to run"),
        (("run", "-m"), 2, "-m"),
    ):
        done = piped(*words)
        assert done.returncode == code
        assert said in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()


def test_a_setting_that_cannot_be_used_is_said_before_the_program_begins(folder: Path, piped: Piped) -> None:
    (folder / "app.py").write_text("print('began')")
    done = piped("run", "app.py", GENBA_SEMCONV="bogus")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"GENBA_SEMCONV" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_doctor_says_how_genba_is(piped: Piped) -> None:
    done = piped("doctor")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"genba ")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_command_says_how_to_install_it(folder: Path, missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; import genba.cli; genba.cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "list"],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"pip install 'genba[cli]'" in done.stderr
    assert b"Traceback" not in done.stderr
