"""Where records come from and go to: files now, Kafka next. May import schemas and accounting, never state."""
