"""The embedded stack: a whole administration on one machine, for newcomers and tests."""
