"""The crash campaign: rings of faults around the product, each run from a seed, and what came of them."""
