"""The Bytewax graphs, whose step names read as the accounting procedure. May import everything below ops."""
