"""Where an alert stands: for its sender, page by page, and as a table."""
