"""Every client that the shapes and endings are played with: one module a client, each with `SERVICES`, and those of `services`."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec

from support.services import SERVICES, Service


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a part of a package that is not there
        return False


def _collected() -> tuple[Service, ...]:
    found: list[Service] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found.extend(importlib.import_module(f"{__name__}.{module.name}").SERVICES)
    return tuple(service for service in found if _is_installed(service.package))


EVERY_SERVICE = (*SERVICES, *_collected())
