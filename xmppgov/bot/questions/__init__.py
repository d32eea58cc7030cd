"""What people can ask a bot: words, typed arguments, help in their language."""
