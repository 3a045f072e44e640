"""Where a run reads from and writes to: directories of files, or a Kafka."""
