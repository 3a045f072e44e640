"""The contracts of data: an Avro schema and a typed model per topic. May import accounting."""
