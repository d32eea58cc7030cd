"""Batches become records and entries of the log, in one transaction; who is who stays sealed."""
