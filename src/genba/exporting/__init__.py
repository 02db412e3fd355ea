"""From finished spans to a destination."""
