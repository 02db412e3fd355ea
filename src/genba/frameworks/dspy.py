"""DSPy: modules, agents, tools, retrieval and language models, by the functions that do the work.

Its own callbacks are a setting that the app replaces, and cannot make a span current. A language model asks either through LiteLLM, which
is traced itself, or through an engine of DSPy's own: then what it notes in its history is all that is known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.context import attach, detach, get_current

from .. import harmless, semconv
from ..conversation import JSON, Message, Request, Response, Usage, loose, parts
from ..conversation.encoding import decode, encode
from ..conversation.usage import count
from ..observing.arguments import Arguments
from ..observing.around import Function
from ..observing.patching import Patch
from ..observing.steps import Begun, Step, Stepping
from ..observing.steps import patches as step_patches
from ..recording import owning
from ..recording.reported import Reported
from ..semconv import Operation

_AGENTS = frozenset(("ReAct", "CodeAct", "RLM"))


def patches() -> Sequence[Patch]:
    """Everything to wrap."""
    return [
        *step_patches("dspy", _STEPS),
        Patch("dspy.clients.base_lm", "BaseLM.update_history", _listening, "dspy"),
        Patch("dspy.utils.parallelizer", "ParallelExecutor._wrap_function", _carrying, "dspy", optional=True),
    ]


def _module(arguments: Arguments) -> Begun:
    kinds = [kind.__name__ for kind in type(arguments.receiver).__mro__]
    return Begun(
        operation=Operation.INVOKE_AGENT if _AGENTS.intersection(kinds) else Operation.INVOKE_WORKFLOW,
        subject=kinds[0],
        tells=_told(dict(arguments.kwargs)),
    )


def _evaluation(arguments: Arguments) -> Begun:
    program = arguments.get("program")
    return Begun(operation=Operation.INVOKE_WORKFLOW, subject=f"Evaluate {type(program).__name__}" if program else "Evaluate")


def _told(inputs: dict[str, Any]) -> Callable[[Reported], None]:
    """What a module was given, as one turn of the user."""
    copied = encode(inputs)

    def tells(reported: Reported) -> None:
        reported.read_request = lambda: Request(messages=_turn("user", decode(copied)))

    return tells


def _predicted(stepping: Stepping, result: Any) -> None:
    """What a module gave: a prediction's fields."""
    fields = getattr(result, "toDict", None)
    copied = encode(fields() if callable(fields) else result)
    stepping.reported.read_response = lambda: Response(messages=_turn("assistant", decode(copied)))


def _turn(role: str, fields: JSON) -> list[Message]:
    return [parts.message(role, [parts.text(fields if isinstance(fields, str) else encode(fields).decode())])] if fields else []


def _tool(arguments: Arguments) -> Begun:
    tool = arguments.receiver
    return Begun(
        operation=Operation.EXECUTE_TOOL,
        subject=str(getattr(tool, "name", None) or type(tool).__name__),
        attributes={semconv.TOOL_TYPE: "function", semconv.TOOL_DESCRIPTION: getattr(tool, "desc", None)},
        arguments=arguments.kwargs,
    )


def _retrieval(arguments: Arguments) -> Begun:
    query, limit = arguments.get("query") or (arguments.args[1:2] or (None,))[0], arguments.get("k")
    request = Request(
        query=query if isinstance(query, str) else None,
        retrieval_top_k=count(limit if limit is not None else getattr(arguments.receiver, "k", None)),
    )

    def tells(reported: Reported) -> None:
        reported.read_request = lambda: request

    return Begun(operation=Operation.RETRIEVAL, subject=None, tells=tells)


def _retrieved(stepping: Stepping, result: Any) -> None:
    copied = encode(getattr(result, "passages", result))
    stepping.reported.read_response = lambda: Response(
        documents=[one if isinstance(one, dict) else {"content": one} for one in decode(copied) or ()]
    )


def _model(arguments: Arguments) -> Begun:
    """A model's call. Its name has the provider before it, as LiteLLM's have: whoever asks it says its name."""
    lm = arguments.receiver
    prompt, messages = arguments.get("prompt"), arguments.get("messages")
    options = {**(getattr(lm, "kwargs", None) or {}), **arguments.kwargs}
    copied = encode({**{name: options.get(name) for name in _OPTIONS}, "messages": messages or prompt})

    def tells(reported: Reported) -> None:
        reported.read_request = lambda: loose.request(decode(copied))

    return Begun(operation=Operation.CHAT, subject=None, tells=tells)


_OPTIONS = (
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "top_p",
    "n",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
)


def _said(stepping: Stepping, outputs: Any) -> None:
    """What a model gave, if its history did not say more."""
    if stepping.reported.read_response is None:
        copied = encode(outputs)
        stepping.reported.read_response = lambda: Response(messages=_answers(decode(copied)))


def _listening(update_history: Function) -> Function:
    """`update_history`, with somebody listening: a model notes there what it was answered, in the context of its call."""

    @functools.wraps(update_history)
    def listening(self: Any, entry: Any) -> Any:
        with harmless.guard("reading a model's history"):
            stepping = get_current().get(owning.OWNER)
            if isinstance(stepping, Stepping) and stepping.is_recording and stepping.step.gave is _said:
                _noted(stepping, entry)
        return update_history(self, entry)

    return listening


def _noted(stepping: Stepping, entry: Any) -> None:
    answer, model = entry.get("response"), entry.get("model")
    provider, slash, name = model.partition("/") if isinstance(model, str) else ("", "", None)
    stepping.named_after(name if slash else provider)
    if slash:
        stepping.reported.attributes[semconv.PROVIDER_NAME] = provider
    counts = entry.get("usage")
    copied = encode({"outputs": entry.get("outputs"), "usage": counts if isinstance(counts, dict) else None})
    reason, id, served = getattr(answer, "finish_reason", None), getattr(answer, "id", None), entry.get("response_model")

    def read_response() -> Response:
        known = decode(copied)
        return Response(
            id=id if isinstance(id, str) else None,
            model=served if isinstance(served, str) else None,
            messages=_answers(known["outputs"]),
            finish_reasons=[reason] if isinstance(reason, str) else (),
            native_finish_reasons=[reason] if isinstance(reason, str) else (),
            usage=_usage(known["usage"]),
        )

    stepping.reported.read_response = read_response


def _answers(outputs: JSON) -> list[Message]:
    """A list of texts, or of objects with more than text."""
    return [_answer(output) for output in outputs] if isinstance(outputs, list) else loose.messages(outputs, "assistant")


def _answer(output: JSON) -> Message:
    if not isinstance(output, dict):
        return parts.message("assistant", [parts.text(str(output))])
    said = [parts.reasoning(output["reasoning_content"])] if isinstance(output.get("reasoning_content"), str) else []
    if isinstance(output.get("text"), str):
        said.append(parts.text(output["text"]))
    for call in output.get("tool_calls") or ():
        called = call.get("function") if isinstance(call, dict) else None
        if isinstance(called, dict):
            said.append(parts.tool_call(str(called.get("name")), called.get("arguments"), call.get("id")))
    return parts.message("assistant", said)


def _usage(counts: JSON) -> Usage | None:
    if not counts:
        return None
    went_in, came_out = counts.get("prompt_tokens_details") or {}, counts.get("completion_tokens_details") or {}
    return Usage(
        input_tokens=count(counts.get("prompt_tokens")),
        output_tokens=count(counts.get("completion_tokens")),
        cache_read_input_tokens=count(went_in.get("cached_tokens")),
        cache_write_input_tokens=count(went_in.get("cache_creation_tokens")),
        reasoning_output_tokens=count(came_out.get("reasoning_tokens")),
        audio_input_tokens=count(went_in.get("audio_tokens")),
        audio_output_tokens=count(came_out.get("audio_tokens")),
        raw=counts,
    )


def _carrying(wrap: Function) -> Function:
    """What `dspy.Parallel` makes of a function to run it in its threads: what is current where it is made goes along."""

    @functools.wraps(wrap)
    def carrying(self: Any, function: Function) -> Any:
        context, wrapped = owning.living(get_current()), wrap(self, function)

        @functools.wraps(wrapped)
        def run(*args: Any, **kwargs: Any) -> Any:
            token = attach(context)
            try:
                return wrapped(*args, **kwargs)
            finally:
                detach(token)

        return run

    return carrying


_STEPS = (
    Step(where="dspy.primitives.module:Module.__call__", begins=_module, gave=_predicted),
    Step(where="dspy.primitives.module:Module.acall", begins=_module, gave=_predicted),
    Step(where="dspy.evaluate.evaluate:Evaluate.__call__", begins=_evaluation),
    Step(where="dspy.adapters.types.tool:Tool.__call__", begins=_tool),
    Step(where="dspy.adapters.types.tool:Tool.acall", begins=_tool),
    Step(where="dspy.retrievers.retrieve:Retrieve.__call__", begins=_retrieval, gave=_retrieved),
    Step(where="dspy.clients.base_lm:BaseLM.__call__", begins=_model, gave=_said),
    Step(where="dspy.clients.base_lm:BaseLM.acall", begins=_model, gave=_said),
)
