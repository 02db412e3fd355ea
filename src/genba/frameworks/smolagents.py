"""smolagents: agents, managed agents, their tools and models, by the functions that do the work; it tells of nothing by callbacks.

A model is traced where its class says how to generate, and once: a class that does it by its base class's way is one call.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .. import semconv
from ..conversation import Request, Response, Usage, loose, parts
from ..conversation.encoding import decode, encode
from ..conversation.usage import count
from ..observing.arguments import Arguments
from ..observing.patching import Patch
from ..observing.steps import Begun, Step, Stepping
from ..observing.steps import patches as step_patches
from ..recording.reported import Reported
from ..semconv import Operation


def patches() -> Sequence[Patch]:
    """Everything to wrap."""
    return step_patches("smolagents", [*_WORK, *_models()])


def _models() -> Iterator[Step]:
    """The ways to generate of all model classes, under the names that they were made with: some have a second one."""
    module = sys.modules.get("smolagents.models")
    base: Any = getattr(module, "Model", None)
    for name, kind in sorted(vars(module).items()) if isinstance(base, type) else ():
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base and kind.__name__ == name:
            for way in ("generate", "generate_stream"):
                yield Step(where=f"smolagents.models:{name}.{way}", begins=_model, gave=_generated, optional=True)


def _agent(arguments: Arguments) -> Begun:
    agent = arguments.receiver
    task = arguments.get("task")
    copied = encode(task if isinstance(task, str) else None)

    def tells(reported: Reported) -> None:
        reported.read_request = lambda: Request(messages=[parts.message("user", [parts.text(decode(copied) or "")])])

    return Begun(
        operation=Operation.INVOKE_AGENT,
        subject=getattr(agent, "name", None) or type(agent).__name__,
        attributes={semconv.AGENT_DESCRIPTION: getattr(agent, "description", None)},
        tells=tells,
    )


def _answered(stepping: Stepping, result: Any) -> None:
    """What an agent's run gave: its answer, a result that has it, or as a stream's last item the step that has it."""
    if type(result).__name__ in ("RunResult", "FinalAnswerStep"):
        result = result.output
    copied = encode(result)
    stepping.reported.read_response = lambda: loose.response(decode(copied))


def _tool(arguments: Arguments) -> Begun:
    tool = arguments.receiver
    given = {name: value for name, value in arguments.kwargs.items() if name != "sanitize_inputs_outputs"}
    bare = arguments.args[1:]
    if len(bare) == 1 and isinstance(bare[0], dict):
        given.update(bare[0])
    else:
        given.update(zip(getattr(tool, "inputs", None) or (), bare, strict=False))
    return Begun(
        operation=Operation.EXECUTE_TOOL,
        subject=str(getattr(tool, "name", type(tool).__name__)),
        attributes={semconv.TOOL_TYPE: "function", semconv.TOOL_DESCRIPTION: getattr(tool, "description", None)},
        arguments=given,
    )


def _model(arguments: Arguments) -> Begun:
    """A model's call. LiteLLM's names have the provider before them: it says itself what the model is called."""
    receiver = arguments.receiver
    model = getattr(receiver, "model_id", None)
    routed = type(receiver).__name__.startswith("LiteLLM")
    messages = arguments.get("messages")
    copied = encode([_said(message) for message in messages] if isinstance(messages, (list, tuple)) else [])

    def tells(reported: Reported) -> None:
        reported.read_request = lambda: loose.request({"model": model, "messages": decode(copied)})

    return Begun(operation=Operation.CHAT, subject=model if isinstance(model, str) and not routed else None, tells=tells)


def _said(message: Any) -> Any:
    """A message, which may be an object of theirs."""
    if isinstance(message, dict):
        return message
    role = getattr(message, "role", None)
    return {"role": str(getattr(role, "value", role)), "content": getattr(message, "content", None)}


def _generated(stepping: Stepping, result: Any) -> None:
    """What a model said, for as far as no client saw it; of a stream only the last piece is known here, which tells the cost."""
    usage = getattr(result, "token_usage", None)
    cost = Usage(
        input_tokens=count(getattr(usage, "input_tokens", None)), output_tokens=count(getattr(usage, "output_tokens", None))
    )
    content = getattr(result, "content", None) if type(result).__name__ == "ChatMessage" else None
    said = [parts.text(content)] if isinstance(content, str) else []
    response = Response(messages=[parts.message("assistant", said)] if said else [], usage=cost if usage is not None else None)
    stepping.reported.read_response = lambda: response


_WORK = (
    Step(where="smolagents.agents:MultiStepAgent.run", begins=_agent, gave=_answered),
    Step(where="smolagents.tools:Tool.__call__", begins=_tool),
    Step(where="smolagents.tools:PipelineTool.__call__", begins=_tool, optional=True),
)
