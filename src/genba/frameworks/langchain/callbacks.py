"""The callbacks: each run that LangChain tells of begins, gets what is said of it, and ends.

They run in the context of the work (`run_inline`), but an asynchronous run's end is told in a task of its own: what was made current
cannot be taken back there. See `Place`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from time import time_ns
from typing import Any, NamedTuple

from ... import harmless, semconv
from ...conversation import Response
from ...conversation.encoding import encode, readable
from ...semconv import Operation, Outcome
from ..runs import Run, Runs
from ..steps import model, retrieval, tool
from . import batches, exchange, messages, steps

runs = Runs("langchain")

Ids = Hashable
Facts = Mapping[str, Any] | None
_CONVERSATIONS = ("thread_id", "conversation_id", "session_id")
"""Where LangGraph and LangSmith keep a conversation's id."""


class Place(NamedTuple):
    """Where a run is."""

    task: Any
    """The task in which the outermost run around it began, if any. What runs in that very task is made current quietly: its end is
    told in another, and what the host does next must not hang on it."""
    is_node: bool
    """Whether it is a node of a graph."""


_OUTSIDE = Place(None, is_node=False)


class Callbacks:
    """What `BaseCallbackHandler` has methods for. None of them returns anything, and none raises."""

    run_inline = True
    raise_error = False
    ignore_llm = ignore_chat_model = ignore_chain = ignore_agent = ignore_retriever = ignore_retry = ignore_custom_event = False

    # Models.

    def on_chat_model_start(
        self, serialized: Facts, messages: Any, *, run_id: Ids, parent_run_id: Ids = None, metadata: Facts = None, **more: Any
    ) -> None:
        """A chat model is asked."""
        _model_began(Operation.CHAT, [one for batch in messages for one in batch], run_id, parent_run_id, metadata or {}, more)

    def on_llm_start(
        self, serialized: Facts, prompts: Any, *, run_id: Ids, parent_run_id: Ids = None, metadata: Facts = None, **more: Any
    ) -> None:
        """A completion model is asked."""
        _model_began(Operation.TEXT_COMPLETION, list(prompts), run_id, parent_run_id, metadata or {}, more)

    def on_llm_new_token(self, token: Any = None, *, run_id: Ids, **more: Any) -> None:
        """A chunk arrived. The host has its turn now: what it does between two chunks is not done for this call."""
        run = runs.get(run_id)
        if run is not None:
            run.reported.chunk_times.append(time_ns())
            if len(run.reported.chunk_times) == 1:
                runs.leave(run_id)

    def on_stream_event(self, event: Any = None, *, run_id: Ids, **more: Any) -> None:
        """A chunk arrived, in the newer protocol."""
        if isinstance(event, Mapping) and event.get("event") == "content-block-delta":
            self.on_llm_new_token(run_id=run_id)

    def on_llm_end(self, response: Any, *, run_id: Ids, **more: Any) -> None:
        """It answered."""
        _answered(run_id, response)
        _settled(run_id)
        runs.end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: Ids, response: Any = None, **more: Any) -> None:
        """It did not, or was left halfway."""
        if response is not None:
            _answered(run_id, response)
        others = _settled(run_id) if _task() is None else ()
        runs.end(run_id, error)
        for other in others:  # LangChain tells no end of them
            runs.end(other, outcome=Outcome.CANCELLED)

    def on_retry(self, retry_state: Any, *, run_id: Ids, **more: Any) -> None:
        """LangChain itself tries again."""
        with harmless.guard("taking note of a retry of langchain"):
            run, attempt = runs.get(run_id), getattr(retry_state, "attempt_number", None)
            if run is not None and isinstance(attempt, int):
                run.invocation.span.add_event(semconv.RETRY_EVENT, {semconv.RETRY_ATTEMPT: attempt})

    # Chains, graphs and their steps.

    def on_chain_start(
        self,
        serialized: Facts,
        inputs: Any,
        *,
        run_id: Ids,
        parent_run_id: Ids = None,
        tags: Sequence[str] | None = None,
        metadata: Facts = None,
        run_type: str | None = None,
        name: str | None = None,
        **more: Any,
    ) -> None:
        """A runnable, a graph or a node of one begins."""
        with harmless.guard("beginning a run of langchain"):
            about = metadata or {}
            above = runs.above(parent_run_id)
            place = above.memo if above is not None and above.memo is not None else _OUTSIDE
            told = steps.Told(steps.name_of(name, serialized), about, tags or (), run_type, above is None, place.is_node)
            if told.is_node and above is not None and steps.is_an_agents_state(inputs):
                _turns_out_to_be_an_agent(above)
            step = steps.of(told)
            # An outermost run is not made current: between two pieces of its stream it is the host's turn.
            current, quietly = above is not None, place.task is not None and place.task is _task()
            if step is None:
                runs.hide(run_id, parent_run_id, current=current, quietly=quietly)
                return
            known = _known({}, about)
            run = runs.begin(
                run_id, step.operation, step.name, parent=parent_run_id, attributes=known, current=current, quietly=quietly
            )
            if run is not None:
                run.invocation.more = step.attributes
                run.memo = Place(_task() if above is None else place.task, told.is_node)
                if step.operation is not None:
                    _asked(run, inputs)

    def on_chain_end(self, outputs: Any, *, run_id: Ids, inputs: Any = None, **more: Any) -> None:
        """It ended. What a streamed one was given is known only now."""
        run = runs.get(run_id)
        with harmless.guard("reading what a run of langchain gave"):
            if run is not None and run.invocation.keeps_content:
                if run.invocation.operation is None:
                    run.invocation.gave(messages.readable(outputs))
                else:
                    if inputs is not None:
                        _asked(run, inputs)
                    _gave(run, outputs)
        runs.end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: Ids, **more: Any) -> None:
        """It failed, or was interrupted. A tool that is cancelled does not tell so itself."""
        if not isinstance(error, Exception) and runs.get(run_id) is not None:
            for inner in runs.below(run_id):
                run = runs.get(inner)
                if run is not None and run.invocation.operation == Operation.EXECUTE_TOOL:
                    runs.end(inner, error)
        runs.end(run_id, error)

    # Tools.

    def on_tool_start(
        self,
        serialized: Facts,
        input_str: str,
        *,
        run_id: Ids,
        parent_run_id: Ids = None,
        metadata: Facts = None,
        inputs: Any = None,
        tool_call_id: Any = None,
        name: str | None = None,
        **more: Any,
    ) -> None:
        """A tool is used."""
        with harmless.guard("beginning a tool of langchain"):
            about = serialized or {}
            step = tool(steps.name_of(about.get("name") or name, serialized), about.get("description"))
            known = _known({**step.attributes, semconv.TOOL_CALL_ID: tool_call_id}, metadata or {})
            run = runs.begin(run_id, step.operation, step.name, parent=parent_run_id, attributes=known, current=True)
            if run is not None and run.invocation.keeps_content:
                run.invocation.took(inputs if isinstance(inputs, Mapping) else {"input": input_str})

    def on_tool_end(self, output: Any, *, run_id: Ids, **more: Any) -> None:
        """It gave something back; that may say that it failed."""
        failed = None
        run = runs.get(run_id)
        with harmless.guard("reading what a tool of langchain gave"):
            said = output.content if messages.is_message(output) else messages.readable(output)
            if run is not None and run.invocation.keeps_content:
                run.invocation.gave(said if isinstance(said, str) or not messages.is_message(output) else messages.content(said))
            if run is not None and isinstance(getattr(output, "tool_call_id", None), str):
                run.invocation.set_attribute(semconv.TOOL_CALL_ID, readable(output.tool_call_id))  # older releases say it only now
            if getattr(output, "status", None) == "error":
                failed = said if isinstance(said, str) else ""
        runs.end(run_id, failed=failed)

    def on_tool_error(self, error: BaseException, *, run_id: Ids, **more: Any) -> None:
        """It failed, or was interrupted to ask a person."""
        runs.end(run_id, error)

    # Retrievers.

    def on_retriever_start(
        self,
        serialized: Facts,
        query: str,
        *,
        run_id: Ids,
        parent_run_id: Ids = None,
        metadata: Facts = None,
        name: str | None = None,
        **more: Any,
    ) -> None:
        """Documents are looked for."""
        with harmless.guard("beginning a retrieval of langchain"):
            step, known = retrieval(steps.name_of(name, serialized)), _known({}, metadata or {})
            run = runs.begin(run_id, step.operation, step.name, parent=parent_run_id, attributes=known, current=True, quietly=True)
            if run is not None and isinstance(query, str):
                run.reported.read_request = lambda: exchange.query(query)

    def on_retriever_end(self, documents: Any, *, run_id: Ids, **more: Any) -> None:
        """They were found."""
        run = runs.get(run_id)
        if run is not None:
            found = list(documents) if isinstance(documents, Sequence) else []
            run.reported.read_response = lambda: Response(documents=[exchange.document(one) for one in found])
        runs.end(run_id)

    def on_retriever_error(self, error: BaseException, *, run_id: Ids, **more: Any) -> None:
        """They could not be looked for."""
        runs.end(run_id, error)


def _model_began(
    operation: str, said: list[Any], run_id: Ids, parent: Ids, metadata: Mapping[str, Any], more: Mapping[str, Any]
) -> None:
    with harmless.guard("beginning a model call of langchain"):
        parameters = more.get("invocation_params") or {}
        step = model(operation, exchange.model_name(metadata, parameters), exchange.provider(metadata))
        known = _known(step.attributes, metadata)
        batch = batches.at_work(runs, more.get("batch_size"), parent)
        run = runs.begin(run_id, operation, step.name, parent=parent, kind=step.kind, attributes=known, current=True, quietly=True)
        if run is not None:
            run.reported.read_request = lambda: exchange.request(said, parameters, metadata)
            if batch is not None:
                batch.joined(run_id, run)


def _answered(run_id: Ids, result: Any) -> None:
    run = runs.get(run_id)
    if run is not None:
        run.reported.read_response = lambda: exchange.response(result)


def _settled(run_id: Ids) -> Sequence[Ids]:
    """If it is one of a batch: let each of that take its own. Gives all of them."""
    run = runs.get(run_id)
    if run is None or not isinstance(run.memo, batches.Batch):
        return ()
    with harmless.guard("sharing out what was seen of a batch of langchain"):
        run.memo.settled()
    return list(run.memo.runs)


def _asked(run: Run, inputs: Any) -> None:
    """What a graph or chain was given: kept as it is now, without reading the messages in it."""
    if run.invocation.keeps_content:
        given = messages.listed(inputs)
        kept = given if given is not None else encode(inputs)
        run.reported.read_request = lambda: exchange.given(kept)


def _gave(run: Run, outputs: Any) -> None:
    given = messages.listed(outputs)
    kept = given if given is not None else encode(outputs)
    run.reported.read_response = lambda: exchange.gave(kept)


def _known(attributes: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes, and the conversation's id where the metadata has one."""
    id = next((metadata[name] for name in _CONVERSATIONS if isinstance(metadata.get(name), (str, int)) and metadata[name]), None)
    known = {semconv.CONVERSATION_ID: str(id)} if id is not None else {}
    return {name: readable(value) if isinstance(value, str) else value for name, value in {**known, **attributes}.items()}


def _task() -> Any:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop in this thread
        return None


def _turns_out_to_be_an_agent(run: Run) -> None:
    """A graph that began as any other says by what its nodes get that it is the prebuilt agent."""
    invocation = run.invocation
    if invocation.operation in (None, Operation.INVOKE_WORKFLOW):
        step = steps.of_agent(str(invocation.more.get(semconv.AGENT_NAME, invocation.name)))
        invocation.becomes(Operation.INVOKE_AGENT, step.name, step.attributes)
        run.context = invocation.context
