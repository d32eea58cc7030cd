"""Rooms as all but the governance component know them: who sits in them, and how to ask."""
