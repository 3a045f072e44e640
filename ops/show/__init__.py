"""The looking commands: what the books and the exceptions say, as tables for people or as JSON lines."""
