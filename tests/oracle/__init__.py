"""The independent oracle: what the books must say, from whole topics, by plain arithmetic."""

from .books import Books, digest
from .compute import compute
from .difference import compare
from .journal import Journal

__all__ = ["Books", "Journal", "compare", "compute", "digest"]
