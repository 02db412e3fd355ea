"""A chat with a model that Azure serves."""

from __future__ import annotations

import os

from azure.ai.inference import ChatCompletionsClient
from azure.ai.inference.models import UserMessage
from azure.core.credentials import AzureKeyCredential

import genba

genba.init()

with ChatCompletionsClient(
    endpoint=os.environ["AZURE_AI_ENDPOINT"],
    credential=AzureKeyCredential(os.environ["AZURE_AI_KEY"]),
) as client:
    completion = client.complete(
        model=os.environ.get("AZURE_AI_MODEL", "Phi-4"),
        messages=[UserMessage("Who makes honey?")],
        max_tokens=48,
    )
print(completion.choices[0].message.content)
