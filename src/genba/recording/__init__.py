"""One invocation becomes a span, metrics and events."""
