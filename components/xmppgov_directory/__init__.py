"""The directory's server process: finds people, and tells machines who sits where."""
