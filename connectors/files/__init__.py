"""Files as source and sink: JSON lines, one file per partition."""
