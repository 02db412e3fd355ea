"""Three sentences as vectors, and which two of them are closest in meaning."""

from __future__ import annotations

import math
import os
from itertools import combinations

import openai

import genba

genba.init()

SENTENCES = ["A dog barks.", "A puppy barks.", "Taxes rise in March."]


def likeness(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between two vectors: 1 when they point the same way."""
    return sum(map(float.__mul__, one, other)) / (math.hypot(*one) * math.hypot(*other))


client = openai.OpenAI()
answer = client.embeddings.create(model=os.environ.get("OPENAI_MODEL", "smollm2-135m"), input=SENTENCES)
vectors = [item.embedding for item in answer.data]
closest = max(combinations(range(len(SENTENCES)), 2), key=lambda pair: likeness(vectors[pair[0]], vectors[pair[1]]))
print(" <-> ".join(SENTENCES[index] for index in closest))
