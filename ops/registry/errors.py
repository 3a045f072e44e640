"""What keeps a schema registry of our own from starting."""

from __future__ import annotations


class RegistryMissing(Exception):
    """No schema registry can be had here; the message names what is missing and what to do."""
