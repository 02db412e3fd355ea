"""A LangChain chain with a prompt, a model and a parser: one trace with one model call in it."""

from __future__ import annotations

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

import genba

genba.init()

model = ChatOpenAI(model="gpt-5-mini")  # reads OPENAI_BASE_URL and OPENAI_API_KEY
chain = ChatPromptTemplate.from_template("Answer in one line: {question}") | model | StrOutputParser()
for piece in chain.stream({"question": "Who makes honey?"}):
    print(piece, end="", flush=True)
print()
