"""Which calls are operations, and whom they reach."""

from __future__ import annotations

import pytest

from genba.providers.openai import ROUTES, hosts, provider_name


def test_every_route_has_its_operation():
    assert {route: endpoint.operation for route, endpoint in ROUTES.items()} == {
        "POST /chat/completions": "chat",
        "POST /responses": "chat",
        "GET /responses/{id}": "fetch_response",
        "POST /responses/compact": "chat",
        "POST /responses/input_tokens": "count_tokens",
        "POST /completions": "text_completion",
        "POST /completion": "text_completion",
        "POST /generate": "text_completion",
        "POST /embeddings": "embeddings",
        "POST /images/generations": "generate_content",
        "POST /images/edits": "generate_content",
        "POST /images/variations": "generate_content",
        "POST /audio/speech": "generate_content",
        "POST /audio/transcriptions": "generate_content",
        "POST /audio/translations": "generate_content",
        "POST /moderations": "moderation",
        "POST /batches": "create_batch",
        "POST /vector_stores/{gen_ai.data_source.id}/search": "retrieval",
    }


def test_the_two_main_apis_name_themselves():
    types = {route: endpoint.attributes["openai.api.type"] for route, endpoint in ROUTES.items() if endpoint.attributes}
    assert types == {
        "POST /chat/completions": "chat_completions",
        "POST /responses": "responses",
        "GET /responses/{id}": "responses",
        "POST /responses/compact": "responses",
        "POST /responses/input_tokens": "responses",
    }


@pytest.mark.parametrize(
    ("client", "host", "provider"),
    [
        ("OpenAI", "api.openai.com", "openai"),
        ("OpenAI", "", "openai"),
        ("AsyncOpenAI", "127.0.0.1", "openai"),
        ("AzureOpenAI", "example.com", "azure.ai.openai"),
        ("AsyncAzureOpenAI", "me.openai.azure.com", "azure.ai.openai"),
        ("OpenAI", "me.openai.azure.com", "azure.ai.openai"),
        ("BedrockOpenAI", "example.com", "aws.bedrock"),
        ("OpenAI", "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("OpenAI", "bedrock-mantle.us-east-1.api.aws", "aws.bedrock"),
        ("OpenAI", "europe-west4-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("OpenAI", "aiplatform.us.rep.googleapis.com", "gcp.vertex_ai"),
        ("OpenAI", "my-resource.services.ai.azure.com", "azure.ai.openai"),
        ("OpenAI", "us-south.ml.cloud.ibm.com", "ibm.watsonx.ai"),
        ("OpenAI", "api.anthropic.com", "anthropic"),
        ("OpenAI", "api.cohere.ai", "cohere"),
        ("OpenAI", "api.together.ai", "together"),
        ("OpenAI", "api.fireworks.ai", "fireworks"),
        ("OpenAI", "api.cerebras.ai", "cerebras"),
        ("OpenAI", "generativelanguage.googleapis.com", "gcp.gemini"),
        ("OpenAI", "API.DeepSeek.com", "deepseek"),
        ("OpenAI", "api.x.ai", "x_ai"),
        ("OpenAI", "eu-west-1.api.x.ai", "x_ai"),
        ("OpenAI", "notx.ai", "openai"),
        ("OpenAI", "api.groq.com", "groq"),
        ("OpenAI", "api.mistral.ai", "mistral_ai"),
        ("OpenAI", "openrouter.ai", "openrouter"),
        ("OpenAI", "api.perplexity.ai", "perplexity"),
        ("OpenAI", "api.moonshot.cn", "moonshot_ai"),
    ],
)
def test_the_provider_is_told_by_the_client_and_by_the_host(client, host, provider):
    assert provider_name(client, host) == provider


KNOWN = (
    *("openai", "gcp.vertex_ai", "gcp.gemini", "anthropic", "cohere", "azure.ai.inference", "azure.ai.openai", "ibm.watsonx.ai"),
    *("aws.bedrock", "perplexity", "x_ai", "deepseek", "groq", "mistral_ai", "moonshot_ai"),
)
"""The conventions' own values, but for `gcp.gen_ai`, which is for any of Google's."""


def test_every_provider_that_the_conventions_know_is_known_by_its_address():
    named = {*hosts._HOSTS.values(), *hosts._CLASSES.values(), provider_name("OpenAI", "")}
    assert set(KNOWN) <= named
