"""LiteLLM without what it does by itself and warns of: no prices asked for over the network, none of pydantic's warnings of what it does."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def hush() -> None:
    """Inside a test: what is filtered here is filtered until its end."""
    warnings.filterwarnings("ignore", "Accessing the 'model_")  # it looks at every attribute of a last chunk
    warnings.filterwarnings("ignore", ".*`ReadOnly` qualifier")
    warnings.filterwarnings("ignore", "The `dict` method is deprecated")
    warnings.filterwarnings("ignore", "coroutine 'Logging.*' was never awaited")
    warnings.filterwarnings("ignore", "Pydantic serializer warnings")
