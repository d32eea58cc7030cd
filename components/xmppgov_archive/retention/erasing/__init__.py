"""Erasure as it is carried out: from the entries that promise it to the keys that are gone."""
