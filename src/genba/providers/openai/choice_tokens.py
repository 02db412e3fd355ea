"""The tokens that an answer with choices tells: ids, log-probabilities and those of the prompt, wherever a server puts them.

OpenAI sends log-probabilities without ids. vLLM, SGLang and Fireworks add `token_ids` and `prompt_token_ids` to a choice or beside the
choices, Together a list for each column or, in a stream, single values, llama.cpp ids in the log-probabilities and in `__verbose`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ...conversation import Tokens
from ...conversation.usage import count, first
from .. import token_fields
from ..json_fields import Object, member, objects
from ..token_fields import cut, id_list, of_choice, of_ids

MERGED = "this server tells the tokens of one character together, with the id and the log-probability of the last"
ECHOED = "the prompt's tokens stand before these, and how many they are is not told"
TELL = frozenset({"token_ids", "raw_output", "logprobs", "reasoning_logprobs"})
"""Fields of a choice that may tell tokens."""
_LOGPROBS = ("reasoning_logprobs", "logprobs")  # what was thought comes before what was said: Cerebras has it apart


def read(body: Object) -> list[Tokens]:
    """The tokens that went in, then those that came out."""
    choices = objects(body.get("choices"))
    numbers = _numbers(choices)
    scored = {at: _scored(choice, at, body) for at, choice in zip(numbers, choices, strict=True)}
    echoed = _without_echo(scored, member(body, "usage")) if any("text" in choice for choice in choices) else []
    said = []
    for at, choice in zip(numbers, choices, strict=True):
        said += token_fields.combined(of_ids(_ids(choice, at, body), index=at), scored[at])
    return [*_seen(body, choices, echoed), *said]


def choices_of(chunk: Object) -> list[Object]:
    """The choices of a stream's chunk. Together puts the token of a text completion beside its one choice."""
    choices, token = objects(chunk.get("choices")), chunk.get("token")
    if isinstance(token, dict) and len(choices) == 1 and not amount(choices[0]):
        columns = {"tokens": [token.get("text")], "token_logprobs": [token.get("logprob")], "token_ids": [token.get("id")]}
        return [{**choices[0], "logprobs": columns}]
    return choices


def amount(choice: Object) -> int:
    """How many tokens a choice of a stream's chunk tells."""
    if TELL.isdisjoint(choice) and "token_id" not in member(choice, "delta"):
        return 0  # nearly always
    ids = _own_ids(choice)
    if ids is not None:
        return len(ids)
    if count(member(choice, "delta").get("token_id")) is not None or _is_number(choice.get("logprobs")):
        return 1
    return sum(_rows(member(choice, name)) for name in _LOGPROBS)


def _rows(logprobs: Object) -> int:
    entries = [logprobs.get(name) for name in ("content", "refusal")]
    columns = [logprobs.get(name) for name in ("tokens", "token_logprobs", "token_ids")]
    listed = [len(column) for column in columns if isinstance(column, list) and column]
    return sum(len(objects(one)) for one in entries) or (listed[0] if listed else 0)


# What came out.


def _numbers(choices: Sequence[Object]) -> list[int]:
    """The choices' own numbers, or their places where a server does not number them."""
    own = [count(choice.get("index")) for choice in choices]
    return list(range(len(own))) if None in own or len(set(own)) < len(own) else own  # type: ignore[return-value]


def _own_ids(choice: Object) -> list[int] | None:
    # Fireworks has those of the answer before it looked for tool calls in it.
    return id_list(choice.get("token_ids")) or id_list(member(choice, "raw_output").get("completion_token_ids"))


def _ids(choice: Object, at: int, body: Object) -> list[int] | None:
    own = _own_ids(choice)
    verbose = member(body, "__verbose")
    if own is None and at == (count(verbose.get("index")) or 0):
        own = id_list(verbose.get("tokens"))
    return own


def _scored(choice: Object, at: int, body: Object) -> list[Tokens]:
    entries = [one for name in _LOGPROBS for part in ("content", "refusal") for one in objects(member(choice, name).get(part))]
    found = token_fields.of_logprobs(entries, at) or of_choice(choice.get("logprobs"), at)
    found = found or of_choice(member(choice, "raw_output").get("completion_logprobs"), at)
    if any("id" in entry for entry in entries):
        return [unmerged(one, _amount_said(body) if at == 0 else None) for one in found]
    return found


def _amount_said(body: Object) -> int | None:
    """How many tokens llama.cpp says that its first choice has."""
    return first(count(member(body, "timings").get("predicted_n")), count(member(body, "usage").get("completion_tokens")))


def unmerged(tokens: Tokens, amount: int | None) -> Tokens:
    """llama.cpp's log-probabilities, without ids that may stand for one token of several.

    It sends nothing before a character is whole, and then the last token's id with all the bytes. Where it is known to have sent as many
    as there were, that has not happened; and ASCII is always whole.
    """
    if tokens.ids is None or tokens.pieces is None or len(tokens) == amount:
        return tokens
    ids = [id if piece is not None and piece.isascii() else None for id, piece in zip(tokens.ids, tokens.pieces, strict=True)]
    if None not in ids:
        return tokens  # at most the token that ends the answer is missing: it is not streamed
    unknown = {**tokens.unknown, "ids": MERGED, **({"tokens": MERGED} if amount is not None else {})}
    return replace(tokens, ids=ids, unknown=unknown)


# What went in.


def _without_echo(scored: dict[int, list[Tokens]], usage: Object) -> list[Tokens]:
    """Take the prompt's tokens from before those of the choices, if it was asked for them and the usage tells how many they are.

    Each choice of one prompt repeats it. Of several prompts only the sum is told.
    """
    found = [one for some in scored.values() for one in some]
    prompt, said = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens")) or 0
    if not found or not prompt or len(found) != len(scored):
        return []
    total = sum(map(len, found))
    starts = [cut(one, 0, prompt) for one in found]
    if total == len(found) * prompt + said and all(
        len(one) >= prompt and _alike(start, starts[0]) for one, start in zip(found, starts, strict=True)
    ):
        for at, [one] in scored.items():
            scored[at] = [cut(one, prompt)] if len(one) > prompt else []
        return [replace(starts[0], side="input", index=0)]
    if total > said and all(one.logprobs and one.logprobs[0] is None for one in found):
        for at, [one] in scored.items():
            scored[at] = [replace(one, unknown={**one.unknown, "tokens": ECHOED})]
    return []


def _alike(one: Tokens, other: Tokens) -> bool:
    return (one.ids, one.pieces) == (other.ids, other.pieces)


class _Prompt(NamedTuple):
    """What is told of one prompt."""

    ids: list[int] | None
    logprobs: object


def _seen(body: Object, choices: Sequence[Object], echoed: list[Tokens]) -> list[Tokens]:
    prompts = [_Prompt(id_list(body.get("prompt_token_ids")), body.get("prompt_logprobs"))]
    if prompts[0] == (None, None):
        each = [_Prompt(_prompt_ids(choice), choice.get("prompt_logprobs")) for choice in choices]
        prompts = _distinct([one for one in each if one != (None, None)], count(member(body, "usage").get("prompt_tokens")))
    found: list[Tokens] = []
    for at, (ids, logprobs) in enumerate(prompts):
        scored = token_fields.of_prompt_logprobs(logprobs, ids, at)
        found += token_fields.combined(of_ids(ids, "input", at), scored or (echoed if at == 0 else []))
    # Together puts the prompts that it was to repeat beside the choices.
    apart = [one for at, prompt in enumerate(objects(body.get("prompt"))) for one in of_choice(prompt.get("logprobs"), at, "input")]
    return found or echoed or apart


def _prompt_ids(choice: Object) -> list[int] | None:
    return id_list(choice.get("prompt_token_ids")) or id_list(member(choice, "raw_output").get("prompt_token_ids"))


def _distinct(told: list[_Prompt], amount: int | None) -> list[_Prompt]:
    """The prompts, where each choice has its own: several choices of one prompt stand together, and the usage counts it once."""
    possible = []
    for size in range(len(told), 0, -1):
        if len(told) % size == 0 and all(one == told[at - at % size] for at, one in enumerate(told)):
            heads = told[::size]
            possible.append(heads)
            if amount is not None and sum(len(ids or ()) for ids, _ in heads) == amount:
                return heads
    return possible[0] if possible else []


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
