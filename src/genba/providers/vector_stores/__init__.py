"""Vector stores, one module each: their searches become retrievals. What is written to them is not traced."""
