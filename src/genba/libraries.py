"""Every library that genba traces, one row each: which releases, what of it, and what becomes of the spans that it makes itself.

A row names the module that declares it, which is imported only once the library itself is. This table is the support table of the
docs and of `genba doctor`; whether and when a row was run is in `support.json`, which the test runs write.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Room = Literal["client", "engine", "framework", "retrieval", "tokenizer", "tools", "work"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A library that is traced."""

    name: str
    """What `genba.init(instrument=[…])` calls it."""
    module: str
    """Where it is declared, below `genba`: a module with `patches()`, `connect()` or both."""
    room: Room
    imports: Sequence[str]
    """Modules of the library; once one of them has been imported, the declaration is."""
    distribution: str
    """What it is installed as."""
    versions: str
    """The releases that are tested, such as `>=1.109,<4`. An older one is left alone; a newer one is tried."""
    covers: str
    """What of it is traced, for a person."""
    native: str = ""
    """The policy about telemetry of its own, if it has any, and the reason."""
    opt_in: bool = False
    """Whether it is traced only when `instrument` names it."""
    needs: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Settings, and the values of each with which it is traced: with another, nothing of it is touched."""

    @property
    def oldest(self) -> str:
        """The oldest release that is traced."""
        return self.versions.partition(",")[0].removeprefix(">=")

    def leaves_alone(self, version: str) -> bool:
        """Whether `version` is older than that; what cannot be compared is not."""
        return bool(_numbers(version)) and _numbers(version) < _numbers(self.oldest)


def _row(
    room: Room,
    name: str,
    module: str,
    imports: str,
    versions: str,
    covers: str,
    *,
    distribution: str = "",
    native: str = "",
    opt_in: bool = False,
    needs: Mapping[str, Collection[str]] | None = None,
) -> Library:
    return Library(
        name=name,
        module=module,
        room=room,
        imports=imports.split(),
        distribution=distribution or name,
        versions=versions,
        covers=covers,
        native=native,
        opt_in=opt_in,
        needs=needs or {},
    )


_TOKENS = {"tokens": ("pieces", "full")}


LIBRARIES: dict[str, Library] = {
    library.name: library
    for library in (
        _row(
            "client", "openai", "providers.openai", "openai", ">=1.109,<4",
            "chat completions, responses (also over WebSocket), realtime, completions, embeddings, images, audio, moderations, "
            "batches, vector store search; Azure, Bedrock and every server that speaks like OpenAI's",
        ),
        _row(
            "client", "anthropic", "providers.anthropic", "anthropic", ">=0.77,<3",
            "messages, completions, token counts, batches; Bedrock, Vertex and Foundry clients",
            native="replaced: it makes spans of its own from 1.17 on, without content and parameters; ours stand in their place",
        ),
        _row(
            "client", "google-genai", "providers.google_genai", "google.genai", ">=2,<4",
            "generated content, chats, automatic function calling, interactions with models and agents, live sessions, embeddings, "
            "token counts, pictures, videos, batches; Gemini and Vertex",
        ),
        _row(
            "client", "mistralai", "providers.mistral", "mistralai.client mistralai.sdk mistralai.azure.client mistralai.gcp.client",
            ">=1.12,<4", "chat, FIM, agents, conversations, responses, embeddings, OCR; Azure and Google clients",
            native="replaced where the app turned it on for its own provider: they are of the same calls; what it sends to Mistral is left",
        ),
        _row(
            "client", "cohere", "providers.cohere", "cohere", ">=5.16,<8",
            "chat, embed, rerank, generate of both versions; raw responses",
        ),
        _row("client", "ollama", "providers.ollama", "ollama", ">=0.5,<1", "chat, generate, embed; also the module's own functions"),
        _row(
            "client", "huggingface_hub", "providers.huggingface",
            "huggingface_hub.inference._client huggingface_hub.inference._generated._async_client", ">=0.36,<3",
            "InferenceClient: chat_completion, text_generation, feature_extraction",
        ),
        _row(
            "client", "bedrock", "providers.bedrock", "botocore.client aiobotocore.client", ">=1.34.131,<2",
            "Converse, InvokeModel of all vendors, both streamed, token counts, knowledge bases; boto3, aioboto3, aiobotocore",
            distribution="botocore",
        ),
        _row("client", "groq", "providers.groq", "groq", ">=0.31,<2", "chat completions, embeddings, audio, batches"),
        _row(
            "client", "together", "providers.together", "together", ">=2.3,<4",
            "chat completions, completions, embeddings, reranking, images, audio, batches",
        ),
        _row(
            "client", "fireworks", "providers.fireworks", "fireworks", ">=1.2,<2", "chat completions, completions, messages",
            distribution="fireworks-ai",
        ),
        _row(
            "client", "cerebras", "providers.cerebras", "cerebras.cloud.sdk", ">=1.46,<2", "chat completions, completions",
            distribution="cerebras-cloud-sdk",
        ),
        _row("client", "writer", "providers.writer", "writerai", ">=2.2,<4", "chat, completions", distribution="writer-sdk"),
        _row(
            "client", "azure-ai-inference", "providers.azure_ai_inference", "azure.ai.inference", ">=1.0.0b9,<2",
            "chat completions, embeddings of texts and pictures; sync and async",
            native="left: off unless the app turns on Azure's tracing, whose spans then stand around or beside ours",
        ),
        _row(
            "client", "xai-sdk", "providers.xai", "xai_sdk.chat", ">=1.8.2,<2",
            "chats: sample, stream, parse, defer, each also in batches; pictures; over gRPC; sync and async",
            native="replaced for chats and pictures: it makes a span for each, and keeps a stream's current while the host reads; "
            "its switch that hides content is obeyed",
        ),
        _row(
            "client", "replicate", "providers.replicate", "replicate.client", ">=1.0.3,<2",
            "run, stream, predictions of models, versions and deployments, with their polling; sync and async",
        ),
        _row(
            "client", "voyageai", "providers.voyage", "voyageai.client", ">=0.3.7,<1",
            "embed, contextualized_embed, multimodal_embed, rerank, with their retries; sync and async",
        ),
        _row(
            "client", "watsonx", "providers.watsonx", "ibm_watsonx_ai", ">=1.5,<2",
            "chat, texts, embeddings, reranking; of models and deployments; whole and streamed, sync and async; not its model gateway",
            distribution="ibm-watsonx-ai",
        ),
        _row(
            "framework", "langchain", "frameworks.langchain", "langchain_core.tracers.context", ">=0.3.86,<2",
            "chat and completion models, tools, retrievers, chains; LangGraph's graphs, nodes and agents; streamed and concurrent runs",
            distribution="langchain-core",
            native="left alone: LangSmith's own spans are off unless the environment asks for them; then genba warns of duplicates",
        ),
        _row(
            "framework", "llama-index", "frameworks.llama_index", "llama_index.core.instrumentation", ">=0.13.6,<1",
            "model calls, embeddings, retrievers, query and chat engines, tools, agents and workflows; streamed and concurrent runs",
            distribution="llama-index-core",
        ),
        _row(
            "framework", "haystack", "frameworks.haystack", "haystack", ">=2.20,<4",
            "pipelines, components, generators, embedders, retrievers, agents and their tools", distribution="haystack-ai",
            native="listened to: what its tracer is told becomes our spans; a tracer that the host enabled is told as before",
        ),
        _row(
            "framework", "openai-agents", "frameworks.openai_agents", "agents", ">=0.6,<1",
            "runs, agents, model calls, function tools, handoffs, guardrails; streamed and concurrent runs",
            native="listened to: what its trace processors are told becomes our spans; its own export stays as it is",
        ),
        _row(
            "framework", "google-adk", "frameworks.google_adk", "google.adk.telemetry.tracing", ">=2.10,<3",
            "runs, agents, workflows, model calls, tools; streamed and concurrent runs",
            native="taken over: it makes spans always, and they become ours, with what its client saw on the wire",
        ),
        _row(
            "framework", "pydantic-ai", "frameworks.pydantic_ai", "pydantic_ai", ">=1.40,<3",
            "agents, model calls, tools; streamed and concurrent runs", distribution="pydantic-ai-slim",
            native="switched on and taken over: its spans become ours, under the app's own settings; what the app sends elsewhere stays its own",
        ),
        _row(
            "framework", "claude-agent-sdk", "frameworks.claude_agent", "claude_agent_sdk", ">=0.1.81,<1",
            "queries and client sessions: agent, answers, tools, subagents, as its command-line program tells of them",
            native="left: the command-line program joins the trace by TRACEPARENT when its own telemetry is on",
        ),
        _row(
            "tools", "mcp", "frameworks.mcp", "mcp", ">=1.30,<3",
            "tool calls of clients and servers, with the trace carried in `_meta`",
            native="kept: version 2 makes spans of each message, ours add arguments and results, and make the tree whole",
        ),
        _row(
            "engine", "sentence-transformers", "providers.sentence_transformers", "sentence_transformers", ">=5,<7",
            "encode of dense and sparse models with the tokens they saw; predict and rank of cross-encoders",
        ),
        _row(
            "engine", "transformers", "providers.transformers", "transformers", ">=4.57,<6",
            "generate of any model, with a streamer too; text and chat pipelines, as one span; texts where the tokenizer is known",
            native="left: only its continuous batching makes spans, which genba does not trace",
        ),
        _row(
            "engine", "llama-cpp-python", "providers.llama_cpp", "llama_cpp.llama", ">=0.3.9,<1",
            "chat completions, completions, embeddings, whole and streamed, with the tokens that the model took and gave",
        ),
        _row(
            "engine", "xllamacpp", "providers.xllamacpp", "xllamacpp", ">=2026.10.11549,<2027",
            "chat completions, completions, embeddings and reranking of a server in this process, whole and streamed",
        ),
        _row(
            "engine", "vllm", "providers.vllm", "vllm.entrypoints.llm vllm.v1.engine.async_llm", ">=0.11,<1",
            "LLM.generate, chat and embed, one span for all prompts of a call; AsyncLLM.generate",
            native="left: off unless the engine is given an address for it",
        ),
        # Where documents are looked for. Writes are not traced.
        _row(
            "retrieval", "chromadb", "providers.vector_stores.chromadb", "chromadb", ">=1.0.8,<2",
            "query, get, search of collections, embedded and over HTTP; sync and async",
            native="left: off by default, and it goes to a provider of its own",
        ),
        _row(
            "retrieval", "qdrant-client", "providers.vector_stores.qdrant", "qdrant_client", ">=1.12,<2",
            "query_points, its batches and groups, retrieve, and the searches by older names; sync, async and in memory",
        ),
        _row(
            "retrieval", "pinecone", "providers.vector_stores.pinecone", "pinecone", ">=9,<11",
            "query, search, fetch of an index and of its documents; sync, async and gRPC",
        ),
        _row(
            "retrieval", "weaviate", "providers.vector_stores.weaviate", "weaviate", ">=4.14,<5",
            "every search of a collection, also the one that `generate` rests on; sync and async", distribution="weaviate-client",
        ),
        _row(
            "retrieval", "pgvector", "providers.vector_stores.pgvector", "psycopg", ">=3.1.18,<4",
            "statements of psycopg 3 with an operator of pgvector, on client-side cursors; sync and async", distribution="psycopg",
        ),
        _row(
            "retrieval", "opensearch", "providers.vector_stores.opensearch", "opensearchpy", ">=2.4,<4",
            "searches with knn, neural or semantic clauses, alone or several at once; sync and async", distribution="opensearch-py",
        ),
        _row(
            "retrieval", "elasticsearch", "providers.vector_stores.elasticsearch", "elasticsearch", ">=8.12,<10",
            "searches with knn, semantic or sparse_vector clauses or such retrievers, alone or several at once; sync and async",
            native="left: its spans tell of every request to the server, and stand below ours",
        ),
        _row(
            "client", "litellm", "providers.litellm", "litellm", ">=1.95,<2",
            "completions, text completions, responses, embeddings, rerank, images, audio, moderation; Router, retries and fallbacks as "
            "one tree; an answer from its cache is no call",
            native="left: its `otel` callback is off unless it is added, and then makes spans of its own beside ours",
        ),
        _row(
            "framework", "instructor", "frameworks.instructor", "instructor", ">=1.15,<2",
            "structured answers: one span around the attempts, which the client's own spans are",
        ),
        _row(
            "framework", "dspy", "frameworks.dspy", "dspy", ">=3.0,<4",
            "modules, agents, tools, retrieval, language models of either engine",
        ),
        _row("framework", "smolagents", "frameworks.smolagents", "smolagents", ">=1.24,<2", "agents, managed agents, tools, models"),
        _row(
            "framework", "strands-agents", "frameworks.strands", "strands.telemetry.tracer", ">=1.56,<2",
            "agents, model calls, tools, swarms and graphs; streamed and concurrent runs",
            native="taken over: it makes spans always, and they become ours, with what the clients saw on the wire",
        ),
        _row(
            "framework", "crewai", "frameworks.crewai", "crewai.events.event_bus", ">=1.15,<2",
            "crews, tasks, agents, flows, model calls, tools, knowledge and memory; streamed and concurrent runs",
            native="left: its own telemetry goes to a provider of its own; what its event bus is told becomes our spans",
        ),
        _row(
            "framework", "agno", "frameworks.agno", "agno.agent agno.team agno.workflow", ">=3,<4",
            "agents, teams, workflows, model calls, tools; streamed and concurrent runs",
            native="left: its tracing is off, and where the app sets it up makes spans of its own beside ours",
        ),
        _row(
            "framework", "autogen", "frameworks.autogen", "autogen_core", ">=0.7.4,<1",
            "agents and teams of agentchat, tools; streamed runs; a message is handled in the context of who sent it",
            distribution="autogen-core",
            native="taken over: its spans of agents and tools become ours, those of messages on their way are not made, unless the "
            "app gives its runtime a tracer provider of its own",
        ),
        # Tokenizers that the application calls itself: no spans, but the tokens of a prompt are known from them.
        _row(
            "tokenizer", "tokenizers", "providers.tokenizers.backend", "tokenizers", ">=0.20,<1",
            "texts that the application encodes, one or many, also async: the tokens of a prompt that it then sends", needs=_TOKENS,
        ),
        _row(
            "tokenizer", "tiktoken", "providers.tokenizers.tiktoken", "tiktoken.core", ">=0.8,<1",
            "texts that the application encodes, one or many", needs=_TOKENS,
        ),
        _row(
            "tokenizer", "transformers-tokenizers", "providers.tokenizers.pretrained", "transformers.tokenization_utils_base", ">=4.57,<6",
            "texts and conversations that the application encodes: a chat template too, with its tools", distribution="transformers",
            needs=_TOKENS,
        ),
        # Work that is done elsewhere: not traced itself, but what is current goes along.
        _row("work", "threads", "work.threads", "threading", "", "threads and thread pools take the current span along", opt_in=True),
        _row(
            "work", "multiprocessing", "work.processes", "multiprocessing.util", "",
            "children hand over their spans before they end; with `carry_context` they and pools take the current span along",
        ),
        _row(
            "work", "process_pools", "work.process_pools", "concurrent.futures.process", "",
            "tasks of a ProcessPoolExecutor take the current span along", opt_in=True,
        ),
        _row("work", "subprocess", "work.programs", "subprocess", "", "programs that are started find the current span in TRACEPARENT", opt_in=True),
        _row("work", "celery", "work.celery", "celery.signals", ">=5.3,<6", "tasks go on in the trace of who sent them", opt_in=True),
        _row("work", "ray", "work.ray", "ray.remote_function", ">=2.40,<3", "remote functions go on in the trace of who called them", opt_in=True),
    )
}  # fmt: skip
"""By name, in the order of use."""


def _numbers(version: str) -> list[int]:
    numbers: list[int] = []
    for piece in version.split("."):
        digits = "".join(character for character in piece if character.isdigit()) if piece[:1].isdigit() else ""
        if not digits:
            break
        numbers.append(int(digits))
        if not piece.isdigit():  # such as 0b1: what follows is no number
            break
    return numbers
