"""The public log: tiles, checkpoints, the lock that remembers what was signed."""
