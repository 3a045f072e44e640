"""Benchmarks: their own seeded input, the cost of each stage, and a check that the books are right."""
