"""Tokenizer libraries: what the application has them do, so that the tokens of a prompt are known as the application knew them."""
