"""Replay jobs: the books that a part of a Kafka's input makes, beside what the service has posted."""
