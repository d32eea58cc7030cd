"""Figures of the running archive for Prometheus; none is about a person."""
