"""Hypothesis without a time limit for one example: a busy machine is no failure. A failure prints how to repeat it.

The examples are the same in every run, so that a change is judged by what it changes. ACCRUAL_DEEP=1 draws others, and more.
"""

import os

from hypothesis import settings

settings.register_profile("same", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("deep", deadline=None, print_blob=True, max_examples=400)
settings.load_profile("deep" if os.environ.get("ACCRUAL_DEEP") else "same")
