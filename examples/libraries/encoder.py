"""Vectors of a question and of documents, made in this process: an embedding each, with the tokens that the model saw."""

from __future__ import annotations

import os

from sentence_transformers import SentenceTransformer

import genba

genba.init()

model = SentenceTransformer(os.environ.get("ENCODER", "sentence-transformers/all-MiniLM-L6-v2"))
question = model.encode_query("Who makes honey?")
documents = model.encode_document(["Bees make honey.", "Wasps make paper."])
print(model.similarity(question, documents))
