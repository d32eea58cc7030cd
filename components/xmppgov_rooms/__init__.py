"""The governance component: rooms follow the directory, and people enter when they have keys."""
