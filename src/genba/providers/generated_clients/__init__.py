"""The clients that one code generator writes: openai, anthropic, groq and their kin, hooked at the one method all their calls pass.

That method, `request`, is looked up at call time, so clients, resources and raw wrappers made before patching are covered too; retries
happen inside it; and what it is given is the wire's own JSON, or about to be. A client is declared by a `GeneratedClient`.
"""

import functools
from collections.abc import Callable, Sequence

from ...observing.patching import Patch
from . import seams
from .declaration import GeneratedClient, resembling

__all__ = ["GeneratedClient", "client_patches", "resembling"]


def client_patches(client: GeneratedClient) -> Callable[[], Sequence[Patch]]:
    """What a client's declaration gives as its `patches`."""
    return functools.partial(seams.patches, client)
