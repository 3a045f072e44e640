"""What keeps a broker of our own from starting."""

from __future__ import annotations


class BrokerMissing(Exception):
    """No broker can be had here; the message names what is missing and what to do."""
