"""A part is of the kind that it says, whatever else is known of it."""

from __future__ import annotations

from typing import Any

import pytest

from genba.conversation import parts


def test_what_else_is_known_of_a_part_takes_no_place_of_its_own_fields() -> None:
    more: dict[str, Any] = {"type": 5, "content": 6, "mime_type": "text/html", "size": 7, "nothing": None}
    assert parts.blob("image", "AAAA", **more) == {
        "type": "blob",
        "modality": "image",
        "content": "AAAA",
        "mime_type": "text/html",  # which it did not have itself
        "size": 7,
    }
    assert parts.function_tool("look", None, None, type=5, name=6, strict=True) == {
        "type": "function",
        "name": "look",
        "strict": True,
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", {"text": 5}),
        ("text", {"content": None}),
        ("tool_call", {"arguments": {}}),
        ("uri", {"url": "https://bees.test"}),
        ("server_tool_call", {"server_tool_call": "search"}),
    ],
)
def test_what_only_claims_to_be_of_a_kind_is_unknown(kind: str, value: dict[str, Any]) -> None:
    assert parts.other(kind, value) == {**value, "type": "unknown"}


def test_a_kind_that_the_conventions_do_not_have_is_kept() -> None:
    assert parts.other("item_reference", {"id": "i"}) == {"id": "i", "type": "item_reference"}
    assert parts.other("text", {"content": "hi", "citations": []}) == {"type": "text", "content": "hi", "citations": []}
