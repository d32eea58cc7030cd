"""Kills under load: SIGKILL to every process of a whole demo while people write and are alerted.

`make test` carries a seeded sample; `make chaos N=…` runs any number, and goes on where it stopped.
"""
