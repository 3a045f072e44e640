"""A broker as source and sink."""
