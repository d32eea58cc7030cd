"""OMEMO for bots (XEP-0384 0.3, the legacy namespace that every client speaks)."""
