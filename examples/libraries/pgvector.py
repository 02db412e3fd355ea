"""The nearest rows of a table in PostgreSQL with pgvector: a retrieval. Other statements are none, and no spans."""

from __future__ import annotations

import os

import psycopg

import genba

genba.init()

NEAREST = "SELECT id, content, embedding <=> %s::vector AS distance FROM docs ORDER BY distance LIMIT %s"

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("SELECT count(*) FROM docs")
    for number, content, distance in connection.execute(NEAREST, ("[0.9,0.1,0]", 2)):
        print(number, content, distance)
