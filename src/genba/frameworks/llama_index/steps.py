"""What a method call of LlamaIndex becomes: told by the class it is a method of, and by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation.encoding import readable
from ...semconv import Operation
from .. import steps
from ..runs import Run
from ..steps import Step

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
    kind = type(instance).__name__.lower().removesuffix("embedding")
    return steps.model(operation, None if model == "unknown" else model, _PROVIDERS.get(kind, kind or None))


def _retrieval(retriever: Any) -> Step:
    return steps.retrieval(type(retriever).__name__)


def _tool(tool: Any) -> Step:
    about = getattr(tool, "metadata", None)
    return steps.tool(str(getattr(about, "name", None) or type(tool).__name__), getattr(about, "description", None))


def _engine(engine: Any) -> Step:
    return steps.workflow(type(engine).__name__)


def _run(workflow: Any) -> Step:
    kinds = {kind.__name__ for kind in type(workflow).__mro__}
    if "BaseWorkflowAgent" not in kinds:
        return steps.workflow(type(workflow).__name__, goes_on=True)
    name = getattr(workflow, "name", None)
    name = readable(name) if isinstance(name, str) and name else type(workflow).__name__
    return steps.agent(name, getattr(workflow, "description", None), goes_on=True)


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
