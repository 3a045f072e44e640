"""What tests share: feeds, runs of the product, and their judgement by the oracle."""
