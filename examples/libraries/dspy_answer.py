"""A DSPy program: its modules are spans, and below them the calls of the model."""

from __future__ import annotations

import os

import dspy

import genba

genba.init()

lm = dspy.LM("openai/gpt-5-mini", api_base=os.environ["OPENAI_BASE_URL"], cache=False)  # reads OPENAI_API_KEY
dspy.configure(lm=lm)
answer = dspy.ChainOfThought("question -> answer")(question="Who makes honey?")
print(answer.answer)
