"""SQLite for every feature: one way to open, migrate, read and write."""
