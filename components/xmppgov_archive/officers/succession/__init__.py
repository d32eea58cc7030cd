"""Shares of earlier keys for an officer who follows another, or who has lost a machine."""
