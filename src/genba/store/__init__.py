"""Spans kept in one SQLite file and asked for again: `writer` puts them in, `reader` gets them out. Alone knows SQL."""
