"""The archive: commits batches of records to an append-only log and signs what it holds."""
