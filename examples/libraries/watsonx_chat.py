"""A chat with a model that IBM's watsonx.ai serves."""

from __future__ import annotations

import os

from ibm_watsonx_ai import APIClient, Credentials
from ibm_watsonx_ai.foundation_models import ModelInference

import genba

genba.init()

credentials = Credentials(
    url=os.environ["WATSONX_URL"],
    platform_url=os.environ.get("WATSONX_PLATFORM_URL"),
    api_key=os.environ.get("WATSONX_APIKEY"),
    token=os.environ.get("WATSONX_TOKEN"),
)
model = ModelInference(
    model_id=os.environ.get("WATSONX_MODEL", "ibm/granite-4-h-small"),
    api_client=APIClient(credentials),
    project_id=os.environ.get("WATSONX_PROJECT_ID"),
    validate=False,
)
answer = model.chat(messages=[{"role": "user", "content": "Who makes honey?"}], params={"max_tokens": 48})
print(answer["choices"][0]["message"]["content"])
