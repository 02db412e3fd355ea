"""The Responses API: what is read from requests and answers, and from streams that were cut short."""

from __future__ import annotations

from typing import Any

import pytest

from genba.conversation import Usage
from genba.providers.openai.events import fold
from genba.providers.openai.responses import COMPACT, COUNT_TOKENS, FETCH, RESPONSES

Body = dict[str, Any]


def asked(input: Any = None, **body: Any) -> Any:
    return RESPONSES.request({"model": "gpt-5", "input": input, **body})


def answered(*output: Body, status: str = "completed", **more: Any) -> Any:
    return RESPONSES.response(
        {"id": "resp_1", "object": "response", "model": "gpt-5", "status": status, "output": list(output), **more}
    )


def said(text: str, **more: Any) -> Body:
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, **more}]}


FUNCTION_CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Bath"}'}


def test_the_parameters_are_read_in_the_words_of_the_conventions():
    request = asked(
        "Who makes honey?",
        instructions="Be brief.",
        max_output_tokens=64,
        temperature=1,
        top_p=0.5,
        reasoning={"effort": "high"},
        previous_response_id="resp_0",
        conversation={"id": "conv_1"},
        text={"format": {"type": "json_schema", "name": "x", "schema": {}}},
        service_tier="priority",
        stream=True,
        top_logprobs=5,
    )
    assert request.messages == [{"role": "user", "parts": [{"type": "text", "content": "Who makes honey?"}]}]
    assert request.system_instructions == [{"type": "text", "content": "Be brief."}]
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k) == (64, 1.0, 0.5, None)
    assert (request.reasoning_level, request.output_type, request.stream) == ("high", "json", True)
    assert (request.previous_response_id, request.conversation_id) == ("resp_0", "conv_1")
    assert request.attributes == {"openai.request.service_tier": "priority"}
    assert asked("x", conversation="conv_2").conversation_id == "conv_2"


def test_a_stored_prompt_is_part_of_the_instructions():
    prompt = {"id": "pmpt_1", "version": "2", "variables": {"city": "Bath"}}
    assert asked("x", prompt=prompt).system_instructions == [{"type": "prompt", **prompt}]


def test_a_conversation_of_items_becomes_turns(well_formed):
    messages = asked(
        [
            {"role": "developer", "content": "Be brief."},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look:"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
                    {"type": "input_image", "file_id": "file-1"},
                    {"type": "input_file", "file_url": "https://example.com/a.pdf"},
                    {"type": "input_file", "filename": "b.txt", "file_data": "BBBB"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
            FUNCTION_CALL,
            {"type": "custom_tool_call", "call_id": "call_2", "name": "sql", "input": "select 1"},
            {"type": "function_call_output", "call_id": "call_1", "output": "12 °C"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "1"}]},
            {"type": "item_reference", "id": "msg_0"},
            {
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Mild."}, {"type": "refusal", "refusal": "No more."}],
            },
        ]
    ).messages
    assert well_formed(messages) == [
        {"role": "developer", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look:"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA", "detail": "auto"},
                {"type": "file", "modality": "image", "file_id": "file-1"},
                {"type": "uri", "modality": "document", "uri": "https://example.com/a.pdf"},
                {"type": "blob", "modality": "document", "content": "BBBB", "filename": "b.txt"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "", "id": "rs_1", "encrypted_content": "gAAAA"},
                {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Bath"}},
                {"type": "tool_call", "id": "call_2", "name": "sql", "arguments": "select 1"},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "12 °C"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_2", "response": [{"type": "text", "content": "1"}]}]},
        {"role": "user", "parts": [{"type": "item_reference", "id": "msg_0"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "Mild."}, {"type": "refusal", "content": "No more."}]},
    ]


SERVER_SIDE: list[tuple[Body, list[Body]]] = [
    (
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "bees"}},
        [
            {
                "type": "server_tool_call",
                "id": "ws_1",
                "name": "web_search",
                "server_tool_call": {
                    "type": "web_search_call",
                    "status": "completed",
                    "action": {"type": "search", "query": "bees"},
                },
            }
        ],
    ),
    (
        {
            "type": "file_search_call",
            "id": "fs_1",
            "queries": ["bees"],
            "results": [{"file_id": "f", "score": 0.5, "text": "Buzz."}],
        },
        [
            {
                "type": "server_tool_call",
                "id": "fs_1",
                "name": "file_search",
                "server_tool_call": {"type": "file_search_call", "queries": ["bees"]},
            },
            {
                "type": "server_tool_call_response",
                "id": "fs_1",
                "server_tool_call_response": {
                    "type": "file_search_call",
                    "results": [{"file_id": "f", "score": 0.5, "text": "Buzz."}],
                },
            },
        ],
    ),
    (
        {
            "type": "code_interpreter_call",
            "id": "ci_1",
            "code": "1+1",
            "container_id": "c",
            "outputs": [{"type": "logs", "logs": "2"}],
        },
        [
            {
                "type": "server_tool_call",
                "id": "ci_1",
                "name": "code_interpreter",
                "server_tool_call": {"type": "code_interpreter_call", "code": "1+1", "container_id": "c"},
            },
            {
                "type": "server_tool_call_response",
                "id": "ci_1",
                "server_tool_call_response": {"type": "code_interpreter_call", "outputs": [{"type": "logs", "logs": "2"}]},
            },
        ],
    ),
    (
        {
            "type": "mcp_call",
            "id": "mcp_1",
            "name": "roll",
            "server_label": "dice",
            "arguments": '{"sides": 6}',
            "output": "4",
            "error": None,
        },
        [
            {
                "type": "server_tool_call",
                "id": "mcp_1",
                "name": "roll",
                "server_tool_call": {"type": "mcp_call", "name": "roll", "server_label": "dice", "arguments": {"sides": 6}},
            },
            {"type": "server_tool_call_response", "id": "mcp_1", "server_tool_call_response": {"type": "mcp_call", "output": "4"}},
        ],
    ),
    (
        {"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "output_format": "png", "revised_prompt": "A bee."},
        [
            {
                "type": "server_tool_call",
                "id": "ig_1",
                "name": "image_generation",
                "server_tool_call": {"type": "image_generation_call", "output_format": "png", "revised_prompt": "A bee."},
            },
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
        ],
    ),
    (
        {"type": "mcp_approval_request", "id": "ma_1", "name": "roll", "server_label": "dice", "arguments": "{}"},
        [{"type": "mcp_approval_request", "id": "ma_1", "name": "roll", "server_label": "dice", "arguments": "{}"}],
    ),
    (
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gBBBB"},
        [{"type": "compaction", "id": "cmp_1", "encrypted_content": "gBBBB"}],
    ),
]


@pytest.mark.parametrize(("item", "expected"), SERVER_SIDE, ids=[item["type"] for item, _ in SERVER_SIDE])
def test_what_the_provider_did_itself_has_its_place_in_the_answer(item, expected, well_formed):
    response = answered(item, said("Done."))
    [message] = well_formed(response.messages)
    assert message["parts"] == [*expected, {"type": "text", "content": "Done."}]
    assert response.finish_reasons == ["stop"]


@pytest.mark.parametrize("kind", ["computer", "shell", "local_shell", "apply_patch"])
def test_built_in_tools_that_the_host_runs_are_tool_calls(kind, well_formed):
    call = {"type": f"{kind}_call", "id": "x_1", "call_id": "call_9", "status": "completed", "action": {"type": "wait"}}
    response = answered(call)
    asked_for = {"type": "tool_call", "id": "call_9", "name": kind, "arguments": {"action": {"type": "wait"}}}
    assert well_formed(response.messages) == [{"role": "assistant", "parts": [asked_for], "finish_reason": "tool_call"}]
    result = {"type": f"{kind}_call_output", "call_id": "call_9", "output": "done"}
    assert well_formed(asked([result]).messages) == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_9", "response": "done"}]}
    ]


def test_a_tool_whose_result_is_in_the_answer_waits_for_nobody():
    call = {"type": "shell_call", "call_id": "call_9", "action": {"commands": ["ls"]}}
    result = {
        "type": "shell_call_output",
        "call_id": "call_9",
        "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit"}}],
    }
    response = answered(call, result)
    assert response.finish_reasons == ["stop"]
    assert [part["type"] for part in response.messages[0]["parts"]] == ["tool_call", "tool_call_response"]
    assert response.messages[0]["parts"][1]["response"] == result["output"]


def test_an_item_of_a_kind_from_the_future_is_kept_as_it_is():
    [message] = answered({"type": "telepathy_call", "id": "t_1", "thought": "?"}).messages
    assert message["parts"] == [{"type": "telepathy_call", "id": "t_1", "thought": "?"}]


def test_an_answer_is_one_message_with_everything_in_order(well_formed):
    thoughts = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Bees?"}, {"type": "summary_text", "text": "Yes."}],
        "encrypted_content": "gAAAA",
    }
    citation = {"type": "url_citation", "url": "https://example.com", "title": "t", "start_index": 0, "end_index": 4}
    usage = {
        "input_tokens": 21,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 32,
    }
    response = answered(
        thoughts,
        said("Bees.", annotations=[citation], logprobs=[]),
        FUNCTION_CALL,
        usage=usage,
        service_tier="flex",
        conversation={"id": "conv_1"},
    )
    assert well_formed(response.messages) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Bees?", "id": "rs_1", "encrypted_content": "gAAAA"},
                {"type": "reasoning", "content": "Yes."},
                {"type": "text", "content": "Bees.", "annotations": [citation]},
                {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Bath"}},
            ],
            "finish_reason": "tool_call",
        }
    ]
    assert (response.id, response.model, response.status, response.conversation_id) == ("resp_1", "gpt-5", "completed", "conv_1")
    assert response.usage == Usage(
        input_tokens=21,
        output_tokens=11,
        cache_read_input_tokens=5,
        cache_write_input_tokens=2,
        reasoning_output_tokens=6,
        raw=usage,
    )
    assert response.attributes == {"openai.response.service_tier": "flex"}


@pytest.mark.parametrize(
    ("body", "reasons", "native"),
    [
        ({"status": "completed"}, ["stop"], ["completed"]),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ["length"], ["max_output_tokens"]),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ["content_filter"], ["content_filter"]),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, ["steered"], ["steered"]),
        ({"status": "failed"}, ["error"], ["failed"]),
        ({"status": "cancelled"}, ["cancelled"], ["cancelled"]),
        ({"status": "in_progress"}, [], []),
        ({"status": "queued"}, [], []),
    ],
)
def test_why_it_ended_is_told_by_status_and_details(body, reasons, native):
    response = answered(said("x"), **body)
    assert (response.finish_reasons, response.native_finish_reasons, response.status) == (reasons, native, body["status"])


def test_a_failed_answer_carries_its_error():
    body = {"id": "resp_1", "status": "failed", "output": [], "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}
    response = RESPONSES.response(body)
    assert (response.error_type, response.error_message, response.messages) == ("rate_limit_exceeded", "Slow down.", [])
    assert RESPONSES.failed is not None
    assert RESPONSES.failed(body) == ("rate_limit_exceeded", "Slow down.")
    assert RESPONSES.failed({"type": "response.failed", "response": body}) == ("rate_limit_exceeded", "Slow down.")
    assert RESPONSES.failed({"type": "error", "code": "server_error", "message": "Hot."}) == ("server_error", "Hot.")
    assert RESPONSES.failed({"id": "resp_1", "status": "completed", "error": None}) is None


def test_the_tokens_of_all_its_texts_are_those_of_one_answer():
    tokens = [{"token": text, "logprob": -0.1, "bytes": list(text.encode()), "top_logprobs": []} for text in ("Bees", " fly")]
    [read] = answered(said("Bees", logprobs=tokens[:1]), said(" fly", logprobs=tokens[1:])).tokens
    assert (read.side, read.index, read.source, read.pieces, read.logprobs) == (
        "output",
        0,
        "logprobs",
        [b"Bees", b" fly"],
        [-0.1, -0.1],
    )


def test_a_compacted_conversation_says_so():
    response = COMPACT.response(
        {"id": "resp_2", "object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "g"}]}
    )
    assert response.attributes == {"gen_ai.conversation.compacted": True}
    assert (response.finish_reasons, len(response.messages)) == ([], 1)


def test_counting_tokens_gives_their_number():
    counted = COUNT_TOKENS.response({"object": "response.input_tokens", "input_tokens": 11}).usage
    assert counted == Usage(input_tokens=11, raw={"input_tokens": 11})


def test_a_fetch_tells_what_it_wants_and_where_it_resumes():
    request = FETCH.request({"path": "/responses/resp_1", "stream": True, "starting_after": 42})
    assert request.stream is True
    assert request.attributes == {"gen_ai.response.id": "resp_1", "gen_ai.request.stream_cursor": "42"}
    assert (FETCH.request(None).stream, FETCH.request(None).attributes) == (None, {})
    assert (FETCH.operation, FETCH.response({"id": "resp_1", "status": "queued"}).status) == ("fetch_response", "queued")


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
AT = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
STARTED: list[Body] = [
    {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": 0, "delta": "Be"},
    {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": 0, "delta": "es?"},
    {"type": "response.output_item.added", "output_index": 1, "item": MESSAGE},
    {"type": "response.content_part.added", **AT, "part": {"type": "output_text", "text": ""}},
    {"type": "response.output_text.delta", **AT, "delta": "Bees", "logprobs": [{"token": "Bees", "logprob": -0.1}]},
    {"type": "response.output_text.delta", **AT, "delta": " make", "logprobs": []},
    {"type": "response.output_text.annotation.added", **AT, "annotation": {"type": "file_path", "file_id": "f"}},
    {"type": "response.output_item.added", "output_index": 2, "item": {**FUNCTION_CALL, "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": '{"city": '},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": '"Ba'},
]


def test_a_whole_stream_is_its_last_event():
    finished = {"id": "resp_1", "status": "completed", "output": [said("Bees make it.")]}
    assert fold([*STARTED, {"type": "response.completed", "response": finished}]) == finished


def test_a_stream_cut_short_is_put_together_from_its_pieces(well_formed):
    response = RESPONSES.response(fold(STARTED))
    assert well_formed(response.messages) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Bees?", "id": "rs_1"},
                {"type": "text", "content": "Bees make", "annotations": [{"type": "file_path", "file_id": "f"}]},
                {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": '{"city": "Ba'},
            ],
        }
    ]
    assert (response.id, response.model, response.status, response.finish_reasons) == ("resp_1", "gpt-5", "in_progress", [])
    assert [(tokens.pieces, tokens.logprobs) for tokens in response.tokens] == [([b"Bees"], [-0.1])]


def test_a_text_that_is_done_counts_once():
    done = {"type": "response.output_text.done", **AT, "text": "Bees make it."}
    [message] = RESPONSES.response(fold([*STARTED[4:8], done])).messages
    assert message["parts"] == [{"type": "text", "content": "Bees make it."}]


def test_an_item_that_is_done_needs_its_pieces_no_more():
    done = {"type": "response.output_item.done", "output_index": 1, "item": said("Bees make it.")}
    [message] = RESPONSES.response(fold([*STARTED[4:8], done])).messages
    assert message["parts"] == [{"type": "text", "content": "Bees make it."}]


def test_a_stream_resumed_in_the_middle_makes_do_with_what_it_has():
    [message] = FETCH.response(fold(STARTED[6:8])).messages
    assert message == {"role": "assistant", "parts": [{"type": "text", "content": "Bees make"}]}


def test_items_are_told_apart_by_id_where_a_server_gives_no_position():
    events = [
        {"type": "response.output_item.added", "item": {"id": id, "type": "message", "role": "assistant", "content": []}}
        for id in ("a", "b")
    ]
    events += [
        {"type": "response.output_text.delta", "item_id": id, "delta": text}
        for id, text in (("a", "One"), ("b", "Two"), ("a", "!"))
    ]
    [message] = RESPONSES.response(fold(events)).messages
    assert [part["content"] for part in message["parts"]] == ["One!", "Two"]


def test_a_preview_of_a_picture_stands_in_for_it(well_formed):
    event = {
        "type": "response.image_generation_call.partial_image",
        "item_id": "ig_1",
        "output_index": 0,
        "partial_image_b64": "AAAA",
    }
    [message] = well_formed(RESPONSES.response(fold([event])).messages)
    assert message["parts"][1] == {"type": "blob", "modality": "image", "content": "AAAA"}
    assert message["parts"][0]["server_tool_call"]["partial"] is True


def test_an_error_event_fails_the_answer():
    response = RESPONSES.response(fold([*STARTED, {"type": "error", "code": "server_error", "message": "Too hot."}]))
    assert (response.error_type, response.error_message, response.finish_reasons) == ("server_error", "Too hot.", ["error"])
    assert len(response.messages) == 1


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"input": [None, {"type": 5}, {"type": "message"}, {"type": "reasoning", "summary": 3}, {"type": "mcp_call"}], "tools": {}},
        {"input": {}, "instructions": [None, {"role": "user"}], "prompt": "x", "conversation": 5, "reasoning": "hard"},
        {"output": [None, {"type": "function_call"}, {"type": "message", "content": 5}], "status": 4, "usage": [], "error": "no"},
    ],
)
def test_a_body_of_any_shape_is_read_as_far_as_it_goes(body):
    RESPONSES.request(body)
    RESPONSES.response(body)
    RESPONSES.response(fold([body, {"type": 5}, {"type": "response.output_item.added"}, {"type": "response.output_text.delta"}]))
