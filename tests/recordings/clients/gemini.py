"""Gemini's exchanges, called through Google's client and read from their two bodies."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

from recordings.reading import Part, Said
from support.hosts import Blocking, Host, Looping, plain, said
from support.wire import Answer, Server

PACKAGE = "google.genai"
FORMS = ("value", "async value", "chat")


def call(exchange: Mapping[str, Any], form: str, server: Server) -> list[Any]:
    """What the host saw."""
    response = exchange["response"]
    server.serve(Answer(response["text"].encode(), response["status"], response["content_type"]))
    host: Host = Looping() if form == "async value" else Blocking()

    async def scenario() -> list[Any]:
        client = _client(exchange["request"], server.url)
        try:
            return [plain(await host.result(_ask(client, exchange, form, host)))]
        except Exception as error:
            return [said(error)]
        finally:
            if host.asynchronous:
                await client.aio.aclose()
            client.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of the recorded services wrote enumerations as numbers
        return host.run(scenario)


def _client(request: Mapping[str, Any], url: str) -> Any:
    from google import genai
    from google.oauth2.credentials import Credentials

    path = request["path"]
    # `extra_body` writes as the recorded client wrote what clients of different ages write differently.
    options: dict[str, Any] = {"http_options": {"base_url": url, "api_version": path.split("/")[1], "extra_body": request["body"]}}
    vertex = re.search("/projects/([^/]+)/locations/([^/]+)/", path)
    if vertex:
        account = Credentials(token="token-for-tests")  # type: ignore[no-untyped-call]
        return genai.Client(vertexai=True, project=vertex[1], location=vertex[2], credentials=account, **options)
    return genai.Client(api_key="key-for-tests", **options)


def _ask(client: Any, exchange: Mapping[str, Any], form: str, host: Host) -> Any:
    from google.genai import types

    path, body = exchange["request"]["path"], exchange["request"]["body"]
    contents = [types.Content.model_validate(content) for content in body["contents"]]
    config: dict[str, Any] = dict(body.get("generationConfig") or {})
    config |= {name: body[name] for name in ("systemInstruction", "tools") if name in body}
    arguments = {"model": path.rpartition("/models/")[2].partition(":")[0], "config": config or None}
    if form == "chat" and len(contents) % 2 and contents[0].role == "user":
        chat = client.chats.create(**arguments, history=contents[:-1])
        return chat.send_message(contents[-1].parts)
    models = client.aio.models if host.asynchronous else client.models
    return models.generate_content(**arguments, contents=contents)


def read(exchange: Mapping[str, Any]) -> Said:
    """Both bodies of an exchange."""
    path, asked, response = exchange["request"]["path"], exchange["request"]["body"], exchange["response"]
    config = asked.get("generationConfig") or {}
    top_k = config.get("topK")
    found = {
        "model": path.rpartition("/")[2].partition(":")[0],
        "max_tokens": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
        "top_k": None if top_k is None else int(top_k),
        "stop_sequences": tuple(config["stopSequences"]) if config.get("stopSequences") else None,
        "choice.count": config["candidateCount"] if config.get("candidateCount") not in (None, 1) else None,
        "seed": config.get("seed"),
    }
    told = Said(operation="generate_content")
    told.asked = {f"gen_ai.request.{name}": value for name, value in found.items() if value is not None}
    told.instructions = "".join(part["text"] for part in (asked.get("systemInstruction") or {}).get("parts", ()))
    told.turns = [_turn(content) for content in asked["contents"]]
    for tool in asked.get("tools") or ():
        told.tools += [declared["name"] for declared in tool.get("functionDeclarations") or ()]
        told.tools += [name for name in tool if name != "functionDeclarations"]
    if response["status"] < 400:
        _read_answer(told, json.loads(response["text"]))
    return told


def _read_answer(told: Said, answer: Mapping[str, Any]) -> None:
    told.id, told.model, told.raw_usage = answer["responseId"], answer["modelVersion"], answer["usageMetadata"]
    told.finish = ["STOP" if candidate["finishReason"] == 1 else candidate["finishReason"] for candidate in answer["candidates"]]
    told.answers = [[_part(part) for part in candidate["content"].get("parts", ())] for candidate in answer["candidates"]]
    usage, modalities = answer["usageMetadata"], {1: "text", "TEXT": "text", "IMAGE": "image", "AUDIO": "audio"}
    counts = {
        "input_tokens": usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
        "output_tokens": usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        "reasoning.output_tokens": usage.get("thoughtsTokenCount", 0),
        "cache_read.input_tokens": usage.get("cachedContentTokenCount", 0),
    }
    for field, way in (
        ("promptTokensDetails", "input"),
        ("toolUsePromptTokensDetails", "input"),
        ("candidatesTokensDetails", "output"),
    ):
        for each in usage.get(field) or ():
            name = f"{modalities[each['modality']]}.{way}_tokens"
            counts[name] = counts.get(name, 0) + each["tokenCount"]
    told.usage = {f"gen_ai.usage.{name}": number for name, number in counts.items() if number}


def _turn(content: Mapping[str, Any]) -> tuple[str, list[Part]]:
    parts = [_part(part) for part in content["parts"]]
    role = {"model": "assistant"}.get(content["role"], content["role"])
    return ("tool" if all(part[0] == "tool_call_response" for part in parts) else role), parts


def _part(part: Mapping[str, Any]) -> Part:
    if "functionCall" in part:
        call = part["functionCall"]
        return "tool_call", call.get("id"), call["name"], call.get("args")
    if "functionResponse" in part:
        return "tool_call_response", part["functionResponse"].get("id"), part["functionResponse"]["response"]
    if "inlineData" in part:
        return "blob", part["inlineData"]["data"]
    if "fileData" in part:
        return "uri", part["fileData"]["fileUri"]
    if "executableCode" in part:
        return "server_tool_call", None
    if "codeExecutionResult" in part:
        return "server_tool_call_response", None
    return ("reasoning" if part.get("thought") else "text"), part["text"]
