"""Writes the package of a new bot, which works at once."""
