"""The contracts of data: an Avro schema and a typed model per topic, and how records become them. May import accounting."""
