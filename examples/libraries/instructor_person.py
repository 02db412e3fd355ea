"""A structured answer, asked for again until it is valid: every attempt is a span, below the one of what was wanted."""

from __future__ import annotations

import instructor
import openai
from pydantic import BaseModel

import genba

genba.init()


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


client = instructor.from_openai(openai.OpenAI())  # reads OPENAI_API_KEY and OPENAI_BASE_URL
said = [{"role": "user", "content": "Ann is four."}]
person = client.chat.completions.create(model="gpt-5-mini", response_model=Person, max_retries=2, messages=said)
print(person.name, person.age)
