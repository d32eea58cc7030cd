"""What a bot does by the clock: again and again, or at times of day; a missed time once."""
