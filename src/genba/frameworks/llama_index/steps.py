"""What a method call of LlamaIndex becomes: told by the class it is a method of, and by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ... import semconv
from ...conversation.encoding import readable
from ...semconv import Operation
from ..runs import Run

_CHAT = frozenset(("chat", "achat", "stream_chat", "astream_chat"))
_COMPLETE = frozenset(("complete", "acomplete", "stream_complete", "astream_complete"))
_QUERY = frozenset(("query", "aquery"))
_RETRIEVE = frozenset(("retrieve", "aretrieve"))
_CALL = frozenset(("call", "acall", "__call__"))
_POSTPROCESS = frozenset(("postprocess_nodes", "apostprocess_nodes"))
_STEP = "llamaindex.step.input_event"
_OWN_WORKFLOWS = ("BaseWorkflowAgent", "AgentWorkflow", "FunctionAgent", "ReActAgent", "CodeActAgent")
_PROVIDERS = {"openai": "openai", "azureopenai": "azure.ai.openai", "anthropic": "anthropic", "bedrockconverse": "aws.bedrock",
              "bedrock": "aws.bedrock", "gemini": "gcp.gemini", "googlegenai": "gcp.gemini", "vertex": "gcp.vertex_ai",
              "mistralai": "mistral_ai", "cohere": "cohere", "groq": "groq", "deepseek": "deepseek", "perplexity": "perplexity",
              "watsonxllm": "ibm.watsonx.ai", "xai": "x_ai", "ollama": "ollama"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """What a method call becomes."""

    operation: str | None
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    goes_on: bool = False
    """Whether it returns before its work is done: then it is not current for what the host does meanwhile."""


def of(where: str, instance: Any, tags: Mapping[str, Any], above: Run | None) -> Step | None:
    """What a call of the method `where`, as `Class.method`, becomes; None if it is worth no span."""
    owner, _, method = where.rpartition(".")
    if _STEP in tags and owner and not owner.endswith(_OWN_WORKFLOWS) and instance is None:
        return Step(None, readable(method))
    if instance is None or (above is not None and above.memo is instance):
        return None  # a function, or a method of the same object again, such as `__call__` of a tool that goes on to `call`
    kinds = {kind.__name__ for kind in type(instance).__mro__}
    for kind, methods, read in _KINDS:
        if kind in kinds and method in methods:
            step: Step = read(instance)
            return step
    if "BaseEmbedding" in kinds and "embedding" in method and not method.startswith("_"):
        return _model(Operation.EMBEDDINGS, instance, instance.model_name)
    return None


def _chat(llm: Any) -> Step:
    return _model(Operation.CHAT, llm, _model_of(llm))


def _completion(llm: Any) -> Step:
    # A completion of a chat model is asked of its chat.
    chats = getattr(getattr(llm, "metadata", None), "is_chat_model", False)
    return _model(Operation.CHAT if chats else Operation.TEXT_COMPLETION, llm, _model_of(llm))


def _model_of(llm: Any) -> Any:
    return getattr(llm, "model", None) or getattr(getattr(llm, "metadata", None), "model_name", None)


def _model(operation: str, instance: Any, model: Any) -> Step:
    model = readable(model) if isinstance(model, str) and model and model != "unknown" else None
    kind = type(instance).__name__.lower().removesuffix("embedding")
    provider = _PROVIDERS.get(kind, kind or None)
    known = {semconv.PROVIDER_NAME: provider, semconv.REQUEST_MODEL: model}
    return Step(operation, f"{operation} {model}" if model else operation, known)


def _retrieval(retriever: Any) -> Step:
    return Step(Operation.RETRIEVAL, f"{Operation.RETRIEVAL} {type(retriever).__name__}")


def _tool(tool: Any) -> Step:
    about = getattr(tool, "metadata", None)
    name = str(getattr(about, "name", None) or type(tool).__name__)
    described = getattr(about, "description", None)
    known = {
        semconv.TOOL_NAME: readable(name),
        semconv.TOOL_TYPE: "function",
        semconv.TOOL_DESCRIPTION: readable(described) if isinstance(described, str) and described else None,
    }
    return Step(Operation.EXECUTE_TOOL, f"{Operation.EXECUTE_TOOL} {readable(name)}", known)


def _engine(engine: Any) -> Step:
    return _workflow(type(engine).__name__)


def _workflow(name: str, *, goes_on: bool = False) -> Step:
    return Step(Operation.INVOKE_WORKFLOW, f"{Operation.INVOKE_WORKFLOW} {name}", {semconv.WORKFLOW_NAME: name}, goes_on)


def _run(workflow: Any) -> Step:
    kinds = {kind.__name__ for kind in type(workflow).__mro__}
    if "BaseWorkflowAgent" not in kinds:
        return _workflow(type(workflow).__name__, goes_on=True)
    name, described = (getattr(workflow, field, None) for field in ("name", "description"))
    name = readable(name) if isinstance(name, str) and name else type(workflow).__name__
    known = {semconv.AGENT_NAME: name, semconv.AGENT_DESCRIPTION: described if isinstance(described, str) and described else None}
    return Step(Operation.INVOKE_AGENT, f"{Operation.INVOKE_AGENT} {name}", known, goes_on=True)


def _postprocessing(processor: Any) -> Step:
    return Step(None, type(processor).__name__)


_KINDS: Any = (
    ("BaseLLM", _CHAT, _chat),
    ("BaseLLM", _COMPLETE, _completion),
    ("BaseRetriever", _RETRIEVE, _retrieval),
    ("BaseTool", _CALL, _tool),
    ("BaseQueryEngine", _QUERY, _engine),
    ("BaseChatEngine", _CHAT, _engine),
    ("Workflow", frozenset(("run",)), _run),
    ("BaseNodePostprocessor", _POSTPROCESS, _postprocessing),
)
"""(the class that it is a kind of, methods) -> what they become."""
