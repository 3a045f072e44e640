"""What a shard remembers: RocksDB stores, byte codecs, the state directory. May import schemas and accounting."""
