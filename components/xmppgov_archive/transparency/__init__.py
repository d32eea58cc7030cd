"""What can be published about the archive, from the public log alone."""
