"""A streamed question to a model on AWS Bedrock, as a span."""

from __future__ import annotations

import boto3

import genba

genba.init()

client = boto3.client("bedrock-runtime")  # reads AWS_REGION, AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL_BEDROCK_RUNTIME
answer = client.converse_stream(
    modelId="eu.amazon.nova-lite-v1:0",
    messages=[{"role": "user", "content": [{"text": "Who makes honey?"}]}],
)
for event in answer["stream"]:
    if "contentBlockDelta" in event:
        print(event["contentBlockDelta"]["delta"]["text"], end="", flush=True)
print()
