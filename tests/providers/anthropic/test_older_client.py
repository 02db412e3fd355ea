"""A client that makes no spans of its own is left as it is."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from genba.providers.anthropic.native import patches


def test_an_older_client_needs_no_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic._base_client", ModuleType("anthropic._base_client"))
    assert patches() == ()


def test_before_the_client_is_imported_the_patch_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "anthropic._base_client", raising=False)
    assert [(module, attribute) for module, attribute, _ in patches()] == [("anthropic._base_client", "start_api_call_span")]
