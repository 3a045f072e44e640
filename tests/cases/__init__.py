"""Worked cases from public documentation, through the product as a user runs it."""
