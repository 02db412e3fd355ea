"""Clients that are called in their own way: one module each, named as the folder of its recordings.

Each has `PACKAGE`, what must be installed; `FORMS`; `call(exchange, form, server)`, which makes the recorded call and says what the host
saw; and `read(exchange)`, which reads the two bodies as plainly as possible and apart from genba's own readers.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec
from typing import Any


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a part of a package that is not there
        return False


_found = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
OTHERS: dict[str, Any] = {found.__name__.rpartition(".")[2]: found for found in _found if _is_installed(found.PACKAGE)}
