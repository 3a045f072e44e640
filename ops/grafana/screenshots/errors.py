"""What keeps a picture from being made."""

from __future__ import annotations


class PictureMissing(Exception):
    """No picture can be made here; the message names what is missing and what to do."""


class PictureFailed(Exception):
    """All is there that a picture needs, and it could not be made; the message is what the program said."""
