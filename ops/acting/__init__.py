"""The acting commands: what a person adds to the inputs, checks before a release, or takes out of a sink."""
