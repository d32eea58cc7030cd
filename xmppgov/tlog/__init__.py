"""Transparency logs as C2SP specifies them (https://c2sp.org): pure, without any I/O."""
