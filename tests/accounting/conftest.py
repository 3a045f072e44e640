"""Hypothesis without a time limit for one example: a busy machine is no failure. A failure prints how to repeat it."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, print_blob=True)
settings.load_profile("unhurried")
