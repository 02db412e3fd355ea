"""Every name that genba emits, once: attributes, operations, metrics and events.

Names beginning with `gen_ai.`, `openai.`, `db.`, `server.`, `error.`, `user.`, `code.` and `exception.` are OpenTelemetry's (GenAI semantic
conventions v0.1.0 as of 2026-10; core conventions 1.45). Names beginning with `genba.` are ours and are described in `TABLE`.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Operation:
    """Values of `gen_ai.operation.name`."""

    CHAT: Final = "chat"
    GENERATE_CONTENT: Final = "generate_content"
    TEXT_COMPLETION: Final = "text_completion"
    EMBEDDINGS: Final = "embeddings"
    RETRIEVAL: Final = "retrieval"
    FETCH_RESPONSE: Final = "fetch_response"
    EXECUTE_TOOL: Final = "execute_tool"
    INVOKE_AGENT: Final = "invoke_agent"
    INVOKE_WORKFLOW: Final = "invoke_workflow"


INFERENCE: Final = frozenset({Operation.CHAT, Operation.GENERATE_CONTENT, Operation.TEXT_COMPLETION})
"""The operations in which a model produces output: the conventions' inference spans."""

# What every GenAI span says.
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
CONVERSATION_COMPACTED: Final = "gen_ai.conversation.compacted"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
USER_ID: Final = "user.id"
CODE_FUNCTION_NAME: Final = "code.function.name"

# What was asked.
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
REQUEST_STREAM_CURSOR: Final = "gen_ai.request.stream_cursor"
OUTPUT_TYPE: Final = "gen_ai.output.type"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"

# What came back.
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_STATUS: Final = "gen_ai.response.status"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE: Final = "gen_ai.usage."
USAGE_NAMES: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read.input_tokens",
    "cache_write_input_tokens": "cache_write.input_tokens",
    "reasoning_output_tokens": "reasoning.output_tokens",
    "text_input_tokens": "text.input_tokens",
    "text_output_tokens": "text.output_tokens",
    "text_cache_read_input_tokens": "text.cache_read.input_tokens",
    "image_input_tokens": "image.input_tokens",
    "image_output_tokens": "image.output_tokens",
    "image_cache_read_input_tokens": "image.cache_read.input_tokens",
    "audio_input_tokens": "audio.input_tokens",
    "audio_output_tokens": "audio.output_tokens",
    "audio_cache_read_input_tokens": "audio.cache_read.input_tokens",
}
"""Field of a `Usage` -> what follows in its attribute's name."""

# Content.
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
DB_SYSTEM_NAME: Final = "db.system.name"
DB_COLLECTION_NAME: Final = "db.collection.name"
DB_NAMESPACE: Final = "db.namespace"
DB_OPERATION_NAME: Final = "db.operation.name"
DB_RETURNED_ROWS: Final = "db.response.returned_rows"

# Agents, workflows and tools.
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_ID: Final = "gen_ai.agent.id"
AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
AGENT_VERSION: Final = "gen_ai.agent.version"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
MCP_METHOD_NAME: Final = "mcp.method.name"
SUBJECTS: Final = {
    Operation.EXECUTE_TOOL: TOOL_NAME,
    Operation.RETRIEVAL: DATA_SOURCE_ID,
    Operation.INVOKE_AGENT: AGENT_NAME,
    Operation.INVOKE_WORKFLOW: AGENT_NAME,
}
"""What follows the operation in a span's name; the model, for all others."""

# Provider-specific.
OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"

# Events, which are log records.
DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
EXCEPTION_EVENT: Final = "gen_ai.client.operation.exception"
TOOL_EXCEPTION_EVENT: Final = "gen_ai.execute_tool.exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# Metrics.
TOKEN_MODALITY: Final = "gen_ai.token.modality"
INFERENCE_DURATION: Final = "gen_ai.client.inference.duration"
INFERENCE_INPUT_TOKENS: Final = "gen_ai.client.inference.operation.input_tokens"
INFERENCE_OUTPUT_TOKENS: Final = "gen_ai.client.inference.operation.output_tokens"
INFERENCE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.inference.time_to_first_chunk"
INFERENCE_TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.inference.time_per_output_chunk"
INFERENCE_USAGE: Final = "gen_ai.client.inference.usage."
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
AGENT_INFERENCE_CALLS: Final = "gen_ai.invoke_agent.inference_calls"
AGENT_TOOL_CALLS: Final = "gen_ai.invoke_agent.tool_calls"
CALLS: Final = "genba.calls"
CALL_STATE: Final = "genba.call.state"
SPANS_DROPPED: Final = "genba.spans.dropped"
DROP_REASON: Final = "genba.drop.reason"
SPANS_EXPORTED: Final = "genba.export.spans"
EXPORT_DESTINATION: Final = "genba.export.destination"
CALLS_IN_FLIGHT: Final = "genba.calls.in_flight"
OWN_METRICS: Final = (CALLS, CALLS_IN_FLIGHT, SPANS_DROPPED, SPANS_EXPORTED)
"""What genba tells of itself."""
USAGE_MISMATCHES: Final = "genba.client.usage.mismatch"
USAGE_NAME: Final = "genba.usage.name"
OLD_TOKEN_USAGE: Final = "gen_ai.client.token.usage"
OLD_TOKEN_TYPE: Final = "gen_ai.token.type"
OLD_WORKFLOW_DURATION: Final = "gen_ai.invoke_workflow.duration"

DURATION_BUCKETS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
AGENT_DURATION_BUCKETS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
TOKEN_BUCKETS: Final = tuple(4**power for power in range(14))
CALL_COUNT_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128)

# Ours.
RUN_ID: Final = "genba.run.id"
CALL_SEQUENCE: Final = "genba.call.sequence"
OUTCOME: Final = "genba.outcome"
ABANDONED_REASON: Final = "genba.abandoned.reason"
CONTENT_DROPPED: Final = "genba.content.dropped"
INPUT: Final = "genba.input"
OUTPUT: Final = "genba.output"
TAGS: Final = "genba.tags"
NATIVE_FINISH_REASONS: Final = "genba.response.finish_reasons"
USAGE_RAW: Final = "genba.usage.raw"
USAGE_SOURCE: Final = "genba.usage.source.{name}"
USAGE_COUNTED: Final = "genba.usage.counted.{name}"
USAGE_MISMATCH: Final = "genba.usage.mismatch.{name}"
USAGE_UNKNOWN: Final = "genba.usage.unknown"
TOKENS_INPUT: Final = "genba.tokens.input"
TOKENS_OUTPUT: Final = "genba.tokens.output"
TOKENS_UNKNOWN: Final = "genba.tokens.unknown"
TOKENS_SPELLED_SPECIAL: Final = "genba.tokens.spelled_special"
TOKENIZER_FINGERPRINT: Final = "genba.tokenizer.fingerprint"
TOKENIZER_NAME: Final = "genba.tokenizer.name"
TOKENIZER_LIBRARY: Final = "genba.tokenizer.library"
TOKENIZER_VERSION: Final = "genba.tokenizer.version"
CHUNKS_COUNT: Final = "genba.chunks.count"
CHUNKS_TIMELINE: Final = "genba.chunks.timeline"
CHUNKS_INTERVAL_P50: Final = "genba.chunks.interval.p50"
CHUNKS_INTERVAL_P95: Final = "genba.chunks.interval.p95"
CHUNKS_INTERVAL_MAX: Final = "genba.chunks.interval.max"
CHUNKS_STALLS: Final = "genba.chunks.stalls"
TIMING_QUEUE: Final = "genba.timing.queue"
TIMING_PREFILL: Final = "genba.timing.prefill"
TIMING_DECODE: Final = "genba.timing.decode"
TIMING_PREFILL_RATE: Final = "genba.timing.input_tokens_per_second"
TIMING_DECODE_RATE: Final = "genba.timing.output_tokens_per_second"
CONTENT_SHORTENED: Final = "genba.content.shortened"
CONTENT_OFFLOADED: Final = "genba.content.offloaded"
CONTENT_BYTES: Final = "genba.content.bytes"
REDACTED: Final = "genba.redacted"
MODEL_CALLS: Final = "genba.model_calls"
STRUCTURED_TYPE: Final = "genba.structured.type"
RESPONSE_EXTRA: Final = "genba.response.extra"
RETRIEVAL_FILTERED: Final = "genba.retrieval.filtered"
TENSOR: Final = "genba.tensor.{name}"
TENSORS_NAN_LOGITS: Final = "genba.tensors.nan_logits"
TENSORS_DROPPED: Final = "genba.tensors.dropped"
BATCH_ID: Final = "genba.batch.id"
BATCH_REQUEST_COUNT: Final = "genba.batch.request_count"
BATCH_PROCESSING_STATUS: Final = "genba.batch.processing_status"
BATCH_INPUT_FILE_ID: Final = "genba.batch.input_file_id"
BATCH_ENDPOINT: Final = "genba.batch.endpoint"
RETRY_EVENT: Final = "genba.retry"
RETRY_ATTEMPT: Final = "genba.retry.attempt"

TOKEN_RECORDS: Final = frozenset((TOKENS_INPUT, TOKENS_OUTPUT))
CONTENT_LIKE: Final = frozenset((RESPONSE_EXTRA, *TOKEN_RECORDS))
"""Attributes of ours from which what was said could be read: they obey the content switch."""
CONTENT: Final = frozenset(
    (
        *(INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS, TOOL_CALL_ARGUMENTS, TOOL_CALL_RESULT),
        *(RETRIEVAL_DOCUMENTS, INPUT, OUTPUT, *TOKEN_RECORDS),
    )
)
"""Attributes that are what was said itself: kept apart from the others, since they are large and repeat one another."""
TYPES: Final = {
    "int": (
        *(SERVER_PORT, REQUEST_MAX_TOKENS, REQUEST_SEED, REQUEST_CHOICE_COUNT, EMBEDDINGS_DIMENSION_COUNT, RETRIEVAL_TOP_K),
        DB_RETURNED_ROWS,
    ),
    "double": (
        *(REQUEST_TEMPERATURE, REQUEST_TOP_P, REQUEST_TOP_K, REQUEST_FREQUENCY_PENALTY, REQUEST_PRESENCE_PENALTY),
        RESPONSE_TIME_TO_FIRST_CHUNK,
    ),
    "bool": (REQUEST_STREAM, CONVERSATION_COMPACTED),
    "string[]": (REQUEST_STOP_SEQUENCES, REQUEST_ENCODING_FORMATS, RESPONSE_FINISH_REASONS),
}
"""What the values of OpenTelemetry's attributes are, of those that are not text; `TABLE` says it of ours."""


class Outcome:
    """Values of `genba.outcome`: how an invocation ended."""

    COMPLETED: Final = "completed"
    CANCELLED: Final = "cancelled"
    ABANDONED: Final = "abandoned"
    FAILED: Final = "failed"


class Entry(NamedTuple):
    """One attribute of ours, for the documentation."""

    name: str
    type: str
    description: str
    example: str


TABLE: Final = (
    Entry(RUN_ID, "string", "Random id of the process run that made the call; a forked child has its own.", "9f2c1e0b7a6d4c55"),
    Entry(
        CALL_SEQUENCE,
        "int",
        "Number of the call within its run, from 1, without gaps: a missing number is a call that was made and is not here.",
        "1041",
    ),
    Entry(
        OUTCOME,
        "string",
        "`completed`; `cancelled` by the host (closed early, task cancelled); `abandoned` (dropped unread, or cut off by the "
        "end of the process); `failed` with an exception.",
        "completed",
    ),
    Entry(
        ABANDONED_REASON,
        "string",
        "`process died`: the call was under way when its process was killed. The span was made afterwards, by another process, from what "
        "the journal beside the store says; it ends with the last sign of life.",
        "process died",
    ),
    Entry(
        CONTENT_DROPPED,
        "string",
        "Why what was said is not there: `overload`, because spans were made faster than they could be written, and memory is bounded.",
        "overload",
    ),
    Entry(
        CALL_STATE,
        "string",
        "On the metric `genba.calls`, which counts the calls of this process: `made`, `ended` or `sampled_out`. How many are in flight is "
        "`genba.calls.in_flight`.",
        "ended",
    ),
    Entry(
        DROP_REASON,
        "string",
        "On the metric `genba.spans.dropped`, which counts spans that did not reach a destination: which, and why.",
        "store: StoreError",
    ),
    Entry(
        EXPORT_DESTINATION,
        "string",
        "On the metric `genba.export.spans`, which counts spans that were handed over: to whom.",
        "otlp",
    ),
    Entry(INPUT, "string (JSON)", "Arguments of a decorated function, by parameter name.", '{"question":"Why?"}'),
    Entry(
        OUTPUT, "string (JSON)", "What a decorated function returned; for a generator the list of what it yielded.", '"Because."'
    ),
    Entry(TAGS, "string[]", "Tags given by `genba.conversation(tags=…)`.", '["beta","eu"]'),
    Entry(NATIVE_FINISH_REASONS, "string[]", "Why the model stopped, in the provider's own words, one per choice.", '["end_turn"]'),
    Entry(USAGE_RAW, "string (JSON)", "The provider's usage object, untouched.", '{"input_tokens":12,"output_tokens":7}'),
    Entry(
        USAGE_SOURCE,
        "string",
        "Where the number `gen_ai.usage.{name}` comes from: `reported` by the provider or the program, counted by the `engine` "
        "in this process, or `counted:<tokenizer fingerprint>` by genba with that tokenizer.",
        "reported",
    ),
    Entry(
        USAGE_COUNTED,
        "int",
        "What was counted besides the number that was reported: the tokens in the reply itself, or those of the named tokenizer.",
        "118",
    ),
    Entry(
        USAGE_MISMATCH,
        "int",
        "By how much more was reported than counted, where that is beyond what templates and end tokens explain. Negative: less.",
        "-3",
    ),
    Entry(
        USAGE_NAME,
        "string",
        "On the metric `genba.client.usage.mismatch`, which adds up by how many tokens reported and counted numbers differ: "
        "`input_tokens` or `output_tokens`.",
        "output_tokens",
    ),
    Entry(USAGE_UNKNOWN, "string[]", "Which usage is unknown, and why.", '["output_tokens: the stream carried no usage"]'),
    Entry(
        TOKENS_INPUT,
        "string (JSON)",
        "The tokens that the model saw, a record for each prompt: see the page on tokens. `genba.tokens.decode` reads it.",
        '[{"v":1,"index":0,"source":"server","count":2,"ids":[9906,11],"pieces":["Hello",","]}]',
    ),
    Entry(
        TOKENS_OUTPUT,
        "string (JSON)",
        "The tokens that the model said, a record for each choice, in the same form.",
        '[{"v":1,"index":0,"source":"logprobs","count":1,"pieces":["Yes"],"logprobs":[-0.02]}]',
    ),
    Entry(
        TOKENS_UNKNOWN, "string[]", "What of the tokens is unknown, and why.", '["input: the server sends no ids of the prompt"]'
    ),
    Entry(
        TOKENS_SPELLED_SPECIAL,
        "int",
        "In how many places ordinary tokens of the input spell a special token, such as `<|im_end|>`: it is text there, not control.",
        "1",
    ),
    Entry(
        TOKENIZER_FINGERPRINT,
        "string",
        "Fingerprint of the model's tokenizer: equal for equal behaviour in any library. It ends in `?` if a part is unknown.",
        "5f1c02aa93b1d0e7",
    ),
    Entry(TOKENIZER_NAME, "string", "What the tokenizer calls itself, or is called.", "o200k_base"),
    Entry(TOKENIZER_LIBRARY, "string", "The library that the tokenizer was read from.", "tokenizers"),
    Entry(TOKENIZER_VERSION, "string", "That library's version.", "0.23.3"),
    Entry(CHUNKS_COUNT, "int", "How many chunks of a stream arrived.", "402"),
    Entry(
        CHUNKS_TIMELINE,
        "string (JSON)",
        "When each chunk of a stream arrived, its bytes, characters of answer and tokens. `genba.tokens.decode_timeline` reads it.",
        '{"v":1,"count":2,"offsets_ns":[81200000,93100000],"sizes":[180,174],"characters":[5,1]}',
    ),
    Entry(CHUNKS_INTERVAL_P50, "double", "Median time between two chunks, in seconds.", "0.012"),
    Entry(CHUNKS_INTERVAL_P95, "double", "95th percentile of the time between two chunks, in seconds.", "0.041"),
    Entry(CHUNKS_INTERVAL_MAX, "double", "Longest time between two chunks, in seconds.", "1.7"),
    Entry(
        CHUNKS_STALLS,
        "int",
        "How often a stream stood still: for over a quarter of a second, and over ten times as long as the median.",
        "1",
    ),
    Entry(TIMING_QUEUE, "double", "Seconds that the call waited before the engine began, as the engine tells it.", "0.002"),
    Entry(TIMING_PREFILL, "double", "Seconds in which the engine read the prompt, as it tells.", "0.181"),
    Entry(TIMING_DECODE, "double", "Seconds in which the engine produced the answer, as it tells.", "1.92"),
    Entry(TIMING_PREFILL_RATE, "double", "Tokens of the prompt read in a second, those from a cache not counted.", "1820.4"),
    Entry(
        TIMING_DECODE_RATE,
        "double",
        "Tokens of the answer produced in a second: as the engine tells, else from the first chunk of a stream to its last.",
        "51.5",
    ),
    Entry(
        CONTENT_SHORTENED,
        "string (JSON)",
        "What was shortened in the middle to stay within a limit: where, original length in characters, and SHA-256 of the original; "
        "`uri`, where all of it is, or `because`, why it is in no blob.",
        '[{"path":"gen_ai.input.messages[3]","length":2000000,"sha256":"ab12…"}]',
    ),
    Entry(
        CONTENT_OFFLOADED,
        "string (JSON)",
        "What is in the blob store in place of the span: where it was, URI, SHA-256 and size of what is there, type.",
        '[{"path":"gen_ai.input.messages[0].parts[1]","uri":"file:///…/ab/ab12…","sha256":"ab12…","size":80123,"mime_type":"image/png"}]',
    ),
    Entry(
        REDACTED,
        "string (JSON)",
        "What was redacted on this span, and how often: what stands in its place has the same name. See the page on privacy.",
        '{"mail":2,"openai_key":1}',
    ),
    Entry(CONTENT_BYTES, "int", "Size of the media in the answer, in bytes, where the answer is a file.", "48210"),
    Entry(STRUCTURED_TYPE, "string", "The type that an answer must be valid for, where a library asks until it is.", "Person"),
    Entry(MODEL_CALLS, "int", "How many client calls answered for this one inference, when more than one did.", "2"),
    Entry(
        RESPONSE_EXTRA,
        "string (JSON)",
        "What else the server said, by its own names: timings, filter results, citations …",
        '{"timings":{…}}',
    ),
    Entry(RETRIEVAL_FILTERED, "bool", "A retrieval looked only among what meets a condition.", "true"),
    Entry(
        TENSOR,
        "string (JSON)",
        "What was in the tensor of this name, an object for each time it was given to `genba.tensor`: `at_ns` since the span began, "
        "`shape`, `dtype`, `device`, and either why nothing is known (`unknown`) or the numbers described in the page on tensors.",
        '[{"at_ns":81920,"shape":[1,768],"dtype":"bfloat16","device":"cuda:0","count":768,"min":-3.1,"max":2.9,"mean":0.01,"std":1.02,'
        '"norm":28.3,"nan":0,"inf":0,"zeros":0.0,"histogram":[0,…]}]',
    ),
    Entry(TENSORS_NAN_LOGITS, "string[]", "Names of the tensors of logits in which there was a NaN.", '["logits"]'),
    Entry(TENSORS_DROPPED, "int", "How many tensors were given beyond what one span keeps.", "12"),
    Entry(BATCH_ID, "string", "Id of a batch of requests.", "msgbatch_01…"),
    Entry(BATCH_REQUEST_COUNT, "int", "How many requests a batch has.", "250"),
    Entry(BATCH_PROCESSING_STATUS, "string", "State of a batch, in the provider's words.", "in_progress"),
    Entry(BATCH_INPUT_FILE_ID, "string", "Id of the file that holds a batch's requests.", "file-abc123"),
    Entry(BATCH_ENDPOINT, "string", "The API that a batch's requests are for.", "/v1/chat/completions"),
    Entry(RETRY_ATTEMPT, "int", "On the event `genba.retry`: the number of the retry that the client makes, from 1.", "1"),
)
