"""Alerts: encrypted one to one, confirmed, exactly once; taken by a signed webhook."""
