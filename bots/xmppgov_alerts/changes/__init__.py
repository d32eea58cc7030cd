"""Updates and cancellations of alerts that were accepted."""
