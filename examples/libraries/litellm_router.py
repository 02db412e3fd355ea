"""A router that tries two models in turn: the attempts are spans below the router's, with what each of them cost."""

from __future__ import annotations

import os

import litellm

import genba

genba.init()

BASE = os.environ["OPENAI_BASE_URL"]  # reads OPENAI_API_KEY too
models = [
    {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": BASE, "max_retries": 0}}
    for name in ("gpt-5-mini", "gpt-5-nano")
]
router = litellm.Router(models, fallbacks=[{"gpt-5-mini": ["gpt-5-nano"]}], num_retries=0)
answer = router.completion("gpt-5-mini", [{"role": "user", "content": "Who makes honey?"}])
print(answer.choices[0].message.content)
