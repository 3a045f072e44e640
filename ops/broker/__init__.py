"""A real Apache Kafka on loopback, for tests, benchmarks and whoever wants to play with one."""
