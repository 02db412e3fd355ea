"""Framework over client over router: however many layers see a model call, it is one span, and its tokens are counted once."""

from __future__ import annotations

import pytest

from support.spans import Spans, attributes, tree
from support.stacks import STACKS, Stack
from support.wire import Server

pytestmark = pytest.mark.skipif(not STACKS, reason="no framework is installed")


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name.replace(" ", "_"))
def test_a_model_call_is_one_span_with_the_tokens_that_the_server_counted(stack: Stack, server: Server, spans: Spans) -> None:
    server.queue.extend(stack.replies())
    with spans.app.start_as_current_span("caller"):
        stack.play(server.url)

    assert tree(spans) == ["caller", *(f"  {line}" for line in stack.tree)]
    models = [attributes(span) for span in spans.models()]
    assert len(models) == len(stack.replies())
    assert sum(told.get("gen_ai.usage.input_tokens", 0) for told in models) == stack.input_tokens
    assert sum(told.get("gen_ai.usage.output_tokens", 0) for told in models) == stack.output_tokens
    others = [attributes(span) for span in spans.all() if span not in spans.models()]
    assert not [told for told in others if any(name.startswith("gen_ai.usage.") for name in told)], "only model calls have usage"
    assert len(spans.all()) == len({span.context.span_id for span in spans.all() if span.context})
