"""Spans as bytes on disk, between the call that made them and the server that has them: nothing that ended is lost with its process."""
