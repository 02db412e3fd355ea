"""One conversation with the program: its messages, in the order they came, become an agent, its answers, its tools and subagents.

The program sends an answer of the model in several messages, one for each block, all with the same id and the same usage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

import orjson
from opentelemetry.trace import SpanKind

from ... import semconv
from ...recording.reported import Reported
from ...semconv import Operation, Outcome
from ..runs import Run, Runs
from . import reading

_runs = Runs("claude-agent-sdk")
_NAME = "claude"
"""What the agent at the other end of the pipe is called: it has no name of its own."""

Object = Mapping[str, Any]


@dataclass(slots=True)
class Level:
    """An agent at work: the one that was asked, or a subagent that it called by a tool."""

    id: Any
    said: list[Object] = field(default_factory=list)
    """The messages so far: what the model sees next."""
    waits_since: int = 0
    """When the model was given the last of them."""
    answer: Answer | None = None


@dataclass(slots=True)
class Answer:
    """An answer of the model that is coming."""

    id: str
    run: Run | None
    blocks: list[Object] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    stop_reason: str | None = None
    seen: int = 0
    """When its last piece came."""


class Session:
    """What is in flight between the host and the program."""

    def __init__(self) -> None:
        self._levels: dict[str | None, Level] = {}
        """By the tool call that a subagent works for; None for the agent itself."""
        self._tools: dict[str, Any] = {}
        self._waiting: list[Object] = []
        """Prompts that were sent while it was still at work on an earlier one."""
        self._conversation: str | None = None
        self._turns = 0

    def asked(self, line: Object) -> None:
        """A prompt goes in."""
        if None in self._levels:
            self._waiting.append(line)
        else:
            self._begin(line)

    def received(self, data: Any) -> None:
        """A message came out."""
        if not isinstance(data, Mapping):
            return
        if isinstance(data.get("session_id"), str):
            self._conversation = data["session_id"]
        kind = data.get("type")
        if kind == "assistant":
            self._said(data)
        elif kind == "user":
            self._given(data)
        elif kind == "stream_event":
            self._event(data)
        elif kind == "result":
            self._ended(data)

    def stopped(self, error: BaseException | None) -> None:
        """Nothing follows, though the agent was at work: it broke, or the host wants no more."""
        outcome = Outcome.CANCELLED if error is None else None
        for level in reversed(self._levels.values()):
            self._finish(level, error, outcome)
        for tool in self._tools.values():
            _runs.end(tool, error, outcome=outcome)
        for level in reversed(self._levels.values()):
            _runs.end(level.id, error, outcome=outcome)
        self._tools.clear()
        self._levels.clear()

    # The agent.

    def _begin(self, line: Object | None) -> Level:
        self._turns += 1
        level = Level((id(self), self._turns), waits_since=time_ns())
        if line is not None and isinstance(line.get("message"), Mapping):
            level.said.append(line["message"])
        run = _runs.begin(
            level.id, Operation.INVOKE_AGENT, f"{Operation.INVOKE_AGENT} {_NAME}", attributes={semconv.AGENT_NAME: _NAME}
        )
        if run is not None:
            run.reported.read_request = _asks(level.said)
        self._levels[None] = level
        return level

    def _level(self, data: Object) -> Level:
        """The agent whose message this is: a subagent's says for which tool call it works."""
        agent = self._levels.get(None) or self._begin(None)
        key = data.get("parent_tool_use_id")
        if not isinstance(key, str):
            return agent
        level = self._levels.get(key)
        if level is None:
            tool = self._tools.get(key)
            run = _runs.get(tool) if tool is not None else None
            name = str(run.reported.attributes.get(semconv.AGENT_NAME) or "subagent") if run is not None else "subagent"
            level = self._levels[key] = Level((id(self), self._turns, "agent", key), waits_since=time_ns())
            _runs.begin(
                level.id, Operation.INVOKE_AGENT, f"{Operation.INVOKE_AGENT} {name}",
                parent=agent.id if tool is None else tool, attributes=self._known({semconv.AGENT_NAME: name}),
            )  # fmt: skip
        return level

    def _ended(self, data: Object) -> None:
        for key in [key for key in self._levels if key is not None]:
            self._end_level(key)
        for tool in self._tools.values():
            _runs.end(tool, outcome=Outcome.ABANDONED)
        self._tools.clear()
        level = self._levels.pop(None, None)
        if level is None:
            return
        self._finish(level)
        run = _runs.get(level.id)
        if run is not None:
            usage = {name: data[name] for name in ("usage", "modelUsage", "total_cost_usd") if data.get(name) is not None}
            if usage:  # the sum of its answers: of no use to who adds up spans, and so under no standard name
                run.invocation.set_attribute(semconv.USAGE_RAW, orjson.dumps(usage).decode())
            if self._conversation is not None:
                run.invocation.set_attribute(semconv.CONVERSATION_ID, self._conversation)
            result = data.get("result")
            run.reported.read_response = lambda: reading.result(result)
        failed = data.get("is_error") is True
        _runs.end(level.id, failed=str(data.get("result") or data.get("subtype") or "") if failed else None)
        if self._waiting:
            self._begin(self._waiting.pop(0))

    def _known(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        return {semconv.CONVERSATION_ID: self._conversation, **attributes}

    # The model's answers.

    def _said(self, data: Object) -> None:
        message = data.get("message")
        if not isinstance(message, Mapping):
            return
        level = self._level(data)
        answer = self._answer(level, message)
        answer.seen = time_ns()
        blocks = [block for block in message.get("content") or () if isinstance(block, Mapping)]
        answer.blocks.extend(blocks)
        for block in blocks:
            if block.get("type") == "tool_use" and isinstance(block.get("id"), str):
                self._begin_tool(level, block)

    def _answer(self, level: Level, message: Object) -> Answer:
        """The answer that this message is a piece of."""
        id, model = str(message.get("id") or ""), message.get("model")
        if level.answer is not None and level.answer.id != id:
            self._finish(level)
        answer = level.answer
        if answer is None:
            name = f"{Operation.CHAT} {model}" if isinstance(model, str) else Operation.CHAT
            run = _runs.begin(
                (*level.id, "answer", id), Operation.CHAT, name, parent=level.id, kind=SpanKind.CLIENT, began_ns=level.waits_since,
                attributes=self._known({semconv.PROVIDER_NAME: "anthropic", semconv.REQUEST_MODEL: model}),
            )  # fmt: skip
            answer = level.answer = Answer(id, run, seen=time_ns())
            if run is not None:
                run.reported.read_request = _asks(list(level.said))
        self._note(answer, message)
        return answer

    @staticmethod
    def _note(answer: Answer, message: Object) -> None:
        answer.model = message.get("model") or answer.model
        answer.stop_reason = message.get("stop_reason") or answer.stop_reason
        usage = message.get("usage")
        if isinstance(usage, Mapping):
            answer.usage.update({name: value for name, value in usage.items() if value is not None})

    def _event(self, data: Object) -> None:
        """A piece of an answer as the model's provider streamed it, where the host asked for these."""
        event = data.get("event")
        if not isinstance(event, Mapping):
            return
        level = self._level(data)
        if event.get("type") == "message_start" and isinstance(event.get("message"), Mapping):
            self._answer(level, event["message"])
        answer = level.answer
        if answer is None:
            return
        answer.seen = time_ns()
        if event.get("type") == "message_delta":
            self._note(answer, {**(event.get("delta") or {}), "usage": event.get("usage")})
        if answer.run is not None and event.get("type") == "content_block_delta":
            answer.run.reported.chunk_times.append(answer.seen)

    def _finish(self, level: Level, error: BaseException | None = None, outcome: str | None = None) -> None:
        """The answer is whole: something else follows."""
        answer, level.answer = level.answer, None
        if answer is None:
            return
        level.said.append({"role": "assistant", "content": answer.blocks})
        if answer.run is not None:
            answer.run.reported.read_response = lambda: reading.answer(
                answer.id, answer.model, answer.blocks, answer.stop_reason, answer.usage
            )
        _runs.end((*level.id, "answer", answer.id), error, outcome=outcome, at_ns=answer.seen)

    # Its tools.

    def _begin_tool(self, level: Level, block: Object) -> None:
        name, asked = str(block.get("name") or ""), block.get("input")
        key = self._tools[block["id"]] = (*level.id, "tool", block["id"])
        run = _runs.begin(
            key, Operation.EXECUTE_TOOL, f"{Operation.EXECUTE_TOOL} {name}", parent=level.id,
            attributes=self._known({semconv.TOOL_NAME: name, semconv.TOOL_CALL_ID: block["id"]}),
        )  # fmt: skip
        if run is not None:
            run.invocation.took(asked if isinstance(asked, Mapping) else {})
            subagent = asked.get("subagent_type") if isinstance(asked, Mapping) else None
            if isinstance(subagent, str):
                run.reported.attributes[semconv.AGENT_NAME] = subagent

    def _given(self, data: Object) -> None:
        """What the tools gave back goes to the model."""
        message = data.get("message")
        if not isinstance(message, Mapping) or None not in self._levels:
            return
        level = self._level(data)
        self._finish(level)
        content = message.get("content")
        for block in content if isinstance(content, Sequence) and not isinstance(content, str) else ():
            if isinstance(block, Mapping) and block.get("type") == "tool_result":
                self._end_tool(block)
        level.said.append(message)
        level.waits_since = time_ns()

    def _end_tool(self, block: Object) -> None:
        id = str(block.get("tool_use_id") or "")
        if id in self._levels:
            self._end_level(id)
        key = self._tools.pop(id, None)
        run = _runs.get(key) if key is not None else None
        if run is None:
            return
        run.reported = Reported()  # it held the subagent's name, which is said where that works
        run.invocation.gave(block.get("content"))
        _runs.end(key, failed=reading.words(block.get("content")) if block.get("is_error") is True else None)

    def _end_level(self, key: str) -> None:
        level = self._levels.pop(key)
        self._finish(level)
        _runs.end(level.id)


def _asks(said: Sequence[Object]) -> Any:
    return lambda: reading.request(said)
