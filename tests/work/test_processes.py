"""Processes of the host's: their spans hang where they were started, and are handed over before the process ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support import programs, stored

WORKING = """
import multiprocessing, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
import genba

@genba.tool
def work(number):
    return 2 * number

class Own(multiprocessing.Process):
    def run(self):
        work(1)

def main():
    genba.init(store="s.db", carry_context={carry})
    context = multiprocessing.get_context({method!r})
    with genba.agent("caller"), genba.conversation(id="c-1"):
        {how}

if __name__ == "__main__":
    main()
"""
WAYS = {
    "process": "p = context.Process(target=genba.carry(work), args=(1,)); p.start(); p.join(); assert p.exitcode == 0",
    "pool": "\n        with context.Pool(1) as pool: assert pool.map(genba.carry(work), [1]) == [2]",
    "executor": "\n        with ProcessPoolExecutor(1, context) as pool: assert pool.submit(genba.carry(work), 1).result() == 2",
}
BY_ITSELF = {name: how.replace("genba.carry(work)", "work") for name, how in WAYS.items()}
METHODS = ("fork", "spawn") if sys.platform != "win32" else ("spawn",)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("way", "carry"), [*((way, False) for way in WAYS), *((way, True) for way in BY_ITSELF)])
def test_what_a_child_process_does_is_stored_below_what_started_it(way: str, carry: bool, method: str, tmp_path: Path) -> None:
    how = (BY_ITSELF if carry else WAYS)[way]
    program = tmp_path / "program.py"
    program.write_text(WORKING.format(carry=["multiprocessing", "process_pools"] if carry else None, method=method, how=how))
    ran = programs.run(
        f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')" if method == "fork" else STARTS, folder=tmp_path
    )
    assert ran.err == ""
    assert stored.tree(tmp_path / "s.db") == [("execute_tool work", "invoke_agent caller"), ("invoke_agent caller", None)]


STARTS = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, 'program.py']).returncode)"


def test_a_program_that_is_started_finds_its_place_in_the_trace(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text("import genba\ngenba.init(store='s.db')\nwith genba.tool('inner'): pass\n")
    ran = programs.run(
        "import genba, subprocess, sys, asyncio, os\n"
        "genba.init(store='s.db', carry_context=['subprocess'])\n"
        "before = dict(os.environ)\n"
        "with genba.agent('caller'), genba.conversation(id='c-1'):\n"
        "    subprocess.run([sys.executable, 'child.py'], check=True)\n"
        "    async def go():\n"
        "        p = await asyncio.create_subprocess_exec(sys.executable, 'child.py'); assert await p.wait() == 0\n"
        "    asyncio.run(go())\n"
        "    subprocess.run([sys.executable, 'child.py'], check=True, env={'PATH': os.environ.get('PATH', '')})\n"
        "assert dict(os.environ) == before\n",
        folder=tmp_path,
    )
    assert ran.err == ""
    assert stored.tree(tmp_path / "s.db") == [*[("execute_tool inner", "invoke_agent caller")] * 3, ("invoke_agent caller", None)]
    assert stored.conversations(tmp_path / "s.db", "execute_tool inner") == {"c-1"}


def test_a_child_that_multiprocessing_spawns_under_the_command_is_traced(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        WORKING.format(carry=["multiprocessing", "process_pools"], method="spawn", how=BY_ITSELF["pool"]).replace(
            "genba.init(store=\"s.db\", carry_context=['multiprocessing', 'process_pools'])", "pass"
        )
    )
    ran = programs.run(
        "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-m', 'genba.cli', 'run', 'program.py']).returncode)",
        folder=tmp_path, GENBA_STORE="s.db", GENBA_CARRY_CONTEXT="all",
    )  # fmt: skip
    assert ran.err == ""
    assert stored.tree(tmp_path / "s.db") == [("execute_tool work", "invoke_agent caller"), ("invoke_agent caller", None)]
