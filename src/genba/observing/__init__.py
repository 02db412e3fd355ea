"""Run host code under an invocation, whatever its shape."""
