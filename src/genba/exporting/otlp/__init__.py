"""OTLP by genba's own hand: spans wait in the spool, and go out in bounded requests, each destination in its turn."""
