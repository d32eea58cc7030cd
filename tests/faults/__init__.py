"""A disk that fails at any one step: writes of Python and of SQLite, errors, kills, power cuts."""
