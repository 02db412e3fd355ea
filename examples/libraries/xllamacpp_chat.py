"""A streamed chat with llama.cpp's server in this process, which has no port: one call, with the ids of its tokens."""

from __future__ import annotations

import os
from typing import Any

import xllamacpp

import genba

genba.init(tokens="pieces")

parameters = xllamacpp.CommonParams()
parameters.model.path = os.environ.get("MODEL", "model.gguf")
parameters.n_ctx, parameters.verbosity = 512, -1
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(parameters)


def heard(chunk: dict[str, Any]) -> None:
    """Print what came; to return something true would end the answer."""
    print(chunk["choices"][0]["delta"].get("content") or "", end="", flush=True)


question = {"role": "user", "content": "Who makes honey?"}
server.handle_chat_completions({"messages": [question], "max_tokens": 20, "stream": True, "logprobs": True}, heard)
