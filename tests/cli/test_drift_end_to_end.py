"""What `genba drift` finds in stores that the whole way of real calls has filled: client, span, store."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from cli.conftest import Genba
from support import openai_wire as wire
from support.vocabularies import description, trained
from support.wire import Received, Server, json_answer

openai = pytest.importorskip("openai", reason="openai is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")
pytest.importorskip("jinja2", reason="jinja2 is not installed")

CALLS = 60
TEMPLATE = "{% for m in messages %}{{ m.role }} {{ m.content }}<|end|>{% endfor %}"
ASSISTANT = "You are a librarian. Answer in one short sentence."
PIRATE = "You are a pirate. Answer as one would, and at length."

Run = Callable[..., str]


@pytest.fixture
def run(folder: Path, server: Server) -> Run:
    def made(name: str, seed: int, system: str = ASSISTANT, *, added: bool = False) -> str:
        """Some traffic, recorded in a store of its own."""
        chance = random.Random(seed)

        def answer(_request: Received) -> Any:
            words = " ".join(chance.choices(["abc", "ab", "bcé", "ca", "cab"], k=chance.randint(2, 9)))
            return json_answer(wire.chat(words, usage=None))

        place = folder / f"tokenizer of {name}"
        place.mkdir()
        whole = description(*trained(1))
        if added:
            last = max(one["id"] for one in whole["added_tokens"])
            whole["added_tokens"].append({**whole["added_tokens"][0], "id": last + 1, "content": "<|more|>"})
        (place / "tokenizer.json").write_text(json.dumps(whole))
        (place / "chat_template.jinja").write_text(TEMPLATE)
        server.serve(answer)
        genba.init(store=f"{name}.db", tokens="pieces", tokenizers={"*": str(place)})
        try:
            with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
                for _ in range(CALLS):
                    asked = [
                        {"role": "system", "content": system},
                        {"role": "user", "content": chance.choice(["abc?", "ca?", "é b?"])},
                    ]
                    client.chat.completions.create(model="m", messages=asked, temperature=0)
        finally:
            genba.uninstrument()
        return f"{name}.db"

    return made


def drifted(genba: Genba, base: str, other: str) -> dict[str, str]:
    """What drifted, as key -> words. How long things took is left out: that is this machine's affair."""
    told = json.loads(genba("drift", "--base", base, "--other", other, "--json").output)
    found = {line["key"]: line["words"] for line in told["lines"] if line["verdict"] == "drifted"}
    return {key: words for key, words in found.items() if key not in ("duration", "output_rate", "time_to_first_chunk")}


def test_the_same_traffic_twice_is_not_called_drifted(run: Run, genba: Genba) -> None:
    assert drifted(genba, run("a", 1), run("b", 2)) == {}


def test_one_added_token_is_found_and_nothing_else(run: Run, genba: Genba) -> None:
    found = drifted(genba, run("a", 1), run("b", 2, added=True))
    assert list(found) == ["tokenizer"]
    assert "only in base (100 %)" in found["tokenizer"]
    assert "only in other (100 %)" in found["tokenizer"]


def test_another_system_prompt_is_found_by_its_words_its_length_and_its_tokens(run: Run, genba: Genba) -> None:
    found = drifted(genba, run("a", 1), run("b", 2, PIRATE))
    assert {"system", "input_tokens", "input_tokens_used"} <= set(found), found
    assert "tokenizer" not in found
    assert "output_tokens" not in found
    assert PIRATE[:20] in found["system"]
