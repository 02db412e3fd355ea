"""What is too large for a span: put into a store of blobs, each under the hash of what is in it, with a reference in its place."""

from .offload import Offload
from .references import Reference, put_back

__all__ = ["Offload", "Reference", "put_back"]
