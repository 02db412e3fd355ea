"""botocore's client for Bedrock: Converse, and InvokeModel with the bodies of its vendors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from recordings.calling import PIECE
from recordings.reading import Part, Said, fold_messages
from recordings.reading import messages as read_messages
from support import aws_event_stream
from support.clients.bedrock import client
from support.hosts import said as seen_of
from support.wire import Answer, Server, Stream

PACKAGE = "botocore"
FORMS = ("as called", "in pieces")


def call(exchange: Mapping[str, Any], form: str, server: Server) -> list[Any]:
    response, body = exchange["response"], exchange["request"]["body"]
    if "base64" in response:
        sent = base64.b64decode(response["base64"])
        pieces = [sent[start : start + PIECE] for start in range(0, len(sent), PIECE)]
        server.serve(Stream(pieces, content_type=response["content_type"]))
    else:
        server.serve(Answer(response["text"].encode(), response["status"], response["content_type"]))
    model, name = _model_and_name(exchange)
    given = body if name.startswith("converse") else {"body": json.dumps(body)}
    try:
        answer = getattr(client(server.url), name.replace("-", "_").replace("invoke", "invoke_model"))(modelId=model, **given)
        stream = answer.pop("stream", None) or answer.pop("body", None)
        if stream is None:
            return [answer]
        if hasattr(stream, "read"):
            return [answer, stream.read() if form == "as called" else b"".join(stream.iter_chunks(100))]
        return [answer, *stream]
    except Exception as error:
        return [seen_of(error)]


def read(exchange: Mapping[str, Any]) -> Said:
    asked, response = exchange["request"]["body"], exchange["response"]
    model, name = _model_and_name(exchange)
    said = Said(asked={"gen_ai.request.model": model})
    if name.endswith("stream"):
        said.asked["gen_ai.request.stream"] = True
    answer = None
    events: list[Any] = []
    if "base64" in response:
        events = [json.loads(payload) for _, payload in _frames(response)]
        if name != "converse-stream":
            events = [json.loads(base64.b64decode(event["bytes"])) for event in events]
    elif response["status"] < 400:
        answer = json.loads(response["text"])
    if "messages" in asked and "anthropic_version" not in asked:
        _converse(said, asked, _folded(response) if events else answer)
    elif "messages" in asked:
        _parameters(said, asked)
        read_messages(said, asked, fold_messages(events) if events else answer)
    else:
        _prompt(said, asked, events or ([answer] if answer else []))
    return said


def _model_and_name(exchange: Mapping[str, Any]) -> tuple[str, str]:
    _, _, model, name = exchange["request"]["path"].split("/")
    return unquote(model), {"invoke-with-response-stream": "invoke_with_response_stream"}.get(name, name)


def _frames(response: Mapping[str, Any]) -> list[tuple[dict[str, str], bytes]]:
    return aws_event_stream.frames(base64.b64decode(response["base64"]))


def _parameters(said: Said, asked: Mapping[str, Any]) -> None:
    config = asked.get("inferenceConfig") or asked.get("textGenerationConfig") or asked
    for theirs, ours in {
        "maxTokens": "max_tokens",
        "max_new_tokens": "max_tokens",
        "maxTokenCount": "max_tokens",
        "max_gen_len": "max_tokens",
        "max_tokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "top_p": "top_p",
    }.items():
        if theirs in config:
            said.asked[f"gen_ai.request.{ours}"] = config[theirs]
    stop = config.get("stopSequences") or config.get("stop_sequences")
    if stop:
        said.asked["gen_ai.request.stop_sequences"] = tuple(stop)


def _converse(said: Said, asked: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    _parameters(said, asked)
    said.turns = [(message["role"], [_part(block) for block in message["content"]]) for message in asked["messages"]]
    said.instructions = "".join(block["text"] for block in asked.get("system", ()))
    said.tools = [tool["toolSpec"]["name"] for tool in asked.get("toolConfig", {}).get("tools", ())]
    if answer is None:
        return
    said.finish = [answer["stopReason"]]
    said.answers = [[_part(block) for block in answer["output"]["message"]["content"]]]
    # Converse's parser gives the host only what the client's model of the API knows.
    usage = {name: value for name, value in answer["usage"].items() if name != "serverToolUsage"}
    said.raw_usage = usage
    said.usage = {"gen_ai.usage.input_tokens": usage["inputTokens"], "gen_ai.usage.output_tokens": usage["outputTokens"]}


def _part(block: Mapping[str, Any]) -> Part:
    [(kind, value)] = block.items()
    readers: dict[str, Callable[[Any], Part]] = {
        "text": lambda text: ("text", text),
        "toolUse": lambda call: ("tool_call", call["toolUseId"], call["name"], call["input"]),
        "toolResult": lambda result: ("tool_call_response", result["toolUseId"], result["content"][0].get("text")),
    }
    return readers[kind](value)


def _folded(response: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of Converse that its events add up to."""
    blocks: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for headers, payload in _frames(response):
        event = json.loads(payload)
        kind = headers[":event-type"]
        if kind == "contentBlockStart":
            blocks[event["contentBlockIndex"]] = {"toolUse": {**event["start"]["toolUse"], "input": ""}}
        elif kind == "contentBlockDelta" and "toolUse" in event["delta"]:
            blocks[event["contentBlockIndex"]]["toolUse"]["input"] += event["delta"]["toolUse"]["input"]
        elif kind == "contentBlockDelta":
            block = blocks.setdefault(event["contentBlockIndex"], {"text": ""})
            block["text"] += event["delta"]["text"]
        elif kind in ("messageStop", "metadata"):
            answer.update(event)
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    return {**answer, "output": {"message": {"content": [blocks[index] for index in sorted(blocks)]}}}


def _prompt(said: Said, asked: Mapping[str, Any], answers: list[Mapping[str, Any]]) -> None:
    """Titan and Llama."""
    said.operation = "text_completion"
    _parameters(said, asked)
    said.turns = [("user", [("text", asked.get("inputText") or asked["prompt"])])]
    if not answers:
        return
    texts = [found.get("outputText") or found.get("generation") or "" for found in _outputs(answers)]
    said.answers = [[("text", "".join(texts))]]
    reasons = [found.get("completionReason") or found.get("stop_reason") for found in _outputs(answers)]
    said.finish = [reason for reason in reasons if reason]
    counts = {
        name: value
        for answer in answers
        for name, value in answer.items()
        if "oken" in name and "ount" in name and value is not None
    }
    came_out = counts.get("totalOutputTextTokenCount") or counts.get("generation_token_count")
    if came_out is None:
        came_out = sum(found["tokenCount"] for found in _outputs(answers))
    went_in = counts.get("inputTextTokenCount") or counts.get("prompt_token_count")
    said.usage = {"gen_ai.usage.input_tokens": int(went_in or 0), "gen_ai.usage.output_tokens": int(came_out)}
    said.raw_usage = counts


def _outputs(answers: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [found for answer in answers for found in answer.get("results", [answer])]
