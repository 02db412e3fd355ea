"""The clients that one code generator writes: openai, anthropic, groq and their kin, hooked at the one method all their calls pass.

That method, `request`, is looked up at call time, so clients, resources and raw wrappers made before patching are covered too; retries
happen inside it; and what it is given is the wire's own JSON, or about to be. A client is declared by a `GeneratedClient`.
"""

from .declaration import GeneratedClient

__all__ = ["GeneratedClient"]
