"""Claude's Agent SDK: what its program says on the pipe becomes an agent, its answers, its tools and its subagents."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from support import claude_program as claude
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, messages, outcome, parts, tree

pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed")


@pytest.fixture(autouse=True)
def no_version_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_AGENT_SDK_SKIP_VERSION_CHECK", "1")


def options(path: Path, **more: Any) -> Any:
    from claude_agent_sdk import ClaudeAgentOptions

    return ClaudeAgentOptions(cli_path=path, **more)


def ask(path: Path, prompt: Any = "Who makes honey?", **more: Any) -> list[Any]:
    from claude_agent_sdk import query

    async def run() -> list[Any]:
        return [message async for message in query(prompt=prompt, options=options(path, **more))]

    return asyncio.run(run())


WITH_A_TOOL = (
    claude.init(),
    claude.said("msg_1", {"type": "thinking", "thinking": "Bees come to mind.", "signature": "c2ln"}),
    claude.said("msg_1", claude.text("Let me look.")),
    claude.said("msg_1", claude.use("toolu_1", "Read", path="bees.txt"), stop="tool_use"),
    claude.given("toolu_1", [claude.text("They make it.")]),
    claude.said("msg_2", claude.text("Honey is made by bees."), stop="end_turn"),
    claude.result(),
)


def test_a_query_is_an_agent_with_its_answers_and_tools(spans: Spans, tmp_path: Path) -> None:
    with spans.app.start_as_current_span("caller"):
        said = ask(claude.program(tmp_path, WITH_A_TOOL))

    assert [type(message).__name__ for message in said][-1] == "ResultMessage"
    assert tree(spans) == [
        "caller",
        "  invoke_agent claude",
        "    chat claude-wire-1",
        "    execute_tool Read",
        "    chat claude-wire-1",
    ]
    assert {attributes(span)["gen_ai.conversation.id"] for span in spans.all()} == {claude.SESSION}
    assert {outcome(span) for span in spans.all()} == {"completed"}


def test_an_answer_that_came_in_pieces_is_one_span_with_its_usage_once(spans: Spans, tmp_path: Path) -> None:
    ask(claude.program(tmp_path, WITH_A_TOOL))

    first, second = sorted(spans.models(), key=lambda span: span.start_time or 0)
    told = attributes(first)
    assert told["gen_ai.response.id"] == "msg_1"
    assert told["gen_ai.usage.input_tokens"] == 33, "Anthropic counts the cache apart"
    assert told["gen_ai.usage.cache_read.input_tokens"] == 20
    assert told["gen_ai.usage.output_tokens"] == 7
    assert told["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert [part["type"] for part in parts(first)] == ["reasoning", "text", "tool_call"]
    assert [message["role"] for message in messages(second, "input")] == ["user", "assistant", "tool"]
    agent = spans.named("invoke_agent claude")
    assert messages(agent, "input")[0]["parts"] == [{"type": "text", "content": "Who makes honey?"}]
    assert parts(agent) == [{"type": "text", "content": "Honey is made by bees."}]
    assert not [name for name in attributes(agent) if name.startswith("gen_ai.usage.")]
    assert json.loads(attributes(agent)["genba.usage.raw"])["total_cost_usd"] == 0.01


def test_a_tool_has_its_arguments_its_result_and_its_failure(spans: Spans, tmp_path: Path) -> None:
    ask(
        claude.program(
            tmp_path,
            (
                claude.init(),
                claude.said("msg_1", claude.use("toolu_1", "Read", path="bees.txt"), claude.use("toolu_2", "Bash", command="ls")),
                claude.given("toolu_1", "They make it."),
                claude.given("toolu_2", "no such command", is_error=True),
                claude.said("msg_2", claude.text("Done.")),
                claude.result(),
            ),
        )
    )

    read, bash = spans.named("execute_tool Read"), spans.named("execute_tool Bash")
    assert json.loads(attributes(read)["gen_ai.tool.call.arguments"]) == {"path": "bees.txt"}
    assert json.loads(attributes(read)["gen_ai.tool.call.result"]) == {"result": "They make it."}
    assert attributes(read)["gen_ai.tool.call.id"] == "toolu_1"
    assert not failed(read)
    assert failed(bash)
    assert bash.status.description == "no such command"


def test_a_subagent_hangs_below_the_tool_that_called_it(spans: Spans, tmp_path: Path) -> None:
    ask(
        claude.program(
            tmp_path,
            (
                claude.init(),
                claude.said("msg_1", claude.use("toolu_1", "Task", subagent_type="reviewer", prompt="Look.")),
                claude.said("msg_sub", claude.use("toolu_2", "Grep", pattern="x"), parent="toolu_1"),
                claude.given("toolu_2", "none", parent="toolu_1"),
                claude.said("msg_sub2", claude.text("Nothing."), parent="toolu_1"),
                claude.given("toolu_1", [claude.text("Nothing.")]),
                claude.said("msg_2", claude.text("Done.")),
                claude.result(),
            ),
        )
    )

    assert tree(spans) == [
        "invoke_agent claude",
        "  chat claude-wire-1",
        "  execute_tool Task",
        "    invoke_agent reviewer",
        "      chat claude-wire-1",
        "      execute_tool Grep",
        "      chat claude-wire-1",
        "  chat claude-wire-1",
    ]


def test_a_client_has_an_agent_for_each_turn_below_who_asked(spans: Spans, tmp_path: Path) -> None:
    from claude_agent_sdk import ClaudeSDKClient

    turn = (claude.said("msg_1", claude.text("Bees.")), claude.result())
    path = claude.program(tmp_path, turn, (claude.said("msg_2", claude.text("Wax.")), claude.result()))

    async def talk() -> None:
        async with ClaudeSDKClient(options(path)) as client:
            for number in (1, 2):
                with spans.app.start_as_current_span(f"turn {number}"):
                    await client.query("Who makes honey?")
                    async for _ in client.receive_response():
                        pass

    asyncio.run(talk())

    agent = ["  invoke_agent claude", "    chat claude-wire-1"]
    assert tree(spans) == ["turn 1", *agent, "turn 2", *agent]


def test_streamed_pieces_give_the_answer_its_last_usage_and_the_times_of_its_chunks(spans: Spans, tmp_path: Path) -> None:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": claude.MODEL, "content": [], "usage": claude.USAGE}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Bees."}}
    ask(
        claude.program(
            tmp_path,
            (
                claude.streamed({"type": "message_start", "message": start}),
                claude.streamed(delta),
                claude.streamed(delta),
                claude.said("msg_1", claude.text("Bees.Bees.")),
                claude.streamed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 42}}),
                claude.streamed({"type": "message_stop"}),
                claude.result(),
            ),
        ),
        include_partial_messages=True,
    )

    (chat,) = spans.models()
    told = attributes(chat)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (33, 42)
    assert told["genba.chunks.count"] == 2
    assert told["gen_ai.response.finish_reasons"] == ("stop",)


def test_an_agent_that_says_it_failed_has_failed(spans: Spans, tmp_path: Path) -> None:
    said = (
        claude.said("msg_1", claude.text("Hm.")),
        claude.result("It went wrong.", is_error=True, subtype="error_during_execution"),
    )
    with contextlib.suppress(Exception):  # newer SDKs raise it too
        ask(claude.program(tmp_path, said))

    assert failed(spans.named("invoke_agent claude"))
    assert not failed(spans.models()[0])


def test_a_program_that_breaks_off_fails_what_it_was_doing(spans: Spans, tmp_path: Path) -> None:
    path = claude.program(tmp_path, (claude.said("msg_1", claude.use("toolu_1", "Read", path="x")), "crash"))
    with pytest.raises(Exception, match="exit code"):
        ask(path)

    assert {span.name: outcome(span) for span in spans.all()} == {
        "invoke_agent claude": "failed",
        "chat claude-wire-1": "failed",
        "execute_tool Read": "failed",
    }


def test_a_host_that_leaves_midway_cancels_the_agent(spans: Spans, tmp_path: Path) -> None:
    from claude_agent_sdk import AssistantMessage, query

    path = claude.program(tmp_path, (claude.said("msg_1", claude.use("toolu_1", "Read", path="x")),))

    async def leave() -> None:
        messages = query(prompt="Who?", options=options(path))
        async for message in messages:
            if isinstance(message, AssistantMessage):
                break
        await messages.aclose()

    asyncio.run(leave())

    assert {span.name: outcome(span) for span in spans.all()} == {
        "invoke_agent claude": "cancelled",
        "chat claude-wire-1": "cancelled",
        "execute_tool Read": "cancelled",
    }


def test_two_queries_at_once_are_two_trees(spans: Spans, tmp_path: Path) -> None:
    from claude_agent_sdk import query

    path = claude.program(tmp_path, WITH_A_TOOL)

    async def one(name: str) -> None:
        with spans.app.start_as_current_span(name):
            async for _ in query(prompt=name, options=options(path)):
                pass

    async def both() -> None:
        await asyncio.gather(one("first"), one("second"))

    asyncio.run(both())

    for name in ("first", "second"):
        (agent,) = [span for span in spans.all() if is_child(span, spans.named(name))]
        assert messages(agent, "input")[0]["parts"][0]["content"] == name
        assert len([span for span in spans.all() if is_child(span, agent)]) == 3


def test_content_stays_out_where_it_is_not_wanted(start_tracing: Any, tmp_path: Path) -> None:
    spans = start_tracing(capture_content="none")
    ask(claude.program(tmp_path, WITH_A_TOOL))

    assert len(spans.all()) == 4
    assert "bees" not in "".join(span.to_json() for span in spans.all())


@pytest.mark.parametrize(
    "odd", [None, 7, "x", {"type": "assistant"}, {"type": "user", "message": None}, {"type": "stream_event", "event": []}]
)
def test_odd_messages_harm_nothing(spans: Spans, odd: Any) -> None:
    from genba.frameworks.claude_agent.session import Session

    session = Session()
    session.asked({"type": "user"})
    session.received(odd)
    session.received(
        {"type": "assistant", "message": {"content": [None, {"type": "tool_use"}], "usage": 3}, "parent_tool_use_id": 4}
    )
    session.received({"type": "user", "message": {"content": "x"}})
    session.received({"type": "result"})

    assert [span.name for span in spans.all()][-1] == "invoke_agent claude"


def test_what_was_patched_is_as_it_was(start_tracing: Any) -> None:
    from claude_agent_sdk._internal.query import Query

    import genba

    before = Query.receive_messages
    start_tracing()
    assert Query.receive_messages is not before
    genba.uninstrument()
    assert Query.receive_messages is before


def test_the_example_runs(tmp_path: Path) -> None:
    path = claude.program(tmp_path, WITH_A_TOOL)
    ran = run_example(
        "agent_claude",
        tmp_path,
        GENBA_EXPORT=f"jsonl:{tmp_path}/spans.jsonl",
        CLAUDE_PROGRAM=str(path),
        CLAUDE_AGENT_SDK_SKIP_VERSION_CHECK="1",
    )
    assert "Honey is made by bees." in ran.out
    assert "execute_tool Read" in [span["name"] for span in ran.spans()]
